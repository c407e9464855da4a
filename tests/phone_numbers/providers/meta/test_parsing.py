"""Meta's messages, statuses and account updates as reports."""

import json
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from hypothesis import given

from phone_numbers.providers.meta.parsing import parse
from phone_numbers.providers.meta.routing import route
from phone_numbers.reports import (
    ConnectionReport,
    ConnectionState,
    Contact,
    DisconnectCause,
    IdentityReport,
    Ignored,
    InboundMessage,
    Media,
    MessageStatus,
    Quote,
    Report,
    StatusReport,
)
from tests.phone_numbers.providers.corpus import corpus_files
from tests.phone_numbers.providers.meta.payloads import (
    ADA_BSUID,
    EVERY_KIND,
    OURS,
    PHONE_NUMBER_ID,
    US,
    Payload,
    change,
    contact,
    envelope,
    message,
    status,
)
from tests.phone_numbers.providers.payload_mutations import mutated
from tests.phone_numbers.providers.report_rules import assert_sound

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
ADA = Contact(phone="+447700900123", name="Ada")
FROM_US = {"from": "12025550143", "id": OURS}
FLOW = {"name": "flow", "body": "Sent", "response_json": '{"size":"L"}'}
BIG_BEN = {"latitude": 51.5007, "longitude": -0.1246, "name": "Big Ben", "address": "SW1"}


def reports(payload: Payload) -> list[Report]:
    return parse(json.dumps(payload), US)


def inbound(payload: Payload) -> InboundMessage:
    (found,) = [report for report in reports(payload) if not isinstance(report, IdentityReport)]
    assert isinstance(found, InboundMessage), found
    return found


def reported(payload: Payload) -> StatusReport:
    (found,) = [report for report in reports(payload) if not isinstance(report, IdentityReport)]
    assert isinstance(found, StatusReport), found
    return found


def reason(payload: Payload) -> str:
    (found,) = reports(payload)
    assert isinstance(found, Ignored), found
    return found.reason


def test_a_text() -> None:
    assert inbound(message()) == InboundMessage(
        message_id="wamid.ADA1", at=AT, sender=ADA, type="text", content="good afternoon"
    )


@pytest.mark.parametrize(
    ("payload", "kind", "content"),
    [
        (message("button", button={"text": "Yes", "payload": "y"}), "text", "Yes"),
        (message("interactive", interactive={"button_reply": {"id": "1", "title": "Monday"}}), "text", "Monday"),
        (message("interactive", interactive={"list_reply": {"id": "1", "title": "Tuesday"}}), "text", "Tuesday"),
        (message("interactive", interactive={"nfm_reply": {"response_json": "{}", "body": "Sent"}}), "text", "Sent"),
        (message("interactive", interactive={"nfm_reply": {"response_json": '{"a":1}'}}), "text", '{"a":1}'),
        (message("interactive", interactive={"nfm_reply": FLOW}), "text", '{"size":"L"}'),
        (message("interactive", interactive={"nfm_reply": FLOW | {"response_json": ""}}), "text", "Sent"),
        (message("interactive", interactive={"nfm_reply": FLOW | {"name": "address_message"}}), "text", "Sent"),
        (message("location", location=BIG_BEN), "location", "51.5007,-0.1246\nBig Ben\nSW1"),
        (message("location", location={"latitude": 1, "longitude": 2}), "location", "1,2"),
        (message("location", location={"name": "Big Ben"}), "location", "Big Ben"),
        (message("reaction", reaction={"message_id": OURS, "emoji": "👍"}), "reaction", "👍"),
        (message("reaction", reaction={"message_id": OURS}), "reaction", ""),
        (message("unsupported", errors=[{"code": 131051}]), None, None),
        (message("unsupported", unsupported={"type": "poll_creation"}), None, None),
        (message("order", order={"catalog_id": "1", "text": ""}), None, None),
        (message("order", order={"catalog_id": "1", "text": "by noon, please"}), None, "by noon, please"),
        (message(None, text={"body": "untyped"}), "text", "untyped"),
    ],
)  # fmt: skip
def test_the_type_and_content_of_every_kind(payload: Payload, kind: str | None, content: str | None) -> None:
    found = inbound(payload)
    assert (found.type, found.content) == (kind, content)


def cards(*shared: Payload) -> Payload:
    payload = message("contacts")
    payload["entry"][0]["changes"][0]["value"]["messages"][0]["contacts"] = list(shared)
    return payload


def test_contact_cards_are_named() -> None:
    named = cards({"name": {"formatted_name": "Grace"}}, {"name": {"formatted_name": "Alan"}}, {"phones": []})
    assert inbound(named).content == "Grace, Alan"


@pytest.mark.parametrize(
    ("card", "content"),
    [
        ({"vcard": "BEGIN:VCARD\r\nFN:Grace\r\nEND:VCARD", "phones": [{"phone": "1"}]}, "Grace"),
        ({"origin": "contact_request", "phones": [{"phone": "+44 7700 900123"}]}, "+44 7700 900123"),
        ({"phones": [{"wa_id": "447700900123"}, {"phone": "020 7946 0999"}, {}]}, "447700900123, 020 7946 0999"),
    ],
)  # fmt: skip
def test_a_card_without_a_name_is_what_else_is_on_it(card: Payload, content: str) -> None:
    assert inbound(cards(card)).content == content


@pytest.mark.parametrize(("kind", "named"), [("image", "image"), ("voice", "audio"), ("sticker", "sticker")])
def test_media_shows_what_meta_exposes(kind: str, named: str) -> None:
    part = {"id": "1", "mime_type": "x/y", "url": "https://lookaside.example.com/1", "sha256": "s"}
    found = inbound(message(kind, **{kind: part}))
    assert found.type == named
    assert found.media == Media(link="https://lookaside.example.com/1", mime_type="x/y")


def test_a_documents_caption_is_its_content() -> None:
    found = inbound(message("document", document={"caption": "our offer", "filename": "offer.pdf"}))
    assert found.content == "our offer"
    assert found.media == Media(caption="our offer", filename="offer.pdf")


@pytest.mark.parametrize(
    ("context", "quote"),
    [
        (FROM_US, Quote(message_id=OURS, ours=True)),
        ({"from": "+1 202-555-0143", "id": OURS}, Quote(message_id=OURS, ours=True)),
        ({"from": PHONE_NUMBER_ID, "id": OURS}, Quote(message_id=OURS, ours=True)),
        ({"from": "447700900123", "id": "wamid.HERS"}, Quote(message_id="wamid.HERS", ours=False)),
        ({"id": OURS}, Quote(message_id=OURS, ours=None)),
        ({"forwarded": True}, None),
        ({"from": "12025550143"}, None),
    ],
)
def test_who_sent_what_a_message_quotes(context: Payload, quote: Quote | None) -> None:
    assert inbound(message(context=context)).quote == quote


def test_our_number_is_known_as_meta_displays_it_too() -> None:
    elsewhere = parse(json.dumps(message(context=FROM_US)), "+4915112345678")
    assert [report.quote for report in elsewhere if isinstance(report, InboundMessage)] == [
        Quote(message_id=OURS, ours=True)
    ]


def test_our_number_is_known_even_where_meta_displays_no_phone() -> None:
    payload = message(context={"from": "Shop", "id": OURS})
    payload["entry"][0]["changes"][0]["value"]["metadata"]["display_phone_number"] = "Shop"
    assert inbound(payload).quote == Quote(message_id=OURS, ours=True)


@pytest.mark.parametrize(("sender", "ours"), [("447700900123", False), ("12025550143", None)])
def test_a_question_about_a_product_quotes_nobody_unless_we_sent_it(sender: str, ours: bool | None) -> None:
    product = {"catalog_id": "1", "product_retailer_id": "2"}
    asked = inbound(message(context={"from": sender, "id": "wamid.X", "referred_product": product}))
    assert asked.quote == Quote(message_id="wamid.X", ours=ours)


def test_an_answer_that_refers_to_a_product_is_an_answer_to_us() -> None:
    context = FROM_US | {"referred_product": {"catalog_id": "1", "product_retailer_id": "2"}}
    tapped = inbound(message("button", button={"text": "Buy", "payload": "buy"}, context=context))
    assert tapped.quote == Quote(message_id=OURS, ours=True)


def test_a_group_message_names_its_group() -> None:
    assert inbound(message(group_id="Y2FwaV9ncm91cA")).group_id == "Y2FwaV9ncm91cA"


def test_a_contact_is_found_by_id_and_never_by_place() -> None:
    others = [contact(wa_id="447700900456", profile={"name": "Grace"}), contact()]
    assert inbound(message(contacts=others)).sender == ADA
    assert inbound(message(contacts=others[:1])).sender == Contact(phone="+447700900123")


@pytest.mark.parametrize(
    ("written", "listed"),
    [
        ("+447700900123", "447700900123"),
        ("447700900123", "+44 7700 900123"),
        ("551187654321", "5511987654321"),
    ],
)
def test_a_contact_is_found_however_the_phone_is_written(written: str, listed: str) -> None:
    payload = message(contacts=[contact(wa_id=listed)], **{"from": written})
    assert inbound(payload).sender == Contact(phone=f"+{written.removeprefix('+')}", name="Ada")


def test_a_message_that_names_nobody_is_the_only_contacts() -> None:
    hidden = contact(wa_id=None, user_id=ADA_BSUID)
    found = inbound(message(contacts=[hidden], **{"from": None}))
    assert found.sender == Contact(opaque_id=ADA_BSUID, name="Ada")


def test_a_message_that_names_nobody_is_neither_of_two_contacts() -> None:
    two = [contact(user_id=ADA_BSUID), contact(wa_id="447700900456", user_id="GB.2")]
    assert inbound(message(contacts=two, **{"from": None})).sender == Contact()


def test_a_contact_without_a_phone_is_an_opaque_id() -> None:
    hidden = message(
        contacts=[{"profile": {"name": "Ada"}, "user_id": ADA_BSUID}],
        from_user_id=ADA_BSUID,
        **{"from": None},
    )
    assert inbound(hidden).sender == Contact(phone="", opaque_id=ADA_BSUID, name="Ada")


def test_an_opaque_id_that_comes_with_the_phone_is_learned() -> None:
    learned, _ = reports(message(contacts=[contact(user_id=ADA_BSUID)]))
    assert learned == IdentityReport(opaque_id=ADA_BSUID, phone="+447700900123")


@pytest.mark.parametrize("stamp", ["1771929000", 1771929000, 1771929000.0])
def test_timestamps_are_strings_or_numbers(stamp: Any) -> None:
    assert inbound(message(timestamp=stamp)).at == AT


@pytest.mark.parametrize("kind", ["system", "edit", "revoke", "request_welcome"])
def test_what_nobody_wrote_is_ignored(kind: str) -> None:
    assert reason(message(kind)).endswith(".")


@pytest.mark.parametrize("what", ["edit", "revoke"])
def test_what_nobody_wrote_is_ignored_where_meta_calls_it_unsupported(what: str) -> None:
    errors = [{"code": 131051, "title": "Message type unknown"}]
    told = reason(message("unsupported", unsupported={"type": what}, errors=errors))
    assert told == reason(message(what))


@pytest.mark.parametrize("field", ["smb_message_echoes", "history", "account_alerts", "", None])
def test_fields_about_something_else_are_ignored_with_their_name(field: Any) -> None:
    payload = envelope({"field": field, "value": {"messages": [{"type": "text"}]}})
    assert reason(payload)


@pytest.mark.parametrize(
    ("word", "rung"),
    [
        ("sent", MessageStatus.SENT),
        ("delivered", MessageStatus.DELIVERED),
        ("read", MessageStatus.READ),
        ("played", MessageStatus.READ),
    ],
)
def test_the_rungs(word: str, rung: MessageStatus) -> None:
    assert reported(status(word)) == StatusReport(
        message_id=OURS, status=rung, at=AT, recipient=Contact(phone="+447700900123")
    )


@pytest.mark.parametrize("word", ["deleted", "warning", "pending", "", None, 3])
def test_other_words_make_no_rung(word: Any) -> None:
    assert reason(status(word))


@pytest.mark.parametrize("word", ["captured", "pending", "failed"])
def test_the_state_of_a_payment_is_none_of_the_message(word: str) -> None:
    paid = status(word, type="payment", payment={"reference_id": "order-17"})
    assert reason(paid) == "The state of a payment makes no event."


def test_our_own_reference_comes_back() -> None:
    assert reported(status("sent", biz_opaque_callback_data="msg_1")).reference == "msg_1"


def test_a_status_of_a_group_names_the_group_and_nobody() -> None:
    found = reported(status("read", recipient_type="group", recipient_id="Y2FwaV9ncm91cA"))
    assert (found.group_id, found.recipient) == ("Y2FwaV9ncm91cA", Contact())


def test_a_status_for_a_contact_without_a_phone() -> None:
    found = reported(status("read", recipient_id=None, recipient_user_id=ADA_BSUID))
    assert found.recipient == Contact(opaque_id=ADA_BSUID)


@pytest.mark.parametrize(
    ("errors", "sentence", "code"),
    [
        ([{"code": 131026, "title": "T", "message": "M", "error_data": {"details": "D"}}], "D", "131026"),
        ([{"code": "131026", "title": "T", "message": "M"}], "M", "131026"),
        ([{"code": 131026, "title": "T"}], "T", "131026"),
        ([{"title": "T"}, {"code": 2, "title": "second"}], "T", None),
        ([], "WhatsApp reported the failure without a reason.", None),
        ("nonsense", "WhatsApp reported the failure without a reason.", None),
    ],
)
def test_a_failure_says_the_best_sentence_there_is(errors: Any, sentence: str, code: str | None) -> None:
    found = reported(status("failed", errors=errors))
    assert (found.error, found.error_code) == (sentence, code)


def test_an_error_beside_a_status_that_is_no_failure_is_no_error() -> None:
    assert reported(status("delivered", errors=[{"code": 1, "title": "x"}])).error is None


@pytest.mark.parametrize(
    ("value", "cause"),
    [
        ({"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}, DisconnectCause.BANNED),
        ({"event": "ACCOUNT_DELETED", "ban_info": {"waba_ban_state": "x"}}, DisconnectCause.DELETED),
        ({"event": "ACCOUNT_OFFBOARDED"}, None),
        ({"event": "PARTNER_REMOVED", "disconnection_info": {"reason": "PRIMARY_INACTIVITY"}}, None),
    ],
)
def test_an_account_that_is_gone_takes_its_numbers_along(
    value: Payload, cause: DisconnectCause | None
) -> None:
    (found,) = reports(envelope(change("account_update", **value)))
    assert isinstance(found, ConnectionReport)
    assert (found.state, found.cause) == (ConnectionState.DISCONNECTED, cause)
    assert found.error_code == (cause.upper() if cause else value["event"])


def test_an_account_was_gone_when_the_entry_says() -> None:
    payload = envelope(change("account_update", event="ACCOUNT_DELETED"))
    payload["entry"][0]["time"] = 1771929000
    (found,) = reports(payload)
    assert isinstance(found, ConnectionReport)
    assert found.at == AT


@pytest.mark.parametrize("state", ["SCHEDULE_FOR_DISABLE", "REINSTATE"])
def test_a_ban_that_is_announced_or_lifted_disconnects_nobody(state: str) -> None:
    assert reason(
        envelope(change("account_update", event="DISABLED_UPDATE", ban_info={"waba_ban_state": state}))
    )


def test_a_message_to_nobody_reached_none_of_the_accounts_numbers() -> None:
    (one,) = message()["entry"][0]["changes"]
    del one["value"]["metadata"]
    one["value"]["statuses"] = [{"id": OURS, "status": "read"}]
    nobodys, found = reports(envelope(one))
    assert nobodys == Ignored(reason="The change does not say which number it is about.")
    assert isinstance(found, StatusReport)


def test_a_call_to_nobody_reached_none_of_the_accounts_numbers() -> None:
    assert reason(envelope(change("calls", metadata={}, calls=[{"id": "wacid.1"}])))


def test_a_payload_of_thousands_is_read_in_a_moment() -> None:
    people = [f"447700{place:06}" for place in range(5000)]
    payload = envelope(
        change(
            "messages",
            contacts=[contact(wa_id=phone, profile={"name": phone}) for phone in people],
            messages=[{"from": phone, "id": f"wamid.{phone}", "type": "text"} for phone in reversed(people)],
        )
    )
    began = perf_counter()
    found = reports(payload)
    assert perf_counter() - began < 5
    assert [report.sender.name for report in found if isinstance(report, InboundMessage)] == people[::-1]


def test_everything_in_one_payload_is_reported_in_its_order() -> None:
    (first,) = message()["entry"][0]["changes"]
    (second,) = status("read")["entry"][0]["changes"]
    second["value"]["messages"] = [
        {"from": "447700900123", "id": "wamid.2", "type": "text", "text": {"body": "b"}}
    ]
    found = reports(envelope(first, second, change("unknown")))
    assert [type(report) for report in found] == [InboundMessage, InboundMessage, StatusReport, Ignored]


@pytest.mark.parametrize(
    "body", ["[]", "nonsense", "{}", '{"entry": []}', '{"entry": [{"id": "1"}]}', "[" * 5000]
)
def test_a_body_without_a_change_is_ignored(body: str) -> None:
    (found,) = parse(body, US)
    assert isinstance(found, Ignored)


@given(payload=mutated(EVERY_KIND))
def test_no_payload_is_too_strange(payload: Payload) -> None:
    assert_sound(parse(json.dumps(payload), US))
    for part in route(json.dumps(payload).encode()):
        assert_sound(parse(part.body, US))


@pytest.mark.parametrize("file", corpus_files("meta"))
def test_every_real_payload_makes_sound_reports(file: Path) -> None:
    assert_sound(parse(file.read_text(encoding="utf-8"), US))
