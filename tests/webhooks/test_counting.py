"""The counters per hour: they say what the log says, however the attempts ended."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks import counting, tasks
from webhooks.claiming import LEASE, claim
from webhooks.models import Attempt, HourlyCount, Webhook
from webhooks.outcome import Outcome
from webhooks.recording import record

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def counted(**which: object) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for outcome, attempts in HourlyCount.objects.filter(**which).values_list("outcome", "attempts"):
        totals[outcome] += attempts
    return dict(totals)


def test_attempts_are_counted_by_how_they_ended(alice: Tenant, receiver: Receiver) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    receiver.replies = [Reply(status=500), Reply(status=200)]
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    tasks.deliver()
    with time_machine.travel(timezone.now() + timedelta(seconds=7), tick=True):
        DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
        tasks.deliver()
    assert counted(webhook=webhook) == {"not_first": 1, "retried": 1, "first": 1}
    assert sum(counted().values()) == Attempt.objects.count()


def test_a_retry_that_fails_is_no_first_try(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    DeliveryFactory(
        event=EventFactory(number=alice.number), webhook__number=alice.number, webhook__url=receiver.url
    )
    tasks.deliver()
    with time_machine.travel(timezone.now() + timedelta(seconds=7), tick=True):
        tasks.deliver()
    assert counted() == {"not_first": 1, "failed": 1}


def test_an_attempt_whose_worker_died_is_counted_once(alice: Tenant, receiver: Receiver) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    lost = claim(10)
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1), tick=True):
        tasks.deliver()
        # The dead worker was only slow: its outcome comes too late to be recorded, and to be counted.
        record({lost.lease: [(lost.attempts[0], Outcome(status_code=200))]})
    assert counted(webhook=webhook) == {"not_first": 1, "retried": 1}


def test_a_batch_is_one_statement(alice: Tenant) -> None:
    webhooks = [WebhookFactory(number=alice.number) for _ in range(10)]
    kinds = [(webhook.pk, outcome, 100) for webhook in webhooks for outcome in ("first", "failed")] * 3
    with CaptureQueriesContext(connection) as queries:
        counting.count(kinds, NOON)
        counting.count([], NOON)
    assert len(queries) == 1
    assert counted() == {"first": 30, "failed": 30}


def test_a_counter_grows_within_its_hour_and_the_next_hour_has_its_own(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    for minutes in (0, 59, 60):
        counting.count([(webhook.pk, "first", 10)], NOON + timedelta(minutes=minutes))
    assert list(HourlyCount.objects.order_by("hour").values_list("hour", "attempts")) == [
        (NOON, 2),
        (NOON + timedelta(hours=1), 1),
    ]


def test_the_last_hours_are_read_together(alice: Tenant) -> None:
    webhooks = [WebhookFactory(number=alice.number) for _ in range(2)]
    for hours_ago, attempts in ((0, 1), (1, 2), (23, 3), (24, 4)):
        for webhook in webhooks:
            counting.count([(webhook.pk, "first", 10)] * attempts, NOON - timedelta(hours=hours_ago))
    spans = counting.spans_of(HourlyCount.objects.all(), NOON + timedelta(minutes=30), 24)
    assert [span.attempts for span in spans] == [6, *[0] * 21, 4, 2]
    assert spans[-1].at == NOON


def test_deleting_a_webhook_takes_its_counters_along(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    counting.count([(webhook.pk, "first", 10)], NOON)
    Webhook.objects.all().delete()
    assert not HourlyCount.objects.exists()
