"""What a webhook that was disabled or deleted has not heard yet is held or canceled, a chunk at a time.

From the moment it is disabled nothing is claimed for it; what its deliveries say follows, for a million of them in the
background. A webhook that is enabled before that hears the rest.
"""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.wake import wake
from webhooks.interruptions import mark_interrupted
from webhooks.models import Delivery, Trigger, Webhook

CLOSE = "webhooks.tasks.close"
CHUNK = 1000
Status = Delivery.Status


def close_soon(webhooks: Sequence[Webhook]) -> None:
    """Closes a chunk now, which is mostly all there is, and the rest soon; inside the caller's transaction."""
    if close(webhooks, timezone.now()) == CHUNK:
        wake(CLOSE)


def close(webhooks: Sequence[Webhook], now: datetime) -> int:
    """Closes up to CHUNK deliveries of inactive webhooks, whose rows are locked; returns how many.

    What is in flight ends by itself. What a worker left that died is among them: nobody else would find it.
    """
    by_id = {webhook.pk: webhook for webhook in webhooks}
    deleted = [webhook.pk for webhook in webhooks if webhook.deleted_at is not None]
    free = Delivery.objects.filter(Q(lease=None) | Q(due_at__lte=now)).only(
        "pk", "webhook_id", "lease", "attempts_made", "trigger"
    )
    rows: list[Delivery] = []
    for ids, status in ((list(by_id), Status.PENDING), (deleted, Status.HELD)):
        if ids and len(rows) < CHUNK:
            # The newest first: nothing is left waiting for a turn that never comes.
            rows += free.filter(webhook__in=ids, status=status).order_by("-pk")[: CHUNK - len(rows)]
    mark_interrupted([row for row in rows if row.lease is not None], now)
    by_fate: dict[tuple[Status, str], list[str]] = {}
    for row in rows:
        by_fate.setdefault(_fate_of(row, by_id[row.webhook_id]), []).append(row.pk)
    for (status, reason), ids in by_fate.items():
        Delivery.objects.filter(pk__in=ids).update(
            status=status,
            reason=reason,
            due_at=None,
            lease=None,
            conversation=None,
            finished_at=now if status == Status.CANCELED else None,
        )
    return len(rows)


def close_chunk() -> int:
    """Closes a chunk of the webhooks that have something to close; returns its size."""
    with transaction.atomic():
        webhooks = list(
            _to_close().order_by("pk").select_for_update(of=("self",), skip_locked=True, no_key=True)[:100]
        )
        return close([webhook for webhook in webhooks if not webhook.active], timezone.now())


def next_due_at() -> datetime | None:
    """Now, where there is something to close."""
    return timezone.now() if _to_close().exists() else None


def _to_close() -> QuerySet[Webhook]:
    rows = Delivery.objects.filter(webhook=OuterRef("pk"), lease=None)
    return Webhook.objects.filter(
        Exists(rows.filter(status=Status.PENDING))
        | Q(Exists(rows.filter(status=Status.HELD)), deleted_at__isnull=False),
        active=False,
    )


def _fate_of(delivery: Delivery, webhook: Webhook) -> tuple[Status, str]:
    if webhook.deleted_at is not None:
        return Status.CANCELED, "The webhook was deleted."
    if delivery.trigger == Trigger.TEST:
        # Held, nobody could recover it.
        return Status.CANCELED, webhook.disabled_sentence
    return Status.HELD, webhook.disabled_sentence
