"""What is finished costs nothing: claims and lists take as long with millions of finished deliveries as with none."""

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from accounts.api import decode_cursor
from events.models import Event, Place
from events.recording import Draft, record
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, NumberFactory, WebhookFactory
from tests.reliability.past import analyze, multiply
from tests.reliability.scale import LONG, say, scaled, seconds
from webhooks.claiming import claim, next_due_at
from webhooks.listing import delivery_rows
from webhooks.models import Delivery, Webhook

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(120, 3600)),
]

FINISHED = scaled(20_000, 2_000_000)
# Medians; in the short form, on a machine with other things to do, only that it does not grow with the table.
RATIO = 1.2 if LONG else 5.0


def finish(tenant: Tenant, webhook: Webhook, count: int) -> None:
    """Finished deliveries of one webhook, each of an event of its own."""
    event = EventFactory(number=tenant.number)
    delivery = DeliveryFactory(event=event, webhook=webhook, due_at=None, status=Delivery.Status.DELIVERED)
    multiply(event, 1, count, {"id": "'evt_0' || n", "dedupe_key": "'made:' || n"})
    multiply(delivery, 1, count, {"id": "'dlv_0' || n", "event_id": "'evt_0' || n"})
    analyze()


def test_a_claim_and_a_page_cost_the_same_with_a_long_past(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=1000)
    acts: dict[str, Callable[[], float]] = {
        "claim": lambda: claim_one(alice, webhook),
        "look": lambda: seconds(next_due_at),
        # A page that the claims before have filled.
        "list": lambda: seconds(lambda: alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries?limit=10")),
        "rows": lambda: seconds(
            lambda: delivery_rows(Delivery.objects.filter(webhook=webhook).order_by("-pk")[:10])
        ),
        "held": lambda: seconds(lambda: alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries?status=HELD")),
    }
    before = {name: typical(act) for name, act in acts.items()}
    finish(alice, webhook, FINISHED)
    after = {name: typical(act) for name, act in acts.items()}
    ratios = {name: after[name] / before[name] for name in acts}
    say(f"beside {FINISHED:,} finished deliveries, against none: {ratios}")
    assert max(ratios.values()) < RATIO, ratios
    assert Delivery.objects.count() >= FINISHED


def test_a_page_of_the_log_costs_the_same_with_a_long_past(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    other = NumberFactory(workspace=alice.workspace)
    happen(other, "before")
    cursor = alice.api.get("/v1/events").json()["nextCursor"]
    acts: dict[str, Callable[[], float]] = {
        "from the start": lambda: seconds(lambda: pull(alice, limit=50)),
        "the newest": lambda: seconds(lambda: pull(alice, after=newest.pk)),
        "nothing new": lambda: seconds(lambda: pull(alice, after="latest")),
        "one number": lambda: seconds(lambda: pull(alice, numberId=other.pk)),
        "record": lambda: seconds(lambda: happen(alice.number, f"{time.monotonic_ns()}")),
    }
    for index in range(50):
        newest = happen(alice.number, f"{index}")
    before = {name: fastest(act) for name, act in acts.items()}
    finish(alice, webhook, FINISHED)
    place_finished(cursor)
    newest = happen(alice.number, "newest")
    after = {name: fastest(act) for name, act in acts.items()}
    ratios = {name: after[name] / before[name] for name in acts}
    say(f"beside {FINISHED:,} events, against none: {ratios}")
    assert max(ratios.values()) < RATIO, ratios
    # A rare type costs what is looked at, and no more.
    answer = pull(alice, type="message.failed")
    assert (answer["data"], answer["hasMore"]) == ([], True)
    assert fastest(lambda: seconds(lambda: pull(alice, type="message.failed"))) < 0.5
    assert Place.objects.count() >= FINISHED


def happen(number: Number, key: str) -> Event:
    body = {"event": "message.received", "data": {}}
    (event,) = record([Draft(number=number, body=body, created_at=timezone.now(), dedupe_key=key)])
    return event


def pull(tenant: Tenant, **query: Any) -> Any:
    return tenant.api.get("/v1/events", query).json()


def place_finished(cursor: str) -> None:
    """Puts what `finish` has made before the cursor, and so before all the rest."""
    with connection.cursor() as database:
        database.execute(
            "INSERT INTO events_place (event_id, workspace_id, number_id, type, position)"
            " SELECT id, workspace_id, number_id, type, %s - ROW_NUMBER() OVER (ORDER BY id DESC) FROM events_event"
            " WHERE id NOT IN (SELECT event_id FROM events_place)",
            [int(decode_cursor(cursor))],
        )
        database.execute("ANALYZE")


def claim_one(tenant: Tenant, webhook: Webhook) -> float:
    """Seconds that the claim of one due delivery takes."""
    DeliveryFactory(event=EventFactory(number=tenant.number), webhook=webhook)
    began = time.perf_counter()
    (attempt,) = claim(10).attempts
    took = time.perf_counter() - began
    Delivery.objects.filter(pk=attempt.delivery_id).update(
        due_at=None, lease=None, status=Delivery.Status.DELIVERED
    )
    return took


def typical(act: Callable[[], float]) -> float:
    act()
    return statistics.median(act() for _ in range(scaled(15, 100)))


def fastest(act: Callable[[], float]) -> float:
    """What it costs by itself: behind millions of inserts the database has other things to do for some minutes."""
    act()
    return min(act() for _ in range(scaled(15, 200)))
