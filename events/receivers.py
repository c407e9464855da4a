"""Hears the news of the floors below and records events of it, in the same transaction."""

from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from accounts.wake import wake
from events.bodies import iso, message_body, number_body
from events.models import RawPayload
from events.recording import Draft, record
from messaging.changes import MessageChange
from messaging.signals import messages_changed
from phone_numbers.lifecycle import NumberChange
from phone_numbers.providers.simulator.engine import Played
from phone_numbers.signals import numbers_changed, payloads_played


@receiver(messages_changed)
def record_message_changes(changes: list[MessageChange], **kwargs: Any) -> None:
    record(
        [
            Draft(
                number=change.message.number,
                body=message_body(change, change.message.number),
                created_at=change.at,
                dedupe_key=f"message.{change.kind}:{change.message.pk}",
                message_id=change.message.pk,
                conversation=change.message.conversation,
                raw_payload_id=change.raw_payload_id,
            )
            for change in changes
        ]
    )


@receiver(numbers_changed)
def record_number_changes(changes: list[NumberChange], **kwargs: Any) -> None:
    record(
        [
            Draft(
                number=change.number,
                body=number_body(change),
                created_at=change.at,
                dedupe_key=f"number.{change.kind}:{iso(change.at)}",
                conversation=f"number:{change.number.pk}",
            )
            for change in changes
        ]
    )


@receiver(payloads_played)
def store_played_payloads(payloads: list[Played], **kwargs: Any) -> None:
    """The simulated WhatsApp posts to the same inbox as a real one, only that its payloads fall due later."""
    now = timezone.now()
    RawPayload.objects.bulk_create(
        [
            RawPayload(
                provider="simulator",
                number=played.number,
                provider_ref=played.number.provider_ref,
                body=played.number.seal(played.body) or "",
                received_at=now + played.after,
                due_at=now + played.after,
            )
            for played in payloads
        ]
    )
    wake("events.tasks.normalize")
