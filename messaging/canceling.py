"""Canceling messages that still wait to be sent."""

from collections.abc import Sequence
from enum import StrEnum

from django.db import transaction

from messaging.models import Message, MessageQuerySet
from messaging.retention import forget


class Obstacle(StrEnum):
    """Why a message was not canceled."""

    NOT_FOUND = "NOT_FOUND"
    ALREADY_CANCELED = "ALREADY_CANCELED"
    # Its send has begun, or is over.
    ALREADY_SENT = "ALREADY_SENT"


def cancel(messages: MessageQuerySet, ids: Sequence[str]) -> dict[str, Obstacle | None]:
    """Cancels those of `messages` that wait; returns for each id, in order, None or what stood in the way."""
    with transaction.atomic():
        found = {
            message.pk: message
            for message in messages.outbound()
            .filter(pk__in=ids)
            .order_by("pk")
            .select_for_update(of=("self",))
        }
        waiting = [pk for pk, message in found.items() if _waits(message)]
        Message.objects.filter(pk__in=waiting).update(status=Message.Status.CANCELED, due_at=None)
        forget(Message.objects.filter(pk__in=waiting).select_related("number"))
    return {id: _obstacle(found.get(id)) for id in ids}


def _waits(message: Message) -> bool:
    return message.status == Message.Status.QUEUED and message.lease is None and message.due_at is not None


def _obstacle(message: Message | None) -> Obstacle | None:
    if message is None:
        return Obstacle.NOT_FOUND
    if _waits(message):
        return None
    return Obstacle.ALREADY_CANCELED if message.status == Message.Status.CANCELED else Obstacle.ALREADY_SENT
