"""Many claimers at once: no webhook is ever above its cap, and a long backlog does not slow the others."""

import random
import statistics
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, connections

from events.models import Event
from tests.conftest import Tenant
from tests.factories import EventFactory, WebhookFactory
from tests.reliability.scale import LONG, say, scaled
from webhooks.claiming import claim
from webhooks.models import Delivery, Webhook
from webhooks.outcome import Outcome
from webhooks.recording import record

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(240, 3600)),
]

CLAIMERS = 8
BACKLOG = scaled(2_000, 200_000)
OTHERS = scaled(40, 200)
EACH = 10


class Claimers:
    """Threads that claim, pretend to send, and record; `in_flight` is what they hold, counted as it happens."""

    def __init__(self, watched: set[str]) -> None:
        self.watched = watched
        self.most: Counter[str] = Counter()
        self.claimed: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self._in_flight: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._work, args=(seed,)) for seed in range(CLAIMERS)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _work(self, seed: int) -> None:
        dice = random.Random(seed)
        try:
            while not self._stop.is_set():
                self._round(dice)
        except BaseException as error:
            self.errors.append(error)
        finally:
            connections.close_all()

    def _round(self, dice: random.Random) -> None:
        taken = claim(50)
        hooks = [attempt.webhook_id for attempt in taken.attempts]
        with self._lock:
            for hook in hooks:
                self.claimed[hook] += 1
                self._in_flight[hook] += 1
                self.most[hook] = max(self.most[hook], self._in_flight[hook])
        time.sleep(dice.uniform(0.001, 0.01))
        # Before the record: what is recorded may be claimed by the next one before this line is reached.
        with self._lock:
            self._in_flight.subtract(hooks)
        record({taken.lease: [(attempt, Outcome(status_code=200)) for attempt in taken.attempts]})

    def until_the_watched_are_through(self, timeout: float) -> float:
        began = time.perf_counter()
        while Delivery.objects.filter(webhook__in=self.watched, due_at__isnull=False).exists():
            assert not self.errors, self.errors
            assert time.perf_counter() - began < timeout, "the others do not finish"
            time.sleep(0.02)
        return time.perf_counter() - began


def fill(webhook: Webhook, events: list[Event]) -> None:
    Delivery.objects.bulk_create(
        [Delivery(event=event, webhook=webhook, due_at=event.recorded_at) for event in events],
        batch_size=2000,
    )


def make_events(tenant: Tenant, count: int) -> list[Event]:
    events = [EventFactory.build(number=tenant.number, workspace=tenant.workspace) for _ in range(count)]
    return Event.objects.bulk_create(events, batch_size=2000)


def run(tenant: Tenant, events: list[Event], backlog: int) -> tuple[Claimers, Webhook, float]:
    Webhook.objects.all().delete()
    big = WebhookFactory(number=tenant.number)
    fill(big, events[:backlog])
    others = [WebhookFactory(number=tenant.number) for _ in range(OTHERS)]
    for other in others:
        fill(other, events[:EACH])
    if connection.vendor == "postgresql":
        # As it would be after a while: else autovacuum works on the backlog while the claims are timed.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE webhooks_delivery")
            cursor.execute("CHECKPOINT")
    claimers = Claimers({other.pk for other in others})
    with claimers.at_work():
        took = claimers.until_the_watched_are_through(scaled(120, 1200))
    return claimers, big, took


def test_the_cap_holds_and_a_backlog_takes_only_its_turn(alice: Tenant) -> None:
    events = make_events(alice, BACKLOG)
    alone, beside = [], []
    # In turn, because a machine is now faster and now slower.
    for _ in range(scaled(1, 3)):
        alone.append(run(alice, events, 0)[2])
        claimers, big, took = run(alice, events, BACKLOG)
        beside.append(took)
        check(claimers, big)
    ratio = statistics.median(beside) / statistics.median(alone)
    say(f"{OTHERS} webhooks: {alone} s alone, {beside} s beside {BACKLOG:,}; medians {ratio:.2f}×")
    if LONG and connection.vendor == "postgresql":
        assert ratio < 1.2


def check(claimers: Claimers, big: Webhook) -> None:
    assert not claimers.errors
    assert max(claimers.most.values()) <= big.max_in_flight
    assert claimers.most[big.pk] > 0
    assert {claimers.claimed[pk] for pk in claimers.watched} == {EACH}, "each delivery was claimed once"
    # The big one got what one webhook may have at a time, not what is left of the oldest rows.
    assert claimers.claimed[big.pk] < OTHERS * EACH
