"""Who is told: webhooks and their subscriptions, one delivery per event and webhook, every attempt on record."""

from datetime import datetime
from typing import Any, Self

from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import EncryptedTextField, SealableTextField
from accounts.ids import IdField
from accounts.models import Workspace
from events.models import Event
from phone_numbers.models import Number

EVERYTHING = "*"
DEFAULT_MAX_IN_FLIGHT = 5


class WebhookQuerySet(models.QuerySet["Webhook"]):
    def existing(self) -> Self:
        return self.filter(deleted_at=None)

    def listening_to(self, number: Number) -> Self:
        """The webhooks of a number: its own and those of its whole workspace."""
        return self.existing().filter(Q(number=number) | Q(number=None), workspace=number.workspace_id)


class Webhook(models.Model):
    """A customer's endpoint: a URL that is told what happens to one number, or to all of a workspace."""

    class DisabledReason(models.TextChoices):
        PAUSED = "paused", "Paused by a person"
        GONE = "gone", "The receiver answered 410 Gone"
        FAILING = "failing", "Five days without one success"

    class Ordering(models.TextChoices):
        NONE = "none", "As soon as possible"
        CONVERSATION = "conversation", "In order within a conversation"

    id = IdField("wh")
    workspace = models.ForeignKey(Workspace, models.CASCADE, related_name="webhooks")
    # NULL: every number of the workspace.
    number = models.ForeignKey(Number, models.CASCADE, null=True, blank=True, related_name="webhooks")
    name = models.CharField(max_length=200)
    url = models.TextField()
    active = models.BooleanField(default=True)
    disabled_reason = models.CharField(max_length=20, choices=DisabledReason, blank=True, default="")
    disabled_at = models.DateTimeField(null=True, blank=True)
    max_in_flight = models.PositiveSmallIntegerField(default=DEFAULT_MAX_IN_FLIGHT)
    ordering = models.CharField(max_length=20, choices=Ordering, default=Ordering.NONE)

    # Health, kept by webhooks/health.py: since when nothing has succeeded; NULL = the last attempt did.
    failing_since = models.DateTimeField(null=True, blank=True)
    consecutive_failures = models.PositiveIntegerField(default=0)
    # How often the breaker has opened since the last success: each time it stays open for longer.
    openings = models.PositiveIntegerField(default=0)
    last_attempt_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    # The breaker, and what Retry-After asked for: nothing is sent before this moment.
    resume_at = models.DateTimeField(null=True, blank=True)
    # Whether its last answers took long (webhooks/health.py): slow webhooks share a part of a worker's slots.
    slow = models.BooleanField(default=False)
    # The last e-mail about the present trouble (webhooks/warning.py): 0 none, 1 first hour, 2 half time, 3 disabled.
    warned = models.PositiveSmallIntegerField(default=0)

    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    objects = WebhookQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "number"], name="webhooks_webhook_listening")]

    def __str__(self) -> str:
        return self.name or self.url

    @property
    def events(self) -> list[str]:
        """The names it is subscribed to, sorted; ["*"] is every event."""
        return sorted(subscription.event for subscription in self.subscriptions.all())

    @property
    def disabled_sentence(self) -> str:
        """Why what it does not hear is held, while it is disabled."""
        return f"The webhook was disabled: {self.get_disabled_reason_display() or 'paused'}."


class WebhookSecret(models.Model):
    """A signing secret `whsec_…`. During a rotation's overlap a webhook has two, and signs with both."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="secrets")
    secret = EncryptedTextField(editable=False)
    created_at = models.DateTimeField(default=timezone.now)
    # NULL: in force.
    expires_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"secret of {self.webhook_id}"

    def is_in_force(self, now: datetime) -> bool:
        return self.expires_at is None or self.expires_at > now


class Subscription(models.Model):
    """One event name that a webhook fires for, or `*`. A webhook without any dispatches nothing."""

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="subscriptions")
    event = models.CharField(max_length=40)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["webhook", "event"], name="webhooks_subscription_once"),
        ]

    def __str__(self) -> str:
        return self.event


class Trigger(models.TextChoices):
    AUTOMATIC = "automatic"
    MANUAL = "manual"
    TEST = "test"


class RecoveryJob(models.Model):
    """Sending again what a webhook missed, in chunks and behind its live traffic (webhooks/recovering.py)."""

    class Kind(models.TextChoices):
        FAILED = "failed", "Given up or held since a moment"
        MISSED = "missed", "Every event since a moment that it would hear now and has no success for"
        SELECTION = "selection", "Deliveries that were picked"

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELED = "canceled", "Canceled"

    id = IdField("job")
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="recovery_jobs")
    kind = models.CharField(max_length=10, choices=Kind)
    # Events recorded from this moment on; NULL: a selection.
    since = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.RUNNING)
    # Counted when it began; how many were made due again so far.
    total = models.PositiveIntegerField(default=0)
    released = models.PositiveIntegerField(default=0)
    # The id, of a delivery or an event, up to which it is done; and the one where it ends.
    cursor = models.CharField(max_length=40, blank=True, default="")
    until = models.CharField(max_length=40)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            # Read by the drain.
            models.Index(
                fields=["webhook"], condition=Q(finished_at__isnull=True), name="webhooks_recovery_running"
            ),
        ]

    def __str__(self) -> str:
        return self.id


class Delivery(models.Model):
    """One event to one webhook, until it is delivered or given up."""

    class Lane(models.IntegerChoices):
        FIRST = 0, "First tries"
        LATER = 1, "Retries, and what is recovered"

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        DELIVERED = "delivered", "Delivered"
        EXHAUSTED = "exhausted", "Exhausted"
        HELD = "held", "Held"
        CANCELED = "canceled", "Canceled"

    id = IdField("dlv")
    # Without indexes of their own, here and below: each is the first column of one in Meta.
    event = models.ForeignKey(Event, models.CASCADE, related_name="deliveries", db_index=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="deliveries", db_index=False)
    trigger = models.CharField(max_length=10, choices=Trigger, default=Trigger.AUTOMATIC)
    status = models.CharField(max_length=10, choices=Status, default=Status.PENDING)
    # Why it is held or was given up, as a sentence.
    reason = models.CharField(max_length=300, blank=True, default="")
    # Within a webhook the later lane never has more than its share of the cap (webhooks/claiming.py).
    lane = models.PositiveSmallIntegerField(choices=Lane, default=Lane.FIRST)
    # In which it takes its turn, while it is open and its webhook keeps the order (webhooks/ordering.py); NULL: none.
    conversation = models.CharField(max_length=110, null=True, blank=True, editable=False)
    # The job that made it due again.
    job = models.ForeignKey(
        RecoveryJob, models.SET_NULL, null=True, blank=True, related_name="deliveries", db_index=False
    )
    # Attempts begun. The first is 1.
    attempts_made = models.PositiveSmallIntegerField(default=0)
    # The next attempt; while one is in flight the end of its lease; NULL = nothing is to be done.
    due_at = models.DateTimeField(null=True, blank=True)
    # The fencing token of the drain that holds it; NULL = nobody.
    lease = models.CharField(max_length=40, null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["event", "webhook", "trigger"], name="webhooks_delivery_once_per_trigger"
            ),
        ]
        indexes = [
            # Both read by the claim (webhooks/claiming.py). Partial on `IS NOT NULL` only: SQLite uses a partial index
            # only where the query repeats its condition literally.
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="webhooks_delivery_due"),
            models.Index(
                fields=["webhook", "lane", "due_at", "id"],
                condition=Q(due_at__isnull=False),
                name="webhooks_delivery_fair",
            ),
            models.Index(
                fields=["webhook"], condition=Q(lease__isnull=False), name="webhooks_delivery_leased"
            ),
            # The turns of conversations (webhooks/ordering.py), and the progress of recoveries.
            models.Index(
                fields=["webhook", "conversation", "id"],
                condition=Q(conversation__isnull=False),
                name="webhooks_delivery_turn",
            ),
            models.Index(
                fields=["job", "status"], condition=Q(job__isnull=False), name="webhooks_delivery_job"
            ),
            # The list of a webhook's deliveries, newest first.
            models.Index(fields=["webhook", "-id"], name="webhooks_delivery_log"),
            models.Index(fields=["webhook", "status", "-id"], name="webhooks_delivery_status_log"),
        ]

    def __str__(self) -> str:
        return self.id


# The health of a webhook that is enabled, or that has a new address: what failed before says nothing about it.
FRESH_HEALTH: dict[str, Any] = {
    "failing_since": None, "consecutive_failures": 0, "openings": 0, "resume_at": None, "warned": 0,
}  # fmt: skip

# What is forgotten of a delivery that has ended where it is sent once more in the same row.
STARTED_ANEW: dict[str, Any] = {
    "status": Delivery.Status.PENDING, "reason": "", "attempts_made": 0, "lease": None, "finished_at": None,
}  # fmt: skip


class Attempt(models.Model):
    """One POST of a delivery: written before it is sent, completed with its outcome. Never edited after that."""

    class Status(models.TextChoices):
        SENDING = "sending", "Sending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        # The worker died in mid-send: it may have arrived.
        UNKNOWN = "unknown", "Unknown"

    id = IdField("att")
    delivery = models.ForeignKey(Delivery, models.CASCADE, related_name="attempts", db_index=False)
    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="attempts", db_index=False)
    # The event's name and the attempt's number within its delivery, as the headers say them.
    event_type = models.CharField(max_length=40)
    number = models.PositiveSmallIntegerField()
    trigger = models.CharField(max_length=10, choices=Trigger)
    status = models.CharField(max_length=10, choices=Status, default=Status.SENDING)
    url = models.TextField()
    request_headers = models.JSONField(default=dict)
    status_code = models.PositiveSmallIntegerField(null=True, blank=True)
    response_headers = models.JSONField(default=list)
    # The first 16 KiB.
    response_body = SealableTextField(blank=True, default="")
    # webhooks.outcome.ErrorClass, "" on success; and the sentence for people.
    error_class = models.CharField(max_length=20, blank=True, default="")
    error = models.CharField(max_length=300, blank=True, default="")
    peer_address = models.CharField(max_length=60, blank=True, default="")
    # Milliseconds: {"dns", "connect", "tls", "firstByte", "total"}, those that were reached.
    timings = models.JSONField(default=dict)
    duration_ms = models.PositiveIntegerField(null=True, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["webhook", "-id"], name="webhooks_attempt_log"),
            models.Index(fields=["delivery", "number"], name="webhooks_attempt_delivery"),
            # Read by the reaper (webhooks/reaping.py).
            models.Index(
                fields=["started_at"], condition=Q(status="sending"), name="webhooks_attempt_sending"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delivery_id} #{self.number} {self.status}"


class HourlyCount(models.Model):
    """How many attempts of a webhook ended within an hour, by outcome and by how long they took.

    What charts read (webhooks/figures.py) instead of the log; written by webhooks/counting.py.
    """

    class Outcome(models.TextChoices):
        FIRST = "first", "Delivered at the first try"
        RETRIED = "retried", "Delivered after a retry"
        FAILED = "failed", "A retry failed"
        FIRST_FAILED = "not_first", "The first try failed"

    webhook = models.ForeignKey(Webhook, models.CASCADE, related_name="hourly_counts", db_index=False)
    hour = models.DateTimeField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    # Milliseconds: the attempts took at most so long, and longer than the next lower bound (webhooks/figures.py).
    took = models.PositiveIntegerField()
    attempts = models.PositiveIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["webhook", "hour", "outcome", "took"], name="webhooks_hourlycount_once"
            ),
        ]
        indexes = [
            # Read by the job that deletes what is old (webhooks/pruning.py).
            models.Index(fields=["hour"], name="webhooks_hourlycount_hour"),
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} {self.hour:%Y-%m-%d %H}h {self.outcome}: {self.attempts}"
