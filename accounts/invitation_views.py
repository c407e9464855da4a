"""What the link of an invitation shows. Looking at it changes nothing: mail programs look at links too."""

from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from accounts import joining
from accounts.forms import JoinForm
from accounts.models import Invitation, Workspace
from accounts.pages import SESSION_KEY

METHODS = ["GET", "HEAD", "POST"]


@sensitive_post_parameters("password")
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    if request.method not in METHODS:
        return HttpResponseNotAllowed(METHODS)
    found = joining.find(token)
    if found is None:
        return _closed(request, None, "unknown", 404)
    if found.withdrawn_at is not None:
        return _closed(request, found, "withdrawn", 410)
    if found.accepted_at is not None:
        mine = request.user.is_authenticated and found.accepted_by == request.user
        return _closed(request, found, "mine" if mine else "accepted", 410)
    if found.has_expired:
        return _closed(request, found, "expired", 410)
    try:
        return _open(request, found)
    except joining.Void:
        # In the same moment somebody took it up, or withdrew it: what it is now is shown.
        return redirect(request.path)


def _open(request: HttpRequest, found: Invitation) -> HttpResponse:
    if request.user.is_authenticated:
        if not joining.is_for(found, request.user):
            return _closed(request, found, "another", 403)
        if request.method == "POST":
            joining.accept(found, request.user)
            return _welcome(request, found.workspace)
        return render(request, "accounts/invitation.html", {"invitation": found, "stage": "join"})
    if joining.has_user(found):
        return render(request, "accounts/invitation.html", {"invitation": found, "stage": "login"})
    form = JoinForm(request.POST if request.method == "POST" else None, found.email)
    if form.is_valid():
        user = joining.accept_as_new(found, form.cleaned_data["name"], form.cleaned_data["password"])
        login(request, user, backend="django.contrib.auth.backends.ModelBackend")
        return _welcome(request, found.workspace)
    context = {"invitation": found, "stage": "new", "form": form}
    return render(request, "accounts/invitation.html", context, status=400 if form.is_bound else 200)


def _welcome(request: HttpRequest, workspace: Workspace) -> HttpResponse:
    request.session[SESSION_KEY] = workspace.pk
    messages.success(request, f"Welcome to {workspace}.")
    return redirect("overview")


def _closed(request: HttpRequest, found: Invitation | None, why: str, status: int) -> HttpResponse:
    context = {"invitation": found, "why": why}
    return render(request, "accounts/invitation_closed.html", context, status=status)
