"""What Evolution's webhooks say, trap by trap."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from phone_numbers.providers.evolution.parsing import parse
from phone_numbers.reports import (
    ConnectionReport,
    ConnectionState,
    DisconnectCause,
    IdentityReport,
    Ignored,
    InboundMessage,
    MessageStatus,
    Report,
    StatusReport,
)
from tests.phone_numbers.providers.corpus import corpus_files
from tests.phone_numbers.providers.evolution.payloads import (
    ADA,
    ADA_LID,
    EVERY_KIND,
    GROUP,
    US,
    connection,
    message,
    update,
    upsert,
    webhook,
)
from tests.phone_numbers.providers.payload_mutations import mutated
from tests.phone_numbers.providers.report_rules import assert_sound

LEARNED = IdentityReport(opaque_id=ADA_LID, phone="+447700900123")


def reports(payload: Any, phone: str = US) -> list[Report]:
    return parse(json.dumps(payload), phone)


def inbound(payload: Any, phone: str = US) -> InboundMessage:
    (found,) = [report for report in reports(payload, phone) if isinstance(report, InboundMessage)]
    return found


def status(payload: Any) -> StatusReport:
    (found,) = [report for report in reports(payload) if isinstance(report, StatusReport)]
    return found


def state(payload: Any) -> ConnectionReport:
    (found,) = reports(payload)
    assert isinstance(found, ConnectionReport)
    return found


def assert_ignored(payload: Any) -> None:
    found = [report for report in reports(payload) if not isinstance(report, IdentityReport)]
    assert found
    assert all(isinstance(report, Ignored) for report in found)


def test_a_text() -> None:
    found = inbound(upsert({"conversation": "good afternoon"}))
    assert (found.message_id, found.type, found.content) == ("3EB0ADA1", "text", "good afternoon")
    assert (found.sender.phone, found.sender.name) == ("+447700900123", "Ada")
    assert (found.quote, found.media, found.group_id) == (None, None, None)


def test_the_sender_of_the_envelope_is_us_and_not_who_wrote() -> None:
    assert inbound(upsert({"conversation": "hi"})).sender.phone == "+447700900123"


def test_the_time_is_the_messages_and_never_date_time() -> None:
    assert inbound(upsert({"conversation": "hi"})).at == datetime(2026, 1, 1, 3, 0, tzinfo=UTC)
    assert inbound(upsert({"conversation": "hi"}, messageTimestamp=None)).at is None
    assert status(update()).at is None
    assert state(connection("open")).at is None


@pytest.mark.parametrize("event", ["messages.upsert", "MESSAGES_UPSERT", "messages-upsert"])
def test_an_event_is_known_in_every_spelling(event: str) -> None:
    assert inbound(webhook(event, message({"conversation": "hi"}))).content == "hi"


def test_a_group_event_with_a_dash_is_known_in_both_spellings() -> None:
    for event in ("group-participants.update", "GROUP_PARTICIPANTS_UPDATE"):
        (found,) = reports(webhook(event, {"id": GROUP, "participants": [ADA], "action": "add"}))
        assert found == Ignored(reason="The management of groups makes no event.")


def test_messages_come_one_by_one_in_a_list_and_in_bulk() -> None:
    one, two = message({"conversation": "1"}), message({"conversation": "2"}, {"id": "3EB0ADA2"})
    for data in ([one, two], {"messages": [one, two], "type": "notify"}):
        assert [report.content for report in reports(webhook("messages.upsert", data))] == ["1", "2"]  # type: ignore[union-attr]


def test_appended_messages_and_the_history_are_old() -> None:
    assert_ignored(
        webhook("messages.upsert", {"messages": [message({"conversation": "x"})], "type": "append"})
    )
    assert_ignored(webhook("messages.set", [message({"conversation": "last year"})]))


def test_a_device_suffix_is_no_part_of_the_phone() -> None:
    assert inbound(
        upsert({"conversation": "x"}, {"remoteJid": "447700900123:31@s.whatsapp.net"})
    ).sender.phone == ("+447700900123")


@pytest.mark.parametrize(
    "key",
    [
        {"remoteJid": ADA_LID, "remoteJidAlt": ADA, "addressingMode": "lid", "participant": ""},
        {"remoteJid": ADA_LID, "senderPn": ADA, "senderLid": ADA_LID},
        {"remoteJid": ADA, "remoteJidAlt": ADA_LID, "addressingMode": "pn"},
        {"remoteJid": ADA, "previousRemoteJid": ADA_LID},
        {"remoteJid": GROUP, "participant": ADA_LID, "participantAlt": ADA},
        {"remoteJid": GROUP, "participant": ADA_LID, "participantPn": ADA},
        {"remoteJid": GROUP, "participant": ADA, "participantLid": ADA_LID},
    ],
)
def test_a_lid_is_resolved_by_whatever_names_the_phone_and_learned(key: dict[str, Any]) -> None:
    payload = upsert({"conversation": "Oi"}, key)
    found = inbound(payload)
    assert (found.sender.phone, found.sender.opaque_id) == ("+447700900123", ADA_LID)
    assert LEARNED in reports(payload)
    assert (found.group_id is not None) is (key["remoteJid"] == GROUP)


def test_an_unresolved_lid_has_no_phone() -> None:
    found = inbound(upsert({"conversation": "who am I?"}, {"remoteJid": "69300000000187:3@lid"}))
    assert (found.sender.phone, found.sender.opaque_id) == ("", ADA_LID)


@pytest.mark.parametrize("address", ["customer@s.whatsapp.net", "123@s.whatsapp.net"])
def test_who_writes_under_an_address_without_a_phone_is_heard_all_the_same(address: str) -> None:
    found = inbound(upsert({"conversation": "x"}, {"remoteJid": address}))
    assert (found.content, found.sender.phone, found.sender.opaque_id) == ("x", "", "")


def test_a_name_that_is_only_the_lid_again_is_no_name() -> None:
    key = {"remoteJid": GROUP, "participant": ADA_LID}
    assert inbound(upsert({"conversation": "x"}, key, pushName="69300000000187")).sender.name is None


def test_an_own_message_teaches_whom_it_went_to_but_not_who_wrote_it() -> None:
    key = {
        "remoteJid": ADA_LID,
        "remoteJidAlt": ADA,
        "fromMe": True,
        "senderPn": "12025550143@s.whatsapp.net",
    }
    payload = upsert({"conversation": "x"}, key, status="PENDING")
    assert reports(payload) == [LEARNED, Ignored(reason="Our own number wrote it.")]


def test_an_own_message_never_makes_our_phone_that_of_whom_it_went_to() -> None:
    key = {"remoteJid": ADA_LID, "remoteJidAlt": "12025550143:7@s.whatsapp.net", "fromMe": True}
    (found,) = reports(upsert({"conversation": "x"}, key, status="SERVER_ACK"))
    assert isinstance(found, StatusReport)
    assert (found.recipient.phone, found.recipient.opaque_id) == ("", ADA_LID)
    (found,) = reports(
        webhook("messages.update", [{"key": key | {"id": "3EB0OURS1"}, "update": {"status": 4}}])
    )
    assert isinstance(found, StatusReport)
    assert (found.recipient.phone, found.recipient.opaque_id) == ("", ADA_LID)


def test_contact_and_participant_lists_teach_phones() -> None:
    entry = {"id": ADA_LID, "lid": ADA_LID, "phoneNumber": ADA}
    assert LEARNED in reports(webhook("contacts.upsert", [entry]))
    group = {"id": GROUP, "participantsData": [{"jid": ADA_LID, "phoneNumber": ADA}], "action": "add"}
    assert LEARNED in reports(webhook("group-participants.update", group))


def test_a_group_message() -> None:
    found = inbound(
        upsert({"conversation": "all"}, {"remoteJid": GROUP, "participant": "447700900123:7@s.whatsapp.net"})
    )
    assert (found.group_id, found.sender.phone, found.newsletter_id) == (GROUP, "+447700900123", None)


def test_a_channel_post_has_no_sender() -> None:
    key = {"remoteJid": "120363417340000222@newsletter", "server_id": "101"}
    found = inbound(upsert({"conversation": "news"}, key))
    assert (found.newsletter_id, found.message_id) == ("120363417340000222@newsletter", "3EB0ADA1")
    assert (found.sender.phone, found.sender.opaque_id, found.sender.name) == ("", "", None)


def test_a_message_over_a_broadcast_list_is_a_message_of_its_writer() -> None:
    found = inbound(
        upsert({"conversation": "hi all"}, {"remoteJid": "1767236400@broadcast", "participant": ADA})
    )
    assert (found.sender.phone, found.group_id) == ("+447700900123", None)


@pytest.mark.parametrize(
    "payload",
    [
        upsert({"conversation": "story"}, {"remoteJid": "status@broadcast", "participant": ADA}),
        upsert({"conversation": "ours"}, {"fromMe": True}, status="PENDING"),
        upsert({"conversation": "ours"}, {"fromMe": True}, status=None),
        upsert({"conversation": "ours"}, {"remoteJid": GROUP, "participant": "12025550143:4@s.whatsapp.net"}),
        upsert({"protocolMessage": {"type": 0, "key": {"id": "3EB0ADA0"}}}),
        upsert({"editedMessage": {"message": {"protocolMessage": {"editedMessage": {"conversation": "x"}}}}}),
        upsert({"statusMentionMessage": {"message": {"protocolMessage": {"type": 25}}}}),
        upsert({"pollCreationMessageV3": {"name": "Lunch?"}}),
        upsert({"pollUpdateMessage": {}, "messageContextInfo": {}}),
        upsert({"pollResultSnapshotMessageV3": {"name": "Lunch?"}}),
        upsert({"statusNotificationMessage": {"type": 1}}),
        upsert({"groupStatusMessageV2": {"message": {"conversation": "story"}}}, {"remoteJid": GROUP}),
        upsert({"senderKeyDistributionMessage": {"groupId": GROUP}}, {"remoteJid": GROUP, "participant": ADA}),
        upsert({}),
        upsert(None, messageStubType=2),
        upsert("text"),
        upsert({"conversation": "from WhatsApp"}, {"remoteJid": "0@s.whatsapp.net"}),
        webhook("messages.upsert", {"message": "Hello"}),
        webhook("messages.upsert", "text"),
        webhook("messages.upsert", []),
        webhook("messages.upsert", None),
        webhook("messages.edited", {"key": {"id": "3EB0ADA1"}}),
        webhook("messages.delete", {"remoteJid": ADA, "fromMe": False, "id": "3EB0ADA1"}),
        webhook("send.message.update", {}),
        webhook("presence.update", {"id": ADA, "presences": {}}),
        webhook("call", {"from": ADA, "status": "offer"}),
        webhook("labels.association", {"type": "add"}),
        webhook("chats.upsert", [{"remoteJid": ADA}]),
        webhook("qrcode.updated", {"qrcode": {"code": "2@x"}}),
        webhook("something.new", {"a": 1}),
        webhook("connection.update", {"state": "dreaming"}),
        {"data": {}},
        {},
    ],
)  # fmt: skip
def test_what_makes_no_event_says_why(payload: Any) -> None:
    assert_ignored(payload)


@pytest.mark.parametrize("body", ["", "[]", "null", "{", "[" * 100_000])
def test_a_body_that_is_no_object_is_ignored(body: str) -> None:
    (found,) = parse(body, US)
    assert isinstance(found, Ignored)


def test_a_key_without_from_me_is_not_ours() -> None:
    payload = webhook(
        "MESSAGES_UPSERT", {"key": {"remoteJid": ADA, "id": "M1"}, "message": {"imageMessage": {}}}
    )
    assert inbound(payload).type == "image"


@pytest.mark.parametrize(
    ("content", "message_type", "text"),
    [
        ({"extendedTextMessage": {"text": "linked"}}, "text", "linked"),
        ({"audioMessage": {"ptt": True}}, "audio", None),
        ({"ptvMessage": {}}, "video", None),
        ({"stickerMessage": {}}, "sticker", None),
        ({"lottieStickerMessage": {"message": {"stickerMessage": {}}}}, "sticker", None),
        ({"liveLocationMessage": {"degreesLatitude": 1, "degreesLongitude": 2.5}}, "location", "1,2.5"),
        ({"contactMessage": {"displayName": "Grace"}}, "contacts", "Grace"),
        ({"buttonsResponseMessage": {"selectedButtonId": "b1", "selectedDisplayText": "Yes"}}, "text", "Yes"),
        ({"listResponseMessage": {"title": "Tomorrow"}}, "text", "Tomorrow"),
        ({"templateButtonReplyMessage": {"selectedDisplayText": "Stop"}}, "text", "Stop"),
        ({"interactiveResponseMessage": {"body": {"text": "Booked"}}}, "text", "Booked"),
        ({"interactiveResponseMessage": {"nativeFlowResponseMessage": {"paramsJson": "{}"}}}, "text", "{}"),
        (
            {
                "interactiveResponseMessage": {
                    "nativeFlowResponseMessage": {"paramsJson": '{"id": "b1", "display_text": "Not today"}'}
                }
            },
            "text",
            "Not today",
        ),
        ({"interactiveResponseMessage": {"nativeFlowResponseMessage": {"paramsJson": "[1]"}}}, "text", "[1]"),
        ({"conversation": "", "extendedTextMessage": {"text": "linked"}}, "text", "linked"),
        ({"conversation": "", "imageMessage": {"caption": "look"}}, "image", "look"),
        ({"conversation": ""}, "text", ""),
        ({"contactMessage": {"vcard": "BEGIN:VCARD\nFN:Grace Hopper\nEND:VCARD"}}, "contacts", "Grace Hopper"),
        ({"templateMessage": {"hydratedFourRowTemplate": {"hydratedContentText": "Your code"}}}, None, "Your code"),
        ({"templateMessage": {"interactiveMessageTemplate": {"body": {"text": "Pick one"}}}}, None, "Pick one"),
        ({"requestPaymentMessage": {"noteMessage": {"extendedTextMessage": {"text": "for lunch"}}}}, None, "for lunch"),
        ({"sendPaymentMessage": {"noteMessage": {"conversation": "thanks"}}}, None, "thanks"),
        ({"stickerPackMessage": {"name": "Otters"}}, None, "Otters"),
        ({"newsletterFollowerInviteMessageV2": {"caption": "follow us"}}, None, "follow us"),
        ({"newsletterAdminProfileMessageV2": {"message": {"conversation": "news"}}}, "text", "news"),
        ({"spoilerMessage": {"message": {"imageMessage": {"caption": "who did it"}}}}, "image", "who did it"),
        ({"interactiveMessage": {"header": {"title": "Spring sale"}, "footer": {"text": "Shop"}}}, None, "Spring sale"),
        ({"productMessage": {"product": {}}}, None, None),
        ({"productMessage": {"product": {"title": "Lamp"}}}, None, "Lamp"),
        ({"orderMessage": {"orderTitle": "Shop", "message": "2 please"}}, None, "2 please"),
        ({"eventMessage": {"name": "Opening day"}}, None, "Opening day"),
        ({"botForwardedMessage": {"message": {"extendedTextMessage": {"text": "so it says"}}}}, "text", "so it says"),
        ({"commentMessage": {"message": {"conversation": "nice"}, "targetMessageKey": {}}}, "text", "nice"),
        ({"ephemeralMessage": {"message": {"conversation": "gone soon"}}}, "text", "gone soon"),
        ({"viewOnceMessage": {"message": {"imageMessage": {}}}}, "image", None),
        ({"viewOnceMessageV2": {"message": {"imageMessage": {"caption": "once"}}}}, "image", "once"),
        ({"viewOnceMessageV2Extension": {"message": {"audioMessage": {}}}}, "audio", None),
        (
            {"ephemeralMessage": {"message": {"viewOnceMessageV2": {"message": {"videoMessage": {}}}}}},
            "video",
            None,
        ),
    ],
)  # fmt: skip
def test_the_type_and_the_text_of_every_kind(
    content: Any, message_type: str | None, text: str | None
) -> None:
    found = inbound(upsert(content, messageType="whatever"))
    assert (found.type, found.content) == (message_type, text)


RENDITION = {
    "messageAssociation": {"associationType": "HD_IMAGE_DUAL_UPLOAD", "parentMessageKey": {"id": "3EB0ADA0"}}
}


@pytest.mark.parametrize(
    "content",
    [
        {"associatedChildMessage": {"message": {"imageMessage": {}}}, "messageContextInfo": RENDITION},
        {"associatedChildMessage": {"message": {"imageMessage": {}, "messageContextInfo": RENDITION}}},
        {"videoMessage": {}, "messageContextInfo": {"messageAssociation": {"associationType": 5}}},
    ],
)
def test_the_better_copy_of_a_photo_is_no_second_message(content: Any) -> None:
    assert_ignored(upsert(content))


def test_the_pictures_of_an_album_are_messages() -> None:
    album = {"messageAssociation": {"associationType": "MEDIA_ALBUM", "parentMessageKey": {"id": "3EB0ADA0"}}}
    picture = {"imageMessage": {"caption": "2 of 3"}}
    for content in (
        {**picture, "messageContextInfo": album},
        {"associatedChildMessage": {"message": picture}, "messageContextInfo": album},
    ):
        assert inbound(upsert(content)).content == "2 of 3"


def test_a_document_keeps_its_name_through_its_wrapper() -> None:
    document = {"fileName": "offer.pdf", "mimetype": "application/pdf", "caption": "ours"}
    found = inbound(upsert({"documentWithCaptionMessage": {"message": {"documentMessage": document}}}))
    assert found.media is not None
    assert (found.type, found.content) == ("document", "ours")
    assert (found.media.filename, found.media.mime_type, found.media.caption) == (
        "offer.pdf", "application/pdf", "ours",
    )  # fmt: skip


def test_the_link_is_evolutions_copy_and_never_whatsapps_encrypted_one() -> None:
    image = {"url": "https://mmg.whatsapp.net/o1/v/enc", "mimetype": "image/jpeg"}
    without = inbound(upsert({"imageMessage": image})).media
    with_copy = inbound(upsert({"imageMessage": image, "mediaUrl": "https://s3.example.com/1.jpeg"})).media
    assert without is not None
    assert with_copy is not None
    assert (without.link, with_copy.link) == (None, "https://s3.example.com/1.jpeg")


def test_a_view_once_message_for_the_phone_alone_still_arrives() -> None:
    found = inbound(upsert(None, {"isViewOnce": True}))
    assert (found.type, found.content) == (None, None)


def quoting(participant: str | None, chat: str = ADA, **context: Any) -> Any:
    return upsert(
        {"conversation": "Yes"},
        {"remoteJid": chat, "participant": ADA if chat == GROUP else ""},
        contextInfo={
            "stanzaId": "3EB0OURS1",
            "participant": participant,
            "quotedMessage": {"extendedTextMessage": {"text": "Today?"}},
        }
        | context,
    )


@pytest.mark.parametrize(
    ("payload", "ours"),
    [
        (quoting("12025550143@s.whatsapp.net"), True),
        (quoting("12025550143:12@s.whatsapp.net"), True),
        (quoting(ADA), False),
        (quoting(None), None),
        (quoting("87600000000143@lid"), None),
        (quoting("12025550143@s.whatsapp.net", GROUP), True),
        (quoting("15550009999@s.whatsapp.net", GROUP), None),
        (quoting("15550009999@s.whatsapp.net"), True),
        (quoting("15550009999@s.whatsapp.net", remoteJid=GROUP), None),
    ],
)
def test_whose_message_is_quoted(payload: Any, ours: bool | None) -> None:
    found = inbound(payload).quote
    assert found is not None
    assert (found.message_id, found.content, found.ours) == ("3EB0OURS1", "Today?", ours)


def test_our_number_is_recognized_with_and_without_brazils_ninth_digit() -> None:
    found = inbound(quoting("551198765432@s.whatsapp.net", GROUP), phone="+5511998765432").quote
    assert found is not None
    assert found.ours is True


def test_a_reaction_is_about_a_message_and_can_be_taken_back() -> None:
    for emoji in ("👍", ""):
        found = inbound(
            upsert({"reactionMessage": {"key": {"id": "3EB0OURS1", "fromMe": True}, "text": emoji}})
        )
        assert (found.type, found.content) == ("reaction", emoji)
        assert found.quote is not None
        assert (found.quote.message_id, found.quote.ours) == ("3EB0OURS1", True)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("SERVER_ACK", MessageStatus.SENT),
        ("DELIVERY_ACK", MessageStatus.DELIVERED),
        ("READ", MessageStatus.READ),
        ("PLAYED", MessageStatus.READ),
        ("ERROR", MessageStatus.FAILED),
        (2, MessageStatus.SENT),
        (3, MessageStatus.DELIVERED),
        ("4", MessageStatus.READ),
        ("read", MessageStatus.READ),
        (5, MessageStatus.READ),
        (0, MessageStatus.FAILED),
    ],
)
def test_a_status_counts_in_baileys_numbers(word: Any, expected: MessageStatus) -> None:
    assert status(update(status=word)).status is expected


@pytest.mark.parametrize("word", ["PENDING", 1, "DELETED", "EDITED", 6, True, None, {}, "²"])
def test_what_is_no_rung_is_no_status(word: Any) -> None:
    assert_ignored(update(status=word))


def test_the_message_id_of_an_update_is_whatsapps_and_not_the_databases() -> None:
    assert status(update()).message_id == "3EB0OURS1"
    assert_ignored(update(keyId=None))


def test_an_update_in_the_older_shape() -> None:
    data = {"key": {"remoteJid": ADA, "fromMe": True, "id": "BAE5"}, "update": {"status": 3}}
    found = status(webhook("MESSAGES_UPDATE", [data]))
    assert (found.message_id, found.status, found.recipient.phone) == (
        "BAE5", MessageStatus.DELIVERED, "+447700900123",
    )  # fmt: skip


def test_receipts_of_inbound_messages_are_no_status() -> None:
    assert_ignored(update(fromMe=False, status="READ"))


def test_a_failed_message_says_so() -> None:
    assert status(update(status="ERROR")).error == "WhatsApp refused the message (status ERROR)."


def test_an_update_in_a_group_names_the_group_and_nobody() -> None:
    found = status(update(remoteJid=GROUP, participant=ADA))
    assert (found.group_id, found.recipient.phone) == (GROUP, "")


def test_an_echo_of_our_own_message_tells_how_far_it_got() -> None:
    found = status(
        webhook("send.message", message({"conversation": "x"}, {"fromMe": True}, status="SERVER_ACK"))
    )
    assert (found.status, found.at) == (MessageStatus.SENT, datetime(2026, 1, 1, 3, 0, tzinfo=UTC))
    read = status(webhook("send.message", message({"conversation": "x"}, {"fromMe": True}, status="READ")))
    assert (read.status, read.at) == (MessageStatus.READ, None)


def test_open_names_the_phone_and_the_profile() -> None:
    found = state(connection("open", wuid="12025550143:3@s.whatsapp.net", profileName="Shop"))
    assert (found.state, found.phone, found.profile_name) == (ConnectionState.CONNECTED, US, "Shop")


def test_a_sender_that_is_no_jid_never_becomes_a_phone() -> None:
    assert state(webhook("CONNECTION_UPDATE", {"state": "open"}, sender="Evolution API")).phone == ""


@pytest.mark.parametrize(
    ("payload", "expected", "cause"),
    [
        (connection("connecting"), ConnectionState.CONNECTING, None),
        (connection("close", 428), ConnectionState.DISCONNECTED, None),
        (connection("close", 401), ConnectionState.DISCONNECTED, DisconnectCause.LOGGED_OUT),
        (connection("close", "401"), ConnectionState.DISCONNECTED, DisconnectCause.LOGGED_OUT),
        (connection("close", 403), ConnectionState.DISCONNECTED, DisconnectCause.BANNED),
        (connection("close", [401]), ConnectionState.DISCONNECTED, None),
        (connection("refused", 428), ConnectionState.DISCONNECTED, DisconnectCause.LOGGED_OUT),
        (webhook("logout.instance", None), ConnectionState.DISCONNECTED, DisconnectCause.LOGGED_OUT),
        (webhook("remove.instance", None), ConnectionState.DISCONNECTED, DisconnectCause.DELETED),
        (webhook("INSTANCE_DELETE", {}), ConnectionState.DISCONNECTED, DisconnectCause.DELETED),
        (
            webhook("status.instance", {"status": "closed", "disconnectionReasonCode": 401}),
            ConnectionState.DISCONNECTED,
            DisconnectCause.LOGGED_OUT,
        ),
    ],
)
def test_the_connection(payload: Any, expected: ConnectionState, cause: DisconnectCause | None) -> None:
    found = state(payload)
    assert (found.state, found.cause) == (expected, cause)


def test_what_cannot_be_stored_is_taken_out() -> None:
    found = inbound(upsert({"conversation": "a\x00b\ud83d"}, {"id": "3EB0\x00"}, pushName="A\x00da"))
    assert (found.content, found.message_id, found.sender.name) == ("ab", "3EB0", "Ada")


@pytest.mark.parametrize("payload", EVERY_KIND)
def test_every_kind_is_sound(payload: Any) -> None:
    assert_sound(reports(payload))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutated(EVERY_KIND))
def test_no_shape_makes_it_raise(payload: Any) -> None:
    assert_sound(reports(payload))


@pytest.mark.parametrize("file", corpus_files("evolution"))
def test_the_corpus_is_parsed_soundly(file: Path) -> None:
    assert_sound(parse(file.read_text(encoding="utf-8"), US))
