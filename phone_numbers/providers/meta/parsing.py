"""Meta's words to ours. Pure: from the text of a payload to reports, and never an exception.

https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/payload-examples
https://developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from phone_numbers.payloads import identifier, load, moment, record, records, text
from phone_numbers.phones import match_form, same_phone, to_e164
from phone_numbers.providers.meta.calls import parse_call, parse_call_status, parse_permission
from phone_numbers.reports import (
    MESSAGE_TYPES,
    CallsEnvelope,
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
from phone_numbers.web_messages import card_names, place

# `status` of value.statuses[]: …/webhooks/components#statuses-object. A voice message that was played was read.
STATUSES = {
    "sent": MessageStatus.SENT,
    "delivered": MessageStatus.DELIVERED,
    "read": MessageStatus.READ,
    "played": MessageStatus.READ,
    "failed": MessageStatus.FAILED,
}
MEDIA = ("image", "video", "audio", "voice", "document", "sticker")
# Kinds of value.messages[] that are not something somebody wrote.
NOT_WRITTEN = {
    "system": "A change of the contact's number or identity.",
    "edit": "An edit of an earlier message.",
    "revoke": "A message that was taken back.",
    "request_welcome": "A chat was opened; nothing was written.",
}
# What makes an account's numbers suspect, by `event` and the state of a ban: whether for good, and in a sentence.
# https://developers.facebook.com/docs/graph-api/webhooks/reference/whatsapp-business-account#account_update
ACCOUNT_SIGNALS: dict[tuple[str, str], tuple[DisconnectCause | None, str]] = {
    ("DISABLED_UPDATE", "DISABLE"): (
        DisconnectCause.BANNED,
        "Meta disabled the WhatsApp Business Account.",
    ),
    ("ACCOUNT_DELETED", ""): (DisconnectCause.DELETED, "The WhatsApp Business Account was deleted."),
    ("ACCOUNT_OFFBOARDED", ""): (None, "The WhatsApp Business app left the Cloud API, as it does on a new device."),
    ("PARTNER_REMOVED", ""): (None, "The WhatsApp Business Account is no longer shared with its partner."),
}  # fmt: skip
# A change without a number's id comes to every number of its business account, and happened to one at most. A status
# may be kept all the same: it finds its own message.
NOBODYS = "The change does not say which number it is about."
# Keys beside which a message without `type` can be told.
TELLING = (*MEDIA, "text", "location", "contacts", "reaction", "button", "interactive")


class Context:
    """What a change says about everything in it: our number, and the contacts by their ids."""

    def __init__(self, value: dict[str, Any], own_phone: str) -> None:
        metadata = record(value.get("metadata"))
        self.displayed = text(metadata.get("display_phone_number"))
        self.own_phone = own_phone or to_e164(self.displayed)
        self.own_phones = (own_phone, to_e164(self.displayed))
        self.own_id = identifier(metadata.get("phone_number_id"))
        self.contacts = records(value.get("contacts"))
        # The first of equals wins. Looked up, since a signed payload may hold thousands of contacts and messages.
        self.by_phone: dict[str, dict[str, Any]] = {}
        self.by_user_id: dict[str, dict[str, Any]] = {}
        for contact in self.contacts:
            self.by_phone.setdefault(_phone_key(text(contact.get("wa_id"))), contact)
            self.by_user_id.setdefault(text(contact.get("user_id")), contact)

    def sender(self, message: dict[str, Any]) -> Contact:
        """Who wrote a message: where it names nobody, the only contact that the change tells of."""
        phone_text, user_id = text(message.get("from")), identifier(message.get("from_user_id"))
        if not phone_text and not user_id and len(self.contacts) == 1:
            (only,) = self.contacts
            phone_text, user_id = text(only.get("wa_id")), identifier(only.get("user_id"))
        return self.contact(phone_text, user_id)

    def contact(self, phone_text: str, user_id: str) -> Contact:
        """The contact of an id or phone: matched by id, never by place; the phone wins where both are there."""
        by_phone = self.by_phone.get(_phone_key(phone_text)) if phone_text else None
        by_user_id = self.by_user_id.get(user_id) if user_id else None
        found = by_phone or by_user_id or {}
        user_id = user_id or identifier(found.get("user_id"))
        phone = to_e164(phone_text) or to_e164(text(found.get("wa_id")))
        return Contact(
            phone=phone, opaque_id=user_id, name=text(record(found.get("profile")).get("name")) or None
        )

    def is_us(self, sender: str) -> bool:
        """Whether a sender is our number: by its id at Meta, as it is displayed there, or as it is known here."""
        if not sender:
            return False
        phone = to_e164(sender)
        return sender in (self.own_id, self.displayed) or any(
            same_phone(phone, own) for own in self.own_phones
        )


def _phone_key(phone_text: str) -> str:
    """`from` and `wa_id` of one contact may be spelled differently, or differ by what `match_form` evens out."""
    return match_form(to_e164(phone_text)) or phone_text


def parse(body: str, own_phone: str) -> list[Report]:
    """Returns the reports of a payload in its order; `own_phone` is E.164."""
    try:
        payload = load(body)
    except ValueError as problem:
        return [Ignored(reason=f"Not a payload: {problem}")]
    reports: list[Report] = []
    for entry in records(payload.get("entry")):
        for change in records(entry.get("changes")):
            reports += _change(entry, change, own_phone)
    return reports or [Ignored(reason="The payload holds no change.")]


def _change(entry: dict[str, Any], change: dict[str, Any], own_phone: str) -> list[Report]:
    field, value = text(change.get("field")), record(change.get("value"))
    context = Context(value, own_phone)
    if field == "messages":
        written = _each(value, "messages", _message, context)
        if written and not context.own_id:
            written = [Ignored(reason=NOBODYS)]
        return written + _each(value, "statuses", _status, context) or [
            Ignored(reason="A change of messages without a message or status.")
        ]
    if field == "calls":
        if not context.own_id:
            return [Ignored(reason=NOBODYS)]
        calls = _each(value, "calls", parse_call, context)
        calls += _each(value, "statuses", parse_call_status, context)
        return [*calls, _envelope(entry, change)]
    if field == "account_update":
        return [_account(value, moment(entry.get("time")))]
    if field in ("smb_message_echoes", "message_echoes"):
        return [Ignored(reason="A message of our own, written in the WhatsApp Business app.")]
    return [Ignored(reason=f"Meta's field {field[:60]!r} makes no event.")]


def _each(
    value: dict[str, Any],
    key: str,
    parse_one: Callable[[dict[str, Any], Context], list[Report]],
    context: Context,
) -> list[Report]:
    return [report for item in records(value.get(key)) for report in parse_one(item, context)]


def _envelope(entry: dict[str, Any], change: dict[str, Any]) -> Report:
    """The raw envelope around one `calls` change, without what no database can hold."""
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [{**entry, "changes": [change]}],
    }
    try:
        # NaN and Infinity, which Python reads, are no JSON that a receiver could.
        storable = json.dumps(envelope, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        return CallsEnvelope(envelope=json.loads(storable))
    except (ValueError, RecursionError):
        return Ignored(reason="The envelope of the call cannot be written as JSON.")


def _message(message: dict[str, Any], context: Context) -> list[Report]:
    kind = text(message.get("type")) or next((key for key in TELLING if key in message), "")
    # Outside of coexistence an edit comes as `unsupported`, with its kind below.
    what = text(record(message.get(kind)).get("type")) if kind == "unsupported" else kind
    if what in NOT_WRITTEN:
        return [Ignored(reason=NOT_WRITTEN[what])]
    message_id = identifier(message.get("id"))
    sender = context.sender(message)
    identity: list[Report] = (
        [IdentityReport(opaque_id=sender.opaque_id, phone=sender.phone)]
        if sender.opaque_id and sender.phone
        else []
    )
    interactive = record(message.get("interactive"))
    if "call_permission_reply" in interactive:
        return [*identity, parse_permission(message, sender, context.own_phone)]
    if not message_id and not sender.phone and not sender.opaque_id:
        return [Ignored(reason="A message without id and sender.")]
    content, media = _content(kind, message)
    return [
        *identity,
        InboundMessage(
            message_id=message_id or None,
            at=moment(message.get("timestamp")),
            sender=sender,
            type=_type(kind),
            content=content,
            media=media,
            quote=_quote(kind, message, context),
            group_id=identifier(message.get("group_id")) or None,
        ),
    ]


def _type(kind: str) -> str | None:
    if kind in ("button", "interactive"):
        return "text"
    if kind == "voice":
        return "audio"
    return kind if kind in MESSAGE_TYPES else None


def _content(kind: str, message: dict[str, Any]) -> tuple[str | None, Media | None]:
    part = record(message.get(kind))
    if kind in MEDIA:
        media = Media(
            link=text(part.get("url")) or text(part.get("link")) or None,
            mime_type=text(part.get("mime_type")) or None,
            caption=text(part.get("caption")) or None,
            filename=text(part.get("filename")) or None,
        )
        return media.caption, media
    match kind:
        case "text":
            return text(part.get("body")), None
        case "reaction":
            return text(part.get("emoji")), None
        case "button":
            return text(part.get("text")), None
        case "order":
            return text(part.get("text")) or None, None
        case "interactive":
            return _answer(part), None
        case "location":
            words = (part.get("name"), part.get("address"))
            return place(part.get("latitude"), part.get("longitude"), *words), None
        case "contacts":
            return ", ".join(filter(None, map(_card, records(message.get(kind))))) or None, None
    return None, None


def _card(card: dict[str, Any]) -> str:
    """The name on a contact card; without one its phones, which are all that a contact who was asked for it shares."""
    named = text(record(card.get("name")).get("formatted_name")) or card_names([text(card.get("vcard"))])
    phones = [text(phone.get("phone")) or text(phone.get("wa_id")) for phone in records(card.get("phones"))]
    return named or ", ".join(filter(None, phones))


def _answer(interactive: dict[str, Any]) -> str:
    """The title of a button or list row, or what a form was filled in with."""
    for key in ("button_reply", "list_reply"):
        if key in interactive:
            return text(record(interactive.get(key)).get("title"))
    form = record(interactive.get("nfm_reply"))
    shown, answers = text(form.get("body")), text(form.get("response_json"))
    # A flow shows "Sent" whatever was answered; an address is shown as people write it.
    return (answers or shown) if form.get("name") == "flow" else (shown or answers)


def _quote(kind: str, message: dict[str, Any], context: Context) -> Quote | None:
    if kind == "reaction":
        target = identifier(record(message.get("reaction")).get("message_id"))
        return Quote(message_id=target) if target else None
    quoted = record(message.get("context"))
    message_id = identifier(quoted.get("id"))
    if not message_id:
        return None
    sender = text(quoted.get("from"))
    ours = context.is_us(sender) if sender else None
    if ours and kind == "text" and record(quoted.get("referred_product")):
        # Asked from the catalog, it quotes a message that nobody sent: only one that is known here is ours.
        ours = None
    return Quote(message_id=message_id, ours=ours)


def _status(status: dict[str, Any], context: Context) -> list[Report]:
    if text(status.get("type")) == "call":
        return parse_call_status(status, context)
    if text(status.get("type")) == "payment":
        # …/cloud-api/payments-api: its "failed" is a payment's, of a message that arrived.
        return [Ignored(reason="The state of a payment makes no event.")]
    word = text(status.get("status")).lower()
    if word not in STATUSES:
        return [Ignored(reason=f"Meta's status {word[:60]!r} makes no event.")]
    in_group = text(status.get("recipient_type")) == "group"
    recipient = text(status.get("recipient_id"))
    contact = (
        Contact() if in_group else context.contact(recipient, identifier(status.get("recipient_user_id")))
    )
    error, code = _error(status) if STATUSES[word] is MessageStatus.FAILED else (None, None)
    report = StatusReport(
        message_id=identifier(status.get("id")) or None,
        status=STATUSES[word],
        at=moment(status.get("timestamp")),
        reference=identifier(status.get("biz_opaque_callback_data")) or None,
        recipient=contact,
        group_id=identifier(recipient) or None if in_group else None,
        error=error,
        error_code=code,
    )
    if contact.opaque_id and contact.phone:
        return [IdentityReport(opaque_id=contact.opaque_id, phone=contact.phone), report]
    return [report]


def _error(status: dict[str, Any]) -> tuple[str, str | None]:
    """The first error: its sentence and its code. https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes"""
    error = next(iter(records(status.get("errors"))), {})
    details = text(record(error.get("error_data")).get("details"))
    sentence = details or text(error.get("message")) or text(error.get("title")) or text(error.get("details"))
    code = error.get("code")
    known = isinstance(code, int | str) and not isinstance(code, bool)
    return sentence or "WhatsApp reported the failure without a reason.", identifier(
        str(code)
    ) if known else None


def _account(value: dict[str, Any], at: datetime | None) -> Report:
    event = text(value.get("event")).upper()
    ban = text(record(value.get("ban_info")).get("waba_ban_state")).upper()
    signal = ACCOUNT_SIGNALS.get((event, ban if event == "DISABLED_UPDATE" else ""))
    if signal is None:
        return Ignored(reason=f"The account update {event[:60]!r} makes no event.")
    cause, sentence = signal
    return ConnectionReport(
        state=ConnectionState.DISCONNECTED,
        at=at,
        cause=cause,
        error=sentence,
        error_code=cause.upper() if cause else event,
    )
