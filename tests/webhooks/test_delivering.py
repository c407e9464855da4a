"""The drain against real receivers: what arrives, and what is on record afterwards."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks import tasks
from webhooks.claiming import LEASE, Claim, claim
from webhooks.delivering import Drain
from webhooks.health import BREAKER_DELAYS, BREAKER_OPENS_AFTER
from webhooks.models import Attempt, Delivery, Trigger, Webhook, WebhookSecret
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record
from webhooks.retry import MAX_ATTEMPTS, RETRY_DELAYS

pytestmark = pytest.mark.django_db

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def delivery_to(tenant: Tenant, url: str, **more: object) -> Delivery:
    webhook = WebhookFactory(number=tenant.number, url=url, secret=SECRET)
    return DeliveryFactory(event=EventFactory(number=tenant.number), webhook=webhook, **more)


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds), tick=True)


def test_the_event_arrives_as_it_is_stored_signed_and_named(alice: Tenant, receiver: Receiver) -> None:
    delivery = delivery_to(alice, receiver.url)
    tasks.deliver()
    (request,) = receiver.requests
    delivery.refresh_from_db()
    attempt = Attempt.objects.get()

    assert request.body.decode() == delivery.event.body
    assert request.headers["content-type"] == "application/json"
    assert request.headers["webhook-id"] == delivery.event_id
    assert (request.headers["webhook-event"], request.headers["webhook-attempt"]) == ("message.sent", "1")
    Verifier(SECRET).verify(request.body, request.headers)
    assert (delivery.status, delivery.due_at, delivery.lease) == (Delivery.Status.DELIVERED, None, None)
    assert (attempt.status, attempt.status_code) == (Attempt.Status.SUCCEEDED, 200)
    assert attempt.request_headers["webhook-signature"] == request.headers["webhook-signature"]
    assert attempt.duration_ms is not None


def test_both_secrets_sign_during_a_rotation(alice: Tenant, receiver: Receiver) -> None:
    delivery = delivery_to(alice, receiver.url)
    old, new = delivery.webhook.secrets.get(), "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY"
    old.expires_at = timezone.now() + timedelta(hours=24)
    old.save()
    WebhookSecret.objects.create(webhook=delivery.webhook, secret=new)
    tasks.deliver()
    (request,) = receiver.requests
    for secret in (SECRET, new):
        Verifier(secret).verify(request.body, request.headers)


def test_a_secret_that_expired_signs_no_more(alice: Tenant, receiver: Receiver) -> None:
    delivery = delivery_to(alice, receiver.url)
    WebhookSecret.objects.create(
        webhook=delivery.webhook, secret="whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY",
        expires_at=timezone.now() - timedelta(seconds=1),
    )  # fmt: skip
    tasks.deliver()
    assert " " not in receiver.requests[0].headers["webhook-signature"]


def test_a_failure_is_tried_again_after_five_seconds_with_the_same_id(
    alice: Tenant, receiver: Receiver
) -> None:
    receiver.replies = [Reply(status=500, body=b"broken"), Reply(status=200)]
    delivery = delivery_to(alice, receiver.url)
    tasks.deliver()
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.PENDING
    assert delivery.due_at is not None
    assert timedelta(seconds=4) < delivery.due_at - timezone.now() < timedelta(seconds=5.6)
    with later(6):
        tasks.deliver()
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert second.headers["webhook-attempt"] == "2"
    assert first.body == second.body
    failed, succeeded = Attempt.objects.order_by("number")
    assert (failed.status, failed.status_code, failed.error_class) == ("failed", 500, "status")
    assert (failed.response_body, succeeded.status) == ("broken", "succeeded")


def test_after_the_whole_schedule_a_delivery_is_exhausted(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    delivery = delivery_to(alice, receiver.url)
    wait = 0.0
    for delay in [timedelta(0), *RETRY_DELAYS]:
        wait += delay.total_seconds() * 1.2
        with later(wait):
            tasks.deliver()
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.EXHAUSTED
    assert delivery.due_at is None
    assert len(receiver.requests) == delivery.attempts_made == MAX_ATTEMPTS == 9
    assert "500" in delivery.reason


def test_a_test_delivery_is_tried_once(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    delivery = delivery_to(alice, receiver.url, trigger=Trigger.TEST)
    tasks.deliver()
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.EXHAUSTED
    assert delivery.reason == "Given up after 1 attempt: 500 from the receiver."


def test_retry_after_pauses_the_whole_webhook(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=429, headers=[("retry-after", "120")])
    delivery = delivery_to(alice, receiver.url)
    tasks.deliver()
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=delivery.webhook)
    with later(60):
        tasks.deliver()
    assert len(receiver.requests) == 1
    receiver.reply = Reply(status=200)
    with later(130):
        tasks.deliver()
    assert len(receiver.requests) == 3


def test_410_disables_the_webhook_and_holds_what_is_pending(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=410)
    delivery = delivery_to(alice, receiver.url)
    waiting = DeliveryFactory(
        event=EventFactory(number=alice.number),
        webhook=delivery.webhook,
        due_at=timezone.now() + timedelta(hours=1),
    )
    tasks.deliver()
    webhook = Webhook.objects.get()
    waiting.refresh_from_db()
    assert (webhook.active, webhook.disabled_reason) == (False, Webhook.DisabledReason.GONE)
    assert (waiting.status, waiting.due_at) == (Delivery.Status.HELD, None)


def test_five_days_without_a_success_disable_the_webhook(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    delivery = delivery_to(alice, receiver.url)
    Webhook.objects.update(failing_since=timezone.now() - timedelta(days=5, seconds=1))
    tasks.deliver()
    webhook = Webhook.objects.get()
    delivery.refresh_from_db()
    assert (webhook.active, webhook.disabled_reason) == (False, Webhook.DisabledReason.FAILING)
    assert delivery.status == Delivery.Status.HELD


def test_the_breaker_holds_deliveries_without_using_up_tries(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    deliveries = [
        DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
        for _ in range(BREAKER_OPENS_AFTER)
    ]
    tasks.deliver()
    assert len(receiver.requests) == BREAKER_OPENS_AFTER
    with later(10):
        tasks.deliver()
    assert len(receiver.requests) == BREAKER_OPENS_AFTER, "the breaker is open"
    with later(20):
        tasks.deliver()
    assert len(receiver.requests) == BREAKER_OPENS_AFTER + 1, "half open: one trial"
    receiver.reply = Reply(status=200)
    with later(60):
        tasks.deliver()
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}
    assert len(receiver.requests) == 2 * BREAKER_OPENS_AFTER + 1
    assert len(deliveries) == BREAKER_OPENS_AFTER


def failing_in_flight(tenant: Tenant, count: int) -> tuple[Webhook, Claim]:
    """A webhook with so many deliveries in flight at once."""
    webhook = WebhookFactory(number=tenant.number, max_in_flight=count)
    DeliveryFactory.create_batch(count, webhook=webhook, event__number=tenant.number)
    return webhook, claim(count)


FAILED = Outcome(status_code=500, error_class=ErrorClass.STATUS, error="500 from the receiver.")


@pytest.mark.parametrize("together", [True, False])
def test_what_was_in_flight_when_the_breaker_opened_does_not_open_it_for_longer(
    alice: Tenant, together: bool
) -> None:
    webhook, taken = failing_in_flight(alice, 14)
    results = [(attempt, FAILED) for attempt in taken.attempts]
    for batch in [results] if together else [[result] for result in results]:
        record({taken.lease: batch})
    webhook.refresh_from_db()
    assert webhook.resume_at is not None
    assert timedelta(seconds=14) < webhook.resume_at - timezone.now() <= timedelta(seconds=15)
    assert webhook.consecutive_failures == 14


def test_each_failed_trial_opens_the_breaker_for_longer(alice: Tenant) -> None:
    webhook, taken = failing_in_flight(alice, BREAKER_OPENS_AFTER)
    record({taken.lease: [(attempt, FAILED) for attempt in taken.attempts]})
    now, pauses = timezone.now(), []
    for _ in range(len(BREAKER_DELAYS) + 1):
        webhook.refresh_from_db()
        assert webhook.resume_at is not None
        pauses.append(round((webhook.resume_at - now).total_seconds()))
        now = webhook.resume_at
        with time_machine.travel(now, tick=False):
            trial = claim(10)
            record({trial.lease: [(attempt, FAILED) for attempt in trial.attempts]})
    assert pauses == [15, 30, 60, 120, 300, 300]


def test_a_failure_that_was_in_flight_does_not_shorten_what_a_receiver_asked_for(alice: Tenant) -> None:
    webhook, taken = failing_in_flight(alice, 2)
    busy, broken = taken.attempts
    record({taken.lease: [(busy, replace(FAILED, status_code=503, retry_after=timedelta(minutes=2)))]})
    record({taken.lease: [(broken, FAILED)]})
    webhook.refresh_from_db()
    assert webhook.resume_at is not None
    assert webhook.resume_at - timezone.now() > timedelta(minutes=1)


@pytest.mark.parametrize("together", [True, False])
def test_a_success_that_was_in_flight_does_not_end_what_a_receiver_asked_for(
    alice: Tenant, together: bool
) -> None:
    webhook, taken = failing_in_flight(alice, 2)
    busy, quick = taken.attempts
    results = [
        (busy, replace(FAILED, status_code=429, retry_after=timedelta(minutes=2))),
        (quick, Outcome(status_code=200)),
    ]
    for batch in [results] if together else [[result] for result in results]:
        record({taken.lease: batch})
    DeliveryFactory(event__number=alice.number, webhook=webhook)
    with later(110):
        assert claim(10).attempts == []
    with later(130):
        assert len(claim(10).attempts) == 2


def test_a_late_outcome_changes_nothing(alice: Tenant) -> None:
    delivery = delivery_to(alice, "http://127.0.0.1:1999/")
    first = claim(10)
    with later(LEASE.total_seconds() + 1):
        second = claim(10)
        record({first.lease: [(first.attempts[0], Outcome(status_code=200))]})
    delivery.refresh_from_db()
    assert (delivery.status, delivery.lease) == (Delivery.Status.PENDING, second.lease)
    assert Attempt.objects.get(number=1).status == Attempt.Status.UNKNOWN
    assert Webhook.objects.get().last_success_at is None


def test_nobody_there_is_a_failure_with_its_class(alice: Tenant) -> None:
    delivery_to(alice, "http://127.0.0.1:1999/")
    tasks.deliver()
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.error_class, attempt.status_code) == ("failed", "connect", None)
    assert attempt.error.endswith(".")


def test_many_deliveries_arrive_once_each(alice: Tenant, receiver: Receiver) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    for _ in range(60):
        DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    drain = Drain()
    while drain.step():
        pass
    ids = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(ids) == len(set(ids)) == 60
    assert all(json.loads(request.body)["event"] == "message.sent" for request in receiver.requests)


def test_a_drain_records_what_one_that_broke_off_has_sent(alice: Tenant, receiver: Receiver) -> None:
    delivery = delivery_to(alice, receiver.url)
    broken_off = Drain()
    broken_off._send()
    receiver.wait_for(1)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=delivery.webhook)
    drain = Drain()
    while Delivery.objects.exclude(status=Delivery.Status.DELIVERED).exists():
        drain.step()
    assert len(receiver.requests) == 2
