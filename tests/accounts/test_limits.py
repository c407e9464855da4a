"""How often something may happen, counted for all processes alike, and never for ever."""

import threading
from datetime import timedelta

import pytest
import time_machine
from django.db import connections

from accounts.limits import Limit, forget, give_back, take
from accounts.models import Tally

LIMIT = Limit("test", times=3, per=timedelta(minutes=10))

pytestmark = pytest.mark.django_db


def test_so_many_times_and_no_more() -> None:
    assert [take(LIMIT, "ana") is None for _ in range(5)] == [True, True, True, False, False]


def test_each_subject_has_a_count_of_its_own() -> None:
    take(LIMIT, "ana", 3)
    assert take(LIMIT, "ana") is not None
    assert take(LIMIT, "joe") is None


def test_what_does_not_fit_is_not_counted_in_part() -> None:
    take(LIMIT, "ana", 2)
    assert take(LIMIT, "ana", 2) is not None
    assert take(LIMIT, "ana", 1) is None


def test_more_than_ever_fits_is_refused() -> None:
    assert take(LIMIT, "ana", 4) is not None


def test_the_wait_ends_when_it_says() -> None:
    with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
        take(LIMIT, "ana", 3)
        clock.shift(60)
        wait = take(LIMIT, "ana")
        assert wait == timedelta(minutes=9)
        clock.shift(wait)
        assert take(LIMIT, "ana", 3) is None


def test_what_did_not_count_is_given_back() -> None:
    take(LIMIT, "ana", 3)
    give_back(LIMIT, "ana")
    assert take(LIMIT, "ana") is None
    assert take(LIMIT, "ana") is not None
    forget(LIMIT, "ana")
    assert take(LIMIT, "ana", 3) is None


def test_who_was_counted_cannot_be_read_from_the_table() -> None:
    take(LIMIT, "ana@example.com")
    assert "ana" not in Tally.objects.get().key


@pytest.mark.django_db(transaction=True)
def test_those_who_count_at_once_get_what_there_is_and_no_more() -> None:
    taken: list[bool] = []
    start = threading.Barrier(6)

    def work() -> None:
        start.wait()
        for _ in range(2):
            taken.append(take(LIMIT, "ana") is None)
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) == LIMIT.times
