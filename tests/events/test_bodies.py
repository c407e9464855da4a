"""The v3 body of every change."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from events.bodies import iso, message_body, number_body, to_text
from messaging.changes import MessageChange, MessageChangeKind
from messaging.models import Message
from phone_numbers.lifecycle import NumberChange, NumberChangeKind
from tests.conftest import Tenant
from tests.factories import MessageFactory

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def body(message: Message, kind: MessageChangeKind, **more: Any) -> dict[str, Any]:
    made = message_body(MessageChange(kind=kind, message=message, at=AT, **more), message.number)
    assert made["event"] == f"message.{kind}"
    data: dict[str, Any] = made["data"]
    return data


def test_a_moment_is_utc_with_milliseconds() -> None:
    elsewhere = datetime(2026, 2, 24, 12, 0, 0, 1999, tzinfo=timezone(timedelta(hours=2)))
    assert iso(elsewhere) == "2026-02-24T10:00:00.001Z"


def test_the_text_is_compact_and_in_every_script() -> None:
    assert (
        to_text({"event": "x", "data": {"content": "שלום 👋"}})
        == '{"event":"x","data":{"content":"שלום 👋"}}'
    )


@pytest.mark.django_db
class TestMessages:
    def test_an_outbound_message(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, external_id="wamid.1")
        assert body(message, MessageChangeKind.SENT, correlation_id="order-1") == {
            "id": message.pk,
            "messageId": "wamid.1",
            "numberId": alice.number.pk,
            "createdAt": "2026-02-24T10:30:00.000Z",
            "fromMe": True,
            "from": alice.number.phone,
            "to": "+447700900123",
            "type": "text",
            "content": "Shall we deliver today?",
            "correlationId": "order-1",
        }

    def test_an_inbound_message_has_a_participant(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, inbound=True, contact_name="Ada")
        data = body(message, MessageChangeKind.RECEIVED)
        assert (data["from"], data["to"], data["fromMe"]) == ("+447700900123", alice.number.phone, False)
        assert (data["participantName"], "participantId" in data, "correlationId" in data) == (
            "Ada",
            False,
            False,
        )

    def test_a_contact_without_a_phone_is_an_opaque_id(self, alice: Tenant) -> None:
        message = MessageFactory(
            number=alice.number, inbound=True, contact_phone="", contact_opaque_id="5@lid"
        )
        data = body(message, MessageChangeKind.RECEIVED)
        assert (data["from"], data["participantId"], data["participantName"]) == ("", "5@lid", None)

    def test_an_unknown_type_is_left_out(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, inbound=True, type=None, content=None)
        assert not {"type", "content"} & set(body(message, MessageChangeKind.RECEIVED))

    def test_media_shows_what_is_known(self, alice: Tenant) -> None:
        message = MessageFactory(
            number=alice.number, inbound=True, type="document", content="our offer", media_type="application/pdf",
            media_link="https://files.example.com/1", media_caption="our offer", media_filename="offer.pdf",
        )  # fmt: skip
        data = body(message, MessageChangeKind.RECEIVED)
        media = {key: value for key, value in data.items() if key.startswith("media")}
        assert media == {
            "mediaLink": "https://files.example.com/1",
            "mediaCaption": "our offer",
            "mediaFilename": "offer.pdf",
            "mediaType": "application/pdf",
        }

    def test_a_reply_says_what_it_quotes(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, inbound=True, quoted_external_id="wamid.1")
        data = body(message, MessageChangeKind.REPLY, quoted_content="Today?")
        assert (data["quotedMessageId"], data["contentReplied"]) == ("wamid.1", "Today?")

    def test_a_reaction_names_its_target_without_quoting(self, alice: Tenant) -> None:
        message = MessageFactory(
            number=alice.number, inbound=True, type="reaction", content="", quoted_external_id="wamid.1"
        )
        data = body(message, MessageChangeKind.RECEIVED, quoted_content="Today?")
        assert (data["content"], data["quotedMessageId"], "contentReplied" in data) == ("", "wamid.1", False)

    def test_what_quotes_a_stranger_is_no_reply_and_names_nothing(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, inbound=True, quoted_external_id="wamid.1")
        assert "quotedMessageId" not in body(message, MessageChangeKind.RECEIVED)

    def test_groups_and_channels_are_named_and_never_a_phone(self, alice: Tenant) -> None:
        group = MessageFactory(
            number=alice.number, contact_phone="", group_id="1@g.us", group_name="Neighbours"
        )
        channel = MessageFactory(
            number=alice.number, inbound=True, contact_phone="", newsletter_id="1@newsletter"
        )
        sent, news = body(group, MessageChangeKind.SENT), body(channel, MessageChangeKind.NEWSLETTER)
        assert (sent["to"], sent["groupId"], sent["groupName"]) == ("", "1@g.us", "Neighbours")
        assert (news["from"], news["newsletterId"], news["newsletterName"]) == ("", "1@newsletter", None)

    def test_a_failure_always_has_a_sentence(self, alice: Tenant) -> None:
        message = MessageFactory(number=alice.number, error="No WhatsApp.", error_code="")
        data = body(message, MessageChangeKind.FAILED)
        assert (data["error"], "errorCode" in data) == ("No WhatsApp.", False)
        message.error_code = "131026"
        assert body(message, MessageChangeKind.FAILED)["errorCode"] == "131026"

    def test_relay_only_relays_what_came_and_repeats_nothing_of_what_went(self, alice: Tenant) -> None:
        alice.number.pii_mode = "RELAY_ONLY"
        sent = MessageFactory(
            number=alice.number, media_link="https://x", media_caption="c", media_filename="f", media_type="t"
        )
        came = MessageFactory(number=alice.number, inbound=True)
        data = body(sent, MessageChangeKind.SENT)
        assert (data["content"], data["mediaType"]) == ("", "t")
        assert not {"mediaLink", "mediaCaption", "mediaFilename"} & set(data)
        assert body(came, MessageChangeKind.RECEIVED)["content"] == "Yes please"


@pytest.mark.django_db
def test_a_number_says_what_is_known_of_it(alice: Tenant) -> None:
    number = alice.number
    plain = number_body(NumberChange(kind=NumberChangeKind.CREATED, number=number, at=AT))
    assert plain == {
        "event": "number.created",
        "data": {
            "numberId": number.pk,
            "phone": number.phone,
            "displayName": "Alice's number",
            "createdAt": "2026-02-24T10:30:00.000Z",
        },
    }
    number.profile_name = "Shop"
    change = NumberChange(
        kind=NumberChangeKind.DISCONNECTED, number=number, at=AT, error="Logged out.", error_code="401"
    )
    data = number_body(change)["data"]
    assert (data["profileName"], data["error"], data["errorCode"]) == ("Shop", "Logged out.", "401")
