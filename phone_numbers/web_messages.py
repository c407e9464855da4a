"""What is in a message of WhatsApp Web: its protobuf as JSON, which the gateways pass on as they got it.

Baileys (Evolution, WAHA NOWEB) spells the fields in camelCase, whatsmeow (WAHA GOWS) a few of them with capitals:
`contextInfo.stanzaId` and `stanzaID`, `key.id` and `key.ID`.
Source: https://github.com/WhiskeySockets/Baileys/blob/master/WAProto/WAProto.proto, message `Message`.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from phone_numbers.jids import Jid, Party, contact, identities, parse_jid
from phone_numbers.payloads import identifier, load, record, records, text
from phone_numbers.phones import match_form
from phone_numbers.reports import Contact, IdentityReport, Media, Quote

# Envelopes around the message proper; each holds it under `message`.
WRAPPERS = (
    "ephemeralMessage",
    "viewOnceMessage",
    "viewOnceMessageV2",
    "viewOnceMessageV2Extension",
    "documentWithCaptionMessage",
    "groupMentionedMessage",
    "associatedChildMessage",
    "botInvokeMessage",
    "lottieStickerMessage",
    "deviceSentMessage",
    "statusMentionMessage",
    "groupStatusMentionMessage",
    "limitSharingMessage",
    "botTaskMessage",
    "botForwardedMessage",
    "questionMessage",
    "questionReplyMessage",
    "commentMessage",
    "newsletterAdminProfileMessage",
    "newsletterAdminProfileMessageV2",
    "spoilerMessage",
)
MAX_WRAPPERS = 8
BETTER_COPY = "A better copy of a photo or video, which is a message of its own."
# MessageAssociation.AssociationType, by word and by number: what comes besides a photo or video that is a message.
RENDITIONS = frozenset({
    "HD_VIDEO_DUAL_UPLOAD", 5, "HD_IMAGE_DUAL_UPLOAD", 10, "MOTION_PHOTO", 12, "HEVC_VIDEO_DUAL_UPLOAD", 19,
})  # fmt: skip

# The field that is set says what the message is; None: a kind that the v3 schema has no name for.
TYPES: dict[str, str | None] = {
    "conversation": "text",
    "extendedTextMessage": "text",
    "imageMessage": "image",
    "videoMessage": "video",
    "ptvMessage": "video",
    "audioMessage": "audio",
    "documentMessage": "document",
    "stickerMessage": "sticker",
    "locationMessage": "location",
    "liveLocationMessage": "location",
    "contactMessage": "contacts",
    "contactsArrayMessage": "contacts",
    "reactionMessage": "reaction",
    "buttonsResponseMessage": "text",
    "templateButtonReplyMessage": "text",
    "listResponseMessage": "text",
    "interactiveResponseMessage": "text",
    "buttonsMessage": None,
    "listMessage": None,
    "interactiveMessage": None,
    "templateMessage": None,
}
# Where each kind keeps what a person reads of it, the best place first. whatsmeow spells out the fields of a oneof, and
# writes ID and JSON in capitals.
TEXTS: dict[str, tuple[str, ...]] = {
    "buttonsResponseMessage": (
        "selectedDisplayText", "Response.SelectedDisplayText", "selectedButtonId", "selectedButtonID",
    ),
    "templateButtonReplyMessage": ("selectedDisplayText", "selectedId", "selectedID"),
    "listResponseMessage": ("title", "singleSelectReply.selectedRowId", "singleSelectReply.selectedRowID"),
    "interactiveMessage": ("body.text", "header.title", "footer.text"),
    "buttonsMessage": ("contentText",),
    "listMessage": ("description", "title"),
    "templateMessage": (
        "hydratedTemplate.hydratedContentText", "hydratedFourRowTemplate.hydratedContentText",
        "interactiveMessageTemplate.body.text", "Format.HydratedFourRowTemplate.hydratedContentText",
        "Format.InteractiveMessageTemplate.body.text",
    ),
    "orderMessage": ("message",),
    "productMessage": ("body", "product.title"),
    "eventMessage": ("name",),
    "stickerPackMessage": ("caption", "name"),
    "requestPaymentMessage": ("noteMessage.conversation", "noteMessage.extendedTextMessage.text"),
    "sendPaymentMessage": ("noteMessage.conversation", "noteMessage.extendedTextMessage.text"),
}  # fmt: skip
TEXTS_ELSEWHERE = ("caption", "text")
FLOW_ANSWERS = (
    "nativeFlowResponseMessage.paramsJson",
    "InteractiveResponseMessage.NativeFlowResponseMessage.paramsJSON",
)
MEDIA_TYPES = frozenset({"image", "video", "audio", "document", "sticker"})

IGNORED = {
    "protocolMessage": "An edit, a deletion or a setting of the chat makes no event.",
    "editedMessage": "An edit makes no event.",
    "secretEncryptedMessage": "An edit makes no event.",
    "pollCreationMessage": "A poll makes no event.",
    "pollCreationMessageV2": "A poll makes no event.",
    "pollCreationMessageV3": "A poll makes no event.",
    "pollCreationMessageV4": "A poll makes no event.",
    "pollCreationMessageV5": "A poll makes no event.",
    "pollCreationMessageV6": "A poll makes no event.",
    "pollCreationOptionImageMessage": "A poll makes no event.",
    "pollUpdateMessage": "A vote in a poll makes no event.",
    "pollResultSnapshotMessage": "A vote in a poll makes no event.",
    "pollResultSnapshotMessageV3": "A vote in a poll makes no event.",
    "encReactionMessage": "A reaction that only its group can read makes no event.",
    "encCommentMessage": "A comment that only its group can read makes no event.",
    "encEventResponseMessage": "An answer to an event invitation makes no event.",
    "keepInChatMessage": "Keeping a message in the chat makes no event.",
    "pinInChatMessage": "Pinning a message makes no event.",
    "albumMessage": "An album is announced; its pictures arrive as messages of their own.",
    "statusNotificationMessage": "A contact's status (story) is not a message to us.",
    "groupStatusMessage": "A status (story) posted in a group is not a message to us.",
    "groupStatusMessageV2": "A status (story) posted in a group is not a message to us.",
    "placeholderMessage": "The message is only readable on the phone.",
    "call": "Calls make events on Meta only.",
    "callLogMesssage": "Calls make events on Meta only.",
    "scheduledCallCreationMessage": "Calls make events on Meta only.",
    "scheduledCallEditMessage": "Calls make events on Meta only.",
    "bcallMessage": "Calls make events on Meta only.",
}
# The addresses of one person in a message's key. `remoteJidAlt` and `participantAlt` since Baileys 7, `senderPn` and
# `participantPn` before; `previousRemoteJid` where Evolution itself put the phone in the LID's place.
DIRECT_KEYS = ("remoteJid", "remoteJidAlt", "senderPn", "senderLid", "previousRemoteJid")
MEMBER_KEYS = ("participant", "participantAlt", "participantPn", "participantLid", "senderPn", "senderLid")
PAIRS = (
    ("remoteJid", "remoteJidAlt"),
    ("previousRemoteJid", "remoteJid"),
    ("participant", "participantAlt"),
    ("participant", "participantPn"),
    ("participantLid", "participantPn"),
    ("participantLid", "participant"),
    ("senderLid", "senderPn"),
)

EMPTY = "The message has no content: a notice of WhatsApp, or one that could not be decrypted."


@dataclass(frozen=True, slots=True, kw_only=True)
class WebContent:
    """What a message says. `ignored` is the reason why it makes no event, or "".

    `context` is the protobuf's ContextInfo, `reaction_key` the key of the message that a reaction is about.
    """

    type: str | None = None
    content: str | None = None
    media: Media | None = None
    context: dict[str, Any] = field(default_factory=dict)
    reaction_key: dict[str, Any] = field(default_factory=dict)
    ignored: str = ""


def read(message: Any) -> WebContent:
    """Reads the protobuf `Message`; a kind that nobody here knows is a message without type and content."""
    layers = list(_layers(record(message)))
    message = layers[-1]
    kind = _kind(message)
    if not kind:
        return WebContent(ignored=EMPTY)
    if kind in IGNORED:
        return WebContent(ignored=IGNORED[kind])
    if any(_is_rendition(layer) for layer in layers):
        return WebContent(ignored=BETTER_COPY)
    body = record(message[kind])
    message_type = TYPES.get(kind)
    content = text(message[kind]) if kind == "conversation" else _content(kind, body)
    return WebContent(
        type=message_type,
        content=content,
        media=_media(body) if message_type in MEDIA_TYPES else None,
        context=record(body.get("contextInfo")),
        reaction_key=record(body.get("key")) if message_type == "reaction" else {},
    )


def key_addresses(key: dict[str, Any], chat: Jid) -> list[Jid | None]:
    """Returns every address that a key gives for who wrote an inbound message."""
    return [parse_jid(key.get(name)) for name in (DIRECT_KEYS if chat.is_person else MEMBER_KEYS)]


def key_identities(key: dict[str, Any], is_own: bool, me: Party) -> list[IdentityReport]:
    """Returns what a key teaches about the phones behind LIDs.

    In a key of ours `senderPn` is our own phone, and so may be `remoteJidAlt`: whoever we wrote to is not us.
    """
    pairs = [(key.get(one), key.get(other)) for one, other in PAIRS]
    if not is_own and not key.get("participant"):
        pairs.append((key.get("remoteJid"), key.get("senderPn")))
    return [found for found in identities(pairs) if not (is_own and match_form(found.phone) in me.phones)]


def recipient(chat: Jid, alternatives: Iterable[Jid | None], me: Party) -> Contact:
    """Makes the contact whom a message of ours in a chat of two went to; an address of ours is none of theirs."""
    return contact([chat, *(jid for jid in alternatives if jid is not None and not me.is_at(jid))])


def quote(context: dict[str, Any], me: Party, sender: Party, in_direct_chat: bool) -> Quote | None:
    """Reads ContextInfo: which message is quoted, and whether we wrote it.

    In a chat of two, who is not the one is the other: only where no other chat is quoted from.
    """
    message_id = identifier(context.get("stanzaId") or context.get("stanzaID"))
    if not message_id:
        return None
    from_other_chat = bool(context.get("remoteJid") or context.get("remoteJID"))
    return Quote(
        message_id=message_id,
        ours=is_ours(context.get("participant"), me, sender, in_direct_chat and not from_other_chat),
        content=read(context.get("quotedMessage")).content,
    )


def reaction_quote(key: dict[str, Any]) -> Quote | None:
    """Reads the key of the message that a reaction is about."""
    target = identifier(key.get("id") or key.get("ID"))
    told = key.get("fromMe")
    return Quote(message_id=target, ours=told if isinstance(told, bool) else None) if target else None


def is_ours(author: Any, me: Party, sender: Party, in_direct_chat: bool) -> bool | None:
    """Says whether the author of a quoted message is our number; None where the payload does not tell."""
    jid = parse_jid(author)
    if jid is None or not (jid.phone or jid.lid):
        return None
    if me.is_at(jid):
        return True
    if sender.is_at(jid):
        return False
    return True if in_direct_chat and sender.is_known_like(jid) else None


def place(latitude: Any, longitude: Any, *words: Any) -> str | None:
    """Returns a location as `51.5007,-0.1246`, its name and address in the lines below; None where nothing is known."""
    coordinates = [
        str(value) for value in (latitude, longitude) if isinstance(value, int | float | str) and value != ""
    ]
    lines = [text(",".join(coordinates))[:100]] if len(coordinates) == 2 else []
    lines += dict.fromkeys(line.strip() for word in words for line in text(word).splitlines() if line.strip())
    return "\n".join(lines) or None


def card_names(cards: list[str]) -> str | None:
    """Returns the full names in vCards, separated by commas."""
    names = [match[1].strip() for card in cards if (match := re.search(r"^FN[^:\r\n]*:(.+)$", card, re.M))]
    return ", ".join(names) or None


def _layers(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yields the message and what is in its envelopes, the message proper last."""
    for _ in range(MAX_WRAPPERS + 1):
        yield message
        inner = next(
            (inner for name in WRAPPERS if (inner := record(record(message.get(name)).get("message")))), None
        )
        if inner is None:
            return
        message = inner


def _is_rendition(message: dict[str, Any]) -> bool:
    association = record(record(message.get("messageContextInfo")).get("messageAssociation"))
    kind = association.get("associationType")
    return isinstance(kind, str | int) and kind in RENDITIONS


def _kind(message: dict[str, Any]) -> str:
    for name in (*TYPES, *IGNORED):
        value = message.get(name)
        if isinstance(value, dict) or (name == "conversation" and isinstance(value, str) and value):
            return name
    unknown = (
        name
        for name, value in message.items()
        if isinstance(value, dict)
        and re.search(r"Message(V\d)?$", name)
        and name not in WRAPPERS
        and "senderkeydistribution" not in name.lower()
    )
    # An empty text may stand beside what the message really is.
    return next(unknown, "conversation" if message.get("conversation") == "" else "")


def _content(kind: str, body: dict[str, Any]) -> str | None:
    reader = _READERS.get(kind)
    found = reader(body) if reader else first_text(body, TEXTS.get(kind, TEXTS_ELSEWHERE))
    return found if found or kind == "reactionMessage" else None


def first_text(body: dict[str, Any], paths: tuple[str, ...]) -> str:
    """Returns the first text that is at one of the paths, whose steps are separated by dots; "" where none is."""
    for path in paths:
        *steps, last = path.split(".")
        inner = body
        for step in steps:
            inner = record(inner.get(step))
        if found := text(inner.get(last)):
            return found
    return ""


def _media(body: dict[str, Any]) -> Media:
    return Media(
        mime_type=text(body.get("mimetype")) or None,
        caption=text(body.get("caption")) or None,
        filename=text(body.get("fileName")) or text(body.get("title")) or None,
    )


def _location(body: dict[str, Any]) -> str | None:
    return place(
        body.get("degreesLatitude"),
        body.get("degreesLongitude"),
        body.get("name"),
        body.get("address"),
        body.get("comment") or body.get("caption"),
    )


def _contacts(body: dict[str, Any]) -> str:
    cards = records(body.get("contacts")) or [body]
    names = [text(card.get("displayName")) or card_names([text(card.get("vcard"))]) for card in cards]
    return ", ".join(name for name in names if name)


def _answer(body: dict[str, Any]) -> str:
    """Returns what an interactive message was answered with: the title of the button, or all that a flow asked for."""
    answer = first_text(body, FLOW_ANSWERS)
    return first_text(body, ("body.text", "footer.text")) or _button_title(answer) or answer


def _button_title(answer: str) -> str:
    try:
        return text(load(answer).get("display_text"))
    except ValueError:
        return ""


_READERS: dict[str, Callable[[dict[str, Any]], str | None]] = {
    "locationMessage": _location,
    "liveLocationMessage": _location,
    "contactMessage": _contacts,
    "contactsArrayMessage": _contacts,
    "interactiveResponseMessage": _answer,
}
