"""The event log: each event once, in its order, and announced as it is stored."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection, transaction

from events.models import Event
from events.recording import Draft, record
from events.signals import events_recorded
from tests.conftest import Tenant
from tests.factories import WebhookFactory

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


@pytest.fixture
def announced() -> Iterator[list[list[Event]]]:
    heard: list[list[Event]] = []

    def hear(events: list[Event], **kwargs: Any) -> None:
        heard.append(events)

    events_recorded.connect(hear)
    yield heard
    events_recorded.disconnect(hear)


def draft(tenant: Tenant, key: str, content: str = "שלום") -> Draft:
    body = {"event": "message.received", "data": {"content": content}}
    return Draft(number=tenant.number, body=body, created_at=AT, dedupe_key=key)


def test_the_stored_body_is_the_text_that_is_sent(alice: Tenant) -> None:
    (event,) = record([draft(alice, "1")])
    event.refresh_from_db()
    assert event.body == '{"event":"message.received","data":{"content":"שלום"}}'
    assert (event.workspace, event.number, event.created_at) == (alice.workspace, alice.number, AT)


def test_the_same_thing_is_said_once(alice: Tenant, announced: list[list[Event]]) -> None:
    first = record([draft(alice, "1"), draft(alice, "1", "again")])
    assert record([draft(alice, "1")]) == []
    assert [event.pk for event in first] == [Event.objects.get().pk]
    assert announced == [first]


def test_two_numbers_may_say_the_same(alice: Tenant, bob: Tenant) -> None:
    assert len(record([draft(alice, "1"), draft(bob, "1")])) == 2


def test_news_goes_up_in_the_order_in_which_it_happened(alice: Tenant, announced: list[list[Event]]) -> None:
    record([draft(alice, key) for key in "cab"])
    assert [event.dedupe_key for event in announced[0]] == ["c", "a", "b"]
    assert [event.dedupe_key for event in Event.objects.order_by("pk")] == ["c", "a", "b"]


def test_what_is_rolled_back_was_never_said(alice: Tenant) -> None:
    with transaction.atomic():
        record([draft(alice, "1")])
        transaction.set_rollback(True)
    assert not Event.objects.exists()
    assert len(record([draft(alice, "1")])) == 1


def test_a_number_that_keeps_nothing_seals_what_is_in_flight(alice: Tenant) -> None:
    alice.number.pii_mode = "RELAY_ONLY"
    WebhookFactory(number=alice.number)
    record([draft(alice, "1", "in flight")])
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM events_event")
        assert "flight" not in cursor.fetchone()[0]
    assert Event.objects.get().payload["data"]["content"] == "in flight"


def test_nothing_costs_nothing(alice: Tenant, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert record([]) == []
