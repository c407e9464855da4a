"""Figures of attempts, from the counters per hour (webhooks/counting.py): outcomes, percentiles. Pure."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from webhooks.models import HourlyCount

# Upper bounds in milliseconds, five to a power of ten: a percentile read from them is off by a quarter at most.
BOUNDS = [10, 16, 25, 40, 63, 100, 160, 250, 400, 630, 1000, 1600, 2500, 4000, 6300, 10_000, 16_000]
LONGEST = BOUNDS[-1]
Outcome = HourlyCount.Outcome
# At the first try, after a retry, failed: the place of each outcome among these.
PLACES = {Outcome.FIRST: 0, Outcome.RETRIED: 1, Outcome.FAILED: 2, Outcome.FIRST_FAILED: 2}
HOUR = timedelta(hours=1)

# A row of counters: the hour, the outcome, the bound below which they took, how many.
Count = tuple[datetime, str, int, int]


@dataclass
class Span:
    """The attempts that ended within an hour or several: the first `at`."""

    at: datetime
    outcomes: list[int] = field(default_factory=lambda: [0, 0, 0])
    took: dict[int, int] = field(default_factory=dict)
    # Of the failed, those that were the first try of their delivery.
    first_failed: int = 0

    def add(self, outcome: str, took: int, attempts: int) -> None:
        self.outcomes[PLACES[Outcome(outcome)]] += attempts
        if outcome == Outcome.FIRST_FAILED:
            self.first_failed += attempts
        self.took[took] = self.took.get(took, 0) + attempts

    @property
    def attempts(self) -> int:
        return sum(self.outcomes)

    @property
    def failed(self) -> int:
        return self.outcomes[2]

    @property
    def success(self) -> float | None:
        return _percent(self.attempts - self.failed, self.attempts)

    @property
    def first_try(self) -> float | None:
        """Of the first tries, the percentage that succeeded; what needs a retry counts as soon as that is known."""
        return _percent(self.outcomes[0], self.outcomes[0] + self.first_failed)

    @property
    def p50(self) -> int | None:
        return percentile_within(self.took, 50)

    @property
    def p95(self) -> int | None:
        return percentile_within(self.took, 95)


def percentile_within(took: Mapping[int, int], percent: int) -> int | None:
    """The percentile of values of which only the bound is known, as if they lay evenly below it; None of none."""
    rank = sum(took.values()) * percent / 100
    if not rank:
        return None
    for bound in sorted(took):
        if rank <= took[bound]:
            lower = next((one for one in reversed(BOUNDS) if one < bound), 0)
            return round(lower + (bound - lower) * rank / took[bound])
        rank -= took[bound]
    return None


def bound_of(milliseconds: int) -> int:
    return BOUNDS[min(bisect_left(BOUNDS, milliseconds), len(BOUNDS) - 1)]


def hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def by_hour(counts: Iterable[Count], until: datetime, hours: int) -> list[Span]:
    """So many hours, the oldest first; the last is the one of `until`."""
    first = hour_of(until) - (hours - 1) * HOUR
    spans = [Span(first + i * HOUR) for i in range(hours)]
    for at, outcome, took, attempts in counts:
        place = int((at - first) / HOUR)
        if 0 <= place < hours:
            spans[place].add(outcome, took, attempts)
    return spans


def together(spans: Sequence[Span]) -> Span:
    total = Span(spans[0].at)
    for span in spans:
        total.first_failed += span.first_failed
        total.outcomes = [one + more for one, more in zip(total.outcomes, span.outcomes, strict=True)]
        for took, attempts in span.took.items():
            total.took[took] = total.took.get(took, 0) + attempts
    return total


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
