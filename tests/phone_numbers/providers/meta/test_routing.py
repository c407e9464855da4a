"""One POST of Meta, split by number."""

import json

import pytest

from phone_numbers.providers.base import Part
from phone_numbers.providers.meta.routing import route
from tests.phone_numbers.providers.meta.payloads import (
    PHONE_NUMBER_ID,
    WABA,
    Payload,
    change,
    envelope,
    message,
)

OTHER = {"display_phone_number": "1 202-555-0199", "phone_number_id": "106540352249999"}


def parts(payload: Payload) -> list[Part]:
    return route(json.dumps(payload).encode())


def test_a_payload_about_one_number_is_kept_byte_for_byte() -> None:
    body = json.dumps(message(), indent=3, ensure_ascii=False) + "\n  "
    assert route(body.encode()) == [Part(ref=PHONE_NUMBER_ID, body=body)]


def test_each_number_gets_its_own_changes_in_their_order() -> None:
    ours, theirs = change("messages", messages=[{"id": "1"}]), change("messages", metadata=OTHER)
    later = change("calls", calls=[{"id": "2"}])
    mine, others = parts(envelope(ours, theirs, later))
    assert (mine.ref, json.loads(mine.body)) == (PHONE_NUMBER_ID, envelope(ours, later))
    assert (others.ref, json.loads(others.body)) == (OTHER["phone_number_id"], envelope(theirs))


def test_several_accounts_stay_apart() -> None:
    first, second = envelope(change("messages")), envelope(change("messages", metadata=OTHER), waba="999")
    both = {**first, "entry": first["entry"] + second["entry"]}
    assert [json.loads(part.body)["entry"][0]["id"] for part in parts(both)] == [WABA, "999"]


def test_the_entries_of_one_number_keep_their_frames() -> None:
    first, second = envelope(change("messages")), envelope(change("calls"), waba="999")
    third = envelope(change("messages", metadata=OTHER))
    mine, _ = parts({**first, "entry": first["entry"] + second["entry"] + third["entry"]})
    assert json.loads(mine.body)["entry"] == first["entry"] + second["entry"]


def test_what_names_no_number_goes_by_its_business_account() -> None:
    update = {"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}}
    assert [(part.ref, part.account_ref) for part in parts(envelope(update))] == [(None, WABA)]
    assert [(part.ref, part.account_ref) for part in parts(envelope(update, change("messages")))] == [
        (None, WABA),
        (PHONE_NUMBER_ID, None),
    ]


def test_news_for_a_partner_are_about_the_account_that_they_name() -> None:
    news = {"field": "account_update", "value": {"event": "PARTNER_REMOVED", "waba_info": {"waba_id": WABA}}}
    assert [(part.ref, part.account_ref) for part in parts(envelope(news, waba="555"))] == [(None, WABA)]


@pytest.mark.parametrize(
    "body", [b"{}", b'{"entry": []}', b'{"entry": [1, null]}', b'{"entry": [{"changes": [7]}]}']
)
def test_what_holds_no_change_is_kept_for_nobody(body: bytes) -> None:
    assert route(body) == [Part(ref=None, body=body.decode())]


@pytest.mark.parametrize("ref", [None, 106540352242922, [], {}, "x" * 400])
def test_a_reference_that_is_none_counts_as_missing(ref: object) -> None:
    (part,) = parts(envelope(change("messages", metadata={"phone_number_id": ref})))
    assert (part.ref, part.account_ref) == (None, WABA)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"nonsense", b"\xff{}", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000]
)
def test_a_body_that_is_no_object_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        route(body)
