"""The journey of one event: what the provider posted, what was made of it, who was told, every attempt at that."""

from dataclasses import dataclass

from events.models import Event, RawPayload
from messaging.models import Message
from webhooks.explaining import Explained, explain
from webhooks.models import Attempt, Delivery

# Of one message or payload, the newest.
EVENTS = 10
ATTEMPTS = 50


@dataclass(frozen=True)
class Told:
    """A webhook that could have heard an event, and the attempts at telling it, oldest first."""

    explained: Explained
    attempts: list[Attempt]


@dataclass(frozen=True)
class Chapter:
    event: Event
    told: list[Told]
    # Those of other numbers.
    elsewhere: list[Explained]


@dataclass(frozen=True)
class Journey:
    """`payload` is there only where nothing was made of it: otherwise each event names its own."""

    message: Message | None
    payload: RawPayload | None
    chapters: list[Chapter]


def journey_of(id: str) -> Journey | None:
    """The journey that the id of a payload, message, event, delivery or attempt belongs to; None for any other id."""
    events = Event.objects.select_related("number", "workspace", "raw_payload")
    match id.split("_")[0]:
        case "evt":
            events = events.filter(pk=id)
        case "dlv":
            events = events.filter(pk__in=Delivery.objects.filter(pk=id).values("event"))
        case "att":
            events = events.filter(pk__in=Attempt.objects.filter(pk=id).values("delivery__event"))
        case "msg":
            events = events.filter(message_id=id)
        case "pay":
            events = events.filter(raw_payload=id)
        case _:
            return None
    found = list(events.order_by("-pk")[:EVENTS])[::-1]
    payload = None if found else RawPayload.objects.filter(pk=id).select_related("number").first()
    message_id = found[0].message_id if found else id
    message = Message.objects.filter(pk=message_id).select_related("number", "workspace").first()
    if not found and payload is None and message is None:
        return None
    return Journey(message, payload, [_chapter(event) for event in found])


def _chapter(event: Event) -> Chapter:
    explained = explain(event)
    attempts: dict[str, list[Attempt]] = {}
    deliveries = [one.row.delivery.pk for one in explained if one.row is not None]
    for attempt in Attempt.objects.filter(delivery__in=deliveries).order_by("-pk")[:ATTEMPTS]:
        attempts.setdefault(attempt.delivery_id, []).insert(0, attempt)
    told = [
        Told(one, attempts.get(one.row.delivery.pk, []) if one.row else [])
        for one in explained
        if not one.is_elsewhere
    ]
    return Chapter(event, told, [one for one in explained if one.is_elsewhere])
