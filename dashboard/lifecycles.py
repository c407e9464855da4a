"""The life of a message: the rungs it climbed, the events each made, the webhooks that heard them, what answered it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from events.models import Event
from messaging.models import Message
from webhooks.listing import DeliveryRow, delivery_rows
from webhooks.models import Delivery
from webhooks.wording import duration

MAX_ANSWERS = 50
# The provider's and ours.
CLOCKS_DIFFER = timedelta(minutes=1)

SENTENCES = {
    "message.sent": "WhatsApp took it; messageId is known from here.",
    "message.delivered": "On the recipient’s phone.",
    "message.read": "The recipient has read receipts on, and opened it.",
}


@dataclass(frozen=True)
class Step:
    event: Event
    sentence: str
    # Since the step before; "" for the first.
    gap: str
    told: list[DeliveryRow]


def steps_of(message: Message) -> list[Step]:
    """What the message itself did, in order."""
    events = list(Event.objects.real().filter(message_id=message.pk).order_by("pk").defer("body"))
    told = _told(events)
    steps = []
    before: datetime | None = message.created_at if message.is_outbound else None
    for event in events:
        sentence = message.error if event.type == "message.failed" else SENTENCES.get(event.type, "")
        steps.append(Step(event, sentence, _gap(before, event.created_at), told.get(event.pk, [])))
        before = event.created_at
    return steps


@dataclass(frozen=True)
class Answer:
    message: Message
    step: Step
    quotes: bool


def answers_to(message: Message) -> list[Answer]:
    """What the contact wrote since, and carries the message's correlationId."""
    if not message.is_outbound or not message.correlation_id or not message.contact_key:
        return []
    inbound = Message.objects.inbound().filter(
        number=message.number_id,
        contact_key=message.contact_key,
        created_at__gte=message.created_at - CLOCKS_DIFFER,
    )
    by_message = {one.pk: one for one in inbound.order_by("created_at")[:MAX_ANSWERS]}
    events = [
        event
        for event in Event.objects.real().filter(message_id__in=list(by_message)).order_by("pk")
        if event.is_readable and event.payload.get("data", {}).get("correlationId") == message.correlation_id
    ]
    told = _told(events)
    answers = []
    for event in events:
        answer = by_message[event.message_id]
        quotes = bool(answer.quoted_external_id) and answer.quoted_external_id == message.external_id
        answers.append(Answer(answer, Step(event, "", "", told.get(event.pk, [])), quotes))
    return answers


def _told(events: list[Event]) -> dict[str, list[DeliveryRow]]:
    told: dict[str, list[DeliveryRow]] = {}
    for row in delivery_rows(
        Delivery.objects.filter(event__in=[event.pk for event in events]).order_by("pk")
    ):
        told.setdefault(row.delivery.event_id, []).append(row)
    return told


def _gap(before: datetime | None, at: datetime) -> str:
    if before is None or at - before < timedelta(0):
        return ""
    return f"+ {duration((at - before).total_seconds() * 1000)}"
