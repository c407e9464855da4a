"""What is finished costs nothing: claims and lists take as long with millions of finished deliveries as with none."""

import statistics
from collections.abc import Callable

import pytest
from django.db import connection

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.reliability.scale import LONG, scaled, seconds
from webhooks.claiming import claim, next_due_at
from webhooks.models import Delivery, Webhook

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(120, 3600)),
]

FINISHED = scaled(20_000, 2_000_000)
# Medians; in the short form, on a machine with other things to do, only that it does not grow with the table.
RATIO = 1.2 if LONG else 3.0

_SERIES = {
    "postgresql": "generate_series(1, %s) AS series(n)",
    "sqlite": (
        "(WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < %s)"
        " SELECT n FROM series)"
    ),
}


def finish(tenant: Tenant, webhook: Webhook, count: int) -> None:
    """Finished deliveries of one webhook, each of an event of its own."""
    event = EventFactory(number=tenant.number)
    delivery = DeliveryFactory(event=event, webhook=webhook, due_at=None, status=Delivery.Status.DELIVERED)
    for table, pk, more in [("events_event", event.pk, {"dedupe_key": "'made:' || n"}),
                            ("webhooks_delivery", delivery.pk, {"event_id": "'evt_0' || n"})]:  # fmt: skip
        with connection.cursor() as cursor:
            columns = [
                column.name
                for column in connection.introspection.get_table_description(cursor, table)
                if column.name != "id"
            ]
            values = ", ".join(more.get(name, f'"{name}"') for name in columns)
            names = ", ".join(f'"{name}"' for name in columns)
            prefix = "evt_0" if table == "events_event" else "dlv_0"
            cursor.execute(
                f"INSERT INTO {table} (id, {names}) SELECT '{prefix}' || n, {values}"
                f" FROM {table}, {_SERIES[connection.vendor]} WHERE id = %s",
                [count, pk],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def test_a_claim_and_a_page_cost_the_same_with_a_long_past(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=1000)
    acts: dict[str, Callable[[], object]] = {
        "claim": lambda: claim_one(alice, webhook),
        "look": next_due_at,
        "list": lambda: alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries?limit=50").json(),
        "held": lambda: alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries?status=HELD").json(),
    }
    before = {name: typical(act) for name, act in acts.items()}
    finish(alice, webhook, FINISHED)
    after = {name: typical(act) for name, act in acts.items()}
    ratios = {name: after[name] / before[name] for name in acts}
    assert max(ratios.values()) < RATIO, ratios
    assert Delivery.objects.count() >= FINISHED


def claim_one(tenant: Tenant, webhook: Webhook) -> None:
    DeliveryFactory(event=EventFactory(number=tenant.number), webhook=webhook)
    (attempt,) = claim(10).attempts
    Delivery.objects.filter(pk=attempt.delivery_id).update(
        due_at=None, lease=None, status=Delivery.Status.DELIVERED
    )


def typical(act: Callable[[], object]) -> float:
    act()
    return statistics.median(seconds(act) for _ in range(scaled(15, 100)))
