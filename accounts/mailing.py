"""The e-mails to people: invitations, links to set a new password, and what comes of another address for an account.

Each is a row that is due; a drain sends it. A link's token is made when its e-mail is, so that it stands nowhere else:
of an invitation the hash is kept, and of a password's or an address's link nothing (it is derived from the user).
"""

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMessage
from django.db.models import F
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode

from accounts import changing_email
from accounts.failures import describe
from accounts.forms import PasswordResetForm
from accounts.models import EmailChange, Invitation, PasswordReset, sha256

logger = logging.getLogger(__name__)

BATCH = 20
# A worker that dies while it sends: another one sends after this. More than a mail server may take (EMAIL_TIMEOUT).
LEASE = timedelta(minutes=2)
# Where the mail server refuses or does not answer; after the last, the e-mail is given up.
RETRY_DELAYS = [timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2)]


def mail_batch() -> int:
    """Sends some of the e-mails that are due; returns how many were tried."""
    now = timezone.now()
    tried = 0
    invitations = Invitation.objects.open().filter(due_at__lte=now).select_related("workspace", "invited_by")
    for invitation in invitations.order_by("due_at")[:BATCH]:
        tried += _send_invitation(invitation)
    for reset in PasswordReset.objects.filter(due_at__lte=now).order_by("due_at")[:BATCH]:
        tried += _send_links(reset)
    changes = EmailChange.objects.filter(due_at__lte=now).select_related("user")
    for change in changes.order_by("due_at")[:BATCH]:
        tried += _send_of_change(change)
    return tried


def next_due_at() -> datetime | None:
    dues = [
        Invitation.objects.open().filter(due_at__isnull=False).order_by("due_at"),
        PasswordReset.objects.order_by("due_at"),
        EmailChange.objects.filter(due_at__isnull=False).order_by("due_at"),
    ]
    return min((due for rows in dues if (due := rows.values_list("due_at", flat=True).first())), default=None)


def _send_invitation(invitation: Invitation) -> int:
    token = secrets.token_urlsafe(32)
    digest = sha256(token)
    # Taken by one worker, and the hash kept before the e-mail leaves: nobody holds a link that is not known.
    mine = Invitation.objects.open().filter(pk=invitation.pk, due_at=invitation.due_at)
    if not mine.update(due_at=timezone.now() + LEASE, tries=F("tries") + 1, digest=digest):
        return 0
    text = render_to_string(
        "accounts/invitation.txt",
        {
            "invitation": invitation,
            "link": f"{settings.PUBLIC_URL}{reverse('invitation', args=[token])}",
        },
    )
    subject = f"{invitation.workspace} invites you"
    was_sent = _sent(invitation.pk, lambda: _message(subject, text, invitation.email))
    # Not where it was sent anew or withdrawn meanwhile.
    still = Invitation.objects.filter(pk=invitation.pk, digest=digest)
    if was_sent:
        still.update(due_at=None, sent_at=timezone.now())
    else:
        still.update(due_at=_next_try(invitation.tries))
    return 1


def _send_links(reset: PasswordReset) -> int:
    mine = PasswordReset.objects.filter(pk=reset.pk, due_at=reset.due_at)
    if not mine.update(due_at=timezone.now() + LEASE, tries=F("tries") + 1):
        return 0
    users = list(PasswordResetForm().get_users(reset.email))
    was_sent = all(_sent(reset.pk, lambda user=user: _link(user)) for user in users)  # type: ignore[misc]
    due_at = None if was_sent else _next_try(reset.tries)
    if due_at is None:
        reset.delete()
    else:
        PasswordReset.objects.filter(pk=reset.pk).update(due_at=due_at)
    return 1


def _link(user: User) -> EmailMessage:
    uid, token = urlsafe_base64_encode(force_bytes(user.pk)), default_token_generator.make_token(user)
    text = render_to_string(
        "accounts/password_reset.txt",
        {
            "user": user,
            "link": f"{settings.PUBLIC_URL}{reverse('password_reset_confirm', args=[uid, token])}",
            "hours": settings.PASSWORD_RESET_TIMEOUT // 3600,
        },
    )
    return _message("Set a new password", text, user.email)


def _send_of_change(change: EmailChange) -> int:
    mine = EmailChange.objects.filter(pk=change.pk, due_at=change.due_at)
    if not mine.update(due_at=timezone.now() + LEASE, tries=F("tries") + 1):
        return 0
    was_sent = _sent(change.pk, lambda: _notice(change) if change.confirmed_at else _question(change))
    # Not where it was confirmed meanwhile: then the old address is still to be told.
    still = EmailChange.objects.filter(pk=change.pk, confirmed_at=change.confirmed_at)
    due_at = None if was_sent else _next_try(change.tries)
    if due_at is None and (change.confirmed_at or not was_sent):
        still.delete()
    else:
        still.update(due_at=due_at)
    return 1


def _question(change: EmailChange) -> EmailMessage:
    """Whether it is theirs; or, where an account goes by the address already, only that somebody asked."""
    if changing_email.is_taken(change.email, change.user):
        return _message(
            "Your address has an account already",
            render_to_string("accounts/email_taken.txt"),
            change.email,
        )
    path = reverse("profile_email_confirm", args=[changing_email.token_of(change)])
    text = render_to_string(
        "accounts/email_change.txt", {"change": change, "link": f"{settings.PUBLIC_URL}{path}"}
    )
    return _message("Confirm your new address", text, change.email)


def _notice(change: EmailChange) -> EmailMessage:
    text = render_to_string("accounts/email_changed.txt", {"change": change})
    return _message("The address of your account was changed", text, change.old_email)


def _message(subject: str, text: str, to: str) -> EmailMessage:
    # One line, whatever the workspace is called.
    return EmailMessage(" ".join(subject.split()), text, to=[to])


def _sent(id: str, message: Callable[[], EmailMessage]) -> bool:
    try:
        return bool(message().send())
    except Exception as problem:
        # A mail server's refusal quotes the address, which is personal; the row has it.
        logger.error("The e-mail of %s could not be sent: %s", id, describe(problem))
        return False


def _next_try(tries: int) -> datetime | None:
    """`tries`: those before the one that failed."""
    return timezone.now() + RETRY_DELAYS[tries] if tries < len(RETRY_DELAYS) else None
