"""What WAHA's webhooks say, engine by engine and trap by trap."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from phone_numbers.providers.waha.parsing import parse
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
from tests.phone_numbers.providers.payload_mutations import mutated
from tests.phone_numbers.providers.report_rules import assert_sound
from tests.phone_numbers.providers.waha.payloads import (
    ADA,
    ADA_LID,
    ADA_NET,
    CHANNEL,
    EVERY_KIND,
    GOWS_FLOW_ANSWER,
    GOWS_QUOTE,
    GROUP,
    ME,
    OUR_LID,
    QUOTE,
    US,
    WEBJS_QUOTE,
    ack,
    common,
    gows,
    noweb,
    reaction,
    session,
    webhook,
    webjs,
)

CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:Grace\nEND:VCARD"
LEARNED = IdentityReport(opaque_id=ADA_LID, phone="+447700900123")


def hd_copy(kind: str, association: str | int) -> Any:
    child = {"messageAssociation": {"associationType": association, "parentMessageKey": {"id": "3EB0ADA0"}}}
    return {"associatedChildMessage": {"message": {kind: {}}}, "messageContextInfo": child}


def reports(payload: Any) -> list[Report]:
    return parse(json.dumps(payload), US)


def inbound(payload: Any) -> InboundMessage:
    (found,) = [report for report in reports(payload) if isinstance(report, InboundMessage)]
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


@pytest.mark.parametrize("payload", [noweb("hello"), gows("hello"), webjs("chat", "hello")])
def test_a_text_with_every_engine(payload: Any) -> None:
    found = inbound(payload)
    assert (found.message_id, found.type, found.content) == ("3EB0ADA1", "text", "hello")
    assert (found.sender.phone, found.sender.name) == ("+447700900123", "Ada")
    assert found.at == datetime(2026, 1, 1, 1, 0, tzinfo=UTC)
    assert (found.quote, found.media, found.group_id, found.newsletter_id) == (None, None, None, None)


def test_wpp_names_the_writer_as_sender() -> None:
    payload = webjs("chat", "hello", {"notifyName": None, "sender": {"id": ADA, "pushname": "Ada"}})
    assert inbound(payload).sender.name == "Ada"


def test_message_and_message_any_are_the_same_message() -> None:
    payload = gows("twin")
    assert reports(payload) == reports(payload | {"event": "message.any"})


@pytest.mark.parametrize(
    ("message_id", "expected"),
    [
        (f"false_{ADA}_3EB0ADA1", "3EB0ADA1"),
        (f"false_{GROUP}_3EB0ADA1_{ADA}", "3EB0ADA1"),
        ("false_447700900123_1@c.us_3EB0ADA1", "3EB0ADA1"),
        ("3EB0ADA1", "3EB0ADA1"),
        ({"_serialized": f"false_{ADA}_3EB0ADA1", "id": "x"}, "3EB0ADA1"),
        (None, None),
    ],
)
def test_whatsapps_id_is_the_third_part(message_id: Any, expected: str | None) -> None:
    assert inbound(webhook("message", common("x", id=message_id))).message_id == expected


@pytest.mark.parametrize(
    "payload",
    [
        gows(
            "x",
            info={"IsFromMe": True, "Sender": "12025550143:0@s.whatsapp.net"},
            fromMe=True,
            id=f"true_{ADA}_3EB0X",
        ),
        webjs("chat", "x", fromMe=True, id=f"true_{ADA}_3EB0X", to=ADA, **{"from": ME["id"]}),
        noweb("x", key={"fromMe": True}, fromMe=True, id=f"true_{ADA}_3EB0X"),
        webhook("message", {"id": f"true_{ADA}_3EB0X", "from": ADA, "body": "x"}),
        reaction("👍", fromMe=True),
        noweb(
            "x",
            key={"remoteJid": GROUP, "participant": OUR_LID},
            id=f"false_{GROUP}_3EB0X_{OUR_LID}",
            participant=OUR_LID,
            **{"from": GROUP},
        ),
        reaction("👍", id=f"false_{GROUP}_3EB0R_{ME['id']}", participant=ME["id"], **{"from": GROUP}),
    ],
)
def test_our_own_messages_are_never_inbound(payload: Any) -> None:
    assert_ignored(payload)


@pytest.mark.parametrize(
    "payload",
    [
        noweb("x", key={"remoteJid": ADA_LID, "remoteJidAlt": ADA_NET}, **{"from": ADA_LID}),
        noweb("x", key={"remoteJid": ADA_LID, "senderPn": ADA_NET}, **{"from": ADA_LID}),
        gows("x", info={"Chat": ADA_LID, "Sender": ADA_LID, "SenderAlt": ADA_NET}, **{"from": ADA_LID}),
        gows(
            "x",
            info={"Chat": GROUP, "IsGroup": True, "Sender": ADA_LID, "SenderAlt": ADA_NET},
            id=f"false_{GROUP}_3EB0ADA1_{ADA_LID}",
            participant=ADA_LID,
            **{"from": GROUP},
        ),
        noweb(
            "x",
            key={"remoteJid": GROUP, "participant": ADA_LID, "participantAlt": ADA_NET},
            participant=ADA_LID,
            **{"from": GROUP},
        ),
        webjs("chat", "x", **{"from": ADA_LID}),
        reaction("👍", "WEBJS", participant=ADA_LID, to=ADA, **{"from": ADA_LID}),
        reaction("👍", "WEBJS", id=f"false_{ADA_LID}_3EB0REACT1", participant=ADA, to=ADA_LID),
    ],
)
def test_a_lid_is_resolved_by_whatever_names_the_phone_and_learned(payload: Any) -> None:
    assert inbound(payload).sender.phone == "+447700900123"
    assert inbound(payload).sender.opaque_id == ADA_LID
    assert LEARNED in reports(payload)


def test_an_unresolved_lid_has_no_phone() -> None:
    payload = gows(
        "x", info={"Chat": ADA_LID, "Sender": ADA_LID}, id=f"false_{ADA_LID}_3EB0X", **{"from": ADA_LID}
    )
    found = inbound(payload).sender
    assert (found.phone, found.opaque_id) == ("", ADA_LID)


@pytest.mark.parametrize("address", ["customer@c.us", "123@c.us"])
def test_who_writes_under_an_address_without_a_phone_is_heard_all_the_same(address: str) -> None:
    found = inbound(webhook("message", common("x", id=f"false_{address}_3EB0X", **{"from": address})))
    assert (found.content, found.sender.phone, found.sender.opaque_id) == ("x", "", "")


def test_an_own_message_does_not_teach_that_we_are_whom_it_went_to() -> None:
    payload = webjs("chat", "x", fromMe=True, id=f"true_{ADA_LID}_3EB0X", to=ADA_LID, **{"from": ME["id"]})
    assert reports(payload) == [Ignored(reason="Our own number wrote it.")]


def test_an_own_message_teaches_whom_it_went_to() -> None:
    info = {"Chat": ADA_LID, "Sender": OUR_LID, "SenderAlt": "", "RecipientAlt": ADA_NET, "IsFromMe": True}
    payload = gows("x", info=info, fromMe=True, id=f"true_{ADA_LID}_3EB0X", **{"from": ADA_LID})
    assert reports(payload) == [LEARNED, Ignored(reason="Our own number wrote it.")]


def test_a_failed_message_says_why_where_the_engine_knows() -> None:
    reason = "The recipient cannot be reached."
    for payload, error in (
        (ack(-1, "ERROR", ackReason=reason), reason),
        (ack(-1, "ERROR"), "WhatsApp refused the message (ack ERROR)."),
        (ack(2, "DEVICE", ackReason=reason), None),
    ):
        (found,) = reports(payload)
        assert isinstance(found, StatusReport)
        assert found.error == error


def test_an_own_message_never_makes_our_phone_that_of_whom_it_went_to() -> None:
    key = {"remoteJid": ADA_LID, "remoteJidAlt": "12025550143@s.whatsapp.net", "fromMe": True}
    payload = noweb("x", key=key, fromMe=True, id=f"true_{ADA_LID}_3EB0X", **{"from": ADA_LID})
    assert reports(payload) == [Ignored(reason="Our own number wrote it.")]
    found = reports(ack(3, "READ", id=f"true_{ADA_LID}_3EB0X", _data={"key": key}, **{"from": ADA_LID}))
    assert [report.recipient.phone for report in found] == [""]  # type: ignore[union-attr]


def test_the_members_of_a_group_teach_phones() -> None:
    payload = {"group": {"id": GROUP}, "participants": [{"id": ADA_LID, "pn": ADA}]}
    assert LEARNED in reports(webhook("group.v2.participants", payload))


@pytest.mark.parametrize(
    "payload",
    [
        webjs(
            "chat",
            "x",
            {"author": {"_serialized": ADA}},
            id=f"false_{GROUP}_3EB0ADA1_{ADA}",
            **{"from": GROUP},
        ),
        webjs("chat", "x", participant=ADA, **{"from": GROUP}),
        webhook("message", common("x", id=f"false_{GROUP}_3EB0ADA1_{ADA}", **{"from": GROUP})),
        gows("x", info={"Chat": GROUP, "IsGroup": True}, **{"from": GROUP}),
    ],
)
def test_a_group_message_names_its_member(payload: Any) -> None:
    found = inbound(payload)
    assert (found.group_id, found.sender.phone) == (GROUP, "+447700900123")


def test_the_channel_is_the_one_in_from_and_not_the_one_in_the_id() -> None:
    found = inbound(
        webhook("message", common("news", id="false_123123@newsletter_ABC", ack=None, **{"from": CHANNEL}))
    )
    assert (found.newsletter_id, found.message_id, found.content) == (CHANNEL, "ABC", "news")
    assert (found.sender.phone, found.sender.opaque_id, found.sender.name) == ("", "", None)


@pytest.mark.parametrize(
    "payload",
    [
        webhook("message", common("story", id=f"false_status@broadcast_3EB0X_{ADA}", **{"from": None})),
        webhook("message", common("story", **{"from": "status@broadcast"})),
        webhook("message", {"hasMedia": True, "media": {"url": None, "mimetype": "video/mp4"}}),
        webhook("message", {}),
        webhook("message", "text"),
        webhook("message", common("x", **{"from": "0@c.us"}, id="false_0@c.us_A")),
        webhook("message", common("x", **{"from": "13135550002@bot"}, id="false_13135550002@bot_A")),
        noweb(None, {"protocolMessage": {"type": 0}}),
        noweb(None, hd_copy("imageMessage", "HD_IMAGE_DUAL_UPLOAD")),
        gows(None, hd_copy("videoMessage", 5)),
        webjs("image", None, {"viewMode": "HIDDEN"}, hasMedia=True),
        noweb("story", {"groupStatusMessageV2": {"message": {"conversation": "story"}}}),
        noweb(None, {"pollCreationMessage": {"name": "Lunch?"}}),
        webjs("e2e_notification", None),
        webjs("ciphertext", None),
        webjs("call_log", None),
        webjs("group_notification", "Ada joined"),
        webjs("pin_message", None),
        webjs("poll_result_snapshot", None),
        webjs("poll_add_option_decrypted", None),
        webjs("message_edit_encrypted", None),
        webjs("revoked", ""),
        webhook("message.edited", common("edited")),
        webhook("message.revoked", {"after": {"id": "x"}, "before": None}),
        webhook("message.waiting", common(None)),
        webhook("message.reaction", common(None, reaction={"text": "👍"})),
        webhook("engine.event", {"event": "messages.upsert", "data": {"": ""}}),
        webhook("state.change", {}),
        webhook("poll.vote", {"vote": {"id": f"false_{ADA}_A"}}),
        webhook("poll.vote.failed", {}),
        webhook("event.response", common(None)),
        webhook("call.received", {"id": "A", "from": ADA}),
        webhook("label.chat.added", {"label": None}),
        webhook("presence.update", {"id": ADA}),
        webhook("group.v2.leave", {"group": {"id": GROUP}}),
        webhook("chat.archive", {"id": ADA}),
        webhook("something.new", {"a": 1}),
        webhook("message.ack", {}),
        session("PASSKEY_REQUIRED"),
        {"event": None},
        {},
    ],
)  # fmt: skip
def test_what_makes_no_event_says_why(payload: Any) -> None:
    assert_ignored(payload)


@pytest.mark.parametrize("body", ["", "[]", "null", "{", "[" * 100_000])
def test_a_body_that_is_no_object_is_ignored(body: str) -> None:
    (found,) = parse(body, US)
    assert isinstance(found, Ignored)


@pytest.mark.parametrize(
    ("payload", "message_type", "text"),
    [
        (gows(None, {"audioMessage": {"PTT": True}}, hasMedia=True), "audio", None),
        (gows(None, {"videoMessage": {"mimetype": "video/mp4"}}, hasMedia=True, media=None), "video", None),
        (gows(None, {"viewOnceMessageV2": {"message": {"imageMessage": {}}}}, hasMedia=True), "image", None),
        (noweb(None, {"stickerMessage": {}}, hasMedia=True), "sticker", None),
        (noweb(None, {"contactMessage": {"displayName": "Grace"}}), "contacts", "Grace"),
        (noweb("Tomorrow", {"listResponseMessage": {"title": "Tomorrow"}}), "text", "Tomorrow"),
        (
            noweb("Tomorrow\n9 to 12", {"listResponseMessage": {"title": "Tomorrow", "description": "9 to 12"}}),
            "text",
            "Tomorrow",
        ),
        (noweb(None, {"buttonsResponseMessage": {"selectedDisplayText": "Yes"}}), "text", "Yes"),
        (noweb(None, {"groupInviteMessage": {"caption": "join"}}), None, "join"),
        (gows(None, {"buttonsResponseMessage": {"Response": {"SelectedDisplayText": "Yes"}}}), "text", "Yes"),
        (gows(None, {"buttonsResponseMessage": {"selectedButtonID": "yes-1"}}), "text", "yes-1"),
        (gows(None, {"templateButtonReplyMessage": {"selectedID": "yes-1"}}), "text", "yes-1"),
        (gows(None, {"listResponseMessage": {"singleSelectReply": {"selectedRowID": "r1"}}}), "text", "r1"),
        (gows(None, GOWS_FLOW_ANSWER), "text", '{"day":"Monday"}'),
        (webjs("ptt", ""), "audio", None),
        (webjs("image", "look"), "image", "look"),
        (webjs("buttons_response", "Yes"), "text", "Yes"),
        (webjs("comment", "nice"), "text", "nice"),
        (webjs("product", None), None, None),
        (webjs("product", "/9j/4AAQSkZJRg==", {"title": "Lamp"}), None, "Lamp"),
        (webjs("product", None, {"title": "Lamp", "caption": "Still there?"}), None, "Still there?"),
        (webjs("order", "", {"message": "Please deliver", "orderTitle": "Lamps"}), None, "Please deliver"),
        (webjs("order", ""), None, ""),
        (webjs("interactive", "", {"caption": "Choose"}), None, "Choose"),
        (
            webjs("list_response", "Tomorrow\n9 to 12", {"listResponse": {"title": "Tomorrow"}}),
            "text",
            "Tomorrow",
        ),
        (webjs("vcard", CARD, {"body": CARD}), "contacts", "Grace"),
        (webjs("multi_vcard", "", {"vcardList": [{"vcard": CARD}, {"vcard": CARD}]}), "contacts", "Grace, Grace"),
        (
            webjs("multi_vcard", None, vCards=["FN:Grace", "FN;CHARSET=UTF-8:Alan\r\nTEL:1"]),
            "contacts",
            "Grace, Alan",
        ),
        (
            webhook("message", common("x", media={"url": "u", "mimetype": "image/png"}, hasMedia=True)),
            "image",
            "x",
        ),
        (
            webhook("message", common(None, media={"mimetype": "application/pdf"}, hasMedia=True)),
            "document",
            None,
        ),
        (webhook("message", common(None, hasMedia=True)), None, None),
        (webhook("message", common("")), "text", ""),
    ],
)  # fmt: skip
def test_the_type_and_the_text_of_every_kind(
    payload: Any, message_type: str | None, text: str | None
) -> None:
    found = inbound(payload)
    assert (found.type, found.content) == (message_type, text)


@pytest.mark.parametrize(
    "payload",
    [
        gows(
            None,
            {"locationMessage": {}},
            location={"latitude": "51.5007", "longitude": "-0.1246", "description": "Big Ben"},
        ),
        webjs(
            "location",
            "/9j/4AAQSkZJRg==",
            location={"latitude": 51.5007, "longitude": -0.1246, "name": "Big Ben"},
        ),
        webjs("location", "/9j/4AAQSkZJRg==", {"lat": 51.5007, "lng": -0.1246, "loc": "Big Ben"}),
        noweb(
            None,
            {"locationMessage": {"degreesLatitude": 51.5007, "degreesLongitude": -0.1246, "name": "Big Ben"}},
        ),
    ],
)
def test_a_location_is_its_coordinates_and_never_the_picture_of_the_map(payload: Any) -> None:
    found = inbound(payload)
    assert (found.type, found.content) == ("location", "51.5007,-0.1246\nBig Ben")


def test_the_encrypted_file_at_whatsapp_is_no_media_link() -> None:
    url = "https://mmg.whatsapp.net/o1/v/ada.enc"
    media = inbound(webjs("image", None, {"clientUrl": url}, mediaUrl=url, hasMedia=True)).media
    assert media is not None
    assert media.link is None


def test_a_picture_of_an_album_is_a_message() -> None:
    assert inbound(webjs("image", None, {"viewMode": "MEDIA_ALBUM"}, hasMedia=True)).type == "image"


def test_a_location_tells_its_name_and_address_once_where_the_description_repeats_both() -> None:
    told = {"name": "Big Ben", "address": "Westminster", "description": "Big Ben\nWestminster"}
    found = inbound(webjs("location", None, location={"latitude": 51.5007, "longitude": -0.1246, **told}))
    assert found.content == "51.5007,-0.1246\nBig Ben\nWestminster"


def test_media_is_wahas_copy() -> None:
    media = {
        "url": "http://localhost:3000/api/files/x.jpeg",
        "filename": None,
        "mimetype": "image/jpeg",
        "error": None,
    }
    found = inbound(
        gows("the shelf", {"imageMessage": {"caption": "the shelf"}}, hasMedia=True, media=media)
    ).media
    assert found is not None
    assert (found.link, found.mime_type, found.caption) == (media["url"], "image/jpeg", "the shelf")


@pytest.mark.parametrize(("body", "caption"), [("offer.pdf", None), ("see page 2", "see page 2")])
def test_a_documents_name_in_the_body_is_no_caption(body: str, caption: str | None) -> None:
    media = {"url": "http://localhost:3000/x.pdf", "filename": "offer.pdf", "mimetype": "application/pdf"}
    found = inbound(webjs("document", body, media=media, hasMedia=True))
    assert found.media is not None
    assert (found.content, found.media.caption, found.media.filename) == (caption, caption, "offer.pdf")


def replying(chat: str = ADA, **reply: Any) -> Any:
    return webhook(
        "message",
        common(
            "got it", replyTo={"id": "3EB0OURS1", "body": "Today?"} | reply, participant=ADA, **{"from": chat}
        ),
    )


@pytest.mark.parametrize(
    ("payload", "ours"),
    [
        (replying(participant="12025550143@c.us"), True),
        (replying(participant=OUR_LID), True),
        (replying(participant=ADA), False),
        (replying(participant=None), None),
        (replying(participant="15550009999@c.us"), True),
        (replying(GROUP, participant="12025550143@c.us"), True),
        (replying(GROUP, participant="15550009999@c.us"), None),
        (replying(id=f"true_{ADA}_3EB0OURS1"), True),
        (replying(id=f"false_{ADA}_3EB0OURS1"), False),
        (noweb("yes", {"extendedTextMessage": {"text": "yes", "contextInfo": QUOTE}}), True),
        (
            gows("yes", {"extendedTextMessage": {"contextInfo": GOWS_QUOTE}}),
            True,
        ),
        (
            webjs(
                "chat", "yes",
                WEBJS_QUOTE,
            ),
            True,
        ),
    ],
)  # fmt: skip
def test_whose_message_is_quoted(payload: Any, ours: bool | None) -> None:
    found = inbound(payload).quote
    assert found is not None
    assert (found.message_id, found.content, found.ours) == ("3EB0OURS1", "Today?", ours)


def test_the_small_picture_of_a_quoted_image_is_not_its_text() -> None:
    quoted = {"type": "image", "body": "/9j/4AAQSkZJRg=="}
    found = inbound(replying(body=quoted["body"], _data=quoted)).quote
    assert found is not None
    assert found.content is None


@pytest.mark.parametrize("text", ["👍", ""])
def test_a_reaction_is_about_a_message_and_can_be_taken_back(text: str) -> None:
    found = inbound(reaction(text))
    assert (found.type, found.content, found.message_id) == ("reaction", text, "3EB0REACT1")
    assert found.quote is not None
    assert (found.quote.message_id, found.quote.ours) == ("3EB0OURS1", True)


@pytest.mark.parametrize(
    "payload",
    [
        noweb(None, {"reactionMessage": {"key": {"id": "3EB0OURS1"}, "text": "👍"}}),
        gows(None, {"reactionMessage": {"key": {"ID": "3EB0OURS1"}, "text": "👍"}}),
    ],
)
def test_a_reaction_that_comes_as_a_message_is_about_the_same(payload: Any) -> None:
    found = inbound(payload)
    assert found.quote is not None
    assert (found.type, found.content, found.quote.message_id) == ("reaction", "👍", "3EB0OURS1")


def test_webjs_names_the_writer_of_a_reaction_as_participant_even_outside_groups() -> None:
    found = inbound(reaction("👍", "WEBJS", participant=ADA, to=ADA))
    assert (found.sender.phone, found.group_id) == ("+447700900123", None)


def test_a_reaction_in_a_group_belongs_to_the_group() -> None:
    found = inbound(reaction("👍", id=f"false_{GROUP}_3EB0R_{ADA}", participant=ADA))
    assert (found.group_id, found.sender.phone) == (GROUP, "+447700900123")


def test_gows_tells_a_reactions_target_as_the_writer_sees_it() -> None:
    found = inbound(reaction("👍", "GOWS")).quote
    assert found is not None
    assert found.ours is None


@pytest.mark.parametrize(
    ("number", "name", "expected"),
    [
        (-1, "ERROR", MessageStatus.FAILED),
        (1, "SERVER", MessageStatus.SENT),
        (2, "DEVICE", MessageStatus.DELIVERED),
        (3, "READ", MessageStatus.READ),
        (4, "PLAYED", MessageStatus.READ),
        (None, "READ", MessageStatus.READ),
    ],
)
def test_an_ack_counts_in_wahas_numbers(number: Any, name: str, expected: MessageStatus) -> None:
    found = status(ack(number, name))
    assert (found.message_id, found.status, found.recipient.phone) == ("3EB0OURS1", expected, "+447700900123")
    assert found.at == datetime(2026, 1, 1, 1, 33, 52, 77_000, tzinfo=UTC)
    assert (found.error is not None) is (expected is MessageStatus.FAILED)


@pytest.mark.parametrize("number", [0, 5, -2, True, "x", {}, None])
def test_what_is_no_rung_is_no_status(number: Any) -> None:
    assert_ignored(ack(number, "PENDING"))


def test_an_ack_without_an_envelopes_time_has_none() -> None:
    assert status(ack(3, "READ") | {"timestamp": None}).at is None


def test_receipts_of_inbound_messages_are_no_status() -> None:
    assert_ignored(ack(3, "READ", fromMe=False, id=f"false_{ADA}_3EB0ADA1"))


def test_from_me_counts_more_than_the_beginning_of_the_id() -> None:
    payload = ack(3, "READ", "message.ack.group", id=f"false_{GROUP}_3EB0OURS1_{ADA}", **{"from": GROUP})
    assert (status(payload).message_id, status(payload).group_id) == ("3EB0OURS1", GROUP)


@pytest.mark.parametrize("from_me", [True, False])
def test_webjs_tells_in_groups_the_opposite_of_from_me(from_me: bool) -> None:
    ours = f"true_{GROUP}_3EB0OURS1_{ME['id']}"
    payload = ack(3, "READ", "message.ack.group", id=ours, fromMe=from_me, participant=ADA, **{"from": GROUP})
    assert (status(payload).message_id, status(payload).group_id) == ("3EB0OURS1", GROUP)


def test_webjs_acks_are_from_us_so_the_recipient_is_in_the_id() -> None:
    payload = ack(2, "DEVICE", to=ADA, **{"from": ME["id"]})
    assert status(payload).recipient.phone == "+447700900123"


def test_a_receipt_that_comes_back_under_the_lid_is_about_the_same_message() -> None:
    receipt = {
        "Chat": ADA_LID,
        "Sender": ADA_LID,
        "SenderAlt": ADA_NET,
        "IsFromMe": False,
        "MessageIDs": ["3EB0OURS1"],
    }
    payload = ack(3, "READ", id=f"true_{ADA_LID}_3EB0OURS1", _data=receipt, **{"from": ADA_LID})
    found = status(payload)
    assert (found.message_id, found.recipient.phone, found.recipient.opaque_id) == (
        "3EB0OURS1",
        "+447700900123",
        ADA_LID,
    )
    assert LEARNED in reports(payload)


def test_an_ack_in_a_group_names_the_group_and_nobody() -> None:
    payload = ack(2, "DEVICE", "message.ack.group", id=f"true_{GROUP}_3EB0OURS1_{ADA_LID}", **{"from": GROUP})
    found = status(payload)
    assert (found.group_id, found.recipient.phone, found.recipient.opaque_id) == (GROUP, "", "")


def test_acks_of_our_own_stories_are_no_status() -> None:
    assert_ignored(ack(3, "READ", id="true_status@broadcast_3EB0X", **{"from": "status@broadcast"}))


@pytest.mark.parametrize(
    ("word", "expected", "cause"),
    [
        ("WORKING", ConnectionState.CONNECTED, None),
        ("STARTING", ConnectionState.CONNECTING, None),
        ("SCAN_QR_CODE", ConnectionState.DISCONNECTED, DisconnectCause.LOGGED_OUT),
        ("FAILED", ConnectionState.DISCONNECTED, None),
        ("STOPPED", ConnectionState.DISCONNECTED, None),
    ],
)
def test_the_session(word: str, expected: ConnectionState, cause: DisconnectCause | None) -> None:
    found = state(session(word))
    assert (found.state, found.cause, found.at) == (expected, cause, datetime(2026, 1, 1, 1, 50, tzinfo=UTC))
    assert (found.error is not None) is (expected is ConnectionState.DISCONNECTED)


def test_a_working_session_names_the_phone_and_the_profile() -> None:
    assert (state(session("WORKING")).phone, state(session("WORKING")).profile_name) == (US, "Shop")
    assert state(session("WORKING", me={"id": "7911111@c.us", "pushName": "~"})).profile_name is None
    assert state(session("WORKING", me=None)).phone == ""


def test_what_cannot_be_stored_is_taken_out() -> None:
    found = inbound(webhook("message", common("a\x00b\ud83d", id=f"false_{ADA}_3EB0\x00")))
    assert (found.content, found.message_id) == ("ab", "3EB0")


@pytest.mark.parametrize("payload", EVERY_KIND)
def test_every_kind_is_sound(payload: Any) -> None:
    assert_sound(reports(payload))


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(mutated(EVERY_KIND))
def test_no_shape_makes_it_raise(payload: Any) -> None:
    assert_sound(reports(payload))


@pytest.mark.parametrize("file", corpus_files("waha"))
def test_the_corpus_is_parsed_soundly(file: Path) -> None:
    assert_sound(parse(file.read_text(encoding="utf-8"), US))
