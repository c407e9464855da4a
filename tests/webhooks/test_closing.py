"""What a disabled or deleted webhook has not heard is held or canceled: in chunks, and never sent meanwhile."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, WebhookFactory
from webhooks import closing, sweeping, tasks
from webhooks.activating import set_active
from webhooks.claiming import claim
from webhooks.configuring import delete_webhooks
from webhooks.models import Delivery, Webhook
from webhooks.replaying import send_test

pytestmark = pytest.mark.django_db


@pytest.fixture
def webhook(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> Webhook:
    """With five that are due, one that waits for its next try, one that waits for its turn, and one in flight."""
    monkeypatch.setattr(closing, "CHUNK", 2)
    webhook = WebhookFactory(number=alice.number)
    DeliveryFactory(event__number=alice.number, webhook=webhook, event__id="evt_1")
    claim(1)
    for _ in range(5):
        DeliveryFactory(event__number=alice.number, webhook=webhook)
    later = timezone.now() + timedelta(hours=12)
    DeliveryFactory(event__number=alice.number, webhook=webhook, due_at=later)
    DeliveryFactory(event__number=alice.number, webhook=webhook, due_at=None, conversation="c")
    return webhook


def statuses() -> list[str]:
    return sorted(Delivery.objects.values_list("status", flat=True))


def test_a_disabled_webhook_hears_nothing_more_and_the_rest_is_held_soon(webhook: Webhook) -> None:
    set_active([webhook], False)
    assert statuses() == ["held"] * 2 + ["pending"] * 6
    assert claim(100).attempts == []
    assert sweeping.DRAINS[closing.CLOSE]() is not None
    tasks.close()
    assert statuses() == ["held"] * 7 + ["pending"]
    held = Delivery.objects.filter(status="held")
    assert set(held.values_list("reason", "due_at", "conversation")) == {
        ("The webhook was disabled: Paused by a person.", None, None)
    }
    assert Delivery.objects.get(status="pending").lease is not None, "what is in flight ends by itself"
    assert closing.next_due_at() is None


def test_of_a_deleted_webhook_what_was_held_is_canceled_too(webhook: Webhook) -> None:
    set_active([webhook], False)
    tasks.close()
    delete_webhooks([webhook])
    tasks.close()
    assert statuses() == ["canceled"] * 7 + ["pending"]
    assert closing.next_due_at() is None


def test_what_was_not_held_yet_goes_on_when_the_webhook_is_enabled(webhook: Webhook) -> None:
    set_active([webhook], False)
    set_active([webhook], True)
    assert closing.close_chunk() == 0
    assert len(claim(100).attempts) == 4


def test_the_claim_closes_what_is_due_a_chunk_at_a_time(webhook: Webhook) -> None:
    Webhook.objects.update(active=False)
    for held in (2, 4, 6, 7):
        assert claim(100).attempts == []
        assert statuses().count("held") == held


def test_a_test_is_canceled_when_its_webhook_is_disabled(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    test = send_test(webhook, "message.sent")
    set_active([webhook], False)
    test.refresh_from_db()
    assert (test.status, test.due_at) == (Delivery.Status.CANCELED, None)
    assert test.reason == "The webhook was disabled: Paused by a person."
    assert test.finished_at is not None
