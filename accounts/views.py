"""Logging in and out, and choosing the workspace to look at."""

from django.contrib.auth import views as auth_views
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.forms import LoginForm
from accounts.pages import SESSION_KEY, MemberRequest, member_page


class LoginView(auth_views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True


@member_page("POST", changes=False)
def workspace_switch(request: MemberRequest) -> HttpResponse:
    wanted = request.POST.get("workspace")
    if wanted not in {membership.workspace_id for membership in request.memberships}:
        raise Http404
    request.session[SESSION_KEY] = wanted
    return redirect("/")
