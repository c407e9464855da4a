"""Drains that are shared by several processes: when help is called, and when it goes."""

from collections.abc import Callable

import pytest

from accounts.models import WakeToken
from accounts.wake import run_in_slots

pytestmark = pytest.mark.django_db(transaction=True)

DRAIN = "tests.accounts.test_wake.nobody"


def batches(*sizes: int) -> Callable[[], int]:
    left = iter(sizes)
    return lambda: next(left, 0)


def drain(slot: int, slots: int, work: Callable[[], int], *, full: bool) -> int:
    return run_in_slots(DRAIN, slot, slots, work, lambda: None, lambda: full)


def awake() -> set[str]:
    return set(WakeToken.objects.exclude(heartbeat_at=None).values_list("drain", flat=True))


def test_a_drain_that_has_more_than_it_gets_through_calls_for_help() -> None:
    assert drain(0, 2, batches(100, 100), full=True) == 200
    assert awake() == {f"{DRAIN} 1"}


def test_one_that_gets_through_calls_nobody() -> None:
    assert drain(0, 2, batches(100, 3), full=False) == 103
    assert awake() == set()


def test_help_calls_for_more_up_to_the_last_slot() -> None:
    assert drain(1, 3, batches(100), full=True) == 100
    assert awake() == {f"{DRAIN} 2"}
    WakeToken.objects.all().delete()
    assert drain(2, 3, batches(100), full=True) == 100
    assert awake() == set()


def test_help_goes_as_soon_as_it_finds_nothing() -> None:
    looks = []

    def work() -> int:
        looks.append(1)
        return 0

    assert drain(1, 2, work, full=False) == 0
    assert len(looks) == 1
    assert awake() == set()
