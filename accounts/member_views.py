"""The Members page, and what owners do on it."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts import inviting, members
from accounts.auditing import history_of
from accounts.forms import WorkspaceForm
from accounts.limits import Exceeded
from accounts.models import Invitation, Membership
from accounts.pages import MemberRequest, Role, member_page, too_many

SHOWN = 500
HISTORY = 20


@member_page("GET")
def members_list(request: MemberRequest) -> HttpResponse:
    return members_page(request)


@member_page("POST", role=Role.OWNER)
def member_invite(request: MemberRequest) -> HttpResponse:
    """One address that cannot be invited: nobody is, and what was typed stays in the form."""
    text, role = request.POST.get("emails", ""), request.POST.get("role", "")
    if role not in Role.values:
        return members_page(request, text, role, ["Choose a role."])
    try:
        invited = inviting.invite(request.workspace, request.user, inviting.addresses_in(text), role)
    except inviting.NotInvited as problem:
        return members_page(request, text, role, list(problem.problems.values()))
    except Exceeded as problem:
        return too_many(request, str(problem), problem.wait)
    who = invited[0].email if len(invited) == 1 else f"{len(invited)} people"
    messages.success(request, f"{who} will get an e-mail with a link.")
    return redirect("members")


@member_page("POST", role=Role.OWNER)
def member_role(request: MemberRequest, id: int) -> HttpResponse:
    membership = _membership_or_404(request, id)
    role = request.POST.get("role", "")
    if role not in Role.values:
        messages.error(request, "Choose a role.")
        return redirect("members")
    try:
        members.change_roles(request.workspace, [membership], role, request.user)
    except members.LastOwner as problem:
        messages.error(request, str(problem))
    else:
        label = Role(role).label.lower()
        messages.success(request, f"{members.called(membership.user)} is now {label}.")
    return redirect("members")


@member_page("POST", role=Role.OWNER)
def member_remove(request: MemberRequest, id: int) -> HttpResponse:
    membership = _membership_or_404(request, id)
    try:
        members.remove(request.workspace, [membership], request.user)
    except members.LastOwner as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"{members.called(membership.user)} is no member any more.")
    return redirect("members")


@member_page("POST", role=Role.OWNER)
def invitation_resend(request: MemberRequest, id: str) -> HttpResponse:
    invitation = _invitation_or_404(request, id)
    try:
        inviting.resend([invitation], request.user)
    except Exceeded as problem:
        return too_many(request, str(problem), problem.wait)
    messages.success(request, f"{invitation.email} will get a new link; the one before works no longer.")
    return redirect("members")


@member_page("POST", role=Role.OWNER)
def invitation_withdraw(request: MemberRequest, id: str) -> HttpResponse:
    invitation = _invitation_or_404(request, id)
    inviting.withdraw([invitation], request.user)
    messages.success(request, f"The invitation of {invitation.email} is withdrawn.")
    return redirect("members")


def members_page(
    request: MemberRequest,
    text: str = "",
    role: str = Role.MEMBER,
    problems: list[str] | None = None,
    name_form: WorkspaceForm | None = None,
) -> HttpResponse:
    """The page, with what was typed into one of its forms and was wrong."""
    people = Membership.objects.filter(workspace=request.workspace).select_related("user").order_by("pk")
    is_owner = request.membership.is_owner
    invitations = Invitation.objects.open().filter(workspace=request.workspace).select_related("invited_by")
    context: dict[str, Any] = {
        "people": [(one, members.called(one.user)) for one in people[:SHOWN]],
        "invitations": [(one, *_state(one)) for one in invitations.order_by("-pk")[:SHOWN]],
        "history": list(history_of(request.workspace)[:HISTORY]) if is_owner else [],
        "roles": Role.choices,
        "text": text,
        "role": role,
        "problems": problems or [],
        "name_form": name_form or WorkspaceForm({"name": request.workspace.name}),
    }
    return render(request, "accounts/members.html", context, status=400 if problems or name_form else 200)


def _state(invitation: Invitation) -> tuple[str, str]:
    """The tone and the word of an open invitation."""
    if invitation.expires_at <= timezone.now():
        return "warn", "Expired"
    if invitation.sent_at is not None:
        return "ok", "E-mail sent"
    if invitation.due_at is None:
        return "bad", "E-mail could not be sent"
    return "busy", "E-mail is being sent" if invitation.tries == 0 else "E-mail is tried again"


def _membership_or_404(request: MemberRequest, id: int) -> Membership:
    membership = (
        Membership.objects.filter(workspace=request.workspace, pk=id)
        .select_related("user", "workspace")
        .first()
    )
    if membership is None:
        raise Http404("There is no such member in this workspace.")
    return membership


def _invitation_or_404(request: MemberRequest, id: str) -> Invitation:
    invitation = (
        Invitation.objects.open()
        .filter(workspace=request.workspace, pk=id)
        .select_related("workspace")
        .first()
    )
    if invitation is None:
        raise Http404("There is no such open invitation in this workspace.")
    return invitation
