"""Why each webhook that could have heard an event did, or did not."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from events.models import Event
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


def explain(event: Event, now: datetime | None = None) -> list[Explained]:
    """Those that were told first; then the workspace's others, each with the reason; four queries."""
    now = now or timezone.now()
    rows = delivery_rows(Delivery.objects.filter(event=event).order_by("-pk")[:MAX_WEBHOOKS], now)
    told = [Explained(row.delivery.webhook, row, row.state) for row in rows]
    if event.is_test:
        return told
    others = (
        Webhook.objects.existing()
        .filter(workspace=event.workspace_id)
        .exclude(pk__in=[one.webhook.pk for one in told])
        .order_by("name", "pk")
        .select_related("number")
        .prefetch_related("subscriptions")[:MAX_WEBHOOKS]
    )
    # Those of its number and of the workspace before those of other numbers.
    return told + sorted(
        (Explained(webhook, None, _silence(webhook, event)) for webhook in others),
        key=lambda one: one.webhook.number_id not in (None, event.number_id),
    )


def _silence(webhook: Webhook, event: Event) -> State:
    if webhook.number is not None and webhook.number_id != event.number_id:
        return State("idle", "Other number", f"It belongs to {webhook.number.phone}.")
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
