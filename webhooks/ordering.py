"""Order within a conversation: one delivery of it is out at a time, the oldest first.

Fan-out writes every delivery as due and asks nothing. The claim, which holds the webhook's lock, parks those whose turn
it is not: they leave the due index until what is ahead of them has come to an end. A row is in a conversation only
while it is pending; what is held, given up or delivered keeps nobody waiting.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Concat

from events.models import Event
from webhooks.models import Delivery, Webhook

WAITS = "Waits for an earlier event of its conversation."
# A look-up on the index for each pair, however long its conversation is; grouped, all of it would be read.
_HEADS = """
SELECT (
    SELECT MIN(id) FROM webhooks_delivery
    WHERE webhook_id = pair.column1 AND conversation = pair.column2 AND conversation IS NOT NULL
) FROM (VALUES {pairs}) AS pair
"""


def conversation_of(event: Event, webhook: Webhook) -> str | None:
    """The conversation in which `webhook` hears `event` in order; None: it hears it as soon as possible."""
    if webhook.ordering != Webhook.Ordering.CONVERSATION or not event.conversation:
        return None
    return f"{event.number_id} {event.conversation}"


def conversations(webhook: Webhook) -> Subquery | None:
    """`conversation_of` for an update of deliveries of `webhook`."""
    if webhook.ordering != Webhook.Ordering.CONVERSATION:
        return None
    key = Concat("number_id", Value(" "), "conversation")
    events = Event.objects.filter(pk=OuterRef("event_id")).exclude(conversation="")
    return Subquery(events.annotate(key=key).values("key")[:1])


def park(webhooks: Iterable[Webhook], now: datetime) -> None:
    """Takes what is due but not at the head of its conversation out of the due index. The webhooks are locked."""
    ordered = [webhook.pk for webhook in webhooks if webhook.ordering == Webhook.Ordering.CONVERSATION]
    if ordered:
        due = Delivery.objects.filter(
            webhook__in=ordered, conversation__isnull=False, due_at__isnull=False, due_at__lte=now, lease=None
        )
        _waiting(due).update(due_at=None, reason=WAITS)


def release(concluded: Iterable[tuple[str, str | None]], now: datetime) -> None:
    """Makes the next of conversations due, given as (webhook id, conversation). The webhooks are locked."""
    pairs = {(webhook, conversation) for webhook, conversation in concluded if conversation is not None}
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _HEADS.format(pairs=", ".join(["(%s, %s)"] * len(pairs))),
            [value for pair in pairs for value in pair],
        )
        heads = [head for (head,) in cursor.fetchall()]
    Delivery.objects.filter(pk__in=heads, due_at=None, lease=None).update(due_at=now, reason="")


def release_forgotten(now: datetime) -> int:
    """Makes due what is parked with nobody ahead of it, as after the rows ahead were deleted; returns how many.

    Reads all that is parked.
    """
    parked = Delivery.objects.filter(conversation__isnull=False, due_at=None, lease=None)
    forgotten = parked.exclude(pk__in=_waiting(parked).values("pk"))
    return parked.filter(pk__in=list(forgotten.values_list("pk", flat=True))).update(due_at=now, reason="")


def stop_waiting(webhook: Webhook, now: datetime) -> None:
    """Lets everything that waits for its turn go, as soon as possible; inside the caller's transaction."""
    Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
    Delivery.objects.filter(webhook=webhook, conversation__isnull=False, due_at=None, lease=None).update(
        due_at=now, reason=""
    )
    Delivery.objects.filter(webhook=webhook, conversation__isnull=False).update(conversation=None)


def in_turn(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those with none of their conversation ahead of them."""
    return deliveries.exclude(pk__in=_waiting(deliveries.order_by()).values("pk"))


def _waiting(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Those with one of their conversation ahead of them, or out at the moment."""
    same = Delivery.objects.filter(webhook=OuterRef("webhook"), conversation=OuterRef("conversation"))
    ahead = same.filter(pk__lt=OuterRef("pk"))
    out = same.filter(lease__isnull=False).exclude(pk=OuterRef("pk"))
    return deliveries.filter(Exists(ahead) | Exists(out))
