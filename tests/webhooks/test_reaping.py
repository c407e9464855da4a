"""A delivery that its workers die of is given up in the end, and drags nobody along."""

from datetime import datetime, timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory, EventFactory, WebhookFactory
from webhooks.claiming import LEASE, claim
from webhooks.models import Attempt, Delivery, HourlyCount
from webhooks.outcome import Outcome
from webhooks.reaping import DELAYS
from webhooks.recording import record
from webhooks.replaying import redeliver

pytestmark = pytest.mark.django_db

DEATHS = len(DELAYS) + 1


def work(deadly: Delivery, now: datetime) -> bool:
    """A worker's round at `now`: what it claims is delivered, unless it dies of it. Returns whether it died."""
    with time_machine.travel(now, tick=True):
        claimed = claim(100)
        if deadly.pk in {attempt.delivery_id for attempt in claimed.attempts}:
            return True
        record({claimed.lease: [(attempt, Outcome(status_code=200)) for attempt in claimed.attempts]})
        return False


def test_what_kills_its_workers_is_given_up_and_the_others_of_its_batch_arrive(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=50)
    deadly, *innocent = [DeliveryFactory(event__number=alice.number, webhook=webhook) for _ in range(40)]
    now, deaths = timezone.now(), 0
    for _ in range(3000):
        now += timedelta(seconds=1)
        if work(deadly, now):
            deaths += 1
            now += LEASE
    deadly.refresh_from_db()
    assert deaths == DEATHS
    assert (deadly.status, deadly.due_at, deadly.lease) == (Delivery.Status.EXHAUSTED, None, None)
    assert (
        deadly.reason == "Given up: 6 workers in a row died while they were sending it. It may have arrived."
    )
    assert set(deadly.attempts.values_list("status", flat=True)) == {Attempt.Status.UNKNOWN}
    assert {Delivery.objects.get(pk=one.pk).status for one in innocent} == {Delivery.Status.DELIVERED}
    # The first time it is sent again at once, with all that was in flight; after that it dies almost alone.
    beside = Attempt.objects.filter(delivery__in=innocent, status=Attempt.Status.UNKNOWN).count()
    assert beside <= 3 * len(innocent)
    counted = HourlyCount.objects.filter(outcome__in=["failed", "not_first"]).values_list(
        "attempts", flat=True
    )
    assert sum(counted) == Attempt.objects.filter(status=Attempt.Status.UNKNOWN).count()


def test_a_failure_in_between_breaks_the_row(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    delivery = DeliveryFactory(event__number=alice.number, webhook=webhook)
    now = timezone.now()
    for status in [Attempt.Status.UNKNOWN] * 5 + [Attempt.Status.FAILED]:
        delivery.attempts_made += 1
        Attempt.objects.create(
            delivery=delivery, webhook=webhook, number=delivery.attempts_made, status=status,
            event_type="message.sent", trigger="event", url=webhook.url,
        )  # fmt: skip
    delivery.save()
    claim(10)
    with time_machine.travel(now + LEASE + timedelta(seconds=1), tick=True):
        (again,) = claim(10).attempts
    assert again.number == 8


@pytest.mark.parametrize("before", [Attempt.Status.FAILED, Attempt.Status.UNKNOWN])
def test_what_was_started_anew_counts_from_there(alice: Tenant, before: str) -> None:
    """Whatever became of it before: one death more does not delay it, six in a row end it."""
    webhook = WebhookFactory(number=alice.number)
    deadly = DeliveryFactory(
        event__number=alice.number,
        webhook=webhook,
        trigger="manual",
        status=Delivery.Status.EXHAUSTED,
        due_at=None,
    )
    for number in range(1, 10):
        AttemptFactory(delivery=deadly, number=number, status=before)
    assert redeliver([deadly]) == [deadly]
    now, deaths = timezone.now(), []
    for _ in range(3000):
        now += timedelta(seconds=1)
        if work(deadly, now):
            deaths.append(now)
            now += LEASE
    assert len(deaths) == DEATHS
    assert deaths[1] - deaths[0] <= LEASE + timedelta(seconds=2)


def test_what_waited_for_it_in_its_conversation_goes_on(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, ordering="conversation")
    events = [EventFactory(number=alice.number, conversation="447700900123") for _ in range(2)]
    deadly, waiting = [
        DeliveryFactory(event=event, webhook=webhook, conversation=f"{alice.number.pk} 447700900123")
        for event in events
    ]
    now = timezone.now()
    for _ in range(3000):
        now += timedelta(seconds=1)
        if work(deadly, now):
            now += LEASE
    waiting.refresh_from_db()
    assert waiting.status == Delivery.Status.DELIVERED
