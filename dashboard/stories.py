"""What became of messages: of each its events, and of each event which webhooks were told and how that ended."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from events.models import Event
from messaging.models import Message
from webhooks.listing import DeliveryRow, delivery_rows
from webhooks.models import Delivery, Trigger
from webhooks.states import attempt_words

# Of all of the messages together, the newest.
EVENTS = DELIVERIES = 200
# Of one outcome, the webhooks that are named.
NAMED = 3
# What is wrong comes first.
TONES = ["bad", "warn", "idle", "busy", "ok"]


@dataclass(frozen=True)
class Told:
    """A delivery, by the name of its webhook and, where it has not arrived, with the cause."""

    id: str
    words: str


@dataclass(frozen=True)
class Outcome:
    """What the deliveries of one event have in common: `1 exhausted`."""

    tone: str
    label: str
    told: list[Told] = field(default_factory=list)

    @property
    def words(self) -> str:
        return f"{len(self.told)} {self.label.lower()}"

    @property
    def named(self) -> list[Told]:
        return self.told[:NAMED]

    @property
    def unnamed(self) -> int:
        return len(self.told[NAMED:])


@dataclass(frozen=True)
class Line:
    event: Event
    outcomes: list[Outcome]


@dataclass(frozen=True)
class Story:
    message: Message
    # The oldest event first.
    lines: list[Line]

    @property
    def failed(self) -> bool:
        return self.message.status == Message.Status.FAILED


@dataclass(frozen=True)
class Stories:
    """`cut`: there are more events or deliveries than were read, of the older messages."""

    rows: list[Story]
    cut: bool = False

    @property
    def payload_ids(self) -> set[str]:
        lines = [line for story in self.rows for line in story.lines]
        return {line.event.raw_payload_id for line in lines if line.event.raw_payload_id}


def stories_of(messages: Sequence[Message]) -> Stories:
    """In the order of the messages; five queries, however many they are."""
    ids = [message.pk for message in messages]
    if not ids:
        return Stories([])
    events = list(Event.objects.filter(message_id__in=ids).defer("body").order_by("-pk")[: EVENTS + 1])
    deliveries = Delivery.objects.filter(event__in=[event.pk for event in events]).order_by("-pk")
    rows = delivery_rows(deliveries[: DELIVERIES + 1])
    told: dict[str, list[DeliveryRow]] = {}
    for row in rows[:DELIVERIES]:
        told.setdefault(row.delivery.event_id, []).append(row)
    lines: dict[str, list[Line]] = {}
    for event in events[EVENTS - 1 :: -1]:
        lines.setdefault(event.message_id, []).append(Line(event, _outcomes(told.get(event.pk, []))))
    cut = len(events) > EVENTS or len(rows) > DELIVERIES
    return Stories([Story(message, lines.get(message.pk, [])) for message in messages], cut)


def _outcomes(rows: Sequence[DeliveryRow]) -> list[Outcome]:
    found: dict[tuple[str, str], Outcome] = {}
    for row in rows:
        key = (row.state.tone, row.state.label)
        found.setdefault(key, Outcome(*key)).told.append(Told(row.delivery.pk, _words(row)))
    return sorted(found.values(), key=lambda outcome: TONES.index(outcome.tone))


def _words(row: DeliveryRow) -> str:
    name = str(row.delivery.webhook)
    if row.delivery.trigger == Trigger.MANUAL:
        name += ", by hand"
    match row.delivery.status:
        case Delivery.Status.DELIVERED:
            return name
        case Delivery.Status.HELD | Delivery.Status.CANCELED:
            cause = row.state.why
        case _:
            cause = attempt_words(row.last) if row.last is not None else row.state.why
    return f"{name}: {cause.rstrip('.')}" if cause else name
