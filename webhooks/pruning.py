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
from accounts.models import EmailChange, Invitation, Tally
from events.models import RawPayload
from messaging.models import IdempotencyKey
from phone_numbers.models import RESTORABLE_FOR, HealthCheck, Number
from phone_numbers.registering import purge
from webhooks.erasing import CHUNK, Part, parts_of
from webhooks.models import Attempt, Delivery, HourlyCount, WebhookSecret

logger = logging.getLogger(__name__)

# Tasks that failed are django-q2's own notes; ours are in the log.
KEEP_FAILED_TASKS = timedelta(days=7)
# After an invitation has expired, whatever became of it; what happened is in the history of the workspace.
KEEP_INVITATIONS = timedelta(days=90)


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
        HourlyCount.objects.filter(hour__lt=now - settings.KEEP_ATTEMPTS),
        HealthCheck.objects.filter(pk__lt=first_id("chk", now - settings.KEEP_HEALTH_CHECKS)),
        IdempotencyKey.objects.filter(expires_at__lt=now),
        WebhookSecret.objects.filter(expires_at__lt=now),
        Tally.objects.filter(ends_at__lt=now),
        Invitation.objects.filter(expires_at__lt=now - KEEP_INVITATIONS),
        EmailChange.objects.open().filter(expires_at__lt=now),
        Task.objects.filter(success=False, stopped__lt=now - KEEP_FAILED_TASKS),
    ]


def _prune(now: datetime) -> Iterator[int]:
    for rows in outlived(now):
        yield from Part(rows, CHUNK).chunks()
    for number in Number.objects.filter(deleted_at__lte=now - RESTORABLE_FOR).order_by("pk"):
        # Here already, so that each chunk is a step.
        for part in parts_of(number):
            yield from part.chunks()
        purge([number])
        logger.info("%s was removed %s days ago and is purged", number.pk, RESTORABLE_FOR.days)
        yield 1
