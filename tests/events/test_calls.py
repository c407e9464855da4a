"""The events of calls: each once, whatever is reported in whatever order."""

from datetime import UTC, datetime
from typing import Any

import pytest

from events.calls import record_calls
from events.models import Call, Event
from messaging.arrivals import Arrival
from phone_numbers.models import Number
from phone_numbers.reports import CallKind, CallReport, CallsEnvelope, Contact
from tests.conftest import Tenant

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
US, ADA = Contact(phone="+12025550143"), Contact(phone="+447700900123", name="Ada")


def call(number: Number, kind: CallKind, status: str = "", **more: Any) -> Arrival[Any]:
    fields: dict[str, Any] = {
        "external_id": "wacid.1", "direction": "INBOUND", "sender": ADA, "recipient": US, "at": AT,
    }  # fmt: skip
    report = CallReport(**fields | {"kind": kind, "status": status or kind.upper()} | more)
    return Arrival(number, report, report.at or AT)


def types() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("type", flat=True))


def test_a_call_is_told_step_by_step(alice: Tenant) -> None:
    for arrival in (
        call(alice.number, CallKind.RINGING),
        call(alice.number, CallKind.CONNECTED, "ACCEPTED"),
        call(alice.number, CallKind.ENDED, "COMPLETED", duration=110),
    ):
        record_calls([arrival])
    assert types() == ["call.ringing", "call.connected", "call.ended"]
    assert Call.objects.get().status == "COMPLETED"


def test_the_body_is_flat(alice: Tenant) -> None:
    record_calls([call(alice.number, CallKind.ENDED, "COMPLETED", duration=110)])
    assert Event.objects.get().payload == {
        "event": "call.ended",
        "callId": Call.objects.get().pk,
        "externalCallId": "wacid.1",
        "direction": "INBOUND",
        "status": "COMPLETED",
        "from": "+447700900123",
        "to": "+12025550143",
        "createdAt": "2026-02-24T10:30:00.000Z",
        "timestamp": "2026-02-24T10:30:00.000Z",
        "duration": 110,
    }


@pytest.mark.parametrize("one_batch", [True, False])
def test_a_report_that_is_repeated_makes_no_second_event(alice: Tenant, one_batch: bool) -> None:
    arrivals = [call(alice.number, CallKind.RINGING), call(alice.number, CallKind.RINGING, "ELSEWHERE")]
    for batch in [arrivals] if one_batch else [[arrival] for arrival in arrivals]:
        record_calls(batch)
    assert types() == ["call.ringing"]


@pytest.mark.parametrize("end", [CallKind.ENDED, CallKind.MISSED])
def test_nothing_follows_the_end_of_a_call(alice: Tenant, end: CallKind) -> None:
    late = [call(alice.number, kind) for kind in CallKind if kind is not CallKind.PERMISSION_UPDATED]
    record_calls([call(alice.number, end), *late])
    assert types() == [f"call.{end}"]


def test_the_same_call_at_two_numbers_is_two_calls(alice: Tenant, bob: Tenant) -> None:
    record_calls([call(alice.number, CallKind.RINGING), call(bob.number, CallKind.RINGING)])
    assert types() == ["call.ringing", "call.ringing"]
    assert Call.objects.count() == 2


def test_a_call_that_was_not_answered_has_no_duration(alice: Tenant) -> None:
    record_calls([call(alice.number, CallKind.MISSED, duration=3)])
    assert "duration" not in Event.objects.get().payload


def test_each_permission_is_told_once(alice: Tenant) -> None:
    given = {"external_id": None, "direction": None}
    allowed = call(alice.number, CallKind.PERMISSION_UPDATED, "TEMPORARY", **given)
    refused = call(alice.number, CallKind.PERMISSION_UPDATED, "NO_PERMISSION", **given)
    record_calls([allowed, allowed])
    record_calls([allowed, refused])
    assert [event.payload["status"] for event in Event.objects.order_by("pk")] == [
        "TEMPORARY",
        "NO_PERMISSION",
    ]
    assert not Call.objects.exists()


def test_an_envelope_passes_as_it_is_and_once(alice: Tenant) -> None:
    envelope = {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": []}]}
    arrival: Arrival[Any] = Arrival(alice.number, CallsEnvelope(envelope=envelope), AT)
    record_calls([arrival])
    record_calls([arrival])
    assert Event.objects.get().payload == {"event": "calls", "data": envelope}
