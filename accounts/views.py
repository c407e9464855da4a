"""Logging in and out."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters

from accounts import guessing
from accounts.forms import LoginForm
from accounts.pages import UserRequest, too_many
from accounts.rate_limits import address_of


class LoginView(auth_views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        wait = guessing.attempt(request.POST.get("username", ""), address_of(request))
        if wait is not None:
            return too_many(request, "The password was wrong too many times.", wait)
        return super().post(request, *args, **kwargs)

    def get_success_url(self) -> str:
        """Not the login itself, which sends on whoever is logged in."""
        wanted = super().get_success_url()
        return self.get_default_redirect_url() if wanted == self.request.path else wanted

    def form_valid(self, form: Any) -> HttpResponse:
        guessing.succeeded(self.request.POST.get("username", ""), address_of(self.request))
        return super().form_valid(form)


def admin_login(request: HttpRequest) -> HttpResponse:
    """The admin has no door of its own: one login page, with one limit on guesses."""
    wanted = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    if not is_ours or wanted.startswith(reverse("admin:login")):
        wanted = reverse("admin:index")
    if not request.user.is_authenticated:
        return redirect_to_login(wanted)
    if not (request.user.is_active and request.user.is_staff):
        raise PermissionDenied("The support desk is for the staff of this server. Log in as somebody else.")
    return redirect(wanted)


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
def admin_password_change(request: UserRequest) -> HttpResponse:
    """The admin's own page, with the limit on guesses that the login has."""
    if request.method == "POST":
        name, address = request.user.get_username(), address_of(request)
        wait = guessing.attempt(name, address)
        if wait is not None:
            return too_many(request, "The password was wrong too many times.", wait)
        if request.user.check_password(request.POST.get("old_password", "")):
            guessing.succeeded(name, address)
    return admin.site.password_change(request)
