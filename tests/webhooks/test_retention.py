import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, transaction
from django.utils import timezone

from accounts.encryption import Sealed
from events.models import Event
from messaging.models import Message
from phone_numbers.models import Number, RetentionMark
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    NumberFactory,
    WebhookFactory,
)
from webhooks import tasks
from webhooks.models import Attempt, Delivery
from webhooks.outcome import ErrorClass, Outcome
from webhooks.retention import CHUNK, Blanking, discreet, events_in_use, next_number_due_at, plan, settle
from webhooks.retry import RETRY_DELAYS

pytestmark = pytest.mark.django_db

CONTACT = "447700900123"


@pytest.fixture
def relaying(alice: Tenant) -> Number:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    return alice.number


def sealed_event(number: Number, **more: Any) -> Event:
    event = EventFactory(number=number, **more)
    event.body = Sealed(event.body)
    event.save()
    return event


def look_through() -> None:
    """Lets the job run in ten minutes from now, on every number whose mode asks for it."""
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        Number.objects.exclude(pii_mode="STORE_INDEFINITE").update(retention_due_at=timezone.now())
        tasks.blank()


def blanked(rows: Any) -> int:
    return rows.objects.exclude(blanked_at=None).count()


def end(delivery: Delivery, status: str) -> None:
    Delivery.objects.filter(pk=delivery.pk).update(status=status, due_at=None)


@pytest.mark.parametrize("status", ["delivered", "exhausted", "canceled"])
def test_an_event_is_blanked_when_its_last_delivery_has_ended(relaying: Number, status: str) -> None:
    event = sealed_event(relaying)
    first, last = (DeliveryFactory(event=event) for _ in range(2))
    end(first, "delivered")
    settle([event])
    assert blanked(Event) == 0
    end(last, status)
    settle([event])
    assert blanked(Event) == 1
    assert CONTACT not in Event.objects.get().body


def test_an_event_of_a_number_that_stores_is_left_alone(
    alice: Tenant, django_assert_num_queries: Any
) -> None:
    event = EventFactory(number=alice.number)
    with django_assert_num_queries(0):
        settle([event])


@pytest.mark.django_db(transaction=True)
def test_two_drains_that_end_the_last_two_deliveries_at_once_leave_nothing(relaying: Number) -> None:
    event = sealed_event(relaying)
    deliveries = [DeliveryFactory(event=event) for _ in range(2)]
    both = threading.Barrier(2)

    def conclude(delivery: Delivery) -> None:
        try:
            if connection.vendor == "sqlite":
                # One writer at a time: only the way there is shared.
                both.wait(timeout=5)
            with transaction.atomic():
                end(delivery, "delivered")
                if connection.vendor == "postgresql":
                    both.wait(timeout=5)
                settle([event])
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as drains:
        list(drains.map(conclude, deliveries))
    assert blanked(Event) == 1


def test_an_event_is_in_use_while_somebody_may_still_be_told(alice: Tenant) -> None:
    pending = DeliveryFactory(event__number=alice.number).event
    held = DeliveryFactory(event__number=alice.number, status="held", due_at=None).event
    forgotten = DeliveryFactory(event__number=alice.number, status="held", due_at=None)
    Delivery.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - timedelta(days=4))
    DeliveryFactory(event__number=alice.number, status="exhausted", due_at=None)
    EventFactory(number=alice.number)
    assert set(events_in_use(Event.objects.all())) == {pending, held}


def test_what_receivers_answered_is_blanked_with_the_event(relaying: Number) -> None:
    event = sealed_event(relaying)
    delivery = DeliveryFactory(event=event, status="exhausted", due_at=None, reason="Given up after 9 attempts: The "
                               f"answer is not HTTP as we accept it: bad line '{CONTACT}'.")  # fmt: skip
    AttemptFactory(
        delivery=delivery, response_body=f"Thanks, {CONTACT}", response_headers=[["x-to", CONTACT]]
    )
    AttemptFactory(
        delivery=delivery, status="failed", error_class="protocol", error=f"bad line {CONTACT}", number=2
    )
    AttemptFactory(
        delivery=delivery, status="failed", error_class="status", error="500 from the receiver.", number=3
    )
    settle([event])
    attempts = list(Attempt.objects.order_by("number"))
    assert [attempt.response_body for attempt in attempts] == ["", "", ""]
    assert [attempt.response_headers for attempt in attempts] == [[], [], []]
    assert [attempt.error for attempt in attempts] == [
        "",
        "The answer is not HTTP as we accept it.",
        "500 from the receiver.",
    ]
    assert attempts[0].status_code == 200
    assert CONTACT not in Delivery.objects.get().reason


def test_an_answer_to_a_relayed_event_is_sealed_and_loses_its_headers(relaying: Number) -> None:
    outcome = Outcome(
        status_code=200,
        response_body=f"Thanks, {CONTACT}",
        response_headers=[("Content-Type", "text/plain"), ("X-To", CONTACT)],
    )
    written = discreet(sealed_event(relaying), outcome)
    assert isinstance(written.response_body, Sealed)
    assert written.response_headers == [("Content-Type", "text/plain")]
    assert written.status_code == 200


def test_a_broken_answer_to_a_relayed_event_is_not_quoted(relaying: Number) -> None:
    outcome = Outcome(
        error_class=ErrorClass.PROTOCOL, error=f"The answer is not HTTP as we accept it: {CONTACT}."
    )
    assert CONTACT not in discreet(sealed_event(relaying), outcome).error


def test_an_answer_to_any_other_event_is_recorded_as_it_came(alice: Tenant) -> None:
    outcome = Outcome(status_code=200, response_body="Thanks")
    assert discreet(EventFactory(number=alice.number), outcome) is outcome


def test_the_job_goes_through_more_than_a_chunk(relaying: Number) -> None:
    EventFactory.create_batch(CHUNK + 20, number=relaying)
    look_through()
    assert blanked(Event) == CHUNK + 20


def test_the_job_says_how_far_it_is(relaying: Number, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    EventFactory.create_batch(3, number=relaying)
    look_through()
    assert f"Personal data of {relaying.pk}: 3 rows of events.event blanked" in caplog.text


def test_what_is_in_use_is_sealed_passed_over_and_found_again(relaying: Number) -> None:
    first = EventFactory(number=relaying)
    delivery = DeliveryFactory(event=EventFactory(number=relaying))
    last = EventFactory(number=relaying)
    look_through()
    assert set(Event.objects.filter(blanked_at=None)) == {delivery.event}
    assert isinstance(Event.objects.get(pk=delivery.event_id).body, Sealed)
    mark = RetentionMark.objects.get(number=relaying, table="events.event")
    assert first.pk < mark.below <= delivery.event_id < last.pk
    end(delivery, "delivered")
    look_through()
    assert not Event.objects.filter(blanked_at=None).exists()


def test_what_no_key_can_read_is_passed_over_and_blanked_once_its_key_is_back(
    relaying: Number, settings: Any
) -> None:
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["lost"]
    unreadable = sealed_event(relaying)
    settings.ENCRYPTION_KEYS = keys
    sealed_event(relaying)
    look_through()
    assert list(Event.objects.filter(blanked_at=None)) == [unreadable]
    settings.ENCRYPTION_KEYS = [*keys, "lost"]
    look_through()
    assert blanked(Event) == 2


def test_a_delivery_of_what_no_key_can_read_comes_to_its_end(relaying: Number, settings: Any) -> None:
    delivery = DeliveryFactory(event=sealed_event(relaying), attempts_made=len(RETRY_DELAYS))
    body = delivery.event.body
    keys = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["another"]
    tasks.deliver()
    delivery.refresh_from_db()
    assert (delivery.status, delivery.lease) == (Delivery.Status.EXHAUSTED, None)
    settings.ENCRYPTION_KEYS = keys
    assert Event.objects.get().body == body


def test_what_is_behind_the_mark_is_not_read_again(
    relaying: Number, django_assert_max_num_queries: Any
) -> None:
    EventFactory.create_batch(20, number=relaying)
    look_through()
    marks = dict(RetentionMark.objects.values_list("table", "below"))
    newest = Event.objects.order_by("-pk").values_list("pk", flat=True)[0]
    assert marks["events.event"] > newest
    assert set(marks) == {"messaging.message", "events.rawpayload", "events.event"}


def test_the_mark_stays_behind_rows_that_may_not_be_committed_yet(relaying: Number) -> None:
    Number.objects.update(retention_due_at=timezone.now())
    tasks.blank()
    event = EventFactory(number=relaying)
    assert RetentionMark.objects.get(table="events.event").below < event.pk


def test_only_what_is_older_than_x_days_is_blanked(alice: Tenant) -> None:
    alice.number.pii_mode, alice.number.pii_retention_days = Number.PiiMode.STORE_X_DAYS, 7
    alice.number.save()
    with time_machine.travel(timezone.now() - timedelta(days=8)):
        old = MessageFactory(number=alice.number, sent=True)
    MessageFactory(number=alice.number, sent=True)
    look_through()
    assert list(Message.objects.exclude(blanked_at=None)) == [old]


def test_a_removed_number_is_looked_through_as_well(relaying: Number) -> None:
    EventFactory(number=relaying)
    Number.objects.update(deleted_at=timezone.now())
    look_through()
    assert blanked(Event) == 1


def test_a_number_is_looked_through_every_hour(relaying: Number) -> None:
    plan()
    tasks.blank()
    assert next_number_due_at() is None
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        assert next_number_due_at() is not None


def test_a_mode_that_was_switched_back_ends_the_rounds(alice: Tenant) -> None:
    Number.objects.update(retention_due_at=timezone.now())
    EventFactory(number=alice.number)
    tasks.blank()
    assert blanked(Event) == 0
    assert Number.objects.get(pk=alice.number.pk).retention_due_at is None


def test_a_mode_that_is_switched_meanwhile_has_its_own_turn(relaying: Number) -> None:
    EventFactory.create_batch(CHUNK + 1, number=relaying)
    with time_machine.travel(timezone.now() + timedelta(minutes=10), tick=False):
        Number.objects.update(retention_due_at=timezone.now())
        blanking = Blanking()
        blanking.step()
        Number.objects.update(retention_due_at=timezone.now())
        for _ in range(3):
            next(blanking._chunks, 0)
        assert next_number_due_at() is not None


def test_a_drain_whose_time_is_up_gives_the_number_back(relaying: Number) -> None:
    EventFactory.create_batch(CHUNK + 1, number=relaying)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        Number.objects.update(retention_due_at=timezone.now())
        blanking = Blanking()
        blanking.step()
        assert next_number_due_at() is None
        blanking.finish()
        assert next_number_due_at() is not None
        tasks.blank()
    assert blanked(Event) == CHUNK + 1


def test_a_worker_that_dies_leaves_a_number_that_falls_due_again(relaying: Number) -> None:
    EventFactory.create_batch(CHUNK + 1, number=relaying)
    with time_machine.travel(timezone.now() + timedelta(minutes=10)):
        Number.objects.update(retention_due_at=timezone.now())
        Blanking().step()
    with time_machine.travel(timezone.now() + timedelta(minutes=21)):
        tasks.blank()
    assert blanked(Event) == CHUNK + 1


def test_numbers_that_nobody_has_planned_are_planned(alice: Tenant, bob: Tenant) -> None:
    relaying = NumberFactory(pii_mode=Number.PiiMode.RELAY_ONLY)
    plan()
    assert set(Number.objects.exclude(retention_due_at=None)) == {relaying}


def test_a_webhook_of_the_whole_workspace_is_waited_for_too(relaying: Number) -> None:
    event = sealed_event(relaying)
    DeliveryFactory(event=event, webhook=WebhookFactory(workspace=relaying.workspace, number=None))
    settle([event])
    assert blanked(Event) == 0
