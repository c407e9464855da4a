"""Inviting people to a workspace, by the e-mail addresses they have.

An address is always invited and never made a member at once, whether it has a user or not: so an invitation does not
tell who is a user of this server. The e-mails are sent by accounts/mailing.py.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models.functions import Lower
from django.utils import timezone

from accounts.auditing import record_for
from accounts.limits import Exceeded, Limit, take
from accounts.models import Invitation, Workspace
from accounts.wake import wake

MAIL = "accounts.tasks.mail"
# In one form.
AT_ONCE = 50
# Of e-mails to one address, whatever workspaces they come from.
PER_ADDRESS = Limit("invitation-address", times=5, per=timedelta(hours=1))


class NotInvited(Exception):
    """Nobody was invited; `problems` says, by address, what is wrong with each that cannot be."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__(" ".join(problems.values()))
        self.problems = dict(problems)


def addresses_in(text: str) -> list[str]:
    """The addresses of a text, by comma, semicolon, space or line, each once and in lowercase."""
    parts = re.split(r"[\s,;]+", text.replace("\0", ""))
    return list(dict.fromkeys(part.strip("<>\"'").lower() for part in parts if part.strip("<>\"'")))


def is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return len(text) <= 254


def invite(workspace: Workspace, by: User, addresses: Sequence[str], role: str) -> list[Invitation]:
    """Invites all of these addresses (lowercase), or none: raises NotInvited or limits.Exceeded.

    An open invitation of the same address that has expired is replaced.
    """
    problems = _problems(workspace, addresses)
    if problems:
        raise NotInvited(problems)
    _count(workspace, addresses)
    now = timezone.now()
    try:
        with transaction.atomic():
            Invitation.objects.open().filter(
                workspace=workspace, email__in=addresses, expires_at__lte=now
            ).update(withdrawn_at=now, due_at=None)
            made = Invitation.objects.bulk_create(
                Invitation(
                    workspace=workspace,
                    email=address,
                    role=role,
                    invited_by=by,
                    expires_at=now + settings.INVITATION_LASTS,
                    due_at=now,
                )
                for address in addresses
            )
            record_for(
                by,
                workspace,
                [f"Invited {one.email} as {one.get_role_display().lower()}." for one in made],
            )
            wake(MAIL)
    except IntegrityError as clash:
        # Somebody else invited one of them in the same moment.
        raise NotInvited(_problems(workspace, addresses)) from clash
    return made


def resend(invitations: Sequence[Invitation], by: User) -> None:
    """Sends the e-mails again, each with a new link; the links before are void at once, and the days begin anew."""
    for workspace, theirs in _by_workspace(invitations):
        _count(workspace, [one.email for one in theirs])
        now = timezone.now()
        with transaction.atomic():
            Invitation.objects.open().filter(pk__in=[one.pk for one in theirs]).update(
                digest=None,
                expires_at=now + settings.INVITATION_LASTS,
                due_at=now,
                tries=0,
                sent_at=None,
            )
            record_for(by, workspace, [f"Sent the invitation of {one.email} again." for one in theirs])
            wake(MAIL)


def withdraw(invitations: Sequence[Invitation], by: User) -> None:
    """Makes their links void."""
    for workspace, theirs in _by_workspace(invitations):
        with transaction.atomic():
            Invitation.objects.open().filter(pk__in=[one.pk for one in theirs]).update(
                withdrawn_at=timezone.now(), due_at=None
            )
            record_for(by, workspace, [f"Withdrew the invitation of {one.email}." for one in theirs])


def _problems(workspace: Workspace, addresses: Sequence[str]) -> dict[str, str]:
    if not addresses:
        return {"": "Say whom to invite: one or more e-mail addresses."}
    if len(addresses) > AT_ONCE:
        return {"": f"These are {len(addresses)} addresses; {AT_ONCE} can be invited at once."}
    problems = {one: f"“{one}” is no e-mail address." for one in addresses if not is_address(one)}
    people = User.objects.annotate(address=Lower("email")).filter(memberships__workspace=workspace)
    for one in people.filter(address__in=addresses).values_list("address", flat=True):
        problems[one] = f"{one} is a member already."
    waiting = Invitation.objects.open().filter(
        workspace=workspace, email__in=addresses, expires_at__gt=timezone.now()
    )
    for one in waiting.values_list("email", flat=True):
        problems[one] = f"{one} is invited already; the e-mail can be sent again from the list."
    return problems


def _count(workspace: Workspace, addresses: Sequence[str]) -> None:
    hourly = Limit("invitation-workspace", times=settings.INVITATIONS_PER_HOUR, per=timedelta(hours=1))
    wait = take(hourly, workspace.pk, len(addresses))
    if wait is not None:
        raise Exceeded(f"A workspace may send {hourly.times} invitations an hour.", wait)
    for address in addresses:
        wait = take(PER_ADDRESS, address)
        if wait is not None:
            raise Exceeded(f"{address} was sent {PER_ADDRESS.times} invitations within an hour.", wait)


def _by_workspace(invitations: Sequence[Invitation]) -> list[tuple[Workspace, list[Invitation]]]:
    by: dict[Workspace, list[Invitation]] = {}
    for one in invitations:
        by.setdefault(one.workspace, []).append(one)
    return list(by.items())
