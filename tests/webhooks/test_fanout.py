import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections, transaction
from django.utils import timezone

from events.models import Event
from events.recording import Draft, record
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import NumberFactory, WebhookFactory
from webhooks import recovering
from webhooks.claiming import claim
from webhooks.models import Delivery, Webhook

pytestmark = pytest.mark.django_db


def happen(number: Number, *names: str) -> list[Event]:
    now = timezone.now()
    return record(
        [
            Draft(
                number=number,
                body={"event": name, "data": {}},
                created_at=now,
                dedupe_key=f"{name}:{number.pk}",
            )
            for name in names
        ]
    )


def heard(webhook: object) -> list[str]:
    return [delivery.event.type for delivery in Delivery.objects.filter(webhook=webhook).order_by("event_id")]  # type: ignore[misc]


def test_an_empty_list_hears_nothing_and_a_star_everything(alice: Tenant) -> None:
    nothing = WebhookFactory(number=alice.number, events=[])
    everything = WebhookFactory(number=alice.number, events=["*"])
    happen(alice.number, "message.sent", "number.connected")
    assert (heard(nothing), heard(everything)) == ([], ["message.sent", "number.connected"])


def test_a_list_hears_only_its_events(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, events=["message.read", "message.sent"])
    happen(alice.number, "message.sent", "message.delivered", "message.read")
    assert heard(webhook) == ["message.sent", "message.read"]


def test_star_and_a_name_make_one_delivery(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, events=["*", "message.sent"])
    happen(alice.number, "message.sent")
    assert heard(webhook) == ["message.sent"]


def test_a_workspace_webhook_hears_all_of_its_numbers_and_nobody_elses(alice: Tenant, bob: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    webhook = WebhookFactory(workspace=alice.workspace, number=None)
    happen(alice.number, "message.sent")
    happen(other, "message.read")
    happen(bob.number, "message.failed")
    assert heard(webhook) == ["message.sent", "message.read"]


def test_a_number_webhook_does_not_hear_the_neighbour_number(alice: Tenant) -> None:
    webhook = WebhookFactory(number=NumberFactory(workspace=alice.workspace))
    happen(alice.number, "message.sent")
    assert heard(webhook) == []


def test_what_a_disabled_webhook_misses_is_held(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, active=False)
    happen(alice.number, "message.sent")
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.status, delivery.due_at) == (Delivery.Status.HELD, None)
    assert "disabled" in delivery.reason


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("ordering", Webhook.Ordering.values)
def test_what_is_held_while_its_webhook_is_enabled_and_recovered_is_sent(
    alice: Tenant, ordering: str
) -> None:
    disabled_at = timezone.now() - timedelta(hours=1)
    webhook = WebhookFactory(number=alice.number, active=False, disabled_at=disabled_at, ordering=ordering)

    def enable() -> None:
        recovering.enable_and_recover(webhook)
        connections.close_all()

    meanwhile = threading.Thread(target=enable)
    with transaction.atomic():
        happen(alice.number, "message.sent")
        meanwhile.start()
        # On PostgreSQL it is through by then; SQLite lets one write at a time.
        meanwhile.join(1)
    meanwhile.join(20)
    delivery = Delivery.objects.get(webhook=webhook)
    assert (delivery.status, delivery.reason) == (Delivery.Status.PENDING, "")
    assert [attempt.delivery_id for attempt in claim(10).attempts] == [delivery.pk]


def test_what_is_held_stays_held_where_its_webhook_is_not_enabled(
    alice: Tenant, django_capture_on_commit_callbacks: Any
) -> None:
    webhook = WebhookFactory(number=alice.number, active=False)
    with django_capture_on_commit_callbacks(execute=True):
        happen(alice.number, "message.sent")
    assert Delivery.objects.get(webhook=webhook).status == Delivery.Status.HELD


def test_the_same_event_is_recorded_and_fanned_out_once(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    happen(alice.number, "message.sent")
    assert happen(alice.number, "message.sent") == []
    assert heard(webhook) == ["message.sent"]


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_costs_the_same_queries_whatever_its_size(
    alice: Tenant, count: int, django_assert_num_queries: object
) -> None:
    WebhookFactory(number=alice.number)
    names = ["message.sent", "message.read", "message.failed", "message.reply", "message.group"][:count]
    with django_assert_num_queries(5):  # type: ignore[operator]
        happen(alice.number, *names)
