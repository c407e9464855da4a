"""Erasing a number: in chunks that are counted, stopped between two of them, gone with all that was under it."""

from typing import Any

import pytest

from events.models import Event, RawPayload
from messaging.models import Message
from phone_numbers.models import Number, Purge
from phone_numbers.registering import purge, remove, restore
from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory, EventFactory, MessageFactory, RawPayloadFactory
from webhooks import erasing, sweeping, tasks
from webhooks.models import Attempt, Delivery, Webhook

pytestmark = pytest.mark.django_db


@pytest.fixture
def removed(alice: Tenant, bob: Tenant) -> Number:
    """Of Alice's number there are 5 rows in chunks; of Bob's there is one of everything."""
    for number in (alice.number, alice.number, bob.number):
        AttemptFactory(delivery=DeliveryFactory(event__number=number, status="delivered", due_at=None))
    for number in (alice.number, bob.number):
        MessageFactory(number=number)
        RawPayloadFactory(number=number, due_at=None)
    remove([alice.number])
    Event.objects.filter(type="number.removed").delete()
    return alice.number


def left() -> list[int]:
    rows: list[Any] = [Number, Event, Delivery, Attempt, Webhook, Message, RawPayload]
    return [model.objects.count() for model in rows]


def test_a_purge_erases_what_is_under_the_number_and_nothing_else(removed: Number) -> None:
    erasing.begin(removed)
    tasks.erase()
    assert left() == [1] * 7
    assert not Purge.objects.exists()


def test_a_purge_says_how_far_it_got(removed: Number) -> None:
    erasing.begin(removed)
    seen = []
    for _ in range(4):
        erasing.erase_chunk()
        seen.append(Purge.objects.values_list("erased", "total").get())
    assert seen == [(0, 4), (2, 4), (3, 4), (4, 4)]


def test_a_purge_that_is_stopped_keeps_the_rest(removed: Number) -> None:
    erasing.begin(removed)
    erasing.erase_chunk()
    erasing.erase_chunk()
    assert erasing.stop(removed)
    tasks.erase()
    assert (Event.objects.filter(number=removed).count(), Message.objects.filter(number=removed).count()) == (
        0,
        1,
    )
    assert Number.objects.filter(pk=removed.pk).exists()
    assert not erasing.stop(removed)


def test_restoring_a_number_stops_its_purge(removed: Number) -> None:
    erasing.begin(removed)
    restore(removed)
    tasks.erase()
    assert Message.objects.filter(number=removed).exists()


def test_a_number_that_was_restored_meanwhile_is_not_erased(removed: Number) -> None:
    restore(Number.objects.get(pk=removed.pk))
    assert not erasing.begin(removed)
    tasks.erase()
    assert Message.objects.filter(number=removed).exists()


def test_a_purge_whose_worker_died_is_found_by_the_sweep(removed: Number) -> None:
    erasing.begin(removed)
    assert sweeping.DRAINS[erasing.ERASE]() is not None


def test_what_came_in_meanwhile_goes_too(removed: Number) -> None:
    erasing.begin(removed)
    for _ in range(4):
        erasing.erase_chunk()
    EventFactory(number=removed)
    tasks.erase()
    assert not Event.objects.filter(number=removed).exists()


@pytest.mark.django_db(transaction=True)
def test_a_purge_at_once_goes_in_chunks_and_on_when_it_is_called_again(
    alice: Tenant, bob: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "EVENTS_AT_ONCE", 2)
    for _ in range(5):
        DeliveryFactory(event__number=alice.number, status="delivered", due_at=None)
    kept = EventFactory(number=bob.number)
    chunk, left_over = erasing.Part.delete_chunk, []

    def stumble(part: erasing.Part) -> int:
        left_over.append(Event.objects.filter(number=alice.number).count())
        if len(left_over) == 3:
            raise ConnectionError
        return chunk(part)

    with monkeypatch.context() as stumbling:
        stumbling.setattr(erasing.Part, "delete_chunk", stumble)
        with pytest.raises(ConnectionError):
            purge([alice.number])
    assert left_over == [5, 3, 1]
    assert Number.objects.get(pk=alice.number.pk).deleted_at is not None
    assert Event.objects.filter(number=alice.number).count() == 1

    purge([alice.number])
    assert not Number.objects.filter(pk=alice.number.pk).exists()
    assert list(Event.objects.all()) == [kept]
