from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone
from django_q.models import Task

from accounts.models import EmailChange
from events.models import Event, RawPayload
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import HealthCheck, Number
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EmailChangeFactory,
    EventFactory,
    MessageFactory,
    RawPayloadFactory,
    WebhookFactory,
)
from webhooks import counting, tasks
from webhooks.models import Attempt, Delivery, HourlyCount, Webhook, WebhookSecret
from webhooks.pruning import CHUNK, Pruning

pytestmark = pytest.mark.django_db


def ago(**span: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() - timedelta(**span))


def test_raw_payloads_go_after_seven_days_and_their_events_stay(alice: Tenant) -> None:
    with ago(days=8):
        old = RawPayloadFactory(number=alice.number, due_at=None, status="normalized")
        event = EventFactory(number=alice.number, raw_payload=old)
    young = RawPayloadFactory(number=alice.number, due_at=None, status="normalized")
    tasks.retain()
    assert list(RawPayload.objects.all()) == [young]
    event.refresh_from_db()
    assert event.raw_payload is None


def test_unroutable_payloads_go_after_seven_days_too() -> None:
    with ago(days=8):
        RawPayloadFactory(number=None, due_at=None, status="unroutable")
    tasks.retain()
    assert not RawPayload.objects.exists()


def test_a_payload_that_waits_is_kept_however_old_it_is(alice: Tenant) -> None:
    with ago(days=100):
        RawPayloadFactory(number=alice.number)
    tasks.retain()
    assert RawPayload.objects.count() == 1


def test_attempts_go_after_thirty_days_and_their_deliveries_after_ninety(alice: Tenant) -> None:
    for days in (91, 31, 29):
        with ago(days=days):
            AttemptFactory(
                delivery=DeliveryFactory(event__number=alice.number, status="delivered", due_at=None)
            )
    tasks.retain()
    assert (Attempt.objects.count(), Delivery.objects.count(), Event.objects.count()) == (1, 2, 3)


def test_counters_go_with_the_attempts_that_they_count(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    for days in (31, 29):
        counting.count([(webhook.pk, "first", 10)], timezone.now() - timedelta(days=days))
    tasks.retain()
    assert HourlyCount.objects.count() == 1


def test_what_is_at_work_is_kept_however_old_it_is(alice: Tenant) -> None:
    with ago(days=100):
        AttemptFactory(delivery=DeliveryFactory(event__number=alice.number), status="sending")
    tasks.retain()
    assert (Attempt.objects.count(), Delivery.objects.count()) == (1, 1)


def test_more_than_a_chunk_goes_a_chunk_at_a_time(alice: Tenant) -> None:
    with ago(days=31):
        delivery = DeliveryFactory(event__number=alice.number)
        AttemptFactory.create_batch(3, delivery=delivery)
        Attempt.objects.bulk_create(
            AttemptFactory.build(
                delivery=delivery, webhook=delivery.webhook, event_type="message.sent", url=""
            )
            for _ in range(CHUNK)
        )
    pruning = Pruning()
    assert (pruning.step(), pruning.step(), pruning.step()) == (CHUNK, 3, 0)


def test_health_checks_go_after_seven_days(alice: Tenant) -> None:
    with ago(days=8):
        HealthCheck.objects.create(number=alice.number, trigger="periodic", result="connected")
    young = HealthCheck.objects.create(number=alice.number, trigger="periodic", result="connected")
    tasks.retain()
    assert list(HealthCheck.objects.all()) == [young]


def test_idempotency_keys_and_secrets_go_when_they_have_expired(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    now = timezone.now()
    for minutes in (-1, 1):
        moment = now + timedelta(minutes=minutes)
        IdempotencyKey.objects.create(
            number=alice.number, key=str(minutes), fingerprint="", expires_at=moment
        )
        WebhookSecret.objects.create(webhook=webhook, secret="whsec_old", expires_at=moment)
    tasks.retain()
    assert [key.key for key in IdempotencyKey.objects.all()] == ["1"]
    assert webhook.secrets.count() == 2


def test_requests_for_another_address_go_when_they_have_expired_unless_one_is_still_to_be_told() -> None:
    past, now = timezone.now() - timedelta(minutes=1), timezone.now()
    EmailChangeFactory(expires_at=past)
    told = EmailChangeFactory(expires_at=past, confirmed_at=now, due_at=now + timedelta(hours=1))
    waits = EmailChangeFactory()
    tasks.retain()
    assert set(EmailChange.objects.all()) == {told, waits}


def test_notes_of_failed_tasks_go_after_seven_days() -> None:
    for days in (8, 1):
        stopped = timezone.now() - timedelta(days=days)
        Task.objects.create(
            id=str(days),
            name=str(days),
            func="webhooks.tasks.sweep",
            started=stopped,
            stopped=stopped,
            success=False,
        )
    tasks.retain()
    assert [task.id for task in Task.objects.all()] == ["1"]


def test_a_number_is_purged_thirty_days_after_its_removal(alice: Tenant, bob: Tenant) -> None:
    for tenant, days in ((alice, 31), (bob, 29)):
        delivery = DeliveryFactory(event__number=tenant.number, status="delivered", due_at=None)
        AttemptFactory(delivery=delivery)
        MessageFactory(number=tenant.number)
        RawPayloadFactory(number=tenant.number)
        Number.objects.filter(pk=tenant.number.pk).update(deleted_at=timezone.now() - timedelta(days=days))
    tasks.retain()
    assert list(Number.objects.all()) == [bob.number]
    rows: list[Any] = [Event, Delivery, Attempt, Message, RawPayload, Webhook]
    assert [model.objects.count() for model in rows] == [1] * len(rows)
