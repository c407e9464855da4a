"""The claim: a fair share of the due deliveries, leased to one drain, never more in flight than a webhook's cap.

On PostgreSQL the webhooks' rows are locked first and counted after: in one statement the count would use a snapshot
from before the lock, and the cap would break. On SQLite the transaction is IMMEDIATE, which makes the same steps exact.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.utils import timezone

from accounts.ids import new_id
from webhooks import health
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.outcome import ErrorClass

# Longer than the transport's deadline of 15 s and the recording after it.
LEASE = timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
# Webhooks looked at in one claim, and rows taken of one webhook.
WEBHOOKS_PER_CLAIM = 200

# The webhooks with rows in the due index, by hopping from one to the next: as many look-ups as there are webhooks,
# however long their backlogs are. `SELECT DISTINCT` would walk over every pending row.
_WEBHOOKS_WITH_OPEN_ROWS = """
WITH RECURSIVE hop(webhook_id) AS (
    SELECT (SELECT webhook_id FROM webhooks_delivery
            WHERE due_at IS NOT NULL ORDER BY webhook_id LIMIT 1)
    UNION ALL
    SELECT (SELECT d.webhook_id FROM webhooks_delivery d
            WHERE d.due_at IS NOT NULL AND d.webhook_id > hop.webhook_id ORDER BY d.webhook_id LIMIT 1)
    FROM hop WHERE hop.webhook_id IS NOT NULL
)
SELECT webhook_id FROM hop WHERE webhook_id IS NOT NULL
"""


@dataclass(frozen=True)
class Claim:
    """Deliveries leased under one token, each with the attempt that was written for it."""

    lease: str
    attempts: Sequence[Attempt]


def claim(limit: int) -> Claim:
    """Leases up to `limit` due deliveries, round-robin over webhooks, and writes their attempts as `sending`."""
    lease = new_id("lease")
    now = timezone.now()
    # Looked up outside the transaction: an idle drain must not take SQLite's one write lock fifty times a second.
    candidates = [pk for due_at, pk in _first_due() if due_at <= now][:WEBHOOKS_PER_CLAIM]
    if not candidates:
        return Claim(lease, [])
    with transaction.atomic():
        webhooks = _locked_with_room(candidates)
        if not webhooks:
            return Claim(lease, [])
        ids = _take(webhooks, limit, now)
        deliveries = list(
            Delivery.objects.filter(pk__in=ids).select_related("event").order_by("due_at", "pk")
        )
        _mark_interrupted([delivery for delivery in deliveries if delivery.lease is not None], now)
        Delivery.objects.filter(pk__in=ids).update(
            lease=lease, due_at=now + LEASE, attempts_made=F("attempts_made") + 1
        )
        attempts = []
        for delivery in deliveries:
            delivery.webhook = webhooks[delivery.webhook_id][0]
            delivery.attempts_made += 1
            attempts.append(_attempt(delivery, now))
        Attempt.objects.bulk_create(attempts)
    return Claim(lease, attempts)


def next_due_at() -> datetime | None:
    """When a webhook next has something to send, or a lease ends; None: nothing is open."""
    return min((due_at for due_at, _ in _first_due()), default=None)


def _first_due() -> list[tuple[datetime, str]]:
    """When each webhook with open deliveries next has one to send, soonest first.

    A webhook that is to be left alone for a while (its breaker is open, it answered Retry-After) costs a look-up here
    and nothing else, however long its backlog is.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WEBHOOKS_WITH_OPEN_ROWS)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    first = Delivery.objects.filter(webhook=OuterRef("pk"), due_at__isnull=False).order_by("due_at")
    rows = (
        Webhook.objects.filter(pk__in=ids)
        .annotate(first_due_at=Subquery(first.values("due_at")[:1]))
        .values_list("first_due_at", "resume_at", "pk")
    )
    return sorted((max(due_at, resume_at or due_at), pk) for due_at, resume_at, pk in rows if due_at)


def _locked_with_room(candidates: Sequence[str]) -> dict[str, tuple[Webhook, int]]:
    """Locks the webhooks that no other claim holds; returns the active ones with room below their cap, and how much."""
    locked = {
        webhook.pk: webhook
        for webhook in Webhook.objects.filter(pk__in=candidates, deleted_at=None)
        .prefetch_related("secrets")
        .order_by("pk")
        .select_for_update(skip_locked=True, no_key=True)
    }
    _hold([webhook for webhook in locked.values() if not webhook.active])
    locked = {pk: webhook for pk, webhook in locked.items() if webhook.active}
    in_flight: dict[str, int] = dict(
        Delivery.objects.filter(webhook__in=locked, lease__isnull=False, due_at__gt=timezone.now())
        .values_list("webhook")
        .annotate(Count("pk"))
    )
    rooms = {
        pk: (locked[pk], health.cap(locked[pk]) - in_flight.get(pk, 0)) for pk in candidates if pk in locked
    }
    return {pk: (webhook, room) for pk, (webhook, room) in rooms.items() if room > 0}


def _hold(disabled: Sequence[Webhook]) -> None:
    """Takes what fell due although its webhook was disabled meanwhile out of the due index."""
    if disabled:
        Delivery.objects.filter(webhook__in=disabled, due_at__isnull=False, lease=None).update(
            status=Delivery.Status.HELD, reason="The webhook was disabled.", due_at=None
        )


def _take(webhooks: dict[str, tuple[Webhook, int]], limit: int, now: datetime) -> list[str]:
    """The ids of the oldest due rows: an equal share of `limit` for each webhook, within its room."""
    share = max(1, -(-limit // len(webhooks)))
    parts: list[str] = []
    parameters: list[Any] = []
    due = connection.ops.adapt_datetimefield_value(now)
    for pk, (_, room) in webhooks.items():
        parts.append(
            "SELECT id, place FROM (SELECT id, row_number() OVER (ORDER BY due_at, id) AS place FROM"
            " (SELECT id, due_at FROM webhooks_delivery WHERE webhook_id = %s AND due_at IS NOT NULL AND due_at <= %s"
            " ORDER BY due_at, id LIMIT %s) AS oldest) AS placed"
        )
        parameters += [pk, due, min(room, share)]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        rows = sorted((place, pk) for pk, place in cursor.fetchall())
    return [pk for _, pk in rows[:limit]]


def _mark_interrupted(deliveries: Sequence[Delivery], now: datetime) -> None:
    """The reaper: a lease that ended without an outcome leaves its attempt unknown; the delivery is tried again."""
    if deliveries:
        Attempt.objects.filter(
            delivery__in=[delivery.pk for delivery in deliveries], status=Attempt.Status.SENDING
        ).update(
            status=Attempt.Status.UNKNOWN,
            error_class=ErrorClass.CRASH,
            error="The worker died while it was sending: the event may have arrived. It is sent again.",
            finished_at=now,
        )


def _attempt(delivery: Delivery, now: datetime) -> Attempt:
    return Attempt(
        delivery=delivery,
        webhook_id=delivery.webhook_id,
        event_type=delivery.event.type,
        number=delivery.attempts_made,
        trigger=delivery.trigger,
        url=delivery.webhook.url,
        started_at=now,
    )
