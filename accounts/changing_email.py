"""Another e-mail address for an account: asked for with the password, confirmed by a link that is sent to the new one.

Whoever asks is told the same, whether another account goes by the address or not; only the e-mail, which the owner of
the address reads, differs. The e-mails are sent by accounts/mailing.py.
"""

from datetime import timedelta

from django.contrib.auth.models import User
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.auditing import record, record_for
from accounts.inviting import MAIL
from accounts.joining import user_name_for, wait_for_others
from accounts.limits import Exceeded, Limit, take
from accounts.models import EmailChange
from accounts.wake import wake

LASTS = timedelta(days=1)
# E-mails with links: that one user asks for, and that one address gets, whoever asks.
PER_USER = Limit("email-change", times=5, per=timedelta(hours=1))
PER_ADDRESS = Limit("email-change-address", times=5, per=timedelta(hours=1))


class Void(Exception):
    """The link was used, has expired, is somebody else's, or its account is not what it was when it was made."""


class Taken(Exception):
    """Another account goes by the address; nothing was changed."""

    def __init__(self, email: str) -> None:
        super().__init__(f"Another account has {email} by now.")
        self.email = email


def ask(user: User, email: str) -> None:
    """Has a link sent to this address (lowercase); links before it are void. Raises limits.Exceeded.

    Who else goes by the address is not looked at: how long the answer takes says nothing about it.
    """
    for limit, subject in ((PER_USER, str(user.pk)), (PER_ADDRESS, email)):
        wait = take(limit, subject)
        if wait is not None:
            raise Exceeded("Another address was asked for too many times.", wait)
    now = timezone.now()
    with transaction.atomic():
        # One after the other, so that the newest is the only one.
        User.objects.select_for_update(no_key=True).get(pk=user.pk)
        EmailChange.objects.open().filter(user=user).delete()
        EmailChange.objects.create(
            user=user, old_email=user.email, email=email, expires_at=now + LASTS, due_at=now
        )
        wake(MAIL)


def pending(user: User) -> EmailChange | None:
    """What the user has asked for and not confirmed yet."""
    now = timezone.now()
    return EmailChange.objects.open().filter(user=user, old_email=user.email, expires_at__gt=now).first()


def token_of(change: EmailChange) -> str:
    """What the link holds; it is kept nowhere, and void as soon as the password is another."""
    return _signer(change.user).sign(change.pk)


def find(token: str, user: User) -> EmailChange:
    """What a link of this user confirms. Raises Void."""
    try:
        id = _signer(user).unsign(token)
    except BadSignature:
        raise Void from None
    change = pending(user)
    if change is None or change.pk != id:
        raise Void
    return change


def confirm(token: str, user: User) -> EmailChange:
    """Gives the user the address, once. Raises Void or Taken.

    Where the old address was the user name too, the new one is: an address that is nobody's any more logs nobody in.
    """
    with transaction.atomic():
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        change = find(token, user)
        # Whoever is about to take the same address comes before or after.
        list(EmailChange.objects.select_for_update().filter(email=change.email).order_by("pk"))
        wait_for_others(change.email)
        if is_taken(change.email, user):
            raise Taken(change.email)
        if user.username.lower() == user.email.lower():
            user.username = user_name_for(change.email)
        user.email = change.email
        user.save(update_fields=["username", "email"])
        _put_on_record(change, user)
        if change.old_email:
            change.confirm()
            wake(MAIL)
        else:
            # There is nobody to tell.
            change.delete()
    return change


def is_taken(email: str, user: User) -> bool:
    """Whether another account goes by the address, as its own or as its user name: a login takes either."""
    others = User.objects.exclude(pk=user.pk)
    return others.filter(Q(email__iexact=email) | Q(username__iexact=email)).exists()


def _signer(user: User) -> Signer:
    return Signer(sep=".", salt=f"accounts.changing_email {user.password}")


def _put_on_record(change: EmailChange, user: User) -> None:
    was = f" from {change.old_email}" if change.old_email else ""
    sentence = f"Changed their address{was} to {change.email}."
    record(user, User, [str(user.pk)], sentence)
    for membership in user.memberships.select_related("workspace"):
        record_for(user, membership.workspace, [sentence])
