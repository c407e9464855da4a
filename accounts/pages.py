"""What every page for people shares: who asks, for which of their workspaces, and what their role lets them do."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render

from accounts.models import Membership, Workspace

SESSION_KEY = "workspace"
SAFE = {"GET", "HEAD"}
# What tells htmx to load the whole page anew, in place of a part of it.
RELOAD = {"HX-Refresh": "true"}
Role = Membership.Role


class UserRequest(HttpRequest):
    """A request of somebody who is logged in; `memberships` are all of theirs, the oldest first."""

    user: User
    memberships: list[Membership]
    # htmx asks, for a part of the page.
    fragment: bool


class MemberRequest(UserRequest):
    """A request of somebody who belongs to a workspace; `membership` is the one in the workspace they look at."""

    membership: Membership
    workspace: Workspace


View = Callable[..., HttpResponse]


def user_page(*methods: str) -> Callable[[View], View]:
    """Lets in who is logged in, whether they belong to a workspace or not; for what is their own."""
    return _page(methods, None)


def member_page(*methods: str, role: str = Role.MEMBER) -> Callable[[View], View]:
    """Lets members of a workspace in, by these methods only: others log in first, or are refused.

    With another method than GET, only those who may do what `role` may. docs/members.md shows who may do what.
    """
    return _page(methods, role)


def _page(methods: tuple[str, ...], role: str | None) -> Callable[[View], View]:
    allowed = {*methods, "HEAD"} if "GET" in methods else {*methods}

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            request.fragment = request.headers.get("HX-Request") == "true"
            if not request.user.is_authenticated:
                if request.fragment:
                    # Sent to the login, htmx would put it into the page. What is typed there is not thrown away.
                    return HttpResponse(status=401, headers=RELOAD if request.method in SAFE else None)
                return redirect_to_login(request.get_full_path() if request.method in SAFE else "/")
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            request.memberships = memberships_of(request.user)
            if request.memberships:
                shown_in = _shown_in(request)
                chosen = shown_in or request.session.get(SESSION_KEY)
                request.membership = current(request.memberships, chosen)
                request.workspace = request.membership.workspace
                if shown_in and request.workspace.pk != shown_in:
                    if request.fragment:
                        return HttpResponse(status=403, headers=RELOAD)
                    raise PermissionDenied("You do not belong to the workspace of this form any more.")
                if shown_in and not request.fragment:
                    request.session[SESSION_KEY] = shown_in
            elif role is not None:
                raise PermissionDenied(
                    "You do not belong to a workspace yet. Ask an owner of one to invite you."
                )
            if role is not None and request.method not in SAFE and not request.membership.may(role):
                raise PermissionDenied(refusal(request.membership, role))
            return view(request, *args, **kwargs)

        # What a test reads, to try every page with every role.
        wrapper.page_methods, wrapper.page_role = allowed, role  # type: ignore[attr-defined]
        return wrapper

    return decorate


def _shown_in(request: HttpRequest) -> str | None:
    """The workspace of the page that a form or htmx asks from: another may have been chosen in another tab since."""
    return request.POST.get("in_workspace") or request.headers.get("X-Workspace")


def memberships_of(user: User) -> list[Membership]:
    return list(user.memberships.select_related("workspace").order_by("pk"))


def current(memberships: list[Membership], workspace_id: str | None) -> Membership:
    """The membership in the workspace that was chosen, or else the oldest."""
    chosen = [membership for membership in memberships if membership.workspace_id == workspace_id]
    return (chosen or memberships)[0]


def refusal(membership: Membership, role: str) -> str:
    if role == Role.OWNER:
        return f"Only an owner of {membership.workspace} can do this; you are not one of them."
    return (
        f"Your role in {membership.workspace} can read but not change. "
        "An owner of the workspace can give you another role."
    )


def too_many(request: HttpRequest, sentence: str, wait: timedelta) -> HttpResponse:
    """The page of 429."""
    seconds = max(1, round(wait.total_seconds()))
    minutes = -(-seconds // 60)
    context = {"sentence": sentence, "wait": f"{minutes} minutes" if minutes > 1 else "a minute"}
    response = render(request, "429.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
