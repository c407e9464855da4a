"""What a WAHA message says, from what its engine knows of it.

NOWEB keeps Baileys' protobuf in `_data.message`, GOWS whatsmeow's in `_data.Message`, WEBJS and WPP the model of
WhatsApp Web with a `type` of its own. Where `_data` is missing, the fields that WAHA itself fills in have to do.
"""

from dataclasses import dataclass, field
from typing import Any

from phone_numbers.jids import Jid, Party
from phone_numbers.payloads import record, records, text
from phone_numbers.providers.waha.message_ids import parse_message_id
from phone_numbers.reports import Media, Quote
from phone_numbers.web_messages import (
    BETTER_COPY,
    EMPTY,
    MEDIA_TYPES,
    card_names,
    first_text,
    is_ours,
    place,
    quote,
    reaction_quote,
    read,
)

# MessageTypes of whatsapp-web.js, https://docs.wwebjs.dev/global.html#MessageTypes, and what WhatsApp Web has besides.
WEBJS_TYPES: dict[str, str | None] = {
    "chat": "text",
    "image": "image",
    "video": "video",
    "gif": "video",
    "ptv": "video",
    "ptt": "audio",
    "audio": "audio",
    "document": "document",
    "sticker": "sticker",
    "location": "location",
    "live_location": "location",
    "vcard": "contacts",
    "multi_vcard": "contacts",
    "buttons_response": "text",
    "list_response": "text",
    "template_button_reply": "text",
    "interactive_response": "text",
    "comment": "text",
}
# Where WhatsApp Web's model keeps what a person reads of the kinds whose body is empty, a picture, or says more.
WEBJS_TEXTS: dict[str, tuple[str, ...]] = {
    "list_response": ("listResponse.title",),
    "order": ("message",),
    "product": ("caption", "title"),
    "interactive": ("caption",),
    "sticker-pack": ("caption",),
}
WEBJS_IGNORED = {
    "revoked": "A deletion makes no event.",
    "protocol": "An edit, a deletion or a setting of the chat makes no event.",
    "message_edit_encrypted": "An edit makes no event.",
    "reaction": "A reaction arrives as message.reaction.",
    "reaction_enc": "A reaction that only its group can read makes no event.",
    "poll_creation": "A poll makes no event.",
    "poll_edit_encrypted": "A poll makes no event.",
    "poll_add_option_encrypted": "A poll makes no event.",
    "poll_add_option_decrypted": "A poll makes no event.",
    "poll_update": "A vote in a poll makes no event.",
    "poll_result_snapshot": "A vote in a poll makes no event.",
    "event_response": "An answer to an event invitation makes no event.",
    "event_edit_encrypted": "An edit makes no event.",
    "album": "An album is announced; its pictures arrive as messages of their own.",
    "keep_in_chat": "Keeping a message in the chat makes no event.",
    "pin_message": "Pinning a message makes no event.",
    "pinned_message": "Pinning a message makes no event.",
    "biz_content_placeholder": "The message is only readable on the phone.",
    "call_log": "Calls make events on Meta only.",
    "ciphertext": EMPTY,
    "e2e_notification": EMPTY,
    "notification": EMPTY,
    "notification_template": EMPTY,
    "broadcast_notification": EMPTY,
    "group_notification": EMPTY,
    "newsletter_notification": EMPTY,
    "status_notification": EMPTY,
    "history_bundle": EMPTY,
    "message_history_bundle": EMPTY,
    "message_history_notice": EMPTY,
    "guest_upsell_system_msg": EMPTY,
    "gp2": EMPTY,
    "debug": EMPTY,
    "debug_placeholder": EMPTY,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WahaContent:
    """`ignored` is the reason why the message makes no event, or ""."""

    type: str | None = None
    content: str | None = None
    media: Media | None = None
    context: dict[str, Any] = field(default_factory=dict)
    reaction_key: dict[str, Any] = field(default_factory=dict)
    ignored: str = ""


def content_of(payload: dict[str, Any]) -> WahaContent:
    """Reads `payload` of `message` and `message.any`."""
    data = record(payload.get("_data"))
    protobuf = record(data.get("message")) or record(data.get("Message"))
    web = read(protobuf)
    webjs_type = text(data.get("type")) if not protobuf else ""
    reason = WEBJS_IGNORED.get(webjs_type, web.ignored if protobuf else "")
    if webjs_type in {"image", "video"} and data.get("viewMode") == "HIDDEN":
        reason = BETTER_COPY
    if reason:
        return WahaContent(ignored=reason)
    if protobuf:
        message_type = web.type
    elif webjs_type:
        message_type = WEBJS_TYPES.get(webjs_type)
    else:
        message_type = _outer_type(payload)
    media = _media(payload, data, web.media) if message_type in MEDIA_TYPES else None
    return WahaContent(
        type=message_type,
        content=first_text(data, WEBJS_TEXTS.get(webjs_type, ()))
        or _content(payload, data, message_type, media, web.content),
        media=media,
        context=web.context,
        reaction_key=web.reaction_key,
    )


def quote_of(
    payload: dict[str, Any], content: WahaContent, me: Party, sender: Party, chat: Jid
) -> Quote | None:
    """Reads `replyTo`, and where the engine gives none, the protobuf's or WhatsApp Web's own word of a quote."""
    if content.type == "reaction":
        return reaction_quote(content.reaction_key)
    context, data = content.context, record(payload.get("_data"))
    reply = payload.get("replyTo")
    quoted = parse_message_id(record(reply).get("id") if isinstance(reply, dict) else reply)
    if not quoted.id:
        return quote(context or _webjs_context(data), me, sender, chat.is_person)
    reply = record(reply)
    from_other_chat = bool(context.get("remoteJid") or context.get("remoteJID"))
    ours = quoted.from_me
    if ours is None:
        author = reply.get("participant") or context.get("participant")
        ours = is_ours(author, me, sender, chat.is_person and not from_other_chat)
    return Quote(message_id=quoted.id, ours=ours, content=_quoted_content(reply))


def _outer_type(payload: dict[str, Any]) -> str | None:
    mime_type = text(record(payload.get("media")).get("mimetype"))
    if mime_type:
        kind = mime_type.partition("/")[0]
        return kind if kind in ("image", "video", "audio") else "document"
    if payload.get("hasMedia") is True:
        return None
    if record(payload.get("location")):
        return "location"
    if payload.get("vCards"):
        return "contacts"
    return "text" if isinstance(payload.get("body"), str) else None


def _content(
    payload: dict[str, Any],
    data: dict[str, Any],
    message_type: str | None,
    media: Media | None,
    inner: str | None,
) -> str | None:
    """WEBJS has a picture of the map in the body of a location, and a file's name in that of a document.

    In the body of an answer from a list the other engines have the row's description as well as its title.
    """
    if media is not None:
        return media.caption
    if message_type == "location":
        return _location(record(payload.get("location")), data) or inner
    if message_type == "contacts":
        return inner or card_names(_cards(payload, data))
    if message_type == "text" and inner:
        return inner
    body = payload.get("body")
    return text(body) if isinstance(body, str) and (body or inner is None) else inner


def _location(location: dict[str, Any], data: dict[str, Any]) -> str | None:
    """`location` is WAHA's own; WPP leaves it empty, and only WhatsApp Web's model knows the place."""
    told = place(
        location.get("latitude"),
        location.get("longitude"),
        location.get("name") or location.get("title"),
        location.get("address"),
        location.get("description"),
    )
    return told or place(data.get("lat"), data.get("lng"), data.get("loc"))


def _cards(payload: dict[str, Any], data: dict[str, Any]) -> list[str]:
    """`vCards` is WAHA's own; WPP leaves it empty, and has one card as the body, several in a list."""
    cards = payload.get("vCards")
    if isinstance(cards, list) and cards:
        return [text(card) for card in cards]
    return [text(data.get("body")), *(text(card.get("vcard")) for card in records(data.get("vcardList")))]


def _media(payload: dict[str, Any], data: dict[str, Any], inner: Media | None) -> Media:
    """`media` is WAHA's own copy; it is null where WAHA does not download, and has `error` where it could not.

    `mediaUrl` is its address in older payloads; WPP has WhatsApp's encrypted file there.
    """
    outer = record(payload.get("media"))
    older = text(payload.get("mediaUrl"))
    filename = (
        text(outer.get("filename")) or text(data.get("filename")) or (inner.filename if inner else None)
    )
    body = text(payload.get("body"))
    caption = (inner.caption if inner else None) or text(data.get("caption"))
    if not caption and inner is None and body != filename:
        caption = body
    return Media(
        link=text(outer.get("url")) or (older if older != data.get("clientUrl") else "") or None,
        mime_type=text(outer.get("mimetype"))
        or text(data.get("mimetype"))
        or (inner.mime_type if inner else None),
        caption=caption if caption and caption != filename else None,
        filename=filename or None,
    )


def _webjs_context(data: dict[str, Any]) -> dict[str, Any]:
    quoted = record(data.get("quotedMsg"))
    return {
        "stanzaId": data.get("quotedStanzaID"),
        "participant": data.get("quotedParticipant"),
        "quotedMessage": {"conversation": _quoted_content({"body": quoted.get("body"), "_data": quoted})},
    }


def _quoted_content(reply: dict[str, Any]) -> str | None:
    """The body of quoted media without a caption is, with WEBJS, a small picture in base64."""
    data = record(reply.get("_data"))
    if WEBJS_TYPES.get(text(data.get("type")), "text") != "text":
        return text(data.get("caption")) or None
    return text(reply.get("body")) or read(data).content
