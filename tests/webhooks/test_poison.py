"""What cannot be read or sent fails alone, and holds up no other."""

from typing import cast

import pytest
from django.db import connection

from accounts.encryption import Sealed, encrypt
from events.models import RawPayload
from events.tasks import normalize
from messaging.models import Message
from messaging.tasks import send_due
from tests.conftest import Tenant
from tests.factories import (
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    RawPayloadFactory,
    WebhookFactory,
)
from tests.receivers import Receiver
from webhooks import tasks
from webhooks.claiming import claim
from webhooks.models import Attempt, Delivery, HourlyCount, Webhook
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import UNREADABLE, record

pytestmark = pytest.mark.django_db


def spoil(table: str, column: str, where: str, id: str, stored: str = "gAAAAA") -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = %s WHERE {where} = %s", [stored, id])


@pytest.fixture
def webhook(alice: Tenant, receiver: Receiver) -> Webhook:
    return WebhookFactory(number=alice.number, url=receiver.url)


def delivery_to(webhook: Webhook, **event: object) -> Delivery:
    return DeliveryFactory(event=EventFactory(number=webhook.number, **event), webhook=webhook)


def failed_alone(poisoned: Delivery, sound: Delivery) -> str:
    """Delivers, and returns what the log says of the one that cannot be sent."""
    tasks.deliver()
    sound.refresh_from_db()
    assert sound.status == Delivery.Status.DELIVERED
    attempt = Attempt.objects.get(delivery=poisoned)
    assert (attempt.status, attempt.error_class) == (Attempt.Status.FAILED, "internal")
    return attempt.error


def test_a_secret_whose_key_is_lost(webhook: Webhook, alice: Tenant, receiver: Receiver) -> None:
    poisoned = delivery_to(webhook)
    sound = delivery_to(WebhookFactory(number=alice.number, url=receiver.url))
    spoil("webhooks_webhooksecret", "secret", "webhook_id", webhook.pk)
    assert "rotate it" in failed_alone(poisoned, sound)


def test_a_secret_that_is_no_base64(webhook: Webhook, alice: Tenant, receiver: Receiver) -> None:
    poisoned = delivery_to(webhook)
    sound = delivery_to(WebhookFactory(number=alice.number, url=receiver.url))
    spoil("webhooks_webhooksecret", "secret", "webhook_id", webhook.pk, encrypt("whsec_%%%"))
    assert failed_alone(poisoned, sound) == "The request could not be made."


def test_an_event_whose_key_is_lost(webhook: Webhook) -> None:
    poisoned = delivery_to(webhook)
    spoil("events_event", "body", "id", poisoned.event_id, "sealed:gAAAAA")
    assert "cannot be read" in failed_alone(poisoned, delivery_to(webhook))


def test_an_event_that_is_no_text(webhook: Webhook) -> None:
    poisoned = delivery_to(webhook, body=Sealed('"\ud800"'))
    assert failed_alone(poisoned, delivery_to(webhook)) == "The request could not be made."


def test_a_payload_whose_key_is_lost(alice: Tenant) -> None:
    poisoned, sound = RawPayloadFactory(number=alice.number), RawPayloadFactory(number=alice.number)
    spoil("events_rawpayload", "body", "id", poisoned.pk, "sealed:gAAAAA")
    normalize()
    poisoned.refresh_from_db()
    sound.refresh_from_db()
    assert (poisoned.status, poisoned.due_at) == (RawPayload.Status.FAILED, None)
    assert "Run it again with the key" in poisoned.reason
    assert sound.due_at is None


def test_a_message_whose_key_is_lost_is_not_sent_empty(alice: Tenant) -> None:
    poisoned = MessageFactory(number=alice.number, due_at="2026-01-01T00:00:00Z")
    sound = MessageFactory(number=alice.number, due_at="2026-01-01T00:00:00Z")
    spoil("messaging_message", "content", "id", poisoned.pk, "sealed:gAAAAA")
    send_due()
    poisoned.refresh_from_db()
    sound.refresh_from_db()
    assert (poisoned.status, poisoned.error_code) == (Message.Status.FAILED, "MESSAGE_UNREADABLE")
    assert sound.status != Message.Status.FAILED
    assert sound.external_id is not None


@pytest.mark.parametrize("status_code", [200, 500])
def test_an_answer_that_cannot_be_written(webhook: Webhook, status_code: int) -> None:
    for _ in range(3):
        delivery_to(webhook)
    claimed = claim(10)
    first, poisoned, last = claimed.attempts
    answer = Outcome(
        status_code=status_code,
        error_class=ErrorClass.STATUS if status_code == 500 else ErrorClass.NONE,
        error="It answered 500." if status_code == 500 else "",
        response_headers=[("x-odd", cast(str, b"no text"))],
        response_body="odd",
    )
    sound = Outcome(status_code=204, response_body="thanks")
    record({claimed.lease: [(first, sound), (poisoned, answer), (last, sound)]})

    for attempt in claimed.attempts:
        attempt.refresh_from_db()
    assert [first.response_body, last.response_body] == ["thanks", "thanks"]
    assert (poisoned.status_code, poisoned.response_body) == (status_code, "")
    assert poisoned.error == (UNREADABLE if status_code == 500 else "")
    delivered = 2 if status_code == 500 else 3
    assert Delivery.objects.filter(status="delivered").count() == delivered
    assert not Delivery.objects.filter(lease=claimed.lease).exists()
    assert sum(HourlyCount.objects.values_list("attempts", flat=True)) == 3
