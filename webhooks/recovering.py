"""Recovery: what a webhook missed is sent again, in chunks and behind its live traffic.

A job only makes deliveries due again, in the later lane, and never has more than a few open at a time: the claim gives
that lane a share of the webhook's cap (webhooks/claiming.py). How far it got is in its row, moved in the transaction
that releases a chunk, so that a job which was killed goes on where it was.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from accounts.ids import first_id
from accounts.wake import wake
from events.models import Event
from webhooks.activating import set_active
from webhooks.fanout import DELIVER
from webhooks.models import EVERYTHING, STARTED_ANEW, Delivery, RecoveryJob, Trigger, Webhook
from webhooks.ordering import conversation_of, conversations, release

RECOVER = "webhooks.tasks.recover"
# Deliveries of one job that are open at a time; it releases more once half of them are through.
OPEN = 200
REFILL_BELOW = OPEN // 2
# Of a selection.
MAX_SELECTED = 1000

Kind = RecoveryJob.Kind
UNDELIVERED = [Delivery.Status.EXHAUSTED, Delivery.Status.HELD]


class NotRecoverable(ValueError):
    """Why nothing can be recovered, as a sentence."""


@dataclass(frozen=True)
class Progress:
    """What became of a job's deliveries so far: `waiting` are released and pending, `failed` given up or held again."""

    total: int
    released: int
    delivered: int
    failed: int
    waiting: int


def preview(webhook: Webhook, kind: str, since: datetime | None = None, chosen: Sequence[str] = ()) -> int:
    """How many deliveries `start` with the same arguments would send."""
    if kind == Kind.SELECTION:
        return _selectable(webhook, chosen).count()
    return _rows(webhook, kind, _moment(since), _end(kind)).count()


def start(
    webhook: Webhook, kind: str, since: datetime | None = None, chosen: Sequence[str] = ()
) -> RecoveryJob:
    """Begins to send what a webhook missed, and returns the job; the first chunk is due at once.

    FAILED: what was given up or held, of events since a moment. MISSED: the same, and every event since that the
    webhook would hear now and has no success for, as far back as deliveries are kept. SELECTION: the deliveries with
    the ids `chosen` (at most MAX_SELECTED) that are not under way and have not arrived. Raises NotRecoverable.
    """
    if webhook.deleted_at is not None:
        raise NotRecoverable("The webhook is deleted.")
    if not webhook.active:
        raise NotRecoverable("The webhook is disabled. Enable it, then recover what it missed.")
    if len(chosen) > MAX_SELECTED:
        raise NotRecoverable(f"At most {MAX_SELECTED} deliveries can be chosen at once.")
    job = RecoveryJob(webhook=webhook, kind=kind, since=since, until=_end(kind))
    job.total = preview(webhook, kind, since, chosen)
    with transaction.atomic():
        # Webhooks before deliveries, as everywhere: so nobody waits in a circle.
        Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        job.save(force_insert=True)
        if kind == Kind.SELECTION:
            _selectable(webhook, chosen).update(job=job)
        _advance(job)
        if job.finished_at is None:
            wake(RECOVER)
    return job


def enable_and_recover(webhook: Webhook) -> RecoveryJob:
    """Enables a webhook and sends everything that it missed since its trouble began, or that is held for it.

    It is enabled in a transaction of its own: what is held by one that commits later is not seen here, and is sent by
    that one, which sees that the webhook is enabled (webhooks/fanout.py).
    """
    troubles = [moment for moment in (webhook.failing_since, webhook.disabled_at) if moment is not None]
    began = min(troubles, default=timezone.now())
    missed = undelivered().filter(webhook=webhook)
    held = missed.filter(status=Delivery.Status.HELD)
    # Given up since, of events that were recorded before the first failure: one fails after it was recorded.
    given_up = missed.filter(status=Delivery.Status.EXHAUSTED, finished_at__gte=began)
    set_active([webhook], True)
    # Looked for only now: until it is enabled, what it had open is still being held, the newest first.
    oldest = [rows.aggregate(at=Min("event__recorded_at"))["at"] for rows in (held, given_up)]
    return start(webhook, Kind.FAILED, min([began, *(moment for moment in oldest if moment is not None)]))


def cancel(job: RecoveryJob) -> bool:
    """Stops a job and takes back what it released and what is not being sent at this moment; False: nothing was left.

    What is taken back is held, and can be recovered.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = RecoveryJob.objects.select_for_update(no_key=True).get(pk=job.pk)
        Webhook.objects.select_for_update(no_key=True).get(pk=job.webhook_id)
        back = Delivery.objects.filter(job=job, status=Delivery.Status.PENDING, lease=None)
        if locked.status != RecoveryJob.Status.RUNNING and not back.exists():
            return False
        turns = list(
            back.filter(conversation__isnull=False).values_list("webhook_id", "conversation").distinct()
        )
        back.update(
            status=Delivery.Status.HELD,
            reason="Its recovery was canceled.",
            due_at=None,
            conversation=None,
        )
        release(turns, now)
        _finish(locked, RecoveryJob.Status.CANCELED, now)
    job.refresh_from_db()
    return True


def progress(job: RecoveryJob) -> Progress:
    counts: dict[str, int] = dict(
        Delivery.objects.filter(job=job).order_by().values_list("status").annotate(Count("pk"))
    )
    waiting = counts.get(Delivery.Status.PENDING, 0)
    delivered = counts.get(Delivery.Status.DELIVERED, 0)
    return Progress(
        total=job.total,
        released=job.released,
        delivered=delivered,
        failed=max(0, job.released - waiting - delivered),
        waiting=waiting,
    )


def refill(job_ids: Iterable[str | None]) -> None:
    """Wakes the drain where the open deliveries of a job run low; called when deliveries were concluded."""
    ids = {pk for pk in job_ids if pk is not None}
    if ids and _thirsty().filter(pk__in=ids).exists():
        wake(RECOVER)


def recover_chunk() -> int:
    """Releases the next chunk of each job that runs low; returns how many deliveries became due."""
    released = 0
    for pk in list(_thirsty().values_list("pk", flat=True)):
        with transaction.atomic():
            job = (
                RecoveryJob.objects.select_for_update(of=("self",), skip_locked=True, no_key=True)
                .filter(pk=pk, finished_at=None)
                .first()
            )
            if job is not None:
                released += _advance(job)
    return released


def next_due_at() -> datetime | None:
    """Now, where a job has something to release; else it is woken when its deliveries are through, or by the sweep."""
    return timezone.now() if _thirsty().exists() else None


def _thirsty() -> QuerySet[RecoveryJob]:
    """The running jobs whose webhook is sent to and that have few deliveries open."""
    open_rows = (
        Delivery.objects.filter(job=OuterRef("pk"), status=Delivery.Status.PENDING)
        .order_by()
        .values("pk")[REFILL_BELOW - 1 : REFILL_BELOW]
    )
    return RecoveryJob.objects.filter(
        ~Exists(open_rows), finished_at__isnull=True, webhook__active=True, webhook__deleted_at=None
    )


def _advance(job: RecoveryJob) -> int:
    """Releases one chunk of a job whose row is locked; returns how many deliveries became due."""
    now = timezone.now()
    webhook = Webhook.objects.select_for_update(no_key=True).get(pk=job.webhook_id)
    if not webhook.active or webhook.deleted_at is not None:
        return 0
    open_now = Delivery.objects.filter(job=job, status=Delivery.Status.PENDING).count()
    room = OPEN - open_now
    if room <= 0:
        return 0
    if job.kind == Kind.MISSED:
        looked_at, released = _release_events(job, webhook, room, now)
    else:
        looked_at, released = _release_deliveries(job, webhook, room, now)
    if looked_at:
        job.cursor = looked_at[-1]
    job.released += released
    job.save(update_fields=["cursor", "released"])
    if len(looked_at) < room:
        _finish(job, RecoveryJob.Status.DONE, now)
    if released:
        wake(DELIVER)
    return released


def _release_deliveries(
    job: RecoveryJob, webhook: Webhook, room: int, now: datetime
) -> tuple[list[str], int]:
    if job.kind == Kind.SELECTION:
        rows = Delivery.objects.filter(job=job).exclude(status=Delivery.Status.PENDING)
    else:
        rows = _failed(webhook, _moment(job.since), job.until)
    ids = list(rows.filter(pk__gt=job.cursor).order_by("pk").values_list("pk", flat=True)[:room])
    return ids, _restart(webhook, ids, job, now)


def _release_events(job: RecoveryJob, webhook: Webhook, room: int, now: datetime) -> tuple[list[str], int]:
    events = list(
        _missed(webhook, _moment(job.since), job.until).filter(pk__gt=job.cursor).order_by("pk")[:room]
    )
    known: dict[str, str] = dict(
        Delivery.objects.filter(
            webhook=webhook, event__in=[event.pk for event in events], trigger=Trigger.AUTOMATIC
        ).values_list("event_id", "pk")
    )
    new = [
        Delivery(
            event=event,
            webhook=webhook,
            due_at=now,
            lane=Delivery.Lane.LATER,
            job=job,
            conversation=conversation_of(event, webhook),
        )
        for event in events
        if event.pk not in known
    ]
    Delivery.objects.bulk_create(new, ignore_conflicts=True)
    restarted = _restart(webhook, list(known.values()), job, now)
    return [event.pk for event in events], len(new) + restarted


def _restart(webhook: Webhook, ids: Sequence[str], job: RecoveryJob, now: datetime) -> int:
    """Makes deliveries due again that have not arrived and are not under way."""
    rows = Delivery.objects.filter(pk__in=ids).exclude(
        status__in=[Delivery.Status.PENDING, Delivery.Status.DELIVERED]
    )
    return rows.update(
        **STARTED_ANEW,
        lane=Delivery.Lane.LATER,
        conversation=conversations(webhook),
        job=job,
        due_at=now,
    )


def _rows(webhook: Webhook, kind: str, since: datetime, until: str) -> QuerySet[Delivery] | QuerySet[Event]:
    return _missed(webhook, since, until) if kind == Kind.MISSED else _failed(webhook, since, until)


def undelivered() -> QuerySet[Delivery]:
    """What was given up or is held, and can be recovered: no tests."""
    return Delivery.objects.filter(status__in=UNDELIVERED).exclude(trigger=Trigger.TEST)


def _failed(webhook: Webhook, since: datetime, until: str) -> QuerySet[Delivery]:
    return undelivered().filter(webhook=webhook, event__recorded_at__gte=since, pk__lt=until)


def _missed(webhook: Webhook, since: datetime, until: str) -> QuerySet[Event]:
    # Further back there is no record of what arrived.
    since = max(since, timezone.now() - settings.KEEP_DELIVERIES)
    events = Event.objects.real().filter(workspace=webhook.workspace_id, recorded_at__gte=since, pk__lt=until)
    if webhook.number_id is not None:
        events = events.filter(number=webhook.number_id)
    names = webhook.events
    if EVERYTHING not in names:
        events = events.filter(type__in=names)
    settled = Delivery.objects.filter(
        Q(status=Delivery.Status.PENDING) | Q(status=Delivery.Status.DELIVERED),
        event=OuterRef("pk"),
        webhook=webhook,
    )
    return events.filter(~Exists(settled))


def _selectable(webhook: Webhook, chosen: Sequence[str]) -> QuerySet[Delivery]:
    return Delivery.objects.filter(webhook=webhook, pk__in=chosen).exclude(
        status__in=[Delivery.Status.PENDING, Delivery.Status.DELIVERED]
    )


def _moment(since: datetime | None) -> datetime:
    if since is None:
        raise NotRecoverable("Say since when.")
    return since


def _end(kind: str) -> str:
    """The id before which a job that begins now ends: what is made later is sent by itself."""
    return first_id("evt" if kind == Kind.MISSED else "dlv", timezone.now() + timedelta(milliseconds=1))


def _finish(job: RecoveryJob, status: RecoveryJob.Status, now: datetime) -> None:
    job.status, job.finished_at = status, now
    job.save(update_fields=["status", "finished_at"])
