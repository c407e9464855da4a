"""Wake-ups: tasks that say "there may be work", coalesced to one per drain.

The database is the truth and the queue only wakes (docs/decisions/0001): losing a task, or running one twice, changes
nothing. A drain is a function in some app's tasks.py, named by dotted string. `wake` enqueues it unless a wake token
with a fresh heartbeat says that one is queued or running; the token is read after the work has been committed and
cleared before the drain's last look, so either the drain sees the work or the waker sees the cleared token.
"""

import logging
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from accounts.models import WakeToken

logger = logging.getLogger(__name__)

# A token whose drain was killed is believed for this long. Longer than any drain's pause between two heartbeats.
STALE_AFTER = timedelta(seconds=10)
BUDGET = timedelta(seconds=20)
# How long a drain that finds nothing stays awake: cheaper than the next wake-up, and shorter than a hop of the queue.
LINGER = timedelta(seconds=settings.DRAIN_LINGER_SECONDS)
# A drain does not sleep through work that falls due within this span; the sweep finds what comes later.
HORIZON = timedelta(seconds=settings.DRAIN_HORIZON_SECONDS)
PAUSE = 0.02

stopping = False


def stop_gracefully(**kwargs: Any) -> None:
    """Receiver of django-q2's post_spawn: lets SIGTERM and SIGINT end a worker's drain after what it holds."""

    def handle(signum: int, frame: object) -> None:
        global stopping
        stopping = True

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def wake(drain: str, slot: int = 0) -> None:
    """Makes sure that `drain` ('webhooks.tasks.deliver') runs soon after the current transaction commits.

    In slot 1, 2 … it runs beside itself, to help with what one process alone does not get through.
    """
    transaction.on_commit(lambda: _enqueue(drain, slot), robust=True)


def _enqueue(drain: str, slot: int) -> None:
    now, key = timezone.now(), _key(drain, slot)
    token = WakeToken.objects.filter(pk=key).first()
    if token is None:
        WakeToken.objects.bulk_create([WakeToken(drain=key)], ignore_conflicts=True)
    elif token.heartbeat_at and token.heartbeat_at > now - STALE_AFTER:
        return
    taken = WakeToken.objects.filter(
        Q(heartbeat_at=None) | Q(heartbeat_at__lte=now - STALE_AFTER), pk=key
    ).update(heartbeat_at=now)
    if taken:
        async_task(drain, *([slot] if slot else []))


def _key(drain: str, slot: int) -> str:
    return f"{drain} {slot}" if slot else drain


@contextmanager
def _token(drain: str) -> Iterator[Callable[[], None]]:
    """Holds the wake token while a drain runs; yields the function that gives its sign of life."""
    # One statement, no transaction around it: a process that is stopped in between would lock the others out.
    if not WakeToken.objects.filter(pk=drain).update(heartbeat_at=timezone.now()):
        WakeToken.objects.bulk_create(
            [WakeToken(drain=drain, heartbeat_at=timezone.now())], ignore_conflicts=True
        )
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            WakeToken.objects.filter(pk=drain).update(heartbeat_at=timezone.now())

    try:
        yield beat
    finally:
        WakeToken.objects.filter(pk=drain).update(heartbeat_at=None)


def run(drain: str, work: Callable[[], int], next_due_at: Callable[[], datetime | None]) -> int:
    """Runs `work` until it finds nothing to do, and a little longer; returns how much was done.

    `work` does one batch and returns its size. `next_due_at` is when the earliest open work falls due (None: there is
    none). The drain stays while that is near, hands over to a fresh task when its budget is spent, and looks once more
    after it has cleared its token.
    """
    started, idle_since, done = time.monotonic(), time.monotonic(), 0
    again = False
    with _token(drain) as beat:
        while not stopping:
            beat()
            size = work()
            done += size
            now = time.monotonic()
            if size:
                idle_since = now
            if now - started > BUDGET.total_seconds():
                again = True
                break
            if size:
                continue
            due_at = next_due_at()
            wait = (due_at - timezone.now()).total_seconds() if due_at else None
            if wait is not None and wait <= HORIZON.total_seconds():
                time.sleep(min(max(wait, PAUSE), 0.1))
            elif now - idle_since < LINGER.total_seconds():
                time.sleep(PAUSE)
            else:
                break
    if again or stopping:
        wake(drain)
    else:
        due_at = next_due_at()
        if due_at and due_at <= timezone.now() + HORIZON:
            wake(drain)
    return done


def run_in_slots(
    drain: str,
    slot: int,
    slots: int,
    work: Callable[[], int],
    next_due_at: Callable[[], datetime | None],
    is_full: Callable[[], bool],
) -> int:
    """`run` for a drain that several processes share: while `is_full`, the next of `slots` is woken, once a second.

    Slot 0 is the drain itself. A helper, in a higher slot, ends as soon as it finds nothing, or its budget is spent.
    """
    called_at = 0.0

    def share() -> int:
        nonlocal called_at
        size = work()
        if is_full() and slot + 1 < slots and time.monotonic() - called_at > 1:
            called_at = time.monotonic()
            wake(drain, slot + 1)
        return size

    return run(drain, share, next_due_at) if slot == 0 else _help(_key(drain, slot), share)


def _help(key: str, work: Callable[[], int]) -> int:
    until, done = time.monotonic() + BUDGET.total_seconds(), 0
    with _token(key) as beat:
        while not stopping and time.monotonic() < until and (size := work()):
            done += size
            beat()
    return done
