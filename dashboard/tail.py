"""The live tail: what happened last, events and attempts in one order."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from accounts.ids import first_id
from accounts.models import Workspace
from dashboard.event_rows import EventRow, event_rows
from events.models import Event
from webhooks.listing import LIGHT
from webhooks.models import Attempt, Webhook
from webhooks.states import State, attempt_state

LENGTH = 100
# The tail looks no further back: without a bound a quiet workspace would search a busy neighbour's log.
WINDOW = timedelta(hours=1)

SHOWS = {"": "All", "events": "Events", "deliveries": "Deliveries", "problems": "Problems"}


@dataclass(frozen=True)
class Line:
    pk: str
    at: datetime
    what: str
    name: str
    who: str
    state: State
    took: int | None
    url: str


def tail(workspace: Workspace, show: str = "", number: str = "", text: str = "") -> list[Line]:
    """The newest lines first; five queries."""
    since = timezone.now() - WINDOW
    lines: list[Line] = []
    if show in ("", "events"):
        lines += _events(workspace, number, since)
    if show != "events":
        lines += _attempts(workspace, number, since, problems=show == "problems")
    lines = sorted(lines, key=lambda line: (line.at, line.pk), reverse=True)
    if text:
        lines = [line for line in lines if _says(line, text.lower())]
    return lines[:LENGTH]


def mark_of(lines: Sequence[Line]) -> str:
    """Differs when anything about the lines does."""
    words = "|".join(f"{line.pk} {line.state.tone} {line.state.label}" for line in lines)
    return hashlib.sha256(words.encode()).hexdigest()[:16]


def _says(line: Line, text: str) -> bool:
    return any(text in word.lower() for word in (line.pk, line.name, line.who, line.state.label))


def _events(workspace: Workspace, number: str, since: datetime) -> list[Line]:
    events = Event.objects.filter(workspace=workspace, pk__gte=first_id("evt", since)).select_related(
        "number"
    )
    if number:
        events = events.filter(number=number)
    return [_event_line(row) for row in event_rows(list(events.order_by("-pk")[:LENGTH]))]


def _event_line(row: EventRow) -> Line:
    event = row.event
    return Line(
        event.pk, event.recorded_at, "test" if event.is_test else "event", event.type, row.contact, row.state, None,
        reverse("event", args=[event.pk]),
    )  # fmt: skip


def _attempts(workspace: Workspace, number: str, since: datetime, problems: bool) -> list[Line]:
    webhooks = Webhook.objects.existing().filter(workspace=workspace)
    if number:
        webhooks = webhooks.filter(Q(number=number) | Q(number=None))
    names = {webhook.pk: str(webhook) for webhook in webhooks}
    attempts = Attempt.objects.filter(webhook__in=list(names), pk__gte=first_id("att", since)).only(*LIGHT)
    if problems:
        attempts = attempts.filter(status__in=[Attempt.Status.FAILED, Attempt.Status.UNKNOWN])
    return [
        Line(
            attempt.pk, attempt.started_at, "delivery", attempt.event_type, names[attempt.webhook_id],
            attempt_state(attempt), attempt.duration_ms, reverse("delivery", args=[attempt.delivery_id]),
        )
        for attempt in attempts.order_by("-pk")[:LENGTH]
    ]  # fmt: skip
