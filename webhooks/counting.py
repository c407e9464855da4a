"""Counters per hour: what charts read instead of the log, written with the outcomes in one statement per batch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import QuerySet, Sum

from webhooks.figures import LONGEST, Span, bound_of, by_hour, hour_of
from webhooks.models import Attempt, Delivery, HourlyCount
from webhooks.outcome import Outcome

# A webhook's id, an outcome, and the bound below which the attempt took.
Kind = tuple[str, str, int]

_ADD = """
INSERT INTO webhooks_hourlycount (webhook_id, hour, outcome, took, attempts) VALUES {rows}
ON CONFLICT (webhook_id, hour, outcome, took)
DO UPDATE SET attempts = webhooks_hourlycount.attempts + excluded.attempts
"""


def spans_of(counts: QuerySet[HourlyCount], until: datetime, hours: int) -> list[Span]:
    """The last hours of some webhooks together, the oldest first; one query of as many rows as there are counters."""
    since = hour_of(until) - timedelta(hours=hours - 1)
    summed = (
        counts.filter(hour__gte=since)
        .order_by()
        .values_list("hour", "outcome", "took")
        .annotate(Sum("attempts"))
    )
    return by_hour(summed, until, hours)


def days_of(webhooks: Sequence[str], now: datetime) -> dict[str, Span]:
    """The last 24 hours of each webhook; one query of a row for each outcome and bound."""
    since = hour_of(now) - timedelta(hours=23)
    days = {webhook: Span(since) for webhook in webhooks}
    counts = HourlyCount.objects.filter(webhook__in=webhooks, hour__gte=since).order_by()
    summed = counts.values_list("webhook", "outcome", "took").annotate(Sum("attempts"))
    for webhook, outcome, took, attempts in summed:
        days[webhook].add(outcome, took, attempts)
    return days


def kind_of(attempt: Attempt, outcome: Outcome) -> Kind:
    if outcome.succeeded:
        kind = HourlyCount.Outcome.FIRST if attempt.number == 1 else HourlyCount.Outcome.RETRIED
    else:
        kind = _failure(attempt.number)
    return attempt.webhook_id, kind, bound_of(outcome.duration_ms)


def interrupted(delivery: Delivery) -> Kind:
    """Of an attempt whose worker died while it was sending: nobody knows how long it would have taken."""
    return delivery.webhook_id, _failure(delivery.attempts_made), LONGEST


def _failure(number: int) -> HourlyCount.Outcome:
    return HourlyCount.Outcome.FIRST_FAILED if number == 1 else HourlyCount.Outcome.FAILED


def count(kinds: Iterable[Kind], now: datetime) -> None:
    """Adds attempts that have just come to an end to the counters of the hour of `now`."""
    counted = Counter(kinds)
    if not counted:
        return
    hour = connection.ops.adapt_datetimefield_value(hour_of(now))
    # In one order, so that two batches never wait for each other in a circle.
    values = [
        value
        for (webhook, outcome, took), attempts in sorted(counted.items())
        for value in (webhook, hour, outcome, took, attempts)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_ADD.format(rows=", ".join(["(%s, %s, %s, %s, %s)"] * len(counted))), values)
