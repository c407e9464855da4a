"""Who: workspaces, their members, their API keys; and the wake tokens that every floor's drains share."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Self

from django.conf import settings
from django.db import models
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

    @property
    def may_change(self) -> bool:
        return self.role != self.Role.READ_ONLY


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
        self.prefix, self.digest, self.last_four = text.split("_")[1], _digest(text), text[-4:]
        self.revoked_at = None
        self.save()

    @classmethod
    def find(cls, text: str) -> "ApiKey | None":
        """Returns the active key that `text` is, or None."""
        parts = text.split("_")
        if len(parts) != 3 or parts[0] != "wak" or not text.isascii():
            return None
        key = cls.objects.active().select_related("workspace").filter(prefix=parts[1]).first()
        if key is None or not hmac.compare_digest(key.digest, _digest(text)):
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


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class WakeToken(models.Model):
    """Says that a drain is queued or running; see accounts/wake.py."""

    drain = models.CharField(primary_key=True, max_length=100)
    # When the drain was enqueued or last gave a sign of life; NULL = nobody is awake.
    heartbeat_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.drain
