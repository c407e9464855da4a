"""What is sent by hand."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks import tasks
from webhooks.claiming import claim
from webhooks.models import Delivery, Trigger, Webhook
from webhooks.ordering import park
from webhooks.replaying import NotReplayable, redeliver, send_test

pytestmark = pytest.mark.django_db


def given_up(webhook: Webhook) -> Delivery:
    return DeliveryFactory(
        event=EventFactory(number=webhook.number),
        webhook=webhook,
        status=Delivery.Status.EXHAUSTED,
        due_at=None,
    )


def test_of_a_set_what_goes_to_active_webhooks_is_sent_again(alice: Tenant) -> None:
    wanted, *_ = (
        given_up(WebhookFactory(number=alice.number, active=active, deleted_at=deleted_at))
        for active, deleted_at in [(True, None), (False, None), (False, timezone.now())]
    )
    (again,) = redeliver(list(Delivery.objects.all()))
    assert (again.event, again.trigger) == (wanted.event, Trigger.MANUAL)
    assert Delivery.objects.filter(status=Delivery.Status.PENDING).get() == again


def test_a_delivery_of_a_deleted_webhook_is_not_sent_again(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, active=False, deleted_at=timezone.now())
    with pytest.raises(NotReplayable, match=r"^The webhook is deleted\.$"):
        redeliver([given_up(webhook)])


def waiting(tenant: Tenant, **more: Any) -> Delivery:
    """One whose next attempt is in ten minutes."""
    values = {"due_at": timezone.now() + timedelta(minutes=10), "lane": Delivery.Lane.LATER} | more
    return DeliveryFactory(event__number=tenant.number, **values)


def test_what_waits_is_brought_forward_and_not_sent_twice(alice: Tenant) -> None:
    delivery = waiting(alice, attempts_made=2)
    (again,) = redeliver([delivery])
    assert again == delivery == Delivery.objects.get()
    assert (again.trigger, again.attempts_made) == (Trigger.AUTOMATIC, 2)
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


def test_a_redelivery_that_waits_is_brought_forward_too(alice: Tenant) -> None:
    given_up = waiting(alice, status=Delivery.Status.EXHAUSTED, due_at=None)
    (first,) = redeliver([given_up])
    Delivery.objects.filter(pk=first.pk).update(due_at=timezone.now() + timedelta(hours=1), attempts_made=5)
    assert redeliver([given_up]) == [first]
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [first.pk]


def test_what_is_being_sent_is_left_as_it_is(alice: Tenant) -> None:
    delivery = waiting(alice, due_at=timezone.now())
    lease = claim(10).lease
    (again,) = redeliver([delivery])
    delivery.refresh_from_db()
    assert delivery.lease == lease
    assert again.trigger == Trigger.MANUAL


@pytest.mark.parametrize("parked", [True, False])
def test_what_waits_for_its_turn_is_sent_by_a_manual_delivery(alice: Tenant, parked: bool) -> None:
    webhook = WebhookFactory(number=alice.number, ordering="conversation")
    now = timezone.now()
    first, second = (
        DeliveryFactory(
            event=EventFactory(number=alice.number, conversation="447700900123"),
            webhook=webhook,
            conversation=f"{alice.number.pk} 447700900123",
            due_at=now,
        )
        for _ in range(2)
    )
    if parked:
        park([webhook], now)
    again = {row.event_id: row for row in redeliver([first, second])}
    assert again[first.event_id] == first
    assert again[second.event_id].trigger == Trigger.MANUAL


@pytest.mark.parametrize("count", [1, 10])
def test_a_set_takes_the_same_queries_whatever_its_size(
    alice: Tenant, count: int, django_assert_num_queries: Any
) -> None:
    rows = [
        given_up(WebhookFactory(number=alice.number, active=active))
        for active in (True, False)
        for _ in range(count)
    ]
    redeliver(rows)
    Delivery.objects.update(status=Delivery.Status.EXHAUSTED, due_at=None)
    rows += [waiting(alice) for _ in range(count)]
    Webhook.objects.update(resume_at=timezone.now() + timedelta(minutes=5))
    with django_assert_num_queries(11):
        assert len(redeliver(rows)) == 2 * count


@pytest.fixture
def broken(alice: Tenant, receiver: Receiver) -> Webhook:
    """Its breaker has just opened for five minutes, with an older delivery waiting in each lane."""
    now = timezone.now()
    webhook = WebhookFactory(
        number=alice.number,
        url=receiver.url,
        failing_since=now - timedelta(hours=1),
        consecutive_failures=15,
        openings=5,
        resume_at=now + timedelta(minutes=5),
    )
    for lane in Delivery.Lane:
        DeliveryFactory(
            event__number=alice.number, webhook=webhook, lane=lane, due_at=now - timedelta(minutes=30)
        )
    return webhook


def by_hand(webhook: Webhook, act: str) -> Delivery:
    """What a person has sent to a webhook, by each of the ways there are."""
    if act == "test":
        return send_test(webhook, "message.sent")
    if act == "waits":
        return redeliver([DeliveryFactory(event__number=webhook.number, webhook=webhook)])[0]
    return redeliver([given_up(webhook)])[0]


ACTS = ["test", "given up", "waits"]


@pytest.mark.parametrize("act", ACTS)
def test_what_is_sent_by_hand_is_what_an_open_breaker_lets_through(broken: Webhook, act: str) -> None:
    delivery = by_hand(broken, act)
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


@pytest.mark.parametrize("act", ACTS)
def test_a_mended_receiver_is_heard_of_at_once(broken: Webhook, receiver: Receiver, act: str) -> None:
    delivery = by_hand(broken, act)
    tasks.deliver()
    broken.refresh_from_db()
    assert (broken.consecutive_failures, broken.openings, broken.resume_at) == (0, 0, None)
    assert not Delivery.objects.filter(webhook=broken, status=Delivery.Status.PENDING).exists()
    assert receiver.requests[0].headers["webhook-id"] == delivery.event_id


def test_a_trial_by_hand_that_fails_opens_the_breaker_again(broken: Webhook, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    Webhook.objects.filter(pk=broken.pk).update(openings=1)
    send_test(broken, "message.sent")
    tasks.deliver()
    broken.refresh_from_db()
    assert len(receiver.requests) == 1
    assert broken.openings == 2
    assert broken.resume_at is not None
    assert timedelta(seconds=25) < broken.resume_at - timezone.now() <= timedelta(seconds=30)


def test_what_a_receiver_asked_to_wait_for_is_tried_by_hand(alice: Tenant) -> None:
    asked = timezone.now() + timedelta(hours=1)
    webhook = WebhookFactory(number=alice.number, consecutive_failures=1, resume_at=asked)
    delivery = send_test(webhook, "message.sent")
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


def test_a_trial_by_hand_leaves_other_webhooks_waiting(alice: Tenant, broken: Webhook) -> None:
    resumes = timezone.now() + timedelta(minutes=9)
    other = WebhookFactory(number=alice.number, consecutive_failures=12, openings=3, resume_at=resumes)
    send_test(broken, "message.sent")
    other.refresh_from_db()
    assert other.resume_at == resumes
