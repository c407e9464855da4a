"""What happened: the raw payloads as they arrived, and the v3 events made of them."""

import json
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import SealableTextField, Unreadable
from accounts.ids import IdField
from accounts.models import Workspace
from phone_numbers.models import Number


class RawPayload(models.Model):
    """The inbox: what a provider posted, split by number, kept until it is normalized and a week longer."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        NORMALIZED = "normalized", "Normalized"
        IGNORED = "ignored", "Ignored"
        FAILED = "failed", "Failed"
        UNROUTABLE = "unroutable", "Unroutable"

    id = IdField("pay")
    provider = models.CharField(max_length=20)
    # NULL: no number of ours is known for it.
    number = models.ForeignKey(
        Number, models.CASCADE, null=True, blank=True, related_name="raw_payloads", db_index=False
    )
    # The provider's reference of the number, as the payload said it.
    provider_ref = models.CharField(max_length=300, blank=True, default="")
    body = SealableTextField()
    status = models.CharField(max_length=12, choices=Status, default=Status.PENDING)
    # Why it was ignored, or the error it failed with.
    reason = models.TextField(blank=True, default="")
    tries = models.PositiveSmallIntegerField(default=0)
    received_at = models.DateTimeField(default=timezone.now)
    normalized_at = models.DateTimeField(null=True, blank=True)
    # When it is to be normalized, or the end of the lease of the drain that does it; NULL = done.
    due_at = models.DateTimeField(null=True, blank=True)
    lease = models.CharField(max_length=40, null=True, blank=True)
    blanked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # Read by the normalize drain (events/normalizing.py).
            models.Index(
                fields=["due_at", "id"], condition=Q(due_at__isnull=False), name="events_rawpayload_due"
            ),
            # Read by the retention job and the admin's "what failed".
            models.Index(fields=["status", "received_at"], name="events_rawpayload_status"),
            models.Index(fields=["number", "-id"], name="events_rawpayload_number"),
        ]

    def __str__(self) -> str:
        return self.id


class Call(models.Model):
    """A voice call, as far as it has been reported: so that repeated and late reports make no second event."""

    id = IdField("call")
    number = models.ForeignKey(Number, models.CASCADE, related_name="calls")
    external_id = models.CharField(max_length=300)
    status = models.CharField(max_length=20, blank=True, default="")
    # How far it got (events/calls.py ORDER); NULL = nothing reported yet.
    rank = models.PositiveSmallIntegerField(null=True, editable=False)
    first_seen_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "external_id"], name="events_call_external_id_unique"),
        ]

    def __str__(self) -> str:
        return self.external_id


class EventQuerySet(models.QuerySet["Event"]):
    def real(self) -> Self:
        """What happened, without the samples of test deliveries."""
        return self.filter(is_test=False)


class Event(models.Model):
    """Something that happened to a number, in the v3 schema. Never edited; its personal fields may be blanked."""

    id = IdField("evt")
    # Without indexes of their own: each is the first column of one in Meta.
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="events", db_index=False)
    number = models.ForeignKey(Number, models.CASCADE, related_name="events", db_index=False)
    type = models.CharField(max_length=40)
    # The exact bytes that are signed and sent.
    body = SealableTextField()
    # When it happened at the provider; when we recorded it.
    created_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=timezone.now)
    # Says the same thing once: unique per number.
    dedupe_key = models.CharField(max_length=400)
    # Our message, and the conversation in which order is kept; "" where there is none.
    message_id = models.CharField(max_length=40, blank=True, default="", db_index=True)
    conversation = models.CharField(max_length=64, blank=True, default="")
    raw_payload = models.ForeignKey(RawPayload, models.SET_NULL, null=True, blank=True, related_name="events")
    is_test = models.BooleanField(default=False)
    blanked_at = models.DateTimeField(null=True, blank=True)

    objects = EventQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["number", "dedupe_key"], name="events_event_said_once"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-id"], name="events_event_log"),
            models.Index(fields=["number", "-id"], name="events_event_number_log"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.id}"

    @property
    def is_readable(self) -> bool:
        """Whether a key of the ring reads the body, where it is encrypted."""
        return not isinstance(self.body, Unreadable)

    @property
    def payload(self) -> dict[str, Any]:
        """The body of a readable event."""
        value: dict[str, Any] = json.loads(self.body)
        return value


class Place(models.Model):
    """Where an event stands in the log of its workspace, as followers read it (events/placing.py)."""

    event = models.OneToOneField(Event, models.CASCADE, primary_key=True, related_name="place")
    # The event's own, to be searched in order of position. Not foreign keys: the database would check, per event, what
    # the event has said already.
    workspace_id = models.CharField(max_length=40)
    number_id = models.CharField(max_length=40)
    type = models.CharField(max_length=40)
    # Microseconds since 1970, of the moment in which it was placed or one more than the last; NULL = not yet placed.
    position = models.BigIntegerField(null=True, editable=False)

    class Meta:
        constraints = [
            # Read by followers of a workspace (events/pulling.py).
            models.UniqueConstraint(
                fields=["workspace_id", "position"],
                condition=Q(position__isnull=False),
                name="events_place_position_unique",
            ),
        ]
        indexes = [
            # Read by followers of one number.
            models.Index(
                fields=["number_id", "position"],
                condition=Q(position__isnull=False),
                name="events_place_number_log",
            ),
            # Read by events/placing.py: never more than a moment's events.
            models.Index(
                fields=["workspace_id", "event"],
                condition=Q(position__isnull=True),
                name="events_place_waiting",
            ),
        ]

    def __str__(self) -> str:
        return self.event_id
