"""Evolution's webhooks as reports. https://doc.evolution-api.com/v2/en/configuration/webhooks

The body is `{event, instance, data, sender, date_time, …}`. `sender` is our own number, whoever wrote. `date_time` is
the server's local time with a Z that is not true, so it is never read. `data` is one object, a list, or
`{messages: […]}`.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from phone_numbers.jids import (
    Jid,
    JidKind,
    Party,
    contact,
    display_name,
    listed_identities,
    parse_jid,
)
from phone_numbers.payloads import identifier, load, moment, record, records, text
from phone_numbers.reports import (
    ConnectionReport,
    ConnectionState,
    Contact,
    DisconnectCause,
    Ignored,
    InboundMessage,
    Media,
    MessageStatus,
    Quote,
    Report,
    StatusReport,
)
from phone_numbers.web_messages import (
    EMPTY,
    WebContent,
    key_addresses,
    key_identities,
    quote,
    reaction_quote,
    read,
    recipient,
)

# WebMessageInfo.Status of Baileys: the words, and the numbers of older versions. WAHA counts from one less.
STATUSES: dict[str, MessageStatus | None] = {
    "ERROR": MessageStatus.FAILED,
    "PENDING": None,
    "SERVER_ACK": MessageStatus.SENT,
    "DELIVERY_ACK": MessageStatus.DELIVERED,
    "READ": MessageStatus.READ,
    "PLAYED": MessageStatus.READ,
}
STATUS_WORDS = dict(enumerate(STATUSES))

STATES = {
    "open": ConnectionState.CONNECTED,
    "connecting": ConnectionState.CONNECTING,
    "close": ConnectionState.DISCONNECTED,
    "closed": ConnectionState.DISCONNECTED,
    # Nobody scanned the last QR code.
    "refused": ConnectionState.DISCONNECTED,
    "removed": ConnectionState.DISCONNECTED,
}
# Baileys' DisconnectReason; after each of these Evolution gives up instead of reconnecting.
CAUSES = {
    "401": DisconnectCause.LOGGED_OUT,
    "402": DisconnectCause.BANNED,
    "403": DisconnectCause.BANNED,
    "406": DisconnectCause.LOGGED_OUT,
}
STATE_CAUSES = {"refused": DisconnectCause.LOGGED_OUT, "removed": DisconnectCause.DELETED}

IGNORED = {
    "messages.set": "Messages of the history sync happened before the pairing.",
    "messages.edited": "An edit makes no event.",
    "messages.delete": "A deletion makes no event.",
    "send.message.update": "An edit makes no event.",
    "chats.set": "Chats make no event.",
    "chats.upsert": "Chats make no event.",
    "chats.update": "Chats make no event.",
    "chats.delete": "Chats make no event.",
    "contacts.set": "Contacts make no event.",
    "contacts.upsert": "Contacts make no event.",
    "contacts.update": "Contacts make no event.",
    "groups.upsert": "The management of groups makes no event.",
    "groups.update": "The management of groups makes no event.",
    "group.update": "The management of groups makes no event.",
    "group.participants.update": "The management of groups makes no event.",
    "presence.update": "Presence and typing make no event.",
    "qrcode.updated": "Pairing makes no event until it succeeds.",
    "call": "Calls make events on Meta only.",
    "labels.edit": "Labels make no event.",
    "labels.association": "Labels make no event.",
    "typebot.start": "A bot of the gateway makes no event.",
    "typebot.change.status": "A bot of the gateway makes no event.",
    "application.startup": "A start of the gateway makes no event.",
    "instance.create": "A new instance is not paired yet.",
}


def parse(body: str, phone: str) -> list[Report]:
    """Turns one webhook of the instance whose number is `phone` into reports; whatever it is, it raises nothing."""
    try:
        payload = load(body)
    except ValueError as error:
        return [Ignored(reason=str(error)[:200])]
    event = text(payload.get("event")).lower().replace("_", ".").replace("-", ".")
    data = payload.get("data")
    handler = _HANDLERS.get(event)
    if handler is not None:
        reports = handler(data, phone)
        return reports or [Ignored(reason=f"{event} came without data that could be read.")]
    reason = IGNORED.get(event) or f"Evolution's event {event[:80]!r} makes no event here."
    return [*_listed(data), Ignored(reason=reason)]


def _messages(data: Any, phone: str) -> list[Report]:
    envelope = record(data)
    if isinstance(envelope.get("messages"), list | dict):
        if envelope.get("type") == "append":
            return [Ignored(reason="Appended messages happened before, on another device.")]
        data = envelope["messages"]
    return [report for message in records(data) for report in _message(message, phone)]


def _message(message: dict[str, Any], phone: str) -> list[Report]:
    key = record(message.get("key"))
    chat = parse_jid(key.get("remoteJid"))
    is_own = _is_own(key)
    learned: list[Report] = [*key_identities(key, is_own, Party.of([], phone))]
    if chat is None:
        return [*learned, Ignored(reason="The message does not say which chat it is in.")]
    if is_own:
        return [
            *learned,
            _own_status(message, key, chat, phone) or Ignored(reason="Our own number wrote it."),
        ]
    return [*learned, _inbound(message, key, chat, phone)]


def _inbound(message: dict[str, Any], key: dict[str, Any], chat: Jid, phone: str) -> Report:
    if chat.is_status:
        return Ignored(reason="A contact's status (story) is not a message to us.")
    content = read(message.get("message"))
    if content.ignored == EMPTY and key.get("isViewOnce") is True:
        # The phone alone may open it; that it came is worth an event.
        content = WebContent()
    if content.ignored:
        return Ignored(reason=content.ignored)
    addresses = [*key_addresses(key, chat), parse_jid(message.get("participant"))]
    if chat.kind is JidKind.GROUP and Party.of([], phone).is_among(addresses):
        return Ignored(reason="Our own number wrote it.")
    sender = contact(addresses, display_name(message.get("pushName"), addresses))
    if chat.is_whatsapp:
        return Ignored(reason="A notice of WhatsApp itself is not a message of a contact.")
    if chat.kind in (JidKind.BROADCAST, JidKind.OTHER) and not sender.phone and not sender.opaque_id:
        return Ignored(reason="The message does not say who wrote it.")
    return InboundMessage(
        message_id=identifier(key.get("id")) or None,
        at=moment(message.get("messageTimestamp")),
        sender=sender if chat.kind is not JidKind.NEWSLETTER else Contact(),
        type=content.type,
        content=content.content,
        media=_media(message, content),
        quote=_quote(message, content, addresses, chat, phone),
        group_id=str(chat) if chat.kind is JidKind.GROUP else None,
        newsletter_id=str(chat) if chat.kind is JidKind.NEWSLETTER else None,
    )


def _media(message: dict[str, Any], content: WebContent) -> Media | None:
    """The link is Evolution's own copy (S3 switched on there); what WhatsApp's `url` leads to is encrypted."""
    if content.media is None:
        return None
    link = text(record(message.get("message")).get("mediaUrl")) or text(message.get("mediaUrl"))
    return Media(
        link=link or None,
        mime_type=content.media.mime_type,
        caption=content.media.caption,
        filename=content.media.filename,
    )


def _quote(
    message: dict[str, Any], content: WebContent, addresses: list[Jid | None], chat: Jid, phone: str
) -> Quote | None:
    if content.type == "reaction":
        return reaction_quote(content.reaction_key)
    context = content.context or record(message.get("contextInfo"))
    return quote(context, Party.of([], phone), Party.of(addresses), chat.is_person)


def _own_status(message: dict[str, Any], key: dict[str, Any], chat: Jid, phone: str) -> Report | None:
    """What an echo of our own message says about how far it got; None where that is nothing yet."""
    status = _status(message.get("status"))
    message_id = identifier(key.get("id"))
    if status is None or not message_id or chat.is_status:
        return None
    at = moment(message.get("messageTimestamp")) if status is MessageStatus.SENT else None
    return _status_report(message_id, status, key, chat, at, phone)


def _updates(data: Any, phone: str) -> list[Report]:
    return [report for update in records(data) for report in _update(update, phone)]


def _update(update: dict[str, Any], phone: str) -> list[Report]:
    """Reads `{keyId, remoteJid, fromMe, status}`, or `{key, update: {status}}` of older versions.

    `messageId` beside `keyId` is the id of a row in Evolution's database.
    """
    key = record(update.get("key")) or update
    chat = parse_jid(key.get("remoteJid"))
    learned: list[Report] = [*key_identities(key, is_own=True, me=Party.of([], phone))]
    word = update["status"] if "status" in update else record(update.get("update")).get("status")
    if key.get("fromMe") in (False, "false"):
        return [*learned, Ignored(reason="What happens to messages that we received makes no event.")]
    status = _status(word)
    message_id = identifier(update.get("keyId")) or identifier(key.get("id"))
    if status is None:
        return [*learned, Ignored(reason=f"The status {text(word)[:40]!r} makes no event.")]
    if not message_id or (chat is not None and chat.is_status):
        return [*learned, Ignored(reason="The status is not about a message to somebody.")]
    return [*learned, _status_report(message_id, status, key, chat, None, phone)]


def _status_report(
    message_id: str,
    status: MessageStatus,
    key: dict[str, Any],
    chat: Jid | None,
    at: datetime | None,
    phone: str,
) -> StatusReport:
    to = Contact()
    if chat is not None and chat.is_person:
        to = recipient(chat, [parse_jid(key.get("remoteJidAlt"))], Party.of([], phone))
    return StatusReport(
        message_id=message_id,
        status=status,
        at=at,
        recipient=to,
        group_id=str(chat) if chat is not None and chat.kind is JidKind.GROUP else None,
        error="WhatsApp refused the message (status ERROR)." if status is MessageStatus.FAILED else None,
    )


def _status(value: Any) -> MessageStatus | None:
    if isinstance(value, str) and value.isdecimal() and len(value) == 1:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = STATUS_WORDS.get(value)
    return STATUSES.get(value.upper()) if isinstance(value, str) else None


def _connection(data: Any, phone: str) -> list[Report]:
    """Reads connection.update (`state`, `statusReason`, and on open `wuid`) and status.instance (`status`)."""
    return [_connection_report(item) for item in records(data)]


def _connection_report(data: dict[str, Any]) -> Report:
    word = text(data.get("state")) or text(data.get("status"))
    state = STATES.get(word.lower())
    if state is None:
        return Ignored(reason=f"The connection state {word[:40]!r} is not known.")
    if state is not ConnectionState.DISCONNECTED:
        jid = parse_jid(data.get("wuid"))
        return ConnectionReport(
            state=state,
            at=None,
            phone=jid.phone if jid else "",
            profile_name=display_name(data.get("profileName"), [jid]),
        )
    code = data.get("statusReason", data.get("disconnectionReasonCode"))
    code = str(code)[:20] if isinstance(code, int | str) and not isinstance(code, bool) else ""
    return ConnectionReport(
        state=state,
        at=moment(data.get("disconnectionAt")),
        cause=STATE_CAUSES.get(word.lower()) or CAUSES.get(code),
        error=f"Evolution reported {word[:40]}" + (f" ({code})." if code else "."),
        error_code=code or None,
    )


def _logged_out(data: Any, phone: str) -> list[Report]:
    return [
        ConnectionReport(
            state=ConnectionState.DISCONNECTED,
            at=None,
            cause=DisconnectCause.LOGGED_OUT,
            error="The instance was logged out at Evolution.",
        )
    ]


def _removed(data: Any, phone: str) -> list[Report]:
    return [
        ConnectionReport(
            state=ConnectionState.DISCONNECTED,
            at=None,
            cause=DisconnectCause.DELETED,
            error="The instance was deleted at Evolution.",
        )
    ]


def _listed(data: Any) -> list[Report]:
    """What contact and participant lists teach about the phones behind LIDs."""
    entries = records(data)
    members = [
        member
        for entry in entries
        for key in ("participants", "participantsData", "contacts")
        for member in records(entry.get(key))
    ]
    return [*listed_identities([*entries, *members])]


def _is_own(key: dict[str, Any]) -> bool:
    """Missing means not ours."""
    return key.get("fromMe") in (True, "true")


_HANDLERS: dict[str, Callable[[Any, str], list[Report]]] = {
    "messages.upsert": _messages,
    "send.message": _messages,
    "messages.update": _updates,
    "connection.update": _connection,
    "status.instance": _connection,
    "logout.instance": _logged_out,
    "remove.instance": _removed,
    "instance.delete": _removed,
}
