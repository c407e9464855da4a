"""What lists say of events: whom they are about, and what became of them; two queries a page."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts.encryption import Sealed
from accounts.models import Workspace
from events.models import Event, EventQuerySet
from webhooks.finding import message_ids
from webhooks.models import Delivery
from webhooks.states import State

PAGE = 50
# Narrowing by something that no index knows looks through so many events and no further.
LOOKED_THROUGH = 20_000

OUTCOMES = [
    # What is worst is said with the tone of the row.
    ("failing", "bad", "failing"),
    (Delivery.Status.EXHAUSTED, "bad", "exhausted"),
    (Delivery.Status.HELD, "warn", "held"),
    (Delivery.Status.PENDING, "busy", "pending"),
    (Delivery.Status.DELIVERED, "ok", "delivered"),
    (Delivery.Status.CANCELED, "idle", "canceled"),
]


@dataclass(frozen=True)
class EventRow:
    event: Event
    contact: str
    state: State


def events_matching(workspace: Workspace, text: str) -> EventQuerySet:
    """The events of a workspace that a text names; all of them for ""."""
    events = Event.objects.real().filter(workspace=workspace)
    if not text:
        return events
    if text.startswith("evt_"):
        return events.filter(pk=text)
    return events.filter(message_id__in=message_ids(workspace, text))


def event_rows(events: Sequence[Event]) -> list[EventRow]:
    """The rows of events whose numbers are loaded."""
    outcomes: dict[str, Counter[str]] = {event.pk: Counter() for event in events}
    deliveries = Delivery.objects.filter(event__in=list(outcomes)).order_by("pk")
    latest: dict[tuple[str, str], str] = {}
    for event_id, webhook_id, status, attempts_made in deliveries.values_list(
        "event", "webhook", "status", "attempts_made"
    ):
        failing = status == Delivery.Status.PENDING and attempts_made > 1
        latest[event_id, webhook_id] = "failing" if failing else status
    for (event_id, _), status in latest.items():
        outcomes[event_id][status] += 1
    return [EventRow(event, contact_of(event), _state(outcomes[event.pk])) for event in events]


def _state(outcomes: Counter[str]) -> State:
    if not outcomes:
        return State("idle", "no webhook")
    words = [f"{outcomes[status]} {word}" for status, _, word in reversed(OUTCOMES) if outcomes[status]]
    tone = next(tone for status, tone, _ in OUTCOMES if outcomes[status])
    return State(tone, ", ".join(words))


def contact_of(event: Event) -> str:
    """The other end: a phone in E.164, a group's or channel's name; a word where it is not shown."""
    if isinstance(event.body, Sealed):
        return "relay only"
    payload: dict[str, Any] = event.payload
    data = payload.get("data", payload)
    if not isinstance(data, dict) or event.type == "calls" or event.type.startswith("number."):
        return "—"
    if event.type.startswith("call."):
        ours = event.number.phone
        return str(data.get("from") if data.get("from") != ours else data.get("to")) or "—"
    name = (
        data.get("groupName") or data.get("newsletterName") or data.get("groupId") or data.get("newsletterId")
    )
    phone = data.get("to") if data.get("fromMe") else data.get("from")
    return str(name or phone or ("blanked" if event.blanked_at else "phone withheld"))
