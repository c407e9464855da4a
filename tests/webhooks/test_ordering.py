"""Order within a conversation: one at a time, the oldest first, and nobody else waits."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from events.models import Event
from tests.conftest import Tenant
from tests.factories import EventFactory, WebhookFactory
from tests.receivers import Received, Receiver, Reply
from webhooks import recovering, tasks
from webhooks.activating import set_active
from webhooks.claiming import claim
from webhooks.configuring import update_webhook
from webhooks.fanout import fan_out
from webhooks.models import Delivery, Webhook
from webhooks.ordering import WAITS, release_forgotten
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record
from webhooks.retry import RETRY_DELAYS

pytestmark = pytest.mark.django_db


def ordered(tenant: Tenant, **more: object) -> Webhook:
    return WebhookFactory(number=tenant.number, ordering=Webhook.Ordering.CONVERSATION, **more)


def happen(tenant: Tenant, *conversations: str) -> list[Event]:
    events = [EventFactory(number=tenant.number, conversation=conversation) for conversation in conversations]
    fan_out(events)
    return events


def claimed() -> tuple[str, list[str]]:
    taken = claim(100)
    return taken.lease, [attempt.delivery.event_id for attempt in taken.attempts]


def conclude(outcome: Outcome) -> None:
    taken = claim(100)
    record({taken.lease: [(attempt, outcome) for attempt in taken.attempts]})


def test_one_delivery_of_a_conversation_is_out_at_a_time(alice: Tenant) -> None:
    ordered(alice)
    first, _, other, _ = happen(alice, "ann", "ann", "ben", "ann")
    assert claimed()[1] == [first.pk, other.pk]
    assert claimed()[1] == []


def test_what_waits_says_so_and_is_not_due(alice: Tenant) -> None:
    ordered(alice)
    _, second = happen(alice, "ann", "ann")
    claim(100)
    delivery = Delivery.objects.get(event=second)
    assert (delivery.status, delivery.due_at, delivery.reason) == (Delivery.Status.PENDING, None, WAITS)


def test_they_arrive_in_event_order(alice: Tenant, receiver: Receiver) -> None:
    ordered(alice, url=receiver.url)
    events = happen(alice, *["ann", "ben"] * 6)
    tasks.deliver()
    for name in ("ann", "ben"):
        wanted = [event.pk for event in events if event.conversation == name]
        arrived = [request.headers["webhook-id"] for request in receiver.requests]
        assert [pk for pk in arrived if pk in wanted] == wanted
    assert set(Delivery.objects.values_list("status", "conversation")) == {("delivered", None)}


def test_a_failing_one_holds_back_only_its_conversation(alice: Tenant, receiver: Receiver) -> None:
    poison, blocked, *others = happen_for(alice, receiver, "ann", "ann", "ben", "ben")
    receiver.reply = refuse(poison)
    tasks.deliver()
    assert [request.headers["webhook-id"] for request in receiver.requests] == [
        poison.pk, *[event.pk for event in others],
    ]  # fmt: skip
    receiver.reply = Reply()
    with time_machine.travel(timezone.now() + timedelta(seconds=6), tick=True):
        tasks.deliver()
    assert [request.headers["webhook-id"] for request in receiver.requests][-2:] == [poison.pk, blocked.pk]


def test_one_that_is_given_up_lets_the_next_go(alice: Tenant) -> None:
    ordered(alice)
    first, second = happen(alice, "ann", "ann")
    Delivery.objects.filter(event=first).update(attempts_made=len(RETRY_DELAYS))
    conclude(Outcome(status_code=500, error_class=ErrorClass.STATUS, error="500 from the receiver."))
    assert Delivery.objects.get(event=first).status == Delivery.Status.EXHAUSTED
    assert claimed()[1] == [second.pk]


def test_events_of_no_conversation_and_other_webhooks_do_not_wait(alice: Tenant) -> None:
    ordered(alice)
    WebhookFactory(number=alice.number)
    happen(alice, "", "")
    assert len(claimed()[1]) == 4


def test_a_disabled_webhook_holds_what_waits_too(alice: Tenant) -> None:
    webhook = ordered(alice)
    happen(alice, "ann", "ann", "ann")
    claim(100)
    set_active([webhook], False)
    assert sorted(Delivery.objects.values_list("status", flat=True)) == ["held", "held", "pending"]
    assert not Delivery.objects.filter(status="held", conversation__isnull=False).exists()


def test_without_order_everything_that_waits_goes(alice: Tenant) -> None:
    webhook = ordered(alice)
    happen(alice, "ann", "ann", "ann")
    assert len(claimed()[1]) == 1
    update_webhook(webhook, ordering=Webhook.Ordering.NONE)
    assert len(claimed()[1]) == 2


@pytest.mark.parametrize("worker_dies", [False, True])
def test_an_older_one_that_is_recovered_while_a_newer_one_is_out_comes_next(
    alice: Tenant, worker_dies: bool
) -> None:
    webhook = ordered(alice)
    happen(alice, "ann", "ann")
    older, newer = Delivery.objects.order_by("pk")
    Delivery.objects.filter(pk=older.pk).update(status="exhausted", due_at=None, conversation=None)
    taken = claim(10)
    recovering.start(webhook, recovering.Kind.SELECTION, chosen=[older.pk])
    assert claim(10).attempts == []
    if worker_dies:
        for _ in range(2):
            Delivery.objects.filter(pk=newer.pk).update(due_at=timezone.now())
            claim(10)
    else:
        failure = Outcome(status_code=500, error_class=ErrorClass.STATUS, error="No.")
        record({taken.lease: [(taken.attempts[0], failure)]})
    assert claimed()[1] == [older.event_id]


def test_what_is_parked_behind_nothing_is_found_by_the_hourly_job(alice: Tenant) -> None:
    ordered(alice)
    first, second = happen(alice, "ann", "ann")
    claim(100)
    Event.objects.filter(pk=first.pk).delete()
    tasks.retain()
    assert claimed()[1] == [second.pk]


def test_the_hourly_job_leaves_alone_what_waits_its_turn(alice: Tenant) -> None:
    ordered(alice)
    happen(alice, "ann", "ann")
    claim(100)
    assert release_forgotten(timezone.now()) == 0


def test_a_long_conversation_is_parked_in_one_statement(
    alice: Tenant, django_assert_max_num_queries: object
) -> None:
    ordered(alice)
    happen(alice, *["ann"] * 50)
    with django_assert_max_num_queries(13):  # type: ignore[operator]
        assert len(claim(100).attempts) == 1
    assert Delivery.objects.filter(due_at=None).count() == 49


def happen_for(tenant: Tenant, receiver: Receiver, *conversations: str) -> list[Event]:
    ordered(tenant, url=receiver.url, max_in_flight=1)
    return happen(tenant, *conversations)


def refuse(event: Event) -> object:
    def answer(request: Received) -> Reply:
        return Reply(status=500 if request.headers["webhook-id"] == event.pk else 200)

    return answer
