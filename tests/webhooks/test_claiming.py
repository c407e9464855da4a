from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.reliability.past import multiply
from webhooks.activating import set_active
from webhooks.claiming import LEASE, WEBHOOKS_PER_CLAIM, claim, next_due_at
from webhooks.closing import CHUNK
from webhooks.configuring import delete_webhooks
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.outcome import Outcome
from webhooks.recording import record

pytestmark = pytest.mark.django_db


def due(webhook: Webhook, count: int, **more: object) -> list[Delivery]:
    return [
        DeliveryFactory(event=EventFactory(number=webhook.number), webhook=webhook, **more)
        for _ in range(count)
    ]


def test_a_claim_leases_what_is_due_and_writes_the_attempt_before_the_send(alice: Tenant) -> None:
    (delivery,) = due(WebhookFactory(number=alice.number), 1)
    claimed = claim(10)
    delivery.refresh_from_db()
    attempt = Attempt.objects.get()
    assert (delivery.lease, delivery.attempts_made) == (claimed.lease, 1)
    assert delivery.due_at is not None
    assert delivery.due_at > timezone.now() + LEASE - timedelta(seconds=5)
    assert (attempt.status, attempt.number, attempt.delivery) == (Attempt.Status.SENDING, 1, delivery)


def test_what_is_leased_is_not_claimed_twice(alice: Tenant) -> None:
    due(WebhookFactory(number=alice.number), 3)
    assert len(claim(10).attempts) == 3
    assert claim(10).attempts == []


def test_what_is_due_later_or_finished_is_left(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    due(webhook, 1, due_at=timezone.now() + timedelta(seconds=5))
    due(webhook, 1, due_at=None, status=Delivery.Status.DELIVERED)
    assert claim(10).attempts == []


def test_a_webhook_never_has_more_in_flight_than_its_cap(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=3)
    due(webhook, 10)
    assert len(claim(100).attempts) == 3
    assert claim(100).attempts == []


def test_a_long_backlog_leaves_room_for_the_others(alice: Tenant) -> None:
    busy = WebhookFactory(number=alice.number, max_in_flight=50)
    due(busy, 50, due_at=timezone.now() - timedelta(hours=1))
    quiet = WebhookFactory(number=alice.number)
    due(quiet, 2)
    claimed = claim(10).attempts
    assert {attempt.webhook_id for attempt in claimed} == {busy.pk, quiet.pk}
    assert len([attempt for attempt in claimed if attempt.webhook_id == quiet.pk]) == 2


def test_the_oldest_go_first(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=1)
    due(webhook, 1)
    (oldest,) = due(webhook, 1, due_at=timezone.now() - timedelta(minutes=1))
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [oldest.pk]


def test_a_lease_that_ran_out_leaves_the_attempt_unknown_and_is_claimed_again(alice: Tenant) -> None:
    (delivery,) = due(WebhookFactory(number=alice.number), 1)
    claim(10)
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1), tick=True):
        (second,) = claim(10).attempts
    first = Attempt.objects.get(number=1)
    assert (first.status, first.error_class) == (Attempt.Status.UNKNOWN, "crash")
    assert (second.number, second.delivery_id) == (2, delivery.pk)


def test_what_falls_due_of_a_disabled_webhook_is_held(alice: Tenant) -> None:
    (delivery,) = due(WebhookFactory(number=alice.number, active=False), 1)
    assert claim(10).attempts == []
    delivery.refresh_from_db()
    assert (delivery.status, delivery.due_at) == (Delivery.Status.HELD, None)


def test_what_a_dead_worker_left_of_a_disabled_webhook_is_held_and_keeps_no_drain_awake(
    alice: Tenant,
) -> None:
    webhook = WebhookFactory(number=alice.number)
    (delivery,) = due(webhook, 1)
    claim(10)
    set_active([webhook], False)
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1), tick=True):
        assert claim(10).attempts == []
        assert next_due_at() is None
    delivery.refresh_from_db()
    assert (delivery.status, delivery.lease) == (Delivery.Status.HELD, None)
    assert Attempt.objects.get().status == Attempt.Status.UNKNOWN


def test_what_is_in_flight_while_its_webhook_is_disabled_stays_leased(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    (delivery,) = due(webhook, 1)
    lease = claim(10).lease
    set_active([webhook], False)
    due(webhook, 1)
    claim(10)
    delivery.refresh_from_db()
    assert (delivery.status, delivery.lease) == (Delivery.Status.PENDING, lease)


def test_what_was_fanned_out_while_its_webhook_was_deleted_is_canceled(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    delete_webhooks([webhook])
    (delivery,) = due(webhook, 1)
    assert claim(10).attempts == []
    assert next_due_at() is None
    delivery.refresh_from_db()
    assert (delivery.status, delivery.reason) == (Delivery.Status.CANCELED, "The webhook was deleted.")


def test_what_is_in_flight_when_its_webhook_is_deleted_is_recorded_and_not_tried_again(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    due(webhook, 2)
    claimed = claim(10)
    arrived, failed = claimed.attempts
    delete_webhooks([webhook])
    record({claimed.lease: [(arrived, Outcome(status_code=200)), (failed, Outcome(status_code=500))]})
    with time_machine.travel(timezone.now() + timedelta(minutes=1), tick=True):
        assert claim(10).attempts == []
        assert next_due_at() is None
    assert Attempt.objects.get(pk=arrived.pk).status == Attempt.Status.SUCCEEDED
    assert Attempt.objects.get(pk=failed.pk).status == Attempt.Status.FAILED
    assert Delivery.objects.get(pk=arrived.delivery_id).status == Delivery.Status.DELIVERED
    assert Delivery.objects.get(pk=failed.delivery_id).status == Delivery.Status.CANCELED


def test_a_turn_whose_conversation_is_half_closed_keeps_its_head(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, ordering=Webhook.Ordering.CONVERSATION)
    (head,) = due(webhook, 1, conversation="one")
    multiply(head.event, 1, CHUNK, {"id": "'evt_z' || n", "dedupe_key": "'made:' || n"})
    multiply(head, 1, CHUNK, {"id": "'dlv_z' || n", "event_id": "'evt_z' || n", "due_at": "NULL"})
    set_active([webhook], False)
    set_active([webhook], True)
    assert head in taken()


@pytest.mark.parametrize("webhooks", [1, 8])
def test_a_claim_costs_the_same_queries_whatever_its_size(
    alice: Tenant, webhooks: int, django_assert_num_queries: object
) -> None:
    for _ in range(webhooks):
        due(WebhookFactory(number=alice.number), 3)
    with django_assert_num_queries(12):  # type: ignore[operator]
        assert len(claim(100).attempts) == 3 * webhooks


def taken(limit: int = 100, slow_limit: int | None = None) -> list[Delivery]:
    return [attempt.delivery for attempt in claim(limit, slow_limit).attempts]


def lanes(deliveries: list[Delivery]) -> list[int]:
    return sorted(delivery.lane for delivery in deliveries)


def test_retries_never_take_more_than_their_share_of_a_cap(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=5)
    due(webhook, 10, lane=Delivery.Lane.LATER, due_at=timezone.now() - timedelta(hours=1))
    assert lanes(taken()) == [1, 1, 1]
    due(webhook, 10)
    assert lanes(taken()) == [0, 0]


def test_first_tries_leave_one_slot_to_the_retries(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=5)
    due(webhook, 10)
    due(webhook, 10, lane=Delivery.Lane.LATER)
    assert lanes(taken()) == [0, 0, 0, 0, 1]


def test_a_cap_of_one_takes_whatever_waits_longest(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=1)
    due(webhook, 1)
    (retry,) = due(webhook, 1, lane=Delivery.Lane.LATER, due_at=timezone.now() - timedelta(minutes=1))
    assert taken() == [retry]


def test_slow_webhooks_share_the_slots_that_are_left_to_them(alice: Tenant) -> None:
    for _ in range(4):
        due(WebhookFactory(number=alice.number, slow=True), 5, due_at=timezone.now() - timedelta(hours=1))
    quick = WebhookFactory(number=alice.number)
    due(quick, 3)
    claimed = taken(slow_limit=6)
    assert len([delivery for delivery in claimed if delivery.webhook.slow]) == 6
    assert len([delivery for delivery in claimed if delivery.webhook == quick]) == 3
    assert taken(slow_limit=0) == []


def test_full_webhooks_with_old_backlogs_do_not_stand_before_the_others(alice: Tenant) -> None:
    for _ in range(WEBHOOKS_PER_CLAIM):
        webhook = WebhookFactory(number=alice.number, max_in_flight=1)
        due(webhook, 2, due_at=timezone.now() - timedelta(hours=1))
    assert len(taken()) == WEBHOOKS_PER_CLAIM
    (delivery,) = due(WebhookFactory(number=alice.number), 1)
    assert taken() == [delivery]


def test_a_hundred_webhooks_with_both_lanes_are_one_claim(alice: Tenant) -> None:
    for _ in range(WEBHOOKS_PER_CLAIM):
        webhook = WebhookFactory(number=alice.number)
        due(webhook, 1)
        due(webhook, 1, lane=Delivery.Lane.LATER)
    assert len(taken(200)) == 2 * WEBHOOKS_PER_CLAIM
