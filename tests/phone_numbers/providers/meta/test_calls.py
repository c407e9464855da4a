"""Meta's voice calls as reports."""

import json

import pytest

from phone_numbers.providers.meta.parsing import parse
from phone_numbers.reports import CallKind, CallReport, CallsEnvelope, Contact, Ignored, Report
from tests.phone_numbers.providers.meta.payloads import (
    US,
    Payload,
    call,
    call_status,
    change,
    contact,
    envelope,
    permission,
)

ADA = Contact(phone="+447700900123", name="Ada")
OUTBOUND = "BUSINESS_INITIATED"


def reports(payload: Payload) -> list[Report]:
    return parse(json.dumps(payload), US)


def reported(payload: Payload) -> CallReport:
    found = reports(payload)[0]
    assert isinstance(found, CallReport), found
    return found


@pytest.mark.parametrize(
    ("payload", "kind", "status", "duration"),
    [
        (call("connect"), CallKind.RINGING, "RINGING", None),
        (call("call_created"), CallKind.RINGING, "RINGING", None),
        (call("terminate", status="COMPLETED", duration=110), CallKind.ENDED, "COMPLETED", 110),
        (call("terminate", status="COMPLETED", duration="110"), CallKind.ENDED, "COMPLETED", 110),
        (call("terminate", status="FAILED", start_time="1771928890"), CallKind.ENDED, "FAILED", None),
        (call("terminate", status="FAILED"), CallKind.MISSED, "MISSED", None),
        (call("terminate"), CallKind.MISSED, "MISSED", None),
        (call("terminate", OUTBOUND, status="COMPLETED", duration=3), CallKind.ENDED, "COMPLETED", 3),
        (call("terminate", OUTBOUND, status="FAILED"), CallKind.ENDED, "FAILED", None),
        (call("terminate", OUTBOUND), CallKind.ENDED, "FAILED", None),
        (call("terminate", OUTBOUND, duration=0), CallKind.ENDED, "COMPLETED", 0),
        (call("terminate", duration=True), CallKind.MISSED, "MISSED", None),
        (call_status("RINGING"), CallKind.RINGING, "RINGING", None),
        (call_status("ACCEPTED"), CallKind.CONNECTED, "ACCEPTED", None),
        (call_status("REJECTED"), CallKind.ENDED, "REJECTED", None),
    ],
)  # fmt: skip
def test_what_meta_says_of_a_call(
    payload: Payload, kind: CallKind, status: str, duration: int | None
) -> None:
    found = reported(payload)
    assert (found.kind, found.status, found.duration) == (kind, status, duration)
    assert found.external_id == "wacid.CALL1"


def test_who_called_whom() -> None:
    inbound, outbound = reported(call("connect")), reported(call("terminate", OUTBOUND))
    assert (inbound.direction, inbound.sender, inbound.recipient) == ("INBOUND", ADA, Contact(phone=US))
    assert (outbound.direction, outbound.sender, outbound.recipient) == ("OUTBOUND", Contact(phone=US), ADA)


@pytest.mark.parametrize(
    "payload",
    [
        call("connect", OUTBOUND),
        call("call_created", OUTBOUND),
        call("hold"),
        call_status("TRYING"),
        call("connect", "", to=None),
    ],
)
def test_a_step_without_an_event_of_its_own_still_passes_the_envelope_on(payload: Payload) -> None:
    step, raw = reports(payload)
    assert isinstance(step, Ignored)
    assert raw == CallsEnvelope(envelope=payload)


def test_who_called_whom_where_only_the_two_are_named() -> None:
    us, them = US.removeprefix("+"), "447700900123"
    inbound = reported(call("terminate", "", **{"from": them, "to": us}))
    outbound = reported(call("terminate", "", **{"from": us, "to": them}))
    assert (inbound.direction, inbound.kind, inbound.sender) == ("INBOUND", CallKind.MISSED, ADA)
    assert (outbound.direction, outbound.kind, outbound.recipient) == ("OUTBOUND", CallKind.ENDED, ADA)


def test_a_status_of_field_calls_is_a_calls_also_where_it_does_not_say_so() -> None:
    payload = call_status("RINGING")
    del payload["entry"][0]["changes"][0]["value"]["statuses"][0]["type"]
    assert reported(payload).kind is CallKind.RINGING


def test_an_envelope_is_of_the_one_object_that_has_calls() -> None:
    payload = call("connect")
    _, raw = parse(json.dumps(payload | {"object": ["page"]}), US)
    assert raw == CallsEnvelope(envelope=payload)


def test_an_envelope_that_no_receiver_could_read_is_not_passed_on() -> None:
    body = json.dumps(call("connect", duration=float("inf")))
    assert not [report for report in parse(body, US) if isinstance(report, CallsEnvelope)]


def test_every_change_of_calls_is_passed_on_alone() -> None:
    (first,), (second,) = call("connect")["entry"][0]["changes"], call("terminate")["entry"][0]["changes"]
    found = reports(envelope(first, change("messages"), second))
    assert [report.envelope for report in found if isinstance(report, CallsEnvelope)] == [
        envelope(first),
        envelope(second),
    ]


def test_an_envelope_with_what_cannot_be_stored_is_cleaned() -> None:
    body = json.dumps(call("connect", session={"sdp": "\ud800"}))
    (raw,) = [report for report in parse(body, US) if isinstance(report, CallsEnvelope)]
    assert raw.envelope["entry"][0]["changes"][0]["value"]["calls"][0]["session"]["sdp"] == "?"


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        ({"response": "accept", "expiration_timestamp": "1772929000"}, "TEMPORARY"),
        ({"response": "accept", "is_permanent": True, "expiration_timestamp": "1772929000"}, "PERMANENT"),
        ({"response": "accept"}, "PERMANENT"),
        ({"response": "accept", "is_permanent": False}, "TEMPORARY"),
        ({"response": "reject"}, "NO_PERMISSION"),
        ({"response": None}, "NO_PERMISSION"),
    ],
)
def test_a_permission_comes_as_a_message_and_is_none(reply: Payload, status: str) -> None:
    (found,) = reports(permission(**reply))
    assert isinstance(found, CallReport)
    assert (found.kind, found.status, found.external_id) == (CallKind.PERMISSION_UPDATED, status, None)
    assert (found.sender, found.recipient) == (ADA, Contact(phone=US))


def test_a_caller_without_a_phone_is_an_opaque_id() -> None:
    payload = call("connect", from_user_id="GB.1", **{"from": None})
    payload["entry"][0]["changes"][0]["value"]["contacts"] = [contact(wa_id=None, user_id="GB.1")]
    assert reported(payload).sender == Contact(opaque_id="GB.1", name="Ada")
