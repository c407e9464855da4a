"""Who: workspaces, their members, their API keys; and the wake tokens that every floor's drains share."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.ids import IdField


class Workspace(models.Model):
    """A customer of the platform. Every other row belongs to one, and nothing crosses between two."""

    id = IdField("ws")
    name = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        # Of the support desk, over all workspaces.
        permissions = [("view_personal_data", "Can view personal data")]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    class Role(models.TextChoices):
        OWNER = "owner"
        MEMBER = "member"
        READ_ONLY = "read_only", "Read-only"

    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=20, choices=Role, default=Role.MEMBER)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "user"], name="accounts_membership_one_per_workspace"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} in {self.workspace} ({self.get_role_display()})"

    def may(self, role: str) -> bool:
        """Whether this role includes what `role` may do: each may all that the one below it may."""
        return RANKS.index(self.role) >= RANKS.index(role)

    @property
    def may_change(self) -> bool:
        return self.may(self.Role.MEMBER)

    @property
    def is_owner(self) -> bool:
        return self.may(self.Role.OWNER)


# Lowest first (docs/members.md).
RANKS: list[str] = [Membership.Role.READ_ONLY, Membership.Role.MEMBER, Membership.Role.OWNER]


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Neither accepted nor withdrawn; it may have expired."""
        return self.filter(accepted_at=None, withdrawn_at=None)


class Invitation(models.Model):
    """Of one e-mail address to a workspace. Its link holds a token, of which only the SHA-256 is kept: the e-mail alone
    can show it, and a second e-mail makes the first one's link void."""

    id = IdField("inv")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="invitations")
    # Lowercase; the support desk looks for it over all workspaces.
    email = models.EmailField(db_index=True)
    role = models.CharField(max_length=20, choices=Membership.Role, default=Membership.Role.MEMBER)
    invited_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    digest = models.CharField(max_length=64, null=True, unique=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    # When its e-mail is to be sent, or tried again; NULL = it was sent, or given up.
    due_at = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)
    sent_at = models.DateTimeField(null=True, editable=False)
    accepted_at = models.DateTimeField(null=True, editable=False)
    accepted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, editable=False, related_name="+"
    )
    withdrawn_at = models.DateTimeField(null=True, editable=False)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["workspace", "email"],
                condition=Q(accepted_at=None, withdrawn_at=None),
                name="accounts_invitation_one_open_per_address",
            ),
        ]
        indexes = [
            # For the drain of e-mails.
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="accounts_invitation_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} to {self.workspace} ({self.get_role_display()})"

    @property
    def has_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class PasswordReset(models.Model):
    """Somebody asked for an e-mail to set a new password; gone once it was sent, or where no user has the address.

    A row for every address that is typed: how long the answer takes says nothing about who is a user.
    """

    id = IdField("pwd")
    email = models.EmailField()
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    due_at = models.DateTimeField(default=timezone.now, editable=False, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)

    def __str__(self) -> str:
        return self.email


class EmailChangeQuerySet(models.QuerySet["EmailChange"]):
    def open(self) -> Self:
        """Not confirmed; it may have expired."""
        return self.filter(confirmed_at=None)


class EmailChange(models.Model):
    """Somebody wants another e-mail address for their account, which a link that is sent there confirms.

    Before it is confirmed its e-mail is the one with the link, after it the one that tells the old address; then it
    is gone.
    """

    id = IdField("eml")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    old_email = models.EmailField(blank=True)
    # Lowercase.
    email = models.EmailField(db_index=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, editable=False)
    # When its e-mail is to be sent, or tried again; NULL = it was sent.
    due_at = models.DateTimeField(null=True, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)

    objects = EmailChangeQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user"], condition=Q(confirmed_at=None), name="accounts_emailchange_one_open_per_user"
            ),
        ]
        indexes = [
            # For the drain of e-mails.
            models.Index(
                fields=["due_at"], condition=Q(due_at__isnull=False), name="accounts_emailchange_due"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} instead of {self.old_email or 'none'}"

    def confirm(self) -> None:
        self.confirmed_at = self.due_at = timezone.now()
        self.tries = 0
        self.save(update_fields=["confirmed_at", "due_at", "tries"])


class Tally(models.Model):
    """How often something happened within a span that began with the first time; see accounts/limits.py."""

    key = models.CharField(primary_key=True, max_length=100)
    count = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return self.key


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def active(self) -> Self:
        return self.filter(revoked_at=None)


class ApiKey(models.Model):
    """`wak_<prefix>_<secret>`; shown once. Kept: the prefix, to find it, and the SHA-256 of the whole.

    A random key of 192 bits needs no slow hash: there is nothing to guess.
    """

    id = IdField("key")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="api_keys")
    # The number that the key is limited to; "" = the whole workspace. Not a foreign key: numbers are a floor above.
    number_id = models.CharField(max_length=40, blank=True, default="", db_index=True)
    name = models.CharField(max_length=200)
    prefix = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    last_four = models.CharField(max_length=4, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)
    revoked_at = models.DateTimeField(null=True, editable=False)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = "API key"

    def __str__(self) -> str:
        return f"{self.name} (wak_{self.prefix}_…{self.last_four})"

    def issue(self) -> str:
        """Gives this key a new secret, saves it and returns it: the only time it can be read."""
        prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(24).replace("_", "x").replace("-", "y")
        text = f"wak_{prefix}_{secret}"
        self.keep(text)
        return text

    def keep(self, text: str) -> None:
        """Makes this the key that `text` (`wak_<prefix>_<secret>`) is, and saves it."""
        self.prefix, self.digest, self.last_four = text.split("_")[1], sha256(text), text[-4:]
        self.revoked_at = None
        self.save()

    @classmethod
    def find(cls, text: str) -> "ApiKey | None":
        """Returns the active key that `text` is, or None."""
        parts = text.split("_")
        if len(parts) != 3 or parts[0] != "wak" or not text.isascii():
            return None
        key = cls.objects.active().select_related("workspace").filter(prefix=parts[1]).first()
        if key is None or not hmac.compare_digest(key.digest, sha256(text)):
            return None
        return key

    def touch(self, every: timedelta = timedelta(minutes=1)) -> None:
        """Remembers that the key was used now, at most once per `every`."""
        now = timezone.now()
        if self.last_used_at is None or now - self.last_used_at > every:
            ApiKey.objects.filter(pk=self.pk).update(last_used_at=now)

    def revoke(self) -> None:
        self.revoked_at = timezone.now()
        self.save(update_fields=["revoked_at"])


def sha256(text: str) -> str:
    """How random secrets are kept: there is nothing to guess, so no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()


class WakeToken(models.Model):
    """Says that a drain is queued or running; see accounts/wake.py."""

    drain = models.CharField(primary_key=True, max_length=100)
    # When the drain was enqueued or last gave a sign of life; NULL = nobody is awake.
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.drain
