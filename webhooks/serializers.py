"""How webhooks are read from requests and written into answers."""

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api_fields import (
    ChoiceField,
    FlagField,
    InputSerializer,
    MomentField,
    TextField,
    WholeNumberField,
    iso,
)
from events.catalog import BY_NAME
from webhooks.explaining import Explained
from webhooks.models import DEFAULT_MAX_IN_FLIGHT, EVERYTHING, Attempt, Delivery, RecoveryJob, Webhook
from webhooks.recovering import MAX_SELECTED, progress
from webhooks.states import next_attempt_at

# How the log's two words cover an attempt's four: what is not (yet) known to have arrived has not succeeded.
SUCCESS, FAILED = "SUCCESS", "FAILED"


@extend_schema_field(
    {"type": "array", "items": {"type": "string", "enum": [EVERYTHING, *BY_NAME]}, "maxItems": 100}
)
class EventNamesField(serializers.ListField):
    """Names of the catalog, or `*`; whoever reads it looks at them."""


@extend_schema_field({"type": "string", "enum": list(BY_NAME)})
class EventNameField(TextField):
    """A name of the catalog; whoever reads it looks at it."""


class WebhookInputSerializer(InputSerializer[dict[str, Any]]):
    """`{name, url, events, whatsappNumberId, active}`; a PATCH changes only what it names."""

    name = TextField(max_length=200, required=False, allow_blank=True, default="")
    url = TextField(max_length=2000, help_text="http(s), at most 2000 characters.")
    events = EventNamesField(
        child=TextField(max_length=100),
        max_length=100,
        help_text='Names of events; ["*"] is every event, [] none.',
    )
    whatsappNumberId = TextField(
        required=False, allow_null=True, max_length=40, help_text="null: every number of the workspace."
    )
    active = FlagField(required=False, default=True)
    ordering = ChoiceField(
        choices=Webhook.Ordering.choices,
        required=False,
        default=Webhook.Ordering.NONE,
        help_text="conversation: the events of one conversation arrive one at a time, in order; one that fails holds "
        "back only its own conversation. none: as soon as possible.",
    )
    maxInFlight = WholeNumberField(
        source="max_in_flight",
        min_value=1,
        max_value=100,
        required=False,
        default=DEFAULT_MAX_IN_FLIGHT,
        help_text="How many deliveries may be under way at once.",
    )


class WebhookSerializer(serializers.Serializer[Webhook]):
    id = serializers.CharField()
    name = serializers.CharField()
    url = serializers.CharField()
    events = serializers.ListField(child=serializers.CharField())
    whatsappNumberId = serializers.CharField(source="number_id", allow_null=True)
    active = serializers.BooleanField()
    disabledReason = serializers.CharField(
        source="disabled_reason", help_text="paused, gone or failing; empty while active."
    )
    disabledAt = MomentField(source="disabled_at", allow_null=True)
    ordering = serializers.CharField(help_text="none or conversation.")
    maxInFlight = serializers.IntegerField(source="max_in_flight")
    failingSince = MomentField(source="failing_since", allow_null=True)
    consecutiveFailures = serializers.IntegerField(source="consecutive_failures")
    lastAttemptAt = MomentField(source="last_attempt_at", allow_null=True)
    lastSuccessAt = MomentField(source="last_success_at", allow_null=True)
    createdAt = MomentField(source="created_at")
    updatedAt = MomentField(source="updated_at")


class WebhookPageSerializer(serializers.Serializer[Any]):
    data = WebhookSerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(allow_null=True)


class ConfiguredSerializer(WebhookSerializer):
    """A webhook after a change. `secret` is there on creation only."""

    droppedEvents = serializers.ListField(
        child=serializers.CharField(), help_text="Asked for, but the number's provider cannot emit them."
    )
    secret = serializers.CharField(required=False)


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Signs from now on.")
    previous = serializers.CharField(allow_null=True, help_text="Signs as well until previousExpiresAt.")
    previousExpiresAt = MomentField(allow_null=True)


class TestInputSerializer(InputSerializer[Any]):
    event = EventNameField(
        required=False,
        max_length=100,
        help_text="An event's name; default: the first subscribed to, in the catalog's order.",
    )


class RecoverInputSerializer(InputSerializer[Any]):
    kind = ChoiceField(choices=RecoveryJob.Kind.choices, default=RecoveryJob.Kind.FAILED)
    since = MomentField(
        required=False, help_text="Events recorded from this moment on; needed except for a selection."
    )
    deliveryIds = serializers.ListField(
        child=TextField(max_length=40), max_length=MAX_SELECTED, default=list, help_text="Of a selection."
    )
    preview = FlagField(default=False, help_text="true: only count.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["kind"] == RecoveryJob.Kind.SELECTION:
            if not attrs["deliveryIds"]:
                raise serializers.ValidationError({"deliveryIds": "Name the deliveries of the selection."})
        elif "since" not in attrs:
            raise serializers.ValidationError({"since": "Say since when, as in 2026-02-24T10:30:00Z."})
        return attrs


class RecoveredSerializer(serializers.Serializer[Any]):
    recovered = serializers.IntegerField(help_text="How many deliveries are sent again.")
    jobId = serializers.CharField(allow_null=True, help_text="null: it was a preview.")


class JobSerializer(serializers.Serializer[RecoveryJob]):
    """A recovery. `total` was counted when it began; `released` are due again or done with since."""

    id = serializers.CharField()
    webhookId = serializers.CharField()
    kind = serializers.ChoiceField(choices=RecoveryJob.Kind.choices)
    since = MomentField(allow_null=True)
    status = serializers.ChoiceField(choices=[choice.upper() for choice in RecoveryJob.Status.values])
    total = serializers.IntegerField()
    released = serializers.IntegerField()
    delivered = serializers.IntegerField()
    failed = serializers.IntegerField(help_text="Given up or held again.")
    waiting = serializers.IntegerField(help_text="Due, being sent or retried.")
    createdAt = MomentField()
    finishedAt = MomentField(allow_null=True, help_text="When everything was due again, or it was canceled.")


class LogFilters(serializers.Serializer[Any]):
    event = ChoiceField(choices=list(BY_NAME), required=False)
    status = ChoiceField(choices=[SUCCESS, FAILED], required=False)


class DeliveryFilters(serializers.Serializer[Any]):
    status = ChoiceField(choices=[choice.upper() for choice in Delivery.Status.values], required=False)


class LogEntrySerializer(serializers.Serializer[Attempt]):
    """One attempt."""

    id = serializers.CharField()
    deliveryId = serializers.CharField()
    event = serializers.CharField()
    eventId = serializers.CharField()
    status = serializers.ChoiceField(choices=[SUCCESS, FAILED])
    outcome = serializers.ChoiceField(
        choices=Attempt.Status.choices, help_text="In full: sending and unknown too."
    )
    statusCode = serializers.IntegerField(allow_null=True)
    payload = serializers.JSONField(
        allow_null=True, help_text="The body that was POSTed. null: the server has lost the key to it."
    )
    response = serializers.CharField(help_text="The first 16 KiB of the answer's body.")
    error = serializers.CharField(allow_null=True, help_text="What went wrong, as a sentence.")
    errorClass = serializers.CharField(allow_null=True)
    durationMs = serializers.IntegerField(allow_null=True)
    attempt = serializers.IntegerField(help_text="1, 2, 3 … within the delivery.")
    trigger = serializers.CharField()
    createdAt = MomentField()


class LogPageSerializer(serializers.Serializer[Any]):
    data = LogEntrySerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(allow_null=True)


class DeliverySerializer(serializers.Serializer[Delivery]):
    id = serializers.CharField()
    eventId = serializers.CharField()
    event = serializers.CharField()
    webhookId = serializers.CharField()
    trigger = serializers.CharField()
    status = serializers.ChoiceField(choices=[choice.upper() for choice in Delivery.Status.values])
    reason = serializers.CharField(allow_null=True)
    attempts = serializers.IntegerField()
    nextAttemptAt = MomentField(
        allow_null=True,
        help_text="Not before the webhook is tried again, where it is left alone for a while.",
    )
    createdAt = MomentField()
    finishedAt = MomentField(allow_null=True)


class DeliveryPageSerializer(serializers.Serializer[Any]):
    data = DeliverySerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(allow_null=True)


class ExplainedSerializer(serializers.Serializer[Any]):
    webhookId = serializers.CharField()
    name = serializers.CharField()
    deleted = serializers.BooleanField()
    state = serializers.CharField(help_text="In a word or two: Delivered, Pending, Held, Not subscribed …")
    reason = serializers.CharField(help_text="As a sentence; may be empty where the state says it all.")
    delivery = DeliverySerializer(allow_null=True, help_text="null: it was never told.")


class ExplanationSerializer(serializers.Serializer[Any]):
    data = ExplainedSerializer(many=True)  # type: ignore[assignment]


def log_entry(attempt: Attempt) -> dict[str, Any]:
    """An attempt as `/logs` answers it; its delivery and event are loaded."""
    event = attempt.delivery.event
    return {
        "id": attempt.pk,
        "deliveryId": attempt.delivery_id,
        "event": attempt.event_type,
        "eventId": event.pk,
        "status": SUCCESS if attempt.status == Attempt.Status.SUCCEEDED else FAILED,
        "outcome": attempt.status,
        "statusCode": attempt.status_code,
        # One that cannot be read does not keep the others of its page from being listed.
        "payload": event.payload if event.is_readable else None,
        "response": attempt.response_body,
        "error": attempt.error or None,
        "errorClass": attempt.error_class or None,
        "durationMs": attempt.duration_ms,
        "attempt": attempt.number,
        "trigger": attempt.trigger,
        "createdAt": iso(attempt.started_at),
    }


def explanation_answer(explained: Explained) -> dict[str, Any]:
    webhook, row = explained.webhook, explained.row
    return {
        "webhookId": webhook.pk,
        "name": webhook.name,
        "deleted": webhook.deleted_at is not None,
        "state": explained.state.label,
        "reason": explained.state.why,
        "delivery": delivery_answer(row.delivery) if row is not None else None,
    }


def recovered_answer(recovered: int, job_id: str | None) -> dict[str, Any]:
    """What a recovery sends again, and the job that does it; None: it was a preview."""
    return {"recovered": recovered, "jobId": job_id}


def job_answer(job: RecoveryJob) -> dict[str, Any]:
    """A recovery as the API answers it."""
    return {
        "id": job.pk,
        "webhookId": job.webhook_id,
        "kind": job.kind,
        "since": iso(job.since) if job.since else None,
        "status": job.status.upper(),
        **asdict(progress(job)),
        "createdAt": iso(job.created_at),
        "finishedAt": iso(job.finished_at) if job.finished_at else None,
    }


def delivery_answer(delivery: Delivery) -> dict[str, Any]:
    """A delivery as the API answers it; its event and its webhook are loaded."""
    next_attempt = next_attempt_at(delivery)
    return {
        "id": delivery.pk,
        "eventId": delivery.event_id,
        "event": delivery.event.type,
        "webhookId": delivery.webhook_id,
        "trigger": delivery.trigger,
        "status": delivery.status.upper(),
        "reason": delivery.reason or None,
        "attempts": delivery.attempts_made,
        "nextAttemptAt": iso(next_attempt) if next_attempt else None,
        "createdAt": iso(delivery.created_at),
        "finishedAt": iso(delivery.finished_at) if delivery.finished_at else None,
    }
