"""Erasing a removed number for good, a chunk at a time: it shows how far it got, and can be stopped in between."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.wake import wake
from events.models import Event, RawPayload
from messaging.models import Message
from phone_numbers.models import Number, Purge
from phone_numbers.registering import purge
from webhooks.models import Webhook

logger = logging.getLogger(__name__)

ERASE = "webhooks.tasks.erase"
CHUNK = 1000
# An event takes its deliveries and their attempts along.
EVENTS_AT_ONCE = 100
WEBHOOKS_AT_ONCE = 10


def begin(number: Number) -> bool:
    """Has a removed number erased, with everything under it, soon; False: it is in service, maybe again."""
    with transaction.atomic():
        locked = Number.objects.select_for_update(no_key=True).get(pk=number.pk)
        if locked.deleted_at is None:
            return False
        Purge.objects.get_or_create(number=locked)
        wake(ERASE)
    return True


def stop(number: Number) -> bool:
    """Stops after the chunk that is under way; what is erased is gone, the number stays removed. False: too late."""
    return bool(Purge.objects.filter(number=number).delete()[0])


def next_due_at() -> datetime | None:
    return Purge.objects.order_by("pk").values_list("created_at", flat=True).first()


def erase_chunk() -> int:
    """Erases a chunk of the number whose purge was asked for first; returns its size, 0: there is none."""
    row = Purge.objects.order_by("pk").select_related("number").first()
    if row is None:
        return 0
    if row.total is None:
        total = sum(part.rows.count() for part in parts_of(row.number))
        return Purge.objects.filter(pk=row.pk).update(total=total)
    for part in parts_of(row.number):
        if size := part.delete_chunk():
            Purge.objects.filter(pk=row.pk).update(erased=F("erased") + size)
            return size
    with transaction.atomic():
        # From here on nobody restores the number or stops the purge. Who did so before has kept it.
        list(Number.objects.filter(pk=row.number_id).select_for_update(no_key=True).values("pk"))
        if list(Purge.objects.filter(pk=row.pk).select_for_update().values("pk")):
            # Of what came in meanwhile there is little: the number was removed.
            purge([row.number])
            logger.info("%s is purged", row.number.pk)
    return 1


@dataclass(frozen=True)
class Part:
    """Rows that belong together and how many of them are deleted at once."""

    rows: QuerySet[Any]
    size: int
    # Locked before the rows, as everywhere: what is claimed or recorded of them comes before, or finds nothing.
    webhooks: QuerySet[Webhook] | None = None

    def delete_chunk(self) -> int:
        """Deletes the oldest in a transaction of its own; returns how many."""
        with transaction.atomic():
            if self.webhooks is not None:
                list(self.webhooks.order_by("pk").select_for_update(no_key=True).values("pk"))
            # Locked, so that nothing is deleted that is at work again since it was found.
            found = self.rows.order_by("pk").select_for_update(of=("self",))
            ids = list(found.values_list("pk", flat=True)[: self.size])
            if ids:
                # Only the ids are loaded of what other rows point at, never the bodies.
                self.rows.model._default_manager.filter(pk__in=ids).only("pk").delete()
        return len(ids)

    def chunks(self) -> Iterator[int]:
        """Deletes all of them; yields the sizes of the chunks."""
        total = 0
        while size := self.delete_chunk():
            total += size
            yield size
        if total:
            logger.info("Deleted %s rows of %s", total, self.rows.model._meta.label_lower)


def parts_of(number: Number) -> list[Part]:
    """What there is much of under a number; the rest goes with the number itself."""
    telling = Webhook.objects.filter(Q(number=number) | Q(number=None), workspace=number.workspace_id)
    return [
        Part(Event.objects.filter(number=number), EVENTS_AT_ONCE, telling),
        Part(RawPayload.objects.filter(number=number), CHUNK),
        Part(Message.objects.filter(number=number), CHUNK),
    ]


def empty(number: Number) -> None:
    """Deletes all that there is much of under a removed number, with what comes in meanwhile, and then its webhooks."""
    while sum(size for part in parts_of(number) for size in part.chunks()):
        pass
    for _ in Part(Webhook.objects.filter(number=number), WEBHOOKS_AT_ONCE).chunks():
        pass
