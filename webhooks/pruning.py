"""What grows is deleted when it is old (settings KEEP_…), a chunk at a time, found on the primary key's index."""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django_q.models import Task

from accounts.ids import first_id
from events.models import Event, RawPayload
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import RESTORABLE_FOR, HealthCheck, Number
from phone_numbers.registering import purge
from webhooks.models import Attempt, Delivery, WebhookSecret

logger = logging.getLogger(__name__)

CHUNK = 1000
# An event takes its deliveries and their attempts along.
EVENTS_AT_ONCE = 100
# Tasks that failed are django-q2's own notes; ours are in the log.
KEEP_FAILED_TASKS = timedelta(days=7)


class Pruning:
    """One run. `step` deletes a chunk and returns its size; 0: everything that is old is gone."""

    def __init__(self) -> None:
        self._chunks = _prune(timezone.now())

    def step(self) -> int:
        return next(self._chunks, 0)


def outlived(now: datetime) -> list[QuerySet[Any]]:
    """The rows that may be deleted at `now`, by table. What is still at work is never among them."""
    return [
        RawPayload.objects.filter(pk__lt=first_id("pay", now - settings.KEEP_RAW_PAYLOADS), due_at=None),
        Attempt.objects.filter(pk__lt=first_id("att", now - settings.KEEP_ATTEMPTS)).exclude(
            status=Attempt.Status.SENDING
        ),
        Delivery.objects.filter(pk__lt=first_id("dlv", now - settings.KEEP_DELIVERIES)).exclude(
            status=Delivery.Status.PENDING
        ),
        HealthCheck.objects.filter(pk__lt=first_id("chk", now - settings.KEEP_HEALTH_CHECKS)),
        IdempotencyKey.objects.filter(expires_at__lt=now),
        WebhookSecret.objects.filter(expires_at__lt=now),
        Task.objects.filter(success=False, stopped__lt=now - KEEP_FAILED_TASKS),
    ]


def _prune(now: datetime) -> Iterator[int]:
    for rows in outlived(now):
        yield from _delete(rows, CHUNK)
    for number in Number.objects.filter(deleted_at__lte=now - RESTORABLE_FOR).order_by("pk"):
        yield from _delete(Event.objects.filter(number=number), EVENTS_AT_ONCE)
        yield from _delete(RawPayload.objects.filter(number=number), CHUNK)
        yield from _delete(Message.objects.filter(number=number), CHUNK)
        purge([number])
        logger.info("%s was removed %s days ago and is purged", number.pk, RESTORABLE_FOR.days)
        yield 1


def _delete(rows: QuerySet[Any], size: int) -> Iterator[int]:
    """Deletes rows, each chunk in a transaction of its own; yields the sizes of the chunks."""
    total = 0
    while ids := list(rows.order_by("pk").values_list("pk", flat=True)[:size]):
        # Only the ids are loaded of what other rows point at, never the bodies.
        rows.model._default_manager.filter(pk__in=ids).only("pk").delete()
        total += len(ids)
        yield len(ids)
    if total:
        logger.info("Deleted %s rows of %s that were old enough", total, rows.model._meta.label_lower)
