"""Who follows the log sees every event exactly once, and all see the same order, whatever the writers do."""

import random
import threading
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
import requests
from django.db import connection, connections, transaction
from django.utils import timezone

from events.models import Event, Place
from events.placing import place
from events.recording import Draft, record
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import NumberFactory
from tests.reliability.scale import LONG, percentile, say, scaled
from tests.web_process import Start

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(120, 900)),
]

WRITERS = 8
READERS = 3
SECONDS = scaled(4, 60)
# SQLite has one writer at a time: who holds a transaction open holds up all others.
HOLD = {"postgresql": 0.3, "sqlite": 0.01}
ROLLED_BACK = 0.15
# A process that dies between its commit and the placing.
DIES = 0.05


@dataclass
class Writer:
    """Records batches of several numbers and workspaces, holds some of the transactions open, rolls some back."""

    numbers: list[Number]
    seed: int
    # When each event was committed, by the monotonic clock.
    committed: dict[str, float] = field(default_factory=dict)
    rolled_back: int = 0

    def write(self, until: float) -> None:
        dice = random.Random(self.seed)
        count = 0
        while time.monotonic() < until:
            count += 1
            self._batch(dice, f"{self.seed}:{count}")
            time.sleep(dice.uniform(0, 0.02))

    def _batch(self, dice: random.Random, key: str) -> None:
        fate = dice.random()
        drafts = [
            Draft(
                number=dice.choice(self.numbers),
                body={"event": "message.received", "data": {}},
                created_at=timezone.now(),
                dedupe_key=f"{key}:{index}",
            )
            for index in range(dice.randint(1, 5))
        ]
        with transaction.atomic():
            events = record(drafts)
            if dice.random() < 0.5:
                time.sleep(dice.uniform(0, HOLD[connection.vendor]))
            if fate < ROLLED_BACK:
                transaction.set_rollback(True)
            elif fate < ROLLED_BACK + DIES:
                connection.run_on_commit.clear()
        if fate < ROLLED_BACK:
            self.rolled_back += len(events)
        else:
            now = time.monotonic()
            self.committed |= {event.pk: now for event in events}


@dataclass
class Reader:
    """Follows the log over HTTP by its cursor."""

    url: str
    key: str
    seed: int
    seen: list[str] = field(default_factory=list)
    seen_at: dict[str, float] = field(default_factory=dict)
    calls: int = 0

    def follow(self, ended: threading.Event) -> None:
        dice = random.Random(self.seed)
        session = requests.Session()
        session.headers["x-api-key"] = self.key
        cursor = ""
        while True:
            last = ended.is_set()
            query: dict[str, Any] = {"after": cursor, "limit": dice.randint(1, 100)}
            answer = session.get(f"{self.url}/v1/events", params=query, timeout=30)
            answer.raise_for_status()
            page, now = answer.json(), time.monotonic()
            self.calls += 1
            cursor = page["nextCursor"]
            self.seen += [event["id"] for event in page["data"]]
            self.seen_at |= {event["id"]: now for event in page["data"]}
            if last and not page["hasMore"]:
                return
            if not page["hasMore"]:
                time.sleep(0.01)


class Threads:
    """Threads whose errors fail the test."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, act: Any, *args: Any) -> None:
        def run() -> None:
            try:
                act(*args)
            except BaseException as error:
                self.errors.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()
        assert not self.errors, self.errors[0]


def test_every_reader_sees_every_event_once_and_all_the_same_order(
    alice: Tenant, bob: Tenant, start_web: Start
) -> None:
    numbers = [alice.number, NumberFactory(workspace=alice.workspace), bob.number]
    writers = [Writer(numbers, seed) for seed in range(WRITERS)]
    ended = threading.Event()
    threads = 4 if connection.vendor == "postgresql" else 1
    url = start_web(threads=threads, LOG_LEVEL="ERROR", API_CALLS_PER_MINUTE="0").url
    readers = [Reader(url, alice.key, seed) for seed in range(READERS)]
    reading, writing = Threads(), Threads()
    for reader in readers:
        reading.start(reader.follow, ended)
    until = time.monotonic() + SECONDS
    for writer in writers:
        writing.start(writer.write, until)
    try:
        writing.join()
    finally:
        ended.set()
        reading.join()

    committed = {id: at for writer in writers for id, at in writer.committed.items()}
    mine = set(Event.objects.filter(workspace=alice.workspace).values_list("pk", flat=True))
    first, *others = readers
    repeated, missed = len(first.seen) - len(set(first.seen)), len(mine - set(first.seen))
    assert (repeated, missed) == (0, 0)
    assert mine <= set(committed)
    for other in others:
        same_order = other.seen == first.seen
        assert same_order
    committed_late = first.seen != sorted(first.seen)
    assert committed_late or connection.vendor == "sqlite", "the test tries nothing"
    assert sum(writer.rolled_back for writer in writers) > 0
    # In the tables as well, and in the workspace that nobody read.
    place([bob.workspace.pk])
    assert not Place.objects.filter(position=None).exists()
    assert Event.objects.count() == Place.objects.count() == len(committed)

    lags = [reader.seen_at[id] - committed[id] for reader in readers for id in reader.seen]
    figures = {percent: percentile(lags, percent) * 1000 for percent in (50, 95, 99)}
    say(
        f"{len(committed):,} events committed, {sum(writer.rolled_back for writer in writers):,} rolled back; seen "
        + ", ".join(f"p{percent} {figure:.0f} ms" for percent, figure in figures.items())
        + " after the commit"
    )
    # Beside the rest of the suite, the clock tells of the machine.
    if LONG:
        assert figures[50] < 100, figures
