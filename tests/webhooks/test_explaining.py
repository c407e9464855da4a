"""For every webhook of an event's workspace: whether it was told, and why not."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.models import Event
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    NumberFactory,
    WebhookFactory,
)
from webhooks.claiming import claim
from webhooks.configuring import delete_webhooks
from webhooks.explaining import MAX_WEBHOOKS, explain
from webhooks.fanout import fan_out
from webhooks.models import Attempt, Delivery, Webhook
from webhooks.ordering import WAITS

pytestmark = pytest.mark.django_db


def reasons(event: Event) -> dict[str, tuple[str, str]]:
    return {one.webhook.pk: (one.state.label, one.state.why) for one in explain(event)}


@pytest.fixture
def event(alice: Tenant) -> Event:
    return EventFactory(number=alice.number)


def delivery_of(event: Event, status: str, **more: Any) -> Delivery:
    return DeliveryFactory(event=event, status=status, **{"due_at": None} | more)


def test_delivered(event: Event) -> None:
    delivery = delivery_of(event, Delivery.Status.DELIVERED)
    AttemptFactory(delivery=delivery)
    assert reasons(event)[delivery.webhook_id] == ("Delivered", "200 OK")


def test_pending_says_the_last_error_and_when_it_is_tried_again(event: Event) -> None:
    due_at = timezone.now() + timedelta(minutes=2)
    delivery = delivery_of(event, Delivery.Status.PENDING, due_at=due_at, attempts_made=1)
    AttemptFactory(
        delivery=delivery, status=Attempt.Status.FAILED, status_code=503, error_class="status",
        error="503 from the receiver.",
    )  # fmt: skip
    (explained,) = explain(event)
    assert (explained.state.why, explained.state.until) == ("503 Service Unavailable", due_at)


@pytest.mark.parametrize(
    ("status", "label"),
    [
        (Delivery.Status.EXHAUSTED, "Exhausted"),
        (Delivery.Status.HELD, "Held"),
        (Delivery.Status.CANCELED, "Canceled"),
    ],
)
def test_what_ended_says_why(event: Event, status: str, label: str) -> None:
    delivery = delivery_of(event, status, reason="Because of this.")
    assert reasons(event)[delivery.webhook_id] == (label, "Because of this.")


def test_waiting_for_its_turn(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, ordering=Webhook.Ordering.CONVERSATION)
    events = [EventFactory(number=alice.number, conversation="ann") for _ in range(2)]
    fan_out(events)
    claim(10)
    assert reasons(events[1])[webhook.pk] == ("Waiting", WAITS)


def test_not_subscribed(alice: Tenant, event: Event) -> None:
    some = WebhookFactory(number=alice.number, events=["message.read"])
    none = WebhookFactory(number=alice.number, events=[])
    Webhook.objects.update(created_at=event.recorded_at - timedelta(hours=1))
    assert reasons(event)[some.pk][0] == reasons(event)[none.pk][0] == "Not subscribed"


def test_created_later_than_the_event(alice: Tenant, event: Event) -> None:
    webhook = WebhookFactory(number=alice.number)
    assert reasons(event)[webhook.pk][0] == "Created later"


def test_subscribed_later_than_the_event(alice: Tenant, event: Event) -> None:
    webhook = WebhookFactory(workspace=alice.workspace, number=None)
    Webhook.objects.update(created_at=event.recorded_at - timedelta(hours=1))
    assert reasons(event)[webhook.pk][0] == "Not told"


def test_a_deleted_webhook_is_there_if_it_was_told(alice: Tenant, event: Event) -> None:
    delivery = delivery_of(event, Delivery.Status.PENDING)
    never_told = WebhookFactory(number=alice.number)
    delete_webhooks([delivery.webhook, never_told])
    assert reasons(event) == {delivery.webhook_id: ("Canceled", "The webhook was deleted.")}


def test_nobody_elses_webhooks_are_named(alice: Tenant, bob: Tenant, event: Event) -> None:
    WebhookFactory(number=bob.number)
    assert reasons(event) == {}


def test_those_of_its_number_come_before_any_number_of_others(alice: Tenant, event: Event) -> None:
    mine = WebhookFactory(number=alice.number, name="Zoo")
    everywhere = WebhookFactory(workspace=alice.workspace, number=None, name="Zoo everywhere")
    other = NumberFactory(workspace=alice.workspace)
    for _ in range(MAX_WEBHOOKS):
        WebhookFactory(number=other, name="Archive")
    first, second, third, *_ = explained = explain(event)
    assert [first.webhook, second.webhook] == [mine, everywhere]
    assert [first.is_elsewhere, second.is_elsewhere, third.is_elsewhere] == [False, False, True]
    assert len(explained) == MAX_WEBHOOKS


@pytest.mark.parametrize("count", [1, 7])
def test_it_costs_the_same_queries_however_many_webhooks_there_are(
    alice: Tenant, event: Event, count: int, django_assert_num_queries: Any
) -> None:
    for _ in range(count):
        AttemptFactory(delivery=delivery_of(event, Delivery.Status.DELIVERED))
        WebhookFactory(number=alice.number, events=["message.read"])
    with django_assert_num_queries(5):
        assert len(explain(event)) == 2 * count


class TestApi:
    def test_an_event_is_explained(self, alice: Tenant, event: Event) -> None:
        delivery = delivery_of(event, Delivery.Status.HELD, reason="The webhook was disabled.")
        (row,) = alice.api.get(f"/v1/events/{event.pk}/webhooks").json()["data"]
        assert (row["webhookId"], row["state"], row["reason"], row["delivery"]["id"]) == (
            delivery.webhook_id, "Held", "The webhook was disabled.", delivery.pk,
        )  # fmt: skip

    def test_a_stranger_finds_nothing(self, bob: Tenant, event: Event) -> None:
        assert bob.api.get(f"/v1/events/{event.pk}/webhooks").status_code == 404

    def test_a_limited_key_sees_the_webhooks_of_its_number(self, alice: Tenant, event: Event) -> None:
        mine = WebhookFactory(number=alice.number)
        WebhookFactory(workspace=alice.workspace, number=None)
        WebhookFactory(number=NumberFactory(workspace=alice.workspace))
        key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk).text
        rows = Client(headers={"x-api-key": key}).get(f"/v1/events/{event.pk}/webhooks").json()["data"]
        assert [row["webhookId"] for row in rows] == [mine.pk]
