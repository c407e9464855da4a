"""Sending by hand: a delivery once more, or a sample to try a webhook out.

Both are a person's "try now": they end what keeps the webhook waiting (webhooks/health.py), and go before everything
else that it has open, so that they are what a half-open breaker lets through.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from accounts import bulk
from accounts.ids import new_id
from accounts.wake import wake
from events.bodies import iso, to_text
from events.catalog import BY_NAME
from events.models import Event
from phone_numbers.models import Number
from webhooks import health
from webhooks.claiming import ahead_of_all
from webhooks.configuring import UnknownEvents
from webhooks.fanout import DELIVER
from webhooks.models import STARTED_ANEW, Delivery, Trigger, Webhook
from webhooks.ordering import in_turn


class NotReplayable(ValueError):
    """Why something cannot be sent, as a sentence."""


def redeliver(deliveries: Sequence[Delivery]) -> list[Delivery]:
    """Sends events of deliveries again, at once, to their webhooks; returns the deliveries that do it.

    One that waits for its next attempt is brought forward; for any other there is a manual delivery, which starts over
    where there was one before, and waits for no turn of a conversation. What is under way is left as it is. Those of
    webhooks that are disabled or deleted are left out; raises NotReplayable where that is all of them.
    """
    now = timezone.now()
    with transaction.atomic():
        webhooks = _locked({delivery.webhook_id for delivery in deliveries})
        refusals = {webhook.pk: _refusal(webhook, "send again") for webhook in webhooks}
        if refusals and all(refusals.values()):
            raise NotReplayable(next(iter(refusals.values())))
        pairs = {
            (delivery.event_id, delivery.webhook_id)
            for delivery in deliveries
            if not refusals[delivery.webhook_id]
        }
        due_at = _try_now([webhook for webhook in webhooks if not refusals[webhook.pk]], now)
        forward = _bring_forward(pairs, due_at)
        pairs -= forward.keys()
        Delivery.objects.bulk_create(
            [
                Delivery(event_id=event, webhook_id=webhook, trigger=Trigger.MANUAL, due_at=due_at[webhook])
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
        for row in finished:
            for name, value in STARTED_ANEW.items():
                setattr(row, name, value)
            row.lane, row.due_at = Delivery.Lane.FIRST, due_at[row.webhook_id]
        bulk.update(finished, [*STARTED_ANEW, "lane", "due_at"])
        wake(DELIVER)
    ids = [*forward.values(), *(row.pk for row in rows)]
    return list(Delivery.objects.select_related("event", "webhook").filter(pk__in=ids))


def _try_now(webhooks: Sequence[Webhook], now: datetime) -> dict[str, datetime]:
    """Ends what keeps webhooks waiting; returns when what is sent by hand is due, by the id of its webhook."""
    health.try_now(webhooks, now)
    return ahead_of_all(webhooks, now)


def _bring_forward(pairs: set[tuple[str, str]], due_at: Mapping[str, datetime]) -> dict[tuple[str, str], str]:
    """Makes due what waits for its next attempt, one delivery of an event and a webhook; returns their ids."""
    waiting = Delivery.objects.filter(
        event__in={event for event, _ in pairs},
        webhook__in={webhook for _, webhook in pairs},
        due_at__isnull=False,
        lease=None,
    )
    rows = list(in_turn(waiting).order_by("pk").select_for_update())
    # The oldest of a pair comes last, and stays.
    forward = {
        (row.event_id, row.webhook_id): row
        for row in reversed(rows)
        if (row.event_id, row.webhook_id) in pairs
    }
    for row in forward.values():
        row.due_at, row.lane = due_at[row.webhook_id], Delivery.Lane.FIRST
    bulk.update(list(forward.values()), ["due_at", "lane"])
    return {pair: row.pk for pair, row in forward.items()}


def send_test(webhook: Webhook, event_name: str) -> Delivery:
    """Sends the sample of an event to a webhook, once and now.

    The sample is the catalog's, with the webhook's number in it. It is no event of the log. Raises UnknownEvents for a
    name that is none, NotReplayable where the webhook is disabled: what is held of a test nobody could recover.
    """
    if event_name not in BY_NAME:
        raise UnknownEvents([event_name])
    number = webhook.number or Number.objects.filter(workspace=webhook.workspace_id).order_by("pk").first()
    if number is None:
        raise NotReplayable("The workspace has no number yet for which an event could be made up.")
    now = timezone.now()
    with transaction.atomic():
        (webhook,) = _locked([webhook.pk])
        if refusal := _refusal(webhook, "send the test"):
            raise NotReplayable(refusal)
        due_at = _try_now([webhook], now)
        event = Event.objects.create(
            workspace_id=webhook.workspace_id,
            number=number,
            type=event_name,
            body=to_text(_sample(event_name, number, now)),
            created_at=now,
            dedupe_key=f"test:{new_id('test')}",
            is_test=True,
        )
        delivery = Delivery.objects.create(
            event=event, webhook=webhook, trigger=Trigger.TEST, due_at=due_at[webhook.pk]
        )
        wake(DELIVER)
    return delivery


def _locked(ids: Iterable[str]) -> list[Webhook]:
    """Webhooks, which nobody disables or deletes until the transaction has ended."""
    return list(Webhook.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True))


def _refusal(webhook: Webhook, act: str) -> str:
    """Why nothing can be sent to a webhook, and what to do before the `act`; "" where it can."""
    if webhook.deleted_at is not None:
        return "The webhook is deleted."
    return "" if webhook.active else f"The webhook is disabled. Enable it, then {act}."


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
