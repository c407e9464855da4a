"""What people, drains and jobs do to the same webhook at the same time."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
import time_machine
from django.db import connections, transaction
from django.utils import timezone

from accounts.api import ApiError
from events.models import Event
from messaging import idempotency
from messaging.models import IdempotencyKey
from phone_numbers.models import Number
from phone_numbers.registering import purge, remove, restore
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, WebhookFactory
from webhooks import erasing, ordering, recovering, tasks
from webhooks.activating import set_active
from webhooks.claiming import claim
from webhooks.closing import close
from webhooks.configuring import delete_webhooks
from webhooks.models import Delivery, Trigger, Webhook
from webhooks.outcome import Outcome
from webhooks.recording import record
from webhooks.recovering import Kind
from webhooks.replaying import redeliver

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def beside(*acts: Callable[[], object]) -> Iterator[None]:
    """Runs a block in a transaction in which, before it commits, the acts begin, each in a thread and in this order.

    Raises what an act raised.
    """
    raised: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            act()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    with transaction.atomic():
        yield
        for thread in threads:
            thread.start()
            # On PostgreSQL it waits for a row by then; SQLite lets one write at a time.
            thread.join(0.7)
    for thread in threads:
        thread.join(30)
    if raised:
        raise raised[0]


def test_what_is_being_held_while_its_webhook_is_enabled_and_recovered_is_sent(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, active=False, disabled_at=timezone.now())
    delivery = DeliveryFactory(event__number=alice.number, webhook=webhook)
    Event.objects.update(recorded_at=timezone.now() - timedelta(hours=3))
    with beside(lambda: recovering.enable_and_recover(webhook)):
        close(Webhook.objects.select_for_update(no_key=True), timezone.now())
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


def test_a_recovery_of_a_selection_and_a_redelivery_of_it_wait_for_each_other(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    chosen = [
        DeliveryFactory(
            event__number=alice.number,
            webhook=webhook,
            trigger=Trigger.MANUAL,
            status="exhausted",
            due_at=None,
        )
        for _ in range(2)
    ]
    ids = [row.pk for row in chosen]
    with beside(
        lambda: recovering.start(webhook, Kind.SELECTION, chosen=ids),
        lambda: redeliver(chosen),
    ):
        list(Delivery.objects.filter(pk=ids[1]).select_for_update())
    assert {attempt.delivery_id for attempt in claim(10).attempts} == set(ids)


@pytest.mark.parametrize("act", [lambda rows: set_active(rows, False), delete_webhooks])
def test_disabling_several_webhooks_loses_no_answer_of_them(
    alice: Tenant, act: Callable[[list[Webhook]], None]
) -> None:
    webhooks = [WebhookFactory(number=alice.number) for _ in range(3)]
    first, middle, _ = webhooks
    for webhook in webhooks:
        DeliveryFactory(event__number=alice.number, webhook=webhook)
    for webhook in (middle, first):
        # PostgreSQL puts what is changed behind the others.
        Webhook.objects.filter(pk=webhook.pk).update(name="Changed")
    taken = claim(10)
    answers = [(attempt, Outcome(status_code=200)) for attempt in taken.attempts]
    with beside(lambda: record({taken.lease: answers}), lambda: act(webhooks)):
        list(Webhook.objects.filter(pk=middle.pk).select_for_update(no_key=True))
    assert set(Delivery.objects.values_list("status", flat=True)) == {"delivered"}


def test_a_recovered_delivery_is_not_deleted_for_its_age(alice: Tenant) -> None:
    with time_machine.travel(timezone.now() - timedelta(days=91)):
        delivery = DeliveryFactory(event__number=alice.number, status="held", due_at=None)
    with beside(tasks.retain):
        recovering.start(delivery.webhook, Kind.SELECTION, chosen=[delivery.pk])
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


def test_an_idempotency_key_that_is_used_anew_is_not_deleted_as_expired(alice: Tenant) -> None:
    def send() -> tuple[idempotency.Answer, bool]:
        return idempotency.once(alice.number, "order-7", {"text": "hello"}, lambda: {"id": "msg_1"})

    send()
    IdempotencyKey.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    with beside(tasks.retain):
        assert send() == ({"id": "msg_1"}, False)
    assert send() == ({"id": "msg_1"}, True)


def test_a_delivery_that_is_sent_meanwhile_is_not_released_as_forgotten(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, ordering=Webhook.Ordering.CONVERSATION)
    DeliveryFactory(event__number=alice.number, webhook=webhook, due_at=None, conversation="ann")
    with beside(lambda: ordering.release_forgotten(timezone.now())):
        ordering.release([(webhook.pk, "ann")], timezone.now())
        assert len(claim(10).attempts) == 1
    assert claim(10).attempts == []


@pytest.mark.parametrize("of_workspace", [True, False])
def test_a_number_is_purged_while_its_deliveries_are_claimed(alice: Tenant, of_workspace: bool) -> None:
    number = None if of_workspace else alice.number
    webhook = WebhookFactory(workspace=alice.workspace, number=number)
    DeliveryFactory(event__number=alice.number, webhook=webhook)
    with beside(lambda: purge([alice.number])):
        assert len(claim(10).attempts) == 1
    assert not Number.objects.exists()
    assert Webhook.objects.exists() == of_workspace


def test_a_number_that_is_restored_before_the_last_step_of_its_purge_is_kept(alice: Tenant) -> None:
    remove([alice.number])
    Event.objects.all().delete()
    erasing.begin(alice.number)
    erasing.erase_chunk()
    with beside(erasing.erase_chunk):
        restore(alice.number)
    assert Number.objects.get().deleted_at is None


def test_a_number_whose_purge_ends_first_cannot_be_restored(alice: Tenant) -> None:
    remove([alice.number])
    with pytest.raises(ApiError, match="erased"), beside(lambda: restore(alice.number)):
        purge([alice.number])
