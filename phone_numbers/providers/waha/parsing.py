"""WAHA's webhooks as reports. https://waha.devlike.pro/docs/how-to/events/

The body is `{event, session, me, payload, timestamp, engine, environment}`. WAHA sends an inbound message twice to
whoever listens to both `message` and `message.any`. The engines differ: with GOWS `from` is the chat even for own
messages, with WEBJS it is the writer; so who a status is about is read from the message's id. Where a contact has a LID
and a phone, the id may name one of them and `from` or `participant` the other.
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
    identities,
    listed_identities,
    parse_jid,
)
from phone_numbers.payloads import load, moment, record, records, text
from phone_numbers.providers.waha.content import content_of, quote_of
from phone_numbers.providers.waha.message_ids import MessageId, parse_message_id
from phone_numbers.reports import (
    ConnectionReport,
    ConnectionState,
    Contact,
    DisconnectCause,
    IdentityReport,
    Ignored,
    InboundMessage,
    MessageStatus,
    Quote,
    Report,
    StatusReport,
)
from phone_numbers.web_messages import key_addresses, key_identities, recipient

# https://waha.devlike.pro/docs/how-to/events/#messageack: one less than Baileys' numbers.
ACKS: dict[int, MessageStatus | None] = {
    -1: MessageStatus.FAILED,
    0: None,
    1: MessageStatus.SENT,
    2: MessageStatus.DELIVERED,
    3: MessageStatus.READ,
    4: MessageStatus.READ,
}
ACK_NAMES = {"ERROR": -1, "PENDING": 0, "SERVER": 1, "DEVICE": 2, "READ": 3, "PLAYED": 4}

# https://waha.devlike.pro/docs/how-to/sessions/#session-status
STATES = {
    "WORKING": ConnectionState.CONNECTED,
    "STARTING": ConnectionState.CONNECTING,
    "SCAN_QR_CODE": ConnectionState.DISCONNECTED,
    "FAILED": ConnectionState.DISCONNECTED,
    "STOPPED": ConnectionState.DISCONNECTED,
}
# A session asks for a QR code only when WhatsApp knows it no more. FAILED and STOPPED may come back by a restart.
CAUSES = {"SCAN_QR_CODE": DisconnectCause.LOGGED_OUT}

IGNORED = {
    "message.revoked": "A deletion makes no event.",
    "message.edited": "An edit makes no event.",
    "message.waiting": "The message could not be decrypted yet.",
    "state.change": "The engine's inner state is not the state of the session.",
    "engine.event": "Raw events of the engine are not read; the same arrives as an event of WAHA.",
}
IGNORED_FAMILIES = {
    "call.": "Calls make events on Meta only.",
    "chat.": "Chats make no event.",
    "event.": "An answer to an event invitation makes no event.",
    "group.": "The management of groups makes no event.",
    "label.": "Labels make no event.",
    "poll.": "A vote in a poll makes no event.",
    "presence.": "Presence and typing make no event.",
}


def parse(body: str, phone: str) -> list[Report]:
    """Turns one webhook of the session whose number is `phone` into reports; whatever it is, it raises nothing."""
    try:
        envelope = load(body)
    except ValueError as error:
        return [Ignored(reason=str(error)[:200])]
    event = text(envelope.get("event"))
    payload = record(envelope.get("payload"))
    handler = _HANDLERS.get(event)
    if handler is not None:
        if not payload:
            return [Ignored(reason=f"{event} came without a payload.")]
        return handler(payload, envelope, phone)
    family = next((reason for prefix, reason in IGNORED_FAMILIES.items() if event.startswith(prefix)), "")
    reason = IGNORED.get(event) or family or f"WAHA's event {event[:80]!r} makes no event here."
    return [*_listed(payload), Ignored(reason=reason)]


def _message(payload: dict[str, Any], envelope: dict[str, Any], phone: str) -> list[Report]:
    place, me = _Place(payload), _me(envelope, phone)
    learned: list[Report] = [*place.identities(me)]
    if place.is_by(me):
        return [*learned, Ignored(reason="Our own number wrote it.")]
    reason = place.unreadable()
    content = content_of(payload)
    if reason or content.ignored:
        return [*learned, Ignored(reason=reason or content.ignored)]
    assert place.chat is not None
    return [
        *learned,
        place.inbound(
            envelope,
            type=content.type,
            content=content.content,
            media=content.media,
            quote=quote_of(payload, content, me, Party.of(place.writer), place.chat),
        ),
    ]


def _reaction(payload: dict[str, Any], envelope: dict[str, Any], phone: str) -> list[Report]:
    """With GOWS the id of the target is told as the writer sees it, so its `true_` is not trusted."""
    place, me = _Place(payload), _me(envelope, phone)
    learned: list[Report] = [*place.identities(me)]
    if place.is_by(me):
        return [*learned, Ignored(reason="Our own number reacted.")]
    reaction = record(payload.get("reaction"))
    target = parse_message_id(reaction.get("messageId"))
    reason = place.unreadable()
    if reason or not target.id:
        return [*learned, Ignored(reason=reason or "The reaction does not say to what.")]
    ours = None if record(payload.get("_data")).get("Info") or _engine(envelope) == "GOWS" else target.from_me
    return [
        *learned,
        place.inbound(
            envelope,
            type="reaction",
            content=text(reaction.get("text")),
            quote=Quote(message_id=target.id, ours=ours),
        ),
    ]


def _ack(payload: dict[str, Any], envelope: dict[str, Any], phone: str) -> list[Report]:
    """In groups WEBJS tells the opposite of the truth in `fromMe`, and the truth in the id."""
    place, me = _Place(payload), _me(envelope, phone)
    learned: list[Report] = [*place.identities(me)]
    if place.from_me is False and not place.id.from_me:
        return [*learned, Ignored(reason="What happens to messages that we received makes no event.")]
    number = payload.get("ack")
    if not isinstance(number, int) or isinstance(number, bool):
        number = ACK_NAMES.get(text(payload.get("ackName")))
    status = ACKS.get(number) if number is not None else None
    if status is None:
        return [*learned, Ignored(reason="The message is not at WhatsApp's server yet.")]
    chat = place.id.chat or place.chat
    if not place.id.id or (chat is not None and chat.is_status):
        return [*learned, Ignored(reason="The ack is not about a message to somebody.")]
    is_group = chat is not None and chat.kind is JidKind.GROUP
    return [
        *learned,
        StatusReport(
            message_id=place.id.id,
            status=status,
            at=moment(envelope.get("timestamp")),
            recipient=place.recipient(me),
            group_id=str(chat) if is_group else None,
            error=_error(payload) if status is MessageStatus.FAILED else None,
        ),
    ]


def _error(payload: dict[str, Any]) -> str:
    """`ackReason` is there where WEBJS knows why."""
    return text(payload.get("ackReason")).strip() or "WhatsApp refused the message (ack ERROR)."


def _session(payload: dict[str, Any], envelope: dict[str, Any], phone: str) -> list[Report]:
    word = text(payload.get("status"))
    state = STATES.get(word)
    if state is None:
        return [Ignored(reason=f"The session status {word[:40]!r} is a step of the pairing.")]
    me = record(envelope.get("me"))
    jid = parse_jid(me.get("id"))
    is_connected = state is ConnectionState.CONNECTED
    name = display_name(me.get("pushName"), [jid]) if is_connected else None
    return [
        ConnectionReport(
            state=state,
            at=_since(payload, word) or moment(envelope.get("timestamp")),
            cause=CAUSES.get(word),
            phone=jid.phone if jid and is_connected else "",
            profile_name=name if name != "~" else None,
            error=f"The session's status is {word}." if state is ConnectionState.DISCONNECTED else None,
            error_code=word if state is ConnectionState.DISCONNECTED else None,
        )
    ]


class _Place:
    """Where a message stands and who wrote it, from its id, WAHA's fields and the engine's own."""

    def __init__(self, payload: dict[str, Any]) -> None:
        self.payload = payload
        self.data = record(payload.get("_data"))
        self.key = record(self.data.get("key"))
        # whatsmeow's MessageInfo of a message; a receipt has the same fields one level higher.
        self.info = record(self.data.get("Info")) or (self.data if "Chat" in self.data else {})
        self.id: MessageId = parse_message_id(payload.get("id") or self.data.get("id"))
        told = payload.get("fromMe")
        # None: neither the payload nor its id says who wrote the message.
        self.from_me = told if isinstance(told, bool) else self.id.from_me
        self.is_own = self.from_me is True
        self.chat = self._chat()
        self.writer = self._writer()

    def _chat(self) -> Jid | None:
        told = parse_jid(self.payload.get("from"))
        by_id = self.id.chat
        if by_id is not None and (
            told is None or by_id.is_status or (told.is_person and not by_id.is_person)
        ):
            return by_id
        return told

    def _writer(self) -> list[Jid | None]:
        """Every address of who wrote an inbound message."""
        if self.chat is None:
            return []
        engine = [
            *key_addresses(self.key, self.chat),
            *(parse_jid(self.info.get(k)) for k in ("Sender", "SenderAlt")),
        ]
        if self.chat.is_person:
            return [self.chat, *self._chat_elsewhere(), *engine]
        members = [self.payload.get("participant"), self.payload.get("author"), self.data.get("author")]
        told = parse_jid(self.payload.get("from"))
        return [
            *(parse_jid(member) for member in members),
            *engine,
            self.id.participant,
            told if told is not None and told.is_person else None,
        ]

    def _chat_elsewhere(self) -> list[Jid | None]:
        """What the id and `participant` call the one who wrote in a chat of two."""
        return [self.id.chat, parse_jid(self.payload.get("participant"))]

    def identities(self, me: Party) -> list[IdentityReport]:
        pairs = [
            (self.info.get("Sender"), self.info.get("SenderAlt")),
            (self.info.get("Chat"), self.info.get("RecipientAlt")),
        ]
        if not self.is_own and self.chat is not None and self.chat.is_person:
            pairs += [(str(self.chat), str(jid)) for jid in self._chat_elsewhere() if jid is not None]
        return [*key_identities(self.key, self.is_own, me), *identities(pairs)]

    def is_by(self, me: Party) -> bool:
        """Whether our number wrote it. NOWEB says of what our phone wrote in a group that it is not from us."""
        is_group = self.chat is not None and self.chat.kind is JidKind.GROUP
        return self.is_own or (is_group and me.is_among(self.writer))

    def unreadable(self) -> str:
        """The reason why an inbound message makes no event whatever it says, or ""."""
        if self.chat is None:
            return "The message does not say which chat it is in."
        if self.chat.is_status:
            return "A contact's status (story) is not a message to us."
        if self.chat.is_whatsapp:
            return "A notice of WhatsApp itself is not a message of a contact."
        sender = contact(self.writer)
        if self.chat.kind in (JidKind.BROADCAST, JidKind.OTHER) and not sender.phone and not sender.opaque_id:
            return "The message does not say which contact wrote it."
        return ""

    def inbound(self, envelope: dict[str, Any], **what: Any) -> InboundMessage:
        assert self.chat is not None
        names = (
            self.data.get("pushName"),
            self.data.get("notifyName"),
            self.info.get("PushName"),
            record(self.data.get("sender")).get("pushname"),
        )
        is_channel = self.chat.kind is JidKind.NEWSLETTER
        name = next((found for name in names if (found := display_name(name, self.writer))), None)
        return InboundMessage(
            message_id=self.id.id or None,
            at=self._at(envelope),
            sender=contact(self.writer, name) if not is_channel else Contact(),
            group_id=str(self.chat) if self.chat.kind is JidKind.GROUP else None,
            newsletter_id=str(self.chat) if is_channel else None,
            **what,
        )

    def recipient(self, me: Party) -> Contact:
        """Who a message of ours went to; nobody in particular in groups and channels."""
        chat = self.id.chat or self.chat
        if chat is None or not chat.is_person:
            return Contact()
        alternatives = [self.key.get("remoteJidAlt"), self.info.get("RecipientAlt")]
        if self.info.get("IsFromMe") is False:
            # A receipt: its sender is who received our message.
            alternatives.append(self.info.get("SenderAlt"))
        return recipient(chat, (parse_jid(jid) for jid in alternatives), me)

    def _at(self, envelope: dict[str, Any]) -> datetime | None:
        times = (
            self.payload.get("timestamp"),
            self.info.get("Timestamp"),
            self.data.get("messageTimestamp"),
            self.data.get("t"),
            envelope.get("timestamp"),
        )
        return next((at for time in times if (at := moment(time))), None)


def _me(envelope: dict[str, Any], phone: str) -> Party:
    me = record(envelope.get("me"))
    return Party.of((parse_jid(me.get(name)) for name in ("id", "lid", "jid")), phone)


def _engine(envelope: dict[str, Any]) -> str:
    return text(envelope.get("engine")) or text(record(envelope.get("environment")).get("engine"))


def _since(payload: dict[str, Any], word: str) -> datetime | None:
    """When the session reached its status, by its own list of the last ones."""
    history = records(payload.get("statuses"))
    return moment(history[-1].get("timestamp")) if history and history[-1].get("status") == word else None


def _listed(payload: dict[str, Any]) -> list[IdentityReport]:
    entries = [
        *records(payload.get("participants")),
        *records(record(payload.get("group")).get("participants")),
    ]
    return listed_identities(entries)


_HANDLERS: dict[str, Callable[[dict[str, Any], dict[str, Any], str], list[Report]]] = {
    "message": _message,
    "message.any": _message,
    "message.reaction": _reaction,
    "message.ack": _ack,
    "message.ack.group": _ack,
    "session.status": _session,
}
