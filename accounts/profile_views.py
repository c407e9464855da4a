"""One's own profile: name, e-mail address and password; and a new password by e-mail, where it was forgotten."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import changing_email, guessing
from accounts.forms import EmailForm, NameForm, PasswordResetForm
from accounts.limits import Exceeded, Limit, take
from accounts.pages import UserRequest, too_many, user_page
from accounts.rate_limits import address_of

RESETS_FROM = Limit("reset-from", times=20, per=timedelta(hours=1))
RESETS_OF = Limit("reset-of", times=5, per=timedelta(hours=1))


@user_page("GET")
def profile(request: UserRequest) -> HttpResponse:
    return _page(request)


@user_page("POST")
def profile_name(request: UserRequest) -> HttpResponse:
    form = NameForm(request.POST)
    if not form.is_valid():
        return _page(request, name_form=form)
    request.user.first_name = form.cleaned_data["name"]
    request.user.save(update_fields=["first_name"])
    messages.success(request, "Your name is changed.")
    return redirect("profile")


@sensitive_post_parameters("password")
@user_page("POST")
def profile_email(request: UserRequest) -> HttpResponse:
    """The same answer, after the same work, whether another account goes by the address or not."""
    form = EmailForm(request.user, request.POST)
    refusal = _guess(request, form, "password")
    if refusal is not None:
        return refusal
    if not form.is_valid():
        return _page(request, email_form=form)
    email = form.cleaned_data["email"]
    try:
        changing_email.ask(request.user, email)
    except Exceeded as problem:
        return too_many(request, str(problem), problem.wait)
    messages.success(
        request, f"{email} will get an e-mail with a link. Until you confirm it, nothing changes."
    )
    return redirect("profile")


@never_cache
@user_page("GET", "POST")
def profile_email_confirm(request: UserRequest, token: str) -> HttpResponse:
    """Looking at the link changes nothing: mail programs look at links too."""
    try:
        if request.method == "POST":
            change = changing_email.confirm(token, request.user)
            messages.success(request, f"Your address is {change.email}. Log in with it from now on.")
            return redirect("profile")
        change = changing_email.find(token, request.user)
    except changing_email.Void:
        return _confirmation(request, {"stage": "void"}, 404)
    except changing_email.Taken as problem:
        return _confirmation(request, {"stage": "taken", "sentence": str(problem)}, 409)
    return _confirmation(request, {"stage": "open", "change": change}, 200)


@sensitive_post_parameters("old_password", "new_password1", "new_password2")
@user_page("POST")
def profile_password(request: UserRequest) -> HttpResponse:
    """Who is logged in elsewhere as this user is logged out by it."""
    form = PasswordChangeForm(request.user, request.POST)
    refusal = _guess(request, form, "old_password")
    if refusal is not None:
        return refusal
    if not form.is_valid():
        return _page(request, password_form=form)
    form.save()
    update_session_auth_hash(request, request.user)
    messages.success(request, "Your password is changed. Everywhere else you are logged out.")
    return redirect("profile")


def _guess(request: UserRequest, form: Any, field: str) -> HttpResponse | None:
    """Looks at a form that asks for the password in `field`; a refusal, where it was wrong too often to look."""
    name, address = request.user.get_username(), address_of(request)
    wait = guessing.attempt(name, address)
    if wait is not None:
        return too_many(request, "The password was wrong too many times.", wait)
    if field not in form.errors:
        guessing.succeeded(name, address)
    return None


def _page(
    request: UserRequest,
    name_form: NameForm | None = None,
    email_form: EmailForm | None = None,
    password_form: Any = None,
) -> HttpResponse:
    forms = [form for form in (name_form, email_form, password_form) if form is not None]
    context = {
        "layout": "base.html" if request.memberships else "lone.html",
        "name_form": name_form or NameForm({"name": request.user.first_name}),
        "email_form": email_form or EmailForm(request.user),
        "pending": changing_email.pending(request.user),
        "password_form": password_form or PasswordChangeForm(request.user),
    }
    return render(request, "accounts/profile.html", context, status=400 if forms else 200)


def _confirmation(request: UserRequest, context: dict[str, Any], status: int) -> HttpResponse:
    return render(request, "accounts/profile_email_confirm.html", context, status=status)


class PasswordResetView(auth_views.PasswordResetView):
    """The same answer, after the same work, whether the address has a user or not."""

    template_name = "accounts/password_reset.html"
    form_class = PasswordResetForm
    success_url = reverse_lazy("password_reset_done")

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        email = request.POST.get("email", "").strip().lower()[:254]
        for limit, subject in ((RESETS_FROM, address_of(request)), (RESETS_OF, email)):
            wait = take(limit, subject)
            if wait is not None:
                return too_many(request, "A new password was asked for too many times.", wait)
        return super().post(request, *args, **kwargs)


class PasswordResetDoneView(auth_views.PasswordResetDoneView):
    template_name = "accounts/password_reset_done.html"


class PasswordResetConfirmView(auth_views.PasswordResetConfirmView):
    template_name = "accounts/password_reset_confirm.html"
    success_url = reverse_lazy("login")

    def form_valid(self, form: Any) -> HttpResponse:
        guessing.proved([form.user.get_username(), form.user.email])
        messages.success(self.request, "Your password is changed. Log in with it.")
        return super().form_valid(form)
