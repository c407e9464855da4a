"""Fan-out: an event becomes one delivery for each webhook that listens, in the transaction that records the event."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.wake import wake
from events.models import Event
from webhooks.models import EVERYTHING, STARTED_ANEW, Delivery, Subscription, Webhook
from webhooks.ordering import conversation_of, conversations

DELIVER = "webhooks.tasks.deliver"


def fan_out(events: Sequence[Event]) -> list[Delivery]:
    """Writes the deliveries of events that were just recorded, and wakes the deliver drain; returns them.

    What a disabled webhook would have heard is held, so that it can be recovered.
    """
    listening = _listening(events)
    now = timezone.now()
    deliveries = []
    for event in events:
        heard: set[str] = set()
        for webhook in listening:
            if webhook.pk in heard or not _hears(webhook, event):
                continue
            heard.add(webhook.pk)
            deliveries.append(_delivery(event, webhook, now))
    if deliveries:
        Delivery.objects.bulk_create(deliveries)
        wake(DELIVER)
    if held := [delivery for delivery in deliveries if delivery.status == Delivery.Status.HELD]:
        transaction.on_commit(partial(send_if_enabled, held), robust=True)
    return deliveries


def send_if_enabled(held: Sequence[Delivery]) -> None:
    """Makes due what was just held for webhooks that were enabled while it was being recorded.

    The recovery that began then could not see it, and no other would come.
    """
    enabled = Webhook.objects.filter(pk__in={delivery.webhook_id for delivery in held}, active=True)
    for webhook in enabled:
        ids = [delivery.pk for delivery in held if delivery.webhook_id == webhook.pk]
        Delivery.objects.filter(pk__in=ids, status=Delivery.Status.HELD).update(
            **STARTED_ANEW, conversation=conversations(webhook), due_at=timezone.now()
        )
        wake(DELIVER)


def _listening(events: Sequence[Event]) -> list[Webhook]:
    """The webhooks of these events' numbers, each with `names`: the set of events that it is subscribed to."""
    subscriptions = (
        Subscription.objects.filter(
            Q(webhook__number__in={event.number_id for event in events}) | Q(webhook__number=None),
            webhook__workspace__in={event.workspace_id for event in events},
            webhook__deleted_at=None,
            event__in={event.type for event in events} | {EVERYTHING},
        )
        .select_related("webhook")
        .order_by("webhook_id")
    )
    webhooks: dict[str, Webhook] = {}
    for subscription in subscriptions:
        webhook = webhooks.setdefault(subscription.webhook_id, subscription.webhook)
        webhook.__dict__.setdefault("names", set()).add(subscription.event)
    return list(webhooks.values())


def _hears(webhook: Webhook, event: Event) -> bool:
    names: set[str] = webhook.__dict__["names"]
    return (
        webhook.workspace_id == event.workspace_id
        and webhook.number_id in (None, event.number_id)
        and (event.type in names or EVERYTHING in names)
    )


def _delivery(event: Event, webhook: Webhook, now: datetime) -> Delivery:
    if webhook.active:
        return Delivery(
            event=event, webhook=webhook, due_at=now, conversation=conversation_of(event, webhook)
        )
    return Delivery(
        event=event,
        webhook=webhook,
        status=Delivery.Status.HELD,
        reason=webhook.disabled_sentence,
    )
