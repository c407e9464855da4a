"""Figures of attempts: how many succeeded, how long they took, when they were made. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from webhooks.models import Attempt


@dataclass(frozen=True)
class Figures:
    """`success` in percent and the percentiles in milliseconds are None where nothing was measured."""

    attempts: int
    failed: int
    success: float | None
    p50: int | None
    p95: int | None


def figures_of(attempts: Iterable[Attempt]) -> Figures:
    """Of attempts that are over; those under way are left out."""
    over = [attempt for attempt in attempts if attempt.status != Attempt.Status.SENDING]
    failed = sum(attempt.status != Attempt.Status.SUCCEEDED for attempt in over)
    durations = sorted(attempt.duration_ms for attempt in over if attempt.duration_ms is not None)
    return Figures(
        attempts=len(over),
        failed=failed,
        success=100 * (len(over) - failed) / len(over) if over else None,
        p50=percentile(durations, 50),
        p95=percentile(durations, 95),
    )


def percentile(ordered: Sequence[int], percent: int) -> int | None:
    """The nearest-rank percentile of values in ascending order; None of none."""
    if not ordered:
        return None
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def by_time(
    attempts: Iterable[Attempt], until: datetime, bars: int, width: timedelta
) -> list[tuple[datetime, tuple[int, int, int]]]:
    """The outcomes (first try, after a retry, failed) of `bars` spans of time, oldest first, up to `until`."""
    counts = [[0, 0, 0] for _ in range(bars)]
    start = until - bars * width
    for attempt in attempts:
        index = int((attempt.started_at - start) / width)
        if attempt.status != Attempt.Status.SENDING and 0 <= index < bars:
            outcome = 2 if attempt.status != Attempt.Status.SUCCEEDED else 0 if attempt.number == 1 else 1
            counts[index][outcome] += 1
    return [(start + i * width, (ok, retried, failed)) for i, (ok, retried, failed) in enumerate(counts)]
