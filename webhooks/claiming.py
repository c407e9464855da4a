"""The claim: a fair share of the due deliveries, leased to one drain, never more in flight than a webhook's cap.

On PostgreSQL the webhooks' rows are locked first and counted after: in one statement the count would use a snapshot
from before the lock, and the cap would break. On SQLite the transaction is IMMEDIATE, which makes the same steps exact.

Two lanes keep a webhook's first tries moving: retries and what is recovered have a share of its cap, never less than
one slot while they wait. Webhooks that are slow share a part of a worker's slots, which the drain names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, F, OuterRef, Subquery
from django.utils import timezone

from accounts import bulk
from accounts.ids import new_id
from webhooks import health
from webhooks.closing import close
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.ordering import park
from webhooks.reaping import reap

# Longer than the transport's deadline of 15 s and the recording after it.
LEASE = timedelta(seconds=settings.DELIVERY_LEASE_SECONDS)
# Webhooks looked at in one claim.
WEBHOOKS_PER_CLAIM = 100

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


@dataclass(frozen=True)
class _Room:
    """How much more of a webhook may be in flight, and how much of that in the later lane."""

    webhook: Webhook
    free: int
    later: int


@dataclass(frozen=True)
class _Open:
    """A webhook with open deliveries. `due_at`: when it next has one to send, its pause included."""

    webhook: Webhook
    due_at: datetime
    later_due_at: datetime | None
    first_due_at: datetime | None


def later_share(cap: int) -> int:
    """How many of a webhook's slots retries and what is recovered may take together: the rest is for first tries."""
    return (cap + 1) // 2


def claim(limit: int, slow_limit: int | None = None) -> Claim:
    """Leases up to `limit` due deliveries, round-robin over webhooks, and writes their attempts as `sending`.

    At most `slow_limit` of them go to webhooks that are slow; None: any number.
    """
    lease = new_id("lease")
    now = timezone.now()
    # Looked up outside the transaction: an idle drain must not take SQLite's one write lock fifty times a second.
    candidates = _with_room(now, slow_limit)
    if not candidates:
        return Claim(lease, [])
    with transaction.atomic():
        rooms = _locked_with_room(candidates, now)
        if not rooms:
            return Claim(lease, [])
        park([room.webhook for room in rooms], now)
        ids = _take(rooms, limit, slow_limit, now)
        deliveries = list(
            Delivery.objects.filter(pk__in=ids).select_related("event").order_by("due_at", "pk")
        )
        fresh = [delivery for delivery in deliveries if delivery.lease is None]
        sent = fresh + reap([delivery for delivery in deliveries if delivery.lease is not None], now)
        Delivery.objects.filter(pk__in=[delivery.pk for delivery in sent]).update(
            lease=lease, due_at=now + LEASE, attempts_made=F("attempts_made") + 1
        )
        webhooks = {room.webhook.pk: room.webhook for room in rooms}
        attempts = []
        for delivery in sent:
            delivery.webhook = webhooks[delivery.webhook_id]
            delivery.attempts_made += 1
            attempts.append(_attempt(delivery, now))
        bulk.insert(attempts)
    return Claim(lease, attempts)


def next_due_at() -> datetime | None:
    """When a webhook next has something to send, or a lease ends; None: nothing is open."""
    return min((open.due_at for open in _open_webhooks()), default=None)


def _open_webhooks() -> list[_Open]:
    """The webhooks with open deliveries, soonest due first.

    A webhook that is to be left alone for a while (its breaker is open, it answered Retry-After) costs a look-up here
    and nothing else, however long its backlog is.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WEBHOOKS_WITH_OPEN_ROWS)
        ids = [row[0] for row in cursor.fetchall()]
    if not ids:
        return []
    found: list[Any] = list(Webhook.objects.filter(pk__in=ids).annotate(**_lanes()))
    opened = []
    for webhook in found:
        oldest = _oldest_of(webhook)
        if oldest is not None:
            due_at = max(oldest, webhook.resume_at or oldest)
            opened.append(_Open(webhook, due_at, webhook.later_due_at, webhook.first_due_at))
    return sorted(opened, key=lambda open: (open.due_at, open.webhook.pk))


def ahead_of_all(webhooks: Sequence[Webhook], now: datetime) -> dict[str, datetime]:
    """For each webhook, by its id, a moment that is due and before all that it has open."""
    moments = {}
    found: list[Any] = list(Webhook.objects.filter(pk__in=[row.pk for row in webhooks]).annotate(**_lanes()))
    for webhook in found:
        oldest = _oldest_of(webhook)
        moments[webhook.pk] = now if oldest is None else min(now, oldest - timedelta(milliseconds=1))
    return moments


def _oldest_of(webhook: Any) -> datetime | None:
    """When the oldest open delivery of a webhook is due that was read with `_lanes`."""
    return min((at for at in (webhook.first_due_at, webhook.later_due_at) if at is not None), default=None)


def _lanes() -> dict[str, Subquery]:
    """When the oldest open delivery of the outer webhook is due, in each lane: the head of its index."""
    return {
        name: Subquery(
            Delivery.objects.filter(webhook=OuterRef("pk"), lane=lane, due_at__isnull=False)
            .order_by("due_at")
            .values("due_at")[:1]
        )
        for name, lane in [("first_due_at", Delivery.Lane.FIRST), ("later_due_at", Delivery.Lane.LATER)]
    }


def _with_room(now: datetime, slow_limit: int | None) -> list[str]:
    """The webhooks that have something due and room for it, as far as can be seen without their locks.

    Those that are full are left out here: a hundred full ones with old backlogs would else be all that a claim sees.
    """
    due = [open for open in _open_webhooks() if open.due_at <= now]
    if slow_limit == 0:
        due = [open for open in due if not open.webhook.slow or not open.webhook.active]
    rooms = {room.webhook.pk: room for room in _rooms([open.webhook for open in due], now)}
    ready = []
    for open in due:
        room = rooms.get(open.webhook.pk)
        first = open.first_due_at is not None and open.first_due_at <= now
        if not open.webhook.active or (room and (first or room.later > 0)):
            ready.append(open.webhook.pk)
    return ready[:WEBHOOKS_PER_CLAIM]


def _rooms(webhooks: Sequence[Webhook], now: datetime) -> list[_Room]:
    """Of those with room below their cap, how much."""
    if not webhooks:
        return []
    in_flight: dict[tuple[str, int], int] = {
        (webhook, lane): count
        for webhook, lane, count in Delivery.objects.filter(
            webhook__in=[webhook.pk for webhook in webhooks], lease__isnull=False, due_at__gt=now
        )
        .values_list("webhook", "lane")
        .annotate(Count("pk"))
        .order_by()
    }
    rooms = []
    for webhook in webhooks:
        cap = health.cap(webhook)
        later = in_flight.get((webhook.pk, Delivery.Lane.LATER), 0)
        free = cap - later - in_flight.get((webhook.pk, Delivery.Lane.FIRST), 0)
        if free > 0:
            rooms.append(_Room(webhook, free, max(0, later_share(cap) - later)))
    return rooms


def _locked_with_room(candidates: Sequence[str], now: datetime) -> list[_Room]:
    """Locks the webhooks that no other claim holds; returns the active ones with room, in the order of candidates."""
    locked = {
        webhook.pk: webhook
        for webhook in Webhook.objects.filter(pk__in=candidates)
        .prefetch_related("secrets")
        .order_by("pk")
        .select_for_update(skip_locked=True, no_key=True)
    }
    # What falls due although it was disabled or deleted meanwhile would keep the drain awake for ever.
    close([webhook for webhook in locked.values() if not webhook.active], now)
    return _rooms([locked[pk] for pk in candidates if pk in locked and locked[pk].active], now)


def _take(rooms: Sequence[_Room], limit: int, slow_limit: int | None, now: datetime) -> list[str]:
    """The ids of the oldest due rows: an equal share of `limit` for each webhook, within its room."""
    share = max(1, -(-limit // len(rooms)))
    wanted = []
    for room in rooms:
        free = min(room.free, share)
        lanes = [(Delivery.Lane.FIRST, free), (Delivery.Lane.LATER, min(room.later, free))]
        wanted += [(room.webhook.pk, int(lane), most) for lane, most in lanes if most]
    found = _oldest(wanted, now)
    due_rows: dict[tuple[str, int], list[tuple[Any, str]]] = {}
    for webhook_id, lane, due_at, pk in found:
        due_rows.setdefault((webhook_id, lane), []).append((due_at, pk))
    taken = []
    for room in rooms:
        first = sorted(due_rows.get((room.webhook.pk, Delivery.Lane.FIRST), []))
        later = sorted(due_rows.get((room.webhook.pk, Delivery.Lane.LATER), []))
        chosen = _mix(room, min(room.free, share), first, later)
        taken += [(place, due_at, pk, room.webhook.slow) for place, (due_at, pk) in enumerate(chosen)]
    taken.sort()
    if slow_limit is not None:
        slow = {pk for _, _, pk, _ in [row for row in taken if row[3]][slow_limit:]}
        taken = [row for row in taken if row[2] not in slow]
    return [pk for _, _, pk, _ in taken[:limit]]


def _oldest(wanted: Sequence[tuple[str, int, int]], now: datetime) -> list[tuple[str, int, Any, str]]:
    """The due rows of (webhook, lane, at most) as (webhook, lane, due_at, id), each read off the head of its index."""
    due = connection.ops.adapt_datetimefield_value(now)
    one = (
        "SELECT webhook_id, lane, due_at, id FROM webhooks_delivery"
        " WHERE webhook_id = {} AND lane = {} AND due_at IS NOT NULL AND due_at <= %s ORDER BY due_at, id LIMIT {}"
    )
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Planned once. As a union, each part is planned anew, which costs more than all the rest of a claim.
            webhooks, lanes, mosts = zip(*wanted, strict=True)
            cursor.execute(
                "SELECT oldest.* FROM unnest(%s::text[], %s::int[], %s::int[]) AS wanted(webhook, lane, most)"  # noqa: S608
                f" CROSS JOIN LATERAL ({one.format('wanted.webhook', 'wanted.lane', 'wanted.most')}) AS oldest",
                [list(webhooks), list(lanes), list(mosts), due],
            )
        else:
            part = f"SELECT * FROM ({one.format('%s', '%s', '%s')})"  # noqa: S608
            cursor.execute(
                " UNION ALL ".join([part] * len(wanted)),
                [value for webhook, lane, most in wanted for value in (webhook, lane, due, most)],
            )
        return list(cursor.fetchall())


def _mix(
    room: _Room, free: int, first: list[tuple[Any, str]], later: list[tuple[Any, str]]
) -> list[tuple[Any, str]]:
    """Up to `free` rows of both lanes: first tries before the others, of which one is always under way."""
    cap = health.cap(room.webhook)
    if cap == 1:
        return sorted(first + later)[:1]
    owed = 1 if later and room.later == later_share(cap) else 0
    chosen = first[: free - owed]
    return chosen + later[: min(room.later, free - len(chosen))]


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
