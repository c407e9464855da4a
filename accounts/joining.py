"""Taking an invitation up: whose token it is, whether it still counts, and becoming a member."""

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from accounts.auditing import record_for
from accounts.ids import new_id
from accounts.models import Invitation, Membership, sha256


class Void(Exception):
    """The invitation was taken up, withdrawn, or has expired."""


def find(token: str) -> Invitation | None:
    """The invitation of a link, in whatever state; None where a newer e-mail made it void, or there was none."""
    return (
        Invitation.objects.select_related("workspace", "invited_by", "accepted_by")
        .filter(digest=sha256(token))
        .first()
    )


def is_for(invitation: Invitation, user: User) -> bool:
    return user.email.lower() == invitation.email


def has_user(invitation: Invitation) -> bool:
    """Whether there is somebody who can sign in, or could: who was switched off is not made anew."""
    return User.objects.filter(email__iexact=invitation.email).exists()


def user_name_for(email: str) -> str:
    """The user name of an account with this address: the address itself, where it can be one."""
    is_free = len(email) <= 150 and not User.objects.filter(username__iexact=email).exists()
    return email if is_free else new_id("user")


def accept(invitation: Invitation, user: User) -> Membership:
    """Makes the user, whose address it is, a member; once. Raises Void."""
    with transaction.atomic():
        _take(invitation)
        return _join(invitation, user)


def accept_as_new(invitation: Invitation, name: str, password: str) -> User:
    """Makes a user of the invitation's address and then a member of them. Raises Void."""
    with transaction.atomic():
        wait_for_others(invitation.email)
        _take(invitation)
        if has_user(invitation):
            raise Void
        email = invitation.email
        user = User.objects.create_user(user_name_for(email), email, password)
        user.first_name = name
        user.save(update_fields=["first_name"])
        _join(invitation, user)
    return user


def wait_for_others(email: str) -> None:
    """Within a transaction: whoever is about to become a user by this address, by whichever invitation, comes before
    or after. The table of users has no constraint that would keep an address single."""
    list(Invitation.objects.select_for_update().filter(email=email).order_by("pk"))


def _take(invitation: Invitation) -> None:
    now = timezone.now()
    mine = Invitation.objects.open().filter(pk=invitation.pk, digest=invitation.digest, expires_at__gt=now)
    if not mine.update(accepted_at=now, due_at=None):
        raise Void


def _join(invitation: Invitation, user: User) -> Membership:
    Invitation.objects.filter(pk=invitation.pk).update(accepted_by=user)
    membership, _ = Membership.objects.get_or_create(
        workspace=invitation.workspace, user=user, defaults={"role": invitation.role}
    )
    role = membership.get_role_display().lower()
    record_for(user, invitation.workspace, [f"Accepted the invitation of {invitation.email} as {role}."])
    return membership
