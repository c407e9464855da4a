"""Figures from counters: percentiles of values of which only the bounds are known, hours in their places."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.figures import BOUNDS, bound_of, percentile_within
from webhooks.wording import short

DURATIONS = st.lists(st.integers(1, 16_000), min_size=1, max_size=200)


@given(DURATIONS, st.sampled_from([50, 95]))
def test_a_percentile_read_from_bounds_lies_in_the_right_one(durations: list[int], percent: int) -> None:
    took: dict[int, int] = {}
    for duration in durations:
        took[bound_of(duration)] = took.get(bound_of(duration), 0) + 1
    # By the nearest rank.
    exact = sorted(durations)[-(-len(durations) * percent // 100) - 1]
    read = percentile_within(took, percent)
    assert read is not None
    place = bisect_left(BOUNDS, exact)
    assert (BOUNDS[place - 1] if place else 0) <= read <= BOUNDS[place]


def test_nothing_measured_has_no_percentile() -> None:
    assert percentile_within({}, 95) is None


def test_what_took_longer_than_the_longest_bound_is_in_it() -> None:
    assert bound_of(90_000) == BOUNDS[-1]


@pytest.mark.parametrize(
    ("number", "text"), [(0, "0"), (450, "450"), (1500, "1.5 k"), (20_000, "20 k"), (4_000_000, "4 M")]
)
def test_an_axis_says_thousands_short(number: int, text: str) -> None:
    assert short(number) == text
