"""Why each webhook that could have heard an event did, or did not."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Q, When
from django.utils import timezone

from events.models import Event
from phone_numbers.phones import in_print
from webhooks.listing import DeliveryRow, delivery_rows
from webhooks.models import EVERYTHING, Delivery, Webhook
from webhooks.states import State

MAX_WEBHOOKS = 100


@dataclass(frozen=True)
class Explained:
    """`row` is its delivery, the newest where it was sent again; None where it was never told."""

    webhook: Webhook
    row: DeliveryRow | None
    state: State
    # Of another number, and so nothing it could have been told of.
    is_elsewhere: bool = False


def explain(event: Event, now: datetime | None = None) -> list[Explained]:
    """Those that were told, then its number's and the workspace's others, then those of other numbers; four queries.

    At most MAX_WEBHOOKS that were told, and as many others.
    """
    now = now or timezone.now()
    rows = delivery_rows(Delivery.objects.filter(event=event).order_by("-pk")[:MAX_WEBHOOKS], now)
    told = [Explained(row.delivery.webhook, row, row.state) for row in rows]
    if event.is_test:
        return told
    others: Iterable[Any] = (
        Webhook.objects.existing()
        .filter(workspace=event.workspace_id)
        .exclude(pk__in=[one.webhook.pk for one in told])
        .annotate(
            is_elsewhere=Case(When(Q(number=None) | Q(number=event.number_id), then=False), default=True)
        )
        .order_by("is_elsewhere", "name", "pk")
        .select_related("number")
        .prefetch_related("subscriptions")[:MAX_WEBHOOKS]
    )
    return told + [
        Explained(webhook, None, _silence(webhook, event), webhook.is_elsewhere) for webhook in others
    ]


def _silence(webhook: Any, event: Event) -> State:
    if webhook.is_elsewhere:
        return State("idle", "Other number", f"It belongs to {in_print(webhook.number.phone)}.")
    if webhook.created_at > event.recorded_at:
        return State("idle", "Created later", "It was created after the event.")
    events = webhook.events
    if event.type in events or EVERYTHING in events:
        return State(
            "idle", "Not told", "It listens to such events now, but did not when this one was recorded."
        )
    held = ", ".join(events[:3]) + (" and others" if len(events) > 3 else "")
    return State(
        "idle",
        "Not subscribed",
        f"Its list does not hold {event.type}: {held}." if events else "Its list is empty.",
    )
