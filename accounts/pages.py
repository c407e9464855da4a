"""What every page for people shares: who asks, for which of their workspaces, whether they may change things."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from accounts.models import Membership, Workspace

SESSION_KEY = "workspace"
SAFE = {"GET", "HEAD"}


class MemberRequest(HttpRequest):
    """A request of somebody who is logged in and belongs to a workspace.

    `membership` is the one in the workspace they are looking at, `memberships` all of theirs.
    """

    user: User
    membership: Membership
    memberships: list[Membership]
    workspace: Workspace
    # htmx asks, for a part of the page.
    fragment: bool


View = Callable[..., HttpResponse]


def member_page(*methods: str, changes: bool = True) -> Callable[[View], View]:
    """Lets members of a workspace in, by these methods only: others log in first, or are refused.

    With another method than GET, only those whose role may change things; `changes=False`: every member, because
    nothing of the workspace is changed.
    """
    allowed = {*methods, "HEAD"} if "GET" in methods else {*methods}

    def decorate(view: View) -> View:
        @wraps(view)
        def wrapper(request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.method not in allowed:
                return HttpResponseNotAllowed(sorted(allowed))
            request.memberships = memberships_of(request.user)
            request.membership = current(request.memberships, request.session.get(SESSION_KEY))
            request.workspace = request.membership.workspace
            request.fragment = request.headers.get("HX-Request") == "true"
            if changes and request.method not in SAFE and not request.membership.may_change:
                raise PermissionDenied(read_only_sentence(request.membership))
            return view(request, *args, **kwargs)

        return wrapper

    return decorate


def memberships_of(user: User) -> list[Membership]:
    """The memberships of a user with their workspaces, the oldest first; raises PermissionDenied for none."""
    memberships = list(user.memberships.select_related("workspace").order_by("pk"))
    if not memberships:
        raise PermissionDenied("You do not belong to a workspace yet. Ask an owner of one to invite you.")
    return memberships


def current(memberships: list[Membership], workspace_id: str | None) -> Membership:
    """The membership in the workspace that was chosen, or else the oldest."""
    chosen = [membership for membership in memberships if membership.workspace_id == workspace_id]
    return (chosen or memberships)[0]


def read_only_sentence(membership: Membership) -> str:
    return (
        f"Your role in {membership.workspace} can read but not change. "
        "An owner of the workspace can give you another role."
    )
