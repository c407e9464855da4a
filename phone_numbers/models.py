"""What we own: numbers, the identities of their contacts, and the checks of their health."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import EncryptedTextField, Sealed, readable
from accounts.ids import IdField
from accounts.models import Workspace
from phone_numbers.providers import get_provider
from phone_numbers.providers.base import Provider

RESTORABLE_FOR = timedelta(days=30)


def new_ingest_token() -> str:
    return secrets.token_urlsafe(24)


class NumberQuerySet(models.QuerySet["Number"]):
    def active(self) -> Self:
        return self.filter(deleted_at=None)


class Number(models.Model):
    """A WhatsApp number of a workspace, at one provider."""

    class State(models.TextChoices):
        """The connection as the API names it."""

        OPEN = "OPEN", "Connected"
        CONNECTING = "CONNECTING", "Connecting"
        CLOSE = "CLOSE", "Disconnected"

    class PiiMode(models.TextChoices):
        STORE_INDEFINITE = "STORE_INDEFINITE", "Store everything"
        STORE_X_DAYS = "STORE_X_DAYS", "Store for some days"
        RELAY_ONLY = "RELAY_ONLY", "Relay only"

    id = IdField("num")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="numbers")
    name = models.CharField(max_length=200)
    phone = models.CharField(max_length=20, help_text="E.164 with +")
    profile_name = models.CharField(max_length=200, blank=True, default="")
    provider = models.CharField(max_length=20)
    # Meta's phoneNumberId, the gateway's instance or session: by this payloads find their number.
    provider_ref = models.CharField(max_length=300)
    # Meta's WhatsApp Business Account; account-wide payloads name only this.
    account_ref = models.CharField(max_length=100, blank=True, default="", db_index=True)
    credentials_json = EncryptedTextField(blank=True, default="", editable=False)
    ingest_token = models.CharField(max_length=64, unique=True, default=new_ingest_token, editable=False)

    state = models.CharField(max_length=20, choices=State, default=State.CONNECTING)
    state_changed_at = models.DateTimeField(default=timezone.now)
    # Set while a disconnect is suspected and not yet confirmed (phone_numbers/health.py).
    suspect_since = models.DateTimeField(null=True, blank=True)
    suspect_reason = models.CharField(max_length=200, blank=True, default="")
    # Failed probes since the suspicion began.
    failed_probes = models.PositiveSmallIntegerField(default=0)
    # The next health check, or the end of the lease of the one that runs; NULL = nothing to check.
    probe_due_at = models.DateTimeField(null=True, blank=True)
    suppressed_flaps = models.PositiveIntegerField(default=0)
    last_seen_at = models.DateTimeField(null=True, blank=True, help_text="Last payload or healthy probe")

    pii_mode = models.CharField(max_length=20, choices=PiiMode, default=PiiMode.STORE_INDEFINITE)
    pii_retention_days = models.PositiveIntegerField(null=True, blank=True)
    # When personal data of the number is looked through next, or the end of the lease of the job that does it; NULL =
    # everything is stored.
    retention_due_at = models.DateTimeField(null=True, blank=True, editable=False)
    settings = models.JSONField(default=dict, blank=True)

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = NumberQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["phone"],
                condition=Q(deleted_at=None),
                name="numbers_number_phone_unique_while_active",
            ),
            models.UniqueConstraint(
                fields=["provider", "provider_ref"],
                condition=Q(deleted_at=None),
                name="numbers_number_ref_unique_while_active",
            ),
            models.CheckConstraint(
                condition=~Q(pii_mode="STORE_X_DAYS")
                | Q(pii_retention_days__gte=1, pii_retention_days__lte=3650),
                name="numbers_number_retention_has_days",
            ),
        ]
        indexes = [
            # Read by the health checks (phone_numbers/health.py).
            models.Index(
                fields=["probe_due_at"],
                condition=Q(probe_due_at__isnull=False),
                name="numbers_number_probe_due",
            ),
            # Read by the blanking of personal data (webhooks/retention.py).
            models.Index(
                fields=["retention_due_at"],
                condition=Q(retention_due_at__isnull=False),
                name="numbers_number_retention_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.phone})"

    @property
    def credentials(self) -> dict[str, Any]:
        """The provider's secrets; never shown, never logged. Raises InvalidToken where they cannot be read."""
        text = readable(self.credentials_json)
        return json.loads(text) if text else {}

    @credentials.setter
    def credentials(self, value: dict[str, Any]) -> None:
        self.credentials_json = json.dumps(value)

    @property
    def adapter(self) -> Provider:
        return get_provider(self.provider)

    @property
    def provider_label(self) -> str:
        return self.adapter.label

    @property
    def is_connected(self) -> bool:
        return self.deleted_at is None and self.state == self.State.OPEN

    @property
    def is_suspect(self) -> bool:
        return self.suspect_since is not None

    @property
    def restorable_until(self) -> datetime | None:
        return self.deleted_at + RESTORABLE_FOR if self.deleted_at else None

    @property
    def keeps_nothing(self) -> bool:
        return self.pii_mode == self.PiiMode.RELAY_ONLY

    def seal(self, text: str | None) -> str | None:
        """Marks a personal text for encryption at rest where this number keeps nothing."""
        return Sealed(text) if text and self.keeps_nothing else text


class Identity(models.Model):
    """What a payload that carried both taught us: the phone behind a contact's opaque id (LID, BSUID)."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="identities")
    # Keyed hash of the opaque id, so that relay-only numbers can forget the id itself.
    opaque_id = models.CharField(max_length=200)
    phone = EncryptedTextField()
    learned_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name_plural = "identities"
        constraints = [
            models.UniqueConstraint(fields=["number", "opaque_id"], name="numbers_identity_one_phone_per_id"),
        ]

    def __str__(self) -> str:
        return self.opaque_id


class RetentionMark(models.Model):
    """How far the personal data of a number has been blanked in one table."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="retention_marks")
    # The model's label, such as events.event.
    table = models.CharField(max_length=60)
    # Every row with a lower id is blanked.
    below = models.CharField(max_length=40, blank=True, default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "table"], name="numbers_retentionmark_one_per_table"),
        ]

    def __str__(self) -> str:
        return f"{self.table} below {self.below}"


class Purge(models.Model):
    """A removed number is being erased for good (webhooks/erasing.py); this row goes with it, or when it is stopped."""

    number = models.OneToOneField(Number, models.CASCADE, related_name="purge")
    # Rows under the number, counted when it begins; NULL: it has not.
    total = models.PositiveIntegerField(null=True)
    erased = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"purge of {self.number_id}: {self.erased} of {self.total}"


class HealthCheck(models.Model):
    """One probe of a number and what it found."""

    class Trigger(models.TextChoices):
        CONFIRMATION = "confirmation"
        PERIODIC = "periodic"
        MANUAL = "manual"

    class Result(models.TextChoices):
        CONNECTED = "connected"
        DISCONNECTED = "disconnected"
        UNKNOWN = "unknown"

    id = IdField("chk")
    number = models.ForeignKey(Number, models.CASCADE, related_name="health_checks")
    trigger = models.CharField(max_length=20, choices=Trigger)
    result = models.CharField(max_length=20, choices=Result)
    detail = models.CharField(max_length=300, blank=True, default="")
    duration_ms = models.PositiveIntegerField(default=0)
    checked_at = models.DateTimeField(default=timezone.now)

    class Meta:
        indexes = [models.Index(fields=["number", "-id"], name="numbers_healthcheck_latest")]

    def __str__(self) -> str:
        return f"{self.number_id} {self.result}"
