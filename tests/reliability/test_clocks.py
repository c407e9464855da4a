"""A clock that jumps by an hour loses nothing, repeats nothing, and never puts a retry off for longer than planned."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from tests.factories import DeliveryFactory
from tests.reliability.scale import scaled
from webhooks.claiming import claim
from webhooks.models import Attempt, Delivery, Trigger, Webhook
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record
from webhooks.retry import JITTER, MAX_ATTEMPTS, MAX_RETRY_AFTER, RETRY_DELAYS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(scaled(120, 1200))]

jumps = st.timedeltas(timedelta(hours=-1), timedelta(hours=1))
retry_afters = st.none() | st.timedeltas(timedelta(0), timedelta(days=400))
outcomes = st.lists(
    st.tuples(st.sampled_from([200, 429, 500, 503, None]), retry_afters, jumps), min_size=1, max_size=14
)


def outcome(status: int | None, retry_after: timedelta | None) -> Outcome:
    if status == 200:
        return Outcome(status_code=200)
    asked = retry_after if status in (429, 503) else None
    return Outcome(
        status_code=status,
        error_class=ErrorClass.STATUS if status else ErrorClass.TIMEOUT,
        error="It failed.",
        retry_after=asked,
    )


class TestAnyHistory(TestCase):
    @given(history=outcomes)
    @settings(max_examples=scaled(40, 1000), deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def test_of_outcomes_and_jumping_clocks_keeps_the_promises(self, history: list[Any]) -> None:
        delivery = DeliveryFactory()
        now = timezone.now() + timedelta(hours=2)
        for status, retry_after, jump in history:
            now += jump
            with time_machine.travel(now, tick=False):
                taken = claim(10)
                if not taken.attempts:
                    # Not due by this clock; its time comes, whatever the clock did.
                    delivery.refresh_from_db()
                    if delivery.due_at is None:
                        break
                    webhook = Webhook.objects.get(pk=delivery.webhook_id)
                    now = max(delivery.due_at, webhook.resume_at or delivery.due_at)
                    continue
                made = taken.attempts[0].number
                record({taken.lease: [(taken.attempts[0], outcome(status, retry_after))]})
            delivery.refresh_from_db()
            self.check(delivery, made, status, retry_after, now)
        numbers = list(
            Attempt.objects.filter(delivery=delivery).order_by("number").values_list("number", flat=True)
        )
        assert numbers == list(range(1, len(numbers) + 1))
        assert len(numbers) <= MAX_ATTEMPTS

    def check(
        self, delivery: Delivery, made: int, status: int | None, retry_after: timedelta | None, now: Any
    ) -> None:
        if status == 200:
            assert (delivery.status, delivery.due_at) == (Delivery.Status.DELIVERED, None)
            for later in (timedelta(hours=-1), timedelta(hours=1), timedelta(days=30)):
                with time_machine.travel(now + later, tick=False):
                    assert claim(10).attempts == []
        elif made == MAX_ATTEMPTS:
            assert (delivery.status, delivery.due_at) == (Delivery.Status.EXHAUSTED, None)
        else:
            delay = RETRY_DELAYS[made - 1]
            assert delivery.due_at is not None
            wait = delivery.due_at - now
            asked = retry_after if status in (429, 503) and retry_after else timedelta(0)
            assert wait >= delay * (1 - JITTER)
            assert wait >= min(asked, MAX_RETRY_AFTER)
            assert wait <= max(delay * (1 + JITTER), min(asked, MAX_RETRY_AFTER))


@pytest.mark.django_db
def test_a_clock_set_back_does_not_end_a_lease_early() -> None:
    delivery = DeliveryFactory(trigger=Trigger.AUTOMATIC)
    now = timezone.now()
    with time_machine.travel(now, tick=False):
        first = claim(10)
    with time_machine.travel(now - timedelta(hours=1), tick=False):
        assert claim(10).attempts == []
        record({first.lease: [(first.attempts[0], Outcome(status_code=200))]})
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.DELIVERED
