"""Sending by hand: a delivery once more, or a sample to try a webhook out."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts.ids import new_id
from accounts.wake import wake
from events.bodies import iso, to_text
from events.catalog import BY_NAME
from events.models import Event
from phone_numbers.models import Number
from webhooks.fanout import DELIVER
from webhooks.models import Delivery, Trigger, Webhook


class NotReplayable(ValueError):
    """Why something cannot be sent, as a sentence."""


def redeliver(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Sends events of deliveries again, now, to their webhooks; returns the manual deliveries that do it.

    What was redelivered before starts over in the same row. A delivery that is under way is left as it is. What is
    sent by hand waits for no turn of a conversation.
    """
    now = timezone.now()
    pairs = {(delivery.event_id, delivery.webhook_id) for delivery in deliveries}
    with transaction.atomic():
        Delivery.objects.bulk_create(
            [
                Delivery(event_id=event, webhook_id=webhook, trigger=Trigger.MANUAL, due_at=now)
                for event, webhook in sorted(pairs)
            ],
            ignore_conflicts=True,
        )
        rows = list(
            Delivery.objects.filter(
                event__in={event for event, _ in pairs},
                webhook__in={webhook for _, webhook in pairs},
                trigger=Trigger.MANUAL,
            )
            .order_by("pk")
            .select_for_update()
        )
        rows = [row for row in rows if (row.event_id, row.webhook_id) in pairs]
        finished = [row for row in rows if row.status != Delivery.Status.PENDING]
        Delivery.objects.filter(pk__in=[row.pk for row in finished]).update(
            status=Delivery.Status.PENDING,
            reason="",
            attempts_made=0,
            lane=Delivery.Lane.FIRST,
            due_at=now,
            lease=None,
            finished_at=None,
        )
        wake(DELIVER)
    return list(Delivery.objects.select_related("event").filter(pk__in=[row.pk for row in rows]))


def send_test(webhook: Webhook, event_name: str) -> Delivery:
    """Sends the sample of an event to a webhook, once and now; raises NotReplayable for an unknown name.

    The sample is the catalog's, with the webhook's number in it. It is no event of the log.
    """
    if event_name not in BY_NAME:
        raise NotReplayable(f"There is no event {event_name!r}.")
    number = webhook.number or Number.objects.filter(workspace=webhook.workspace_id).order_by("pk").first()
    if number is None:
        raise NotReplayable("The workspace has no number yet for which an event could be made up.")
    now = timezone.now()
    with transaction.atomic():
        event = Event.objects.create(
            workspace_id=webhook.workspace_id,
            number=number,
            type=event_name,
            body=to_text(_sample(event_name, number, now)),
            created_at=now,
            dedupe_key=f"test:{new_id('test')}",
            is_test=True,
        )
        delivery = Delivery.objects.create(event=event, webhook=webhook, trigger=Trigger.TEST, due_at=now)
        wake(DELIVER)
    return delivery


def _sample(event_name: str, number: Number, now: datetime) -> dict[str, Any]:
    example = BY_NAME[event_name].example
    phone = number.phone
    if event_name == "calls":
        return example
    if event_name.startswith("call."):
        return {**example, "to": phone, "createdAt": iso(now), "timestamp": iso(now)}
    data = {**example["data"], "numberId": number.pk, "createdAt": iso(now)}
    if event_name.startswith("number."):
        data |= {"phone": phone, "displayName": number.name}
    else:
        data["from" if data["fromMe"] else "to"] = phone
    return {"event": event_name, "data": data}
