"""Every list page costs the same with a million deliveries as with a page full of them: in queries and in time.

A day of a busy workspace: 20 webhooks of 5 numbers; an event, a message, a delivery, an attempt and a raw payload for
each n, all within the last 24 hours; one in twenty is not delivered. Bob, its quiet
neighbour, has his few rows among them. The long form is a million (`make reliability`), and prints the table of pages.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey
from phone_numbers.models import HealthCheck
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from tests.reliability.past import analyze, at, id_of, multiply, one_of
from tests.reliability.scale import LONG, say, scaled, seconds
from webhooks.figures import BOUNDS, hour_of
from webhooks.models import Delivery, HourlyCount

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(300, 3600)),
]

MANY = scaled(4_000, 1_000_000)
# Where every page is full already, also those of what is rare and of the last hour, so that what is compared is the
# same page.
FEW = scaled(2_000, 100_000)
# In the short form, on a machine with other things to do: only that nothing explodes.
LIMIT_MS = scaled(1000.0, 100.0)
RATIO = scaled(5.0, 1.5)
WEBHOOKS, NUMBERS = 20, 5
SLICES = 48

PAGES = [
    "/", "/overview/attention", "/overview/events", "/numbers", "/numbers/{number}", "/webhooks",
    "/webhooks?state=attention", "/webhooks/{webhook}", "/webhooks/{webhook}?status=open",
    "/webhooks/{webhook}?status=held", "/webhooks/{webhook}?before={delivery}", "/webhooks/{perfect}?status=open",
    "/events",
    "/events?type=message.failed", "/events?number={number}", "/events?before={event}", "/messages",
    "/messages?status=FAILED", "/messages?direction=inbound", "/messages?number={number}", "/live",
    "/live?show=problems", "/live?number={number}", "/live/rows", "/api-keys",
    "/deliveries/{delivery}", "/events/{event}", "/messages/{message}",
]  # fmt: skip
ADMIN = [
    f"/admin/{table}/"
    for table in (
        "webhooks/webhook", "webhooks/delivery", "webhooks/attempt", "webhooks/recoveryjob",
        "events/event",
        "events/rawpayload", "events/call", "messaging/message", "numbers/number", "numbers/healthcheck",
        "accounts/workspace", "accounts/apikey",
    )
] + [
    "/admin/webhooks/delivery/?status__exact=exhausted", "/admin/webhooks/attempt/?status__exact=failed",
    "/admin/events/event/?type=message.failed", "/admin/messaging/message/?status__exact=FAILED",
    "/admin/events/rawpayload/?status__exact=failed",
]  # fmt: skip


class Workspace:
    """Where the rows go: the webhooks and numbers in turn, and a row of each table to copy."""

    def __init__(self, tenant: Tenant) -> None:
        self.tenant = tenant
        self.numbers = [tenant.number] + [
            NumberFactory(workspace=tenant.workspace) for _ in range(NUMBERS - 1)
        ]
        self.webhooks = [
            WebhookFactory(number=self.numbers[i % NUMBERS], name=f"Webhook {i:02d}") for i in range(WEBHOOKS)
        ]
        self.message = MessageFactory(number=tenant.number, sent=True)
        self.payload = RawPayloadFactory(number=tenant.number, status="normalized", due_at=None)
        self.event = EventFactory(number=tenant.number, message_id=self.message.pk, raw_payload=self.payload)
        self.delivery = DeliveryFactory(
            event=self.event, webhook=self.webhooks[0], status=Delivery.Status.DELIVERED, due_at=None
        )
        self.attempt = AttemptFactory(delivery=self.delivery)
        self.check = HealthCheck.objects.create(number=tenant.number, trigger="periodic", result="connected")
        for i in range(50):
            ApiKey(workspace=tenant.workspace, name=f"Key {i}").issue()

    def address(self, path: str) -> str:
        return path.format(
            number=self.tenant.number.pk, webhook=self.webhooks[1].pk, perfect=self.webhooks[0].pk,
            delivery=self.delivery.pk, event=self.event.pk, message=self.message.pk,
        )  # fmt: skip

    def grow(self, first: int, last: int) -> None:
        """Rows first … last, spread over the last 24 hours."""
        now = timezone.now()
        size = -(-(last - first + 1) // SLICES)
        for i in range(SLICES):
            start, end = first + i * size, min(last, first + (i + 1) * size - 1)
            if start <= end:
                self._grow(start, end, now - timedelta(hours=24) * (SLICES - i) / SLICES)

    def _grow(self, first: int, last: int, moment: datetime) -> None:
        number, webhook = one_of([one.pk for one in self.numbers]), one_of([one.pk for one in self.webhooks])
        message, payload = id_of("msg", moment), id_of("pay", moment)
        event, delivery = id_of("evt", moment), id_of("dlv", moment)
        # Of each webhook but the first, two in a hundred each (199 shares no factor with the number of webhooks).
        rest, perfect = "n % 199", f"n % {WEBHOOKS} = 0"
        status = (
            f"(CASE WHEN {perfect} THEN 'delivered' WHEN {rest} < 4 THEN 'exhausted' WHEN {rest} < 8 THEN 'held'"
            f" WHEN {rest} < 12 THEN 'pending' ELSE 'delivered' END)"
        )
        failed = f"(n % {WEBHOOKS} <> 0 AND {rest} < 12)"
        multiply(self.payload, first, last, {"id": payload, "number_id": number, "received_at": at(moment)})
        multiply(self.message, first, last, {
            "id": message, "number_id": number, "external_id": "'wamid.past' || n",
            "correlation_id": "'past' || n", "contact_key": "'44770' || (n % 1000)", "created_at": at(moment),
            "direction": "(CASE n % 3 WHEN 0 THEN 'inbound' ELSE 'outbound' END)",
            "status": "(CASE WHEN n % 3 = 0 THEN 'RECEIVED' WHEN n % 199 < 4 THEN 'FAILED' ELSE 'DELIVERED' END)",
        })  # fmt: skip
        multiply(self.event, first, last, {
            "id": event, "number_id": number, "message_id": message, "raw_payload_id": payload,
            "dedupe_key": "'past:' || n", "created_at": at(moment), "recorded_at": at(moment),
            "type": "(CASE WHEN n % 199 < 4 THEN 'message.failed' ELSE 'message.sent' END)",
        })  # fmt: skip
        multiply(self.delivery, first, last, {
            "id": delivery, "event_id": event, "webhook_id": webhook, "status": status,
            "due_at": f"(CASE WHEN {status} = 'pending' THEN {at(moment + timedelta(days=2))} ELSE NULL END)"
            + ("::timestamptz" if connection.vendor == "postgresql" else ""),
            "created_at": at(moment),
        })  # fmt: skip
        multiply(self.attempt, first, last, {
            "id": id_of("att", moment), "delivery_id": delivery, "webhook_id": webhook,
            "status": f"(CASE WHEN {failed} THEN 'failed' ELSE 'succeeded' END)", "started_at": at(moment),
            "error_class": f"(CASE WHEN {failed} THEN 'status' ELSE '' END)",
            "status_code": f"(CASE WHEN {failed} THEN 503 ELSE 200 END)",
        })  # fmt: skip
        if (checks := (last - first) // 10) > 0:
            multiply(self.check, first, first + checks, {
                "id": id_of("chk", moment), "number_id": number, "checked_at": at(moment),
            })  # fmt: skip

    def count(self) -> None:
        """The counters of a day, as full as they get."""
        now = hour_of(timezone.now())
        HourlyCount.objects.bulk_create(
            HourlyCount(webhook=webhook, hour=now - timedelta(hours=hours), outcome=outcome, took=took, attempts=100)
            for webhook in self.webhooks
            for hours in range(24)
            for outcome in HourlyCount.Outcome
            for took in BOUNDS[3:11]
        )  # fmt: skip


def typical(client: Client, path: str) -> float:
    """The fastest of some requests in milliseconds: what the machine does besides is not the page's."""

    def ask() -> None:
        assert client.get(path).status_code == 200, path

    ask()
    return min(seconds(ask) for _ in range(scaled(3, 25))) * 1000


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        client.get(path)
    return len(captured)


# Who asks, which page; milliseconds before anything was there; milliseconds and queries of a page full, and of a day.
Measured = tuple[str, str, float | None, float, int, float, int]


def as_text(rows: Sequence[Measured]) -> str:
    lines = [f"{'page':<52} {'empty':>8} {'a page':>8} {f'{MANY:,}':>10} {'ratio':>6} {'queries':>8}"]
    for who, path, empty, was, _, now, queried in rows:
        start = f"{empty:8.1f}" if empty is not None and who != "bob" else " " * 8
        lines.append(f"{who + ' ' + path:<52} {start} {was:8.1f} {now:10.1f} {now / was:6.2f} {queried:8}")
    return "\n".join(lines)


def test_every_list_page_costs_the_same_with_a_long_past(
    alice: Tenant, bob: Tenant, capsys: pytest.CaptureFixture[str]
) -> None:
    staff = Client()
    staff.force_login(UserFactory(is_staff=True, is_superuser=True))
    empty = {path: typical(alice.client, path) for path in PAGES if "{" not in path} | {
        path: typical(staff, path) for path in ADMIN
    }
    busy, quiet = Workspace(alice), Workspace(bob)
    busy.grow(1, FEW)
    busy.count()
    quiet.grow(MANY + 1, MANY + FEW)
    quiet.count()
    analyze()
    pages = [("alice", alice.client, path, busy.address(path)) for path in PAGES]
    pages += [("bob", bob.client, path, quiet.address(path)) for path in PAGES]
    pages += [("staff", staff, path, path) for path in ADMIN]

    before = [(typical(client, url), queries(client, url)) for _, client, _, url in pages]
    busy.grow(FEW + 1, MANY)
    analyze()
    after = [(typical(client, url), queries(client, url)) for _, client, _, url in pages]

    rows: list[Measured] = [
        (who, path, empty.get(path), was, queried, now, now_queried)
        for (who, _, path, _), (was, queried), (now, now_queried) in zip(pages, before, after, strict=True)
    ]
    if LONG:
        with capsys.disabled():
            say(as_text(rows))
    assert Delivery.objects.count() > MANY
    assert [(who, path, asked, later) for who, path, _, _, asked, _, later in rows if asked != later] == []
    slow = [(who, path, round(now)) for who, path, _, _, _, now, _ in rows if now > LIMIT_MS]
    assert slow == []
    grown = [
        (who, path, round(was), round(now))
        for who, path, _, was, _, now, _ in rows
        if now > RATIO * max(was, 4)
    ]
    assert grown == []
