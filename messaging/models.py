"""What was said: every message to and from a number, and the idempotency keys of sends."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import SealableTextField
from accounts.ids import IdField
from accounts.models import Workspace
from phone_numbers.models import Number

# A personal text that may be unknown (None), which is not the same as empty.
NullableText = SealableTextField[str | None, str | None]

# The lease of the drain that sends a message begins so; any other says that nobody sends it any more.
LEASE_PREFIX = "lease_"


class MessageQuerySet(models.QuerySet["Message"]):
    def outbound(self) -> Self:
        return self.filter(direction=Message.Direction.OUTBOUND)

    def inbound(self) -> Self:
        return self.filter(direction=Message.Direction.INBOUND)


class Message(models.Model):
    """A message. Outbound: `id` is the 202's. Inbound: our id of what somebody wrote."""

    class Direction(models.TextChoices):
        OUTBOUND = "outbound"
        INBOUND = "inbound"

    class Status(models.TextChoices):
        QUEUED = "QUEUED", "Queued"
        SENT = "SENT", "Sent"
        DELIVERED = "DELIVERED", "Delivered"
        READ = "READ", "Read"
        FAILED = "FAILED", "Failed"
        CANCELED = "CANCELED", "Canceled"
        RECEIVED = "RECEIVED", "Received"

    id = IdField("msg")
    # Without indexes of their own: each is the first column of one in Meta.
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="messages", db_index=False)
    number = models.ForeignKey(Number, models.CASCADE, related_name="messages", db_index=False)
    direction = models.CharField(max_length=10, choices=Direction)
    # WhatsApp's id (wamid…, key.id): the `messageId` of the webhooks.
    external_id = models.CharField(max_length=300, null=True, blank=True)
    correlation_id = models.CharField(max_length=200, blank=True, default="", db_index=True)
    status = models.CharField(max_length=10, choices=Status)
    origin = models.CharField(max_length=20, default="API")

    # The other end. Personal: the phone, the opaque id, the names; the key finds the contact without them.
    contact_phone = SealableTextField(blank=True, default="")
    contact_opaque_id = SealableTextField(blank=True, default="")
    contact_name = NullableText(null=True, blank=True)
    contact_key = models.CharField(max_length=32, blank=True, default="")
    group_id = models.CharField(max_length=200, blank=True, default="")
    group_name = NullableText(null=True, blank=True)
    newsletter_id = models.CharField(max_length=200, blank=True, default="")
    newsletter_name = NullableText(null=True, blank=True)

    type = models.CharField(max_length=20, null=True, blank=True)
    # Personal too.
    content = NullableText(null=True, blank=True)
    media_link = NullableText(null=True, blank=True)
    media_type = models.CharField(max_length=200, null=True, blank=True)
    media_caption = NullableText(null=True, blank=True)
    media_filename = NullableText(null=True, blank=True)
    quoted_external_id = models.CharField(max_length=300, null=True, blank=True)
    blanked_at = models.DateTimeField(null=True, blank=True)

    error = models.TextField(blank=True, default="")
    error_code = models.CharField(max_length=100, blank=True, default="")

    created_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)
    read_at = models.DateTimeField(null=True, blank=True)
    failed_at = models.DateTimeField(null=True, blank=True)

    # Outbound: when the send is next tried, or its lease ends; NULL = nothing to do.
    due_at = models.DateTimeField(null=True, blank=True)
    # What the caller asked for.
    deliver_at = models.DateTimeField(null=True, blank=True)
    deliver_until = models.DateTimeField(null=True, blank=True)
    lease = models.CharField(max_length=40, null=True, blank=True)
    send_tries = models.PositiveSmallIntegerField(default=0)

    objects = MessageQuerySet.as_manager()

    class Meta:
        constraints = [
            # One inbound message, one row; and a status finds the one message it is about.
            models.UniqueConstraint(
                fields=["number", "direction", "external_id"],
                condition=Q(external_id__isnull=False),
                name="messaging_message_external_id_unique",
            ),
        ]
        indexes = [
            # Read by the send drain (messaging/sending.py).
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="messaging_message_due"),
            # The newest outbound message to a contact (messaging/receiving.py).
            models.Index(fields=["number", "contact_key", "created_at"], name="messaging_message_contact"),
            models.Index(fields=["workspace", "-id"], name="messaging_message_log"),
            models.Index(fields=["number", "-id"], name="messaging_message_number_log"),
        ]

    def __str__(self) -> str:
        return self.id

    @property
    def is_outbound(self) -> bool:
        return self.direction == self.Direction.OUTBOUND

    @property
    def conversation(self) -> str:
        """The key of the conversation the message is part of; "" where the other end is unknown."""
        return (self.group_id or self.newsletter_id or self.contact_key)[:64]

    def reached_at(self, status: str) -> datetime | None:
        """When the message reached a rung of the ladder, or None."""
        moment: datetime | None = getattr(self, f"{status.lower()}_at")
        return moment


class IdempotencyKey(models.Model):
    """A send's Idempotency-Key: remembered for 24 hours, per number."""

    number = models.ForeignKey(Number, models.CASCADE, related_name="idempotency_keys")
    key = models.CharField(max_length=255)
    # Keyed hash of the request's body in canonical form.
    fingerprint = models.CharField(max_length=64)
    # The 202 of the accepted call as JSON text; "" while it runs.
    response = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "key"], name="messaging_idempotencykey_unique"),
        ]

    def __str__(self) -> str:
        return self.key
