"""Places are given out after the commit, each behind all that were given out before."""

import importlib
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from events.models import Event, Place
from events.placing import place, position_at
from events.recording import Draft, record
from tests.conftest import Tenant
from tests.factories import EventFactory

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def drafts(tenant: Tenant, *keys: str) -> list[Draft]:
    body = {"event": "message.received", "data": {}}
    return [Draft(number=tenant.number, body=body, created_at=AT, dedupe_key=key) for key in keys]


def log(tenant: Tenant) -> list[str]:
    """The ids of the events that have a place, in its order."""
    places = Place.objects.filter(workspace_id=tenant.workspace.pk, position__isnull=False)
    return list(places.order_by("position").values_list("event", flat=True))


@pytest.mark.django_db(transaction=True)
def test_an_event_has_its_place_when_the_commit_has_returned(alice: Tenant) -> None:
    with transaction.atomic():
        events = record(drafts(alice, "c", "a", "b"))
        assert log(alice) == []
    assert log(alice) == [event.pk for event in events]


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_has_none(alice: Tenant) -> None:
    with transaction.atomic():
        record(drafts(alice, "1"))
        transaction.set_rollback(True)
    assert not Place.objects.exists()


@pytest.mark.django_db
def test_what_a_dead_process_left_without_a_place_is_placed_by_the_next(alice: Tenant, bob: Tenant) -> None:
    left = record(drafts(alice, "1"))
    elsewhere = record(drafts(bob, "1"))
    later = record(drafts(alice, "2"))
    place([alice.workspace.pk])
    assert log(alice) == [left[0].pk, later[0].pk]
    assert log(bob) == []
    place([alice.workspace.pk, bob.workspace.pk])
    assert log(bob) == [elsewhere[0].pk]


@pytest.mark.django_db
def test_who_comes_later_stands_behind_whatever_its_id_says(alice: Tenant) -> None:
    early, late = record(drafts(alice, "1", "2"))
    Place.objects.filter(event=early).delete()
    place([alice.workspace.pk])
    Place.objects.create(
        event=early, workspace_id=alice.workspace.pk, number_id=alice.number.pk, type=early.type
    )
    place([alice.workspace.pk])
    assert early.pk < late.pk
    assert log(alice) == [late.pk, early.pk]


@pytest.mark.django_db
def test_nothing_to_place_locks_nothing(alice: Tenant, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        place([alice.workspace.pk])


@pytest.mark.django_db
def test_a_purged_number_leaves_no_places(alice: Tenant) -> None:
    record(drafts(alice, "1"))
    alice.number.delete()
    assert not Place.objects.exists()


@pytest.mark.django_db
def test_events_from_before_there_were_places_get_theirs(alice: Tenant, bob: Tenant) -> None:
    """The migration's statement, over what an older version has recorded."""
    moments = [AT, AT, AT + timedelta(microseconds=1), AT + timedelta(days=1), AT + timedelta(hours=1)]
    old = [EventFactory(number=alice.number, recorded_at=moment).pk for moment in moments]
    other = EventFactory(number=bob.number, recorded_at=AT).pk
    EventFactory(number=alice.number, is_test=True)
    migration = importlib.import_module("events.migrations.0003_place")
    migration.place_recorded(apps, SimpleNamespace(connection=connection))
    assert log(alice) == old
    assert log(bob) == [other]
    positions = dict(Place.objects.values_list("event", "position"))
    for event in Event.objects.filter(pk__in=[*old, other]):
        # Not before it was recorded: what was recorded since a moment stands behind it.
        position = positions[event.pk]
        assert position is not None
        assert position > position_at(event.recorded_at)
    (new,) = record(drafts(alice, "new"))
    place([alice.workspace.pk])
    assert log(alice) == [*old, new.pk]
