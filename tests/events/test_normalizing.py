"""Normalization, with payloads of the simulator: the provider whose words are ours."""

import json
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from events import inbox, tasks
from events.models import Event, RawPayload
from events.normalizing import HOLD_STATUSES, LEASE, MAX_TRIES, normalize_batch
from phone_numbers.models import Number
from phone_numbers.providers.base import Part
from phone_numbers.providers.simulator.engine import inbound
from tests.conftest import Tenant
from tests.factories import MessageFactory, NumberFactory, RawPayloadFactory
from tests.phone_numbers.providers.waha import payloads as waha

pytestmark = pytest.mark.django_db

ADA = "+447700900123"


def post(number: Number, *bodies: str) -> list[RawPayload]:
    return inbox.store("simulator", [Part(ref=None, body=body) for body in bodies], number)


def status(message_id: str, name: str, reference: str = "") -> str:
    return json.dumps(
        {
            "type": "status",
            "messageId": message_id,
            "reference": reference,
            "status": name,
            "to": ADA,
            "groupId": "",
        }
    )


def test_a_payload_becomes_an_event_and_says_so(alice: Tenant) -> None:
    (payload,) = post(alice.number, inbound(ADA, "Hello"))
    tasks.normalize()
    payload.refresh_from_db()
    event = Event.objects.get()
    assert (payload.status, payload.due_at, payload.lease) == (RawPayload.Status.NORMALIZED, None, None)
    assert (event.type, event.raw_payload, event.workspace) == ("message.received", payload, alice.workspace)
    assert event.payload["data"]["content"] == "Hello"


def test_a_poisoned_payload_never_holds_up_the_others(alice: Tenant) -> None:
    poison = '{"type": "status"}'
    _, poisoned, _ = post(alice.number, inbound(ADA, "one"), poison, inbound(ADA, "two"))
    tasks.normalize()
    poisoned.refresh_from_db()
    assert poisoned.status == RawPayload.Status.FAILED
    assert "KeyError" in poisoned.reason
    assert Event.objects.count() == 2


def test_a_payload_that_cannot_be_applied_fails_alone(alice: Tenant) -> None:
    # PostgreSQL stores no NUL character; SQLite does, and there the batch as a whole is sound.
    unstorable = inbound(ADA, "three", group_id="group").replace("group", "\\u0000", 1)
    post(alice.number, inbound(ADA, "one"), unstorable, inbound(ADA, "two"))
    tasks.normalize()
    contents = {event.payload["data"]["content"] for event in Event.objects.all()}
    assert {"one", "two"} <= contents


def test_a_failed_payload_can_be_run_again(alice: Tenant) -> None:
    (payload,) = post(alice.number, '{"type": "status"}')
    tasks.normalize()
    RawPayload.objects.update(body=inbound(ADA, "mended"))
    payload.refresh_from_db()
    assert inbox.run_again([payload]) == 1
    tasks.normalize()
    assert Event.objects.get().payload["data"]["content"] == "mended"


def test_a_payload_of_no_number_can_be_run_again_once_there_is_one(alice: Tenant) -> None:
    payload = RawPayloadFactory(
        number=None, provider="simulator", provider_ref=alice.number.provider_ref,
        status=RawPayload.Status.UNROUTABLE, due_at=None, body=inbound(ADA, "found"),
    )  # fmt: skip
    assert inbox.run_again([payload]) == 1
    tasks.normalize()
    assert Event.objects.get().number == alice.number


def test_an_ignored_payload_keeps_the_reason(alice: Tenant) -> None:
    (payload,) = post(alice.number, '{"type": "nonsense"}')
    tasks.normalize()
    payload.refresh_from_db()
    assert payload.status == RawPayload.Status.IGNORED
    assert "nonsense" in payload.reason


def test_a_status_waits_for_its_message(alice: Tenant) -> None:
    (payload,) = post(alice.number, status("wamid.late", "sent"))
    tasks.normalize()
    assert Event.objects.count() == 0
    MessageFactory(number=alice.number, external_id="wamid.late")
    with time_machine.travel(timezone.now() + timedelta(seconds=5), tick=True):
        tasks.normalize()
    payload.refresh_from_db()
    assert Event.objects.get().type == "message.sent"
    assert payload.status == RawPayload.Status.NORMALIZED


def test_a_status_of_a_foreign_message_is_ignored_after_a_minute(alice: Tenant) -> None:
    (payload,) = post(alice.number, status("wamid.foreign", "sent"))
    tasks.normalize()
    with time_machine.travel(timezone.now() + HOLD_STATUSES + timedelta(seconds=5), tick=True):
        tasks.normalize()
    payload.refresh_from_db()
    assert payload.status == RawPayload.Status.IGNORED
    assert payload.due_at is None


def test_a_payload_whose_drain_died_is_taken_again(alice: Tenant) -> None:
    post(alice.number, inbound(ADA, "Hello"))
    RawPayload.objects.update(lease="a dead drain", due_at=timezone.now() + LEASE)
    assert normalize_batch() == 0
    with time_machine.travel(timezone.now() + LEASE + timedelta(seconds=1), tick=True):
        assert normalize_batch() == 1
    assert Event.objects.count() == 1


def test_a_payload_that_kills_every_drain_is_given_up(alice: Tenant) -> None:
    (payload,) = post(alice.number, inbound(ADA, "Hello"))
    RawPayload.objects.update(tries=MAX_TRIES)
    tasks.normalize()
    payload.refresh_from_db()
    assert payload.status == RawPayload.Status.FAILED


def test_running_twice_makes_no_second_event(alice: Tenant) -> None:
    post(alice.number, inbound(ADA, "Hello"))
    tasks.normalize()
    RawPayload.objects.update(status="pending", due_at=timezone.now())
    tasks.normalize()
    assert Event.objects.count() == 1


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_costs_the_same_queries_whatever_its_size(
    alice: Tenant, count: int, django_assert_max_num_queries: Any
) -> None:
    post(alice.number, *(inbound(ADA, f"message {index}") for index in range(count)))
    with django_assert_max_num_queries(22):
        assert normalize_batch() == count


def test_a_number_can_ignore_groups(alice: Tenant) -> None:
    Number.objects.filter(pk=alice.number.pk).update(settings={"ignoreGroups": True})
    _, group = post(
        alice.number, inbound(ADA, "one"), inbound(ADA, "two", group_id="120363404880000143@g.us")
    )
    tasks.normalize()
    group.refresh_from_db()
    assert Event.objects.get().type == "message.received"
    assert (group.status, group.reason) == ("ignored", "The settings of the number ignore groups.")


def test_a_number_can_ignore_channels(alice: Tenant) -> None:
    number = NumberFactory(workspace=alice.workspace, provider="waha", settings={"ignoreNewsletters": True})
    news = waha.common("news", id=f"false_{waha.CHANNEL}_3EB0NEWS", **{"from": waha.CHANNEL})
    _, channel = post(number, json.dumps(waha.noweb("one")), json.dumps(waha.webhook("message", news)))
    tasks.normalize()
    channel.refresh_from_db()
    assert Event.objects.get().type == "message.received"
    assert (channel.status, channel.reason) == ("ignored", "The settings of the number ignore channels.")
