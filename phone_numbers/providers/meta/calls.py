"""Meta's voice calls to reports. https://developers.facebook.com/docs/whatsapp/cloud-api/calling"""

from typing import TYPE_CHECKING, Any

from phone_numbers.payloads import identifier, moment, record, text
from phone_numbers.reports import CallKind, CallReport, Contact, IdentityReport, Ignored, Report

if TYPE_CHECKING:
    from phone_numbers.providers.meta.parsing import Context

DIRECTIONS = {"USER_INITIATED": "INBOUND", "BUSINESS_INITIATED": "OUTBOUND"}
# `status` of value.statuses[]: how an outbound call goes on at the customer.
CALL_STATUSES = {"RINGING": CallKind.RINGING, "ACCEPTED": CallKind.CONNECTED, "REJECTED": CallKind.ENDED}


def parse_call(call: dict[str, Any], context: "Context") -> list[Report]:
    """One of value.calls[]: `connect` (the offer of an inbound call is its ring), `call_created` or `terminate`.

    A call by SIP has `call_created` instead of `connect`.
    """
    event = text(call.get("event")).lower()
    direction = DIRECTIONS.get(text(call.get("direction")).upper()) or _direction(call, context)
    us, them = Contact(phone=context.own_phone), _other(call, direction, context)
    outbound = direction == "OUTBOUND"
    duration = _seconds(call.get("duration"))
    answered = duration is not None or call.get("start_time") not in (None, "")
    if event in ("connect", "call_created") and direction == "INBOUND":
        kind, status = CallKind.RINGING, "RINGING"
    elif event == "terminate" and direction == "INBOUND" and not answered:
        kind, status = CallKind.MISSED, "MISSED"
    elif event == "terminate":
        said = text(call.get("status")).upper()
        kind = CallKind.ENDED
        status = (
            said if said in ("COMPLETED", "FAILED", "REJECTED") else "COMPLETED" if answered else "FAILED"
        )
    else:
        return [Ignored(reason=f"The call event {event[:60]!r} makes no event of its own.")]
    report = CallReport(
        kind=kind,
        external_id=identifier(call.get("id")) or None,
        direction=direction,
        status=status,
        sender=us if outbound else them,
        recipient=them if outbound else us,
        at=moment(call.get("timestamp")),
        duration=duration if answered and kind is CallKind.ENDED else None,
    )
    return [*_identity(them), report]


def parse_call_status(status: dict[str, Any], context: "Context") -> list[Report]:
    """One of value.statuses[] of field `calls`, or with type "call": only outbound calls have them."""
    word = text(status.get("status")).upper()
    if word not in CALL_STATUSES:
        return [Ignored(reason=f"The call status {word[:60]!r} makes no event of its own.")]
    them = context.contact(text(status.get("recipient_id")), identifier(status.get("recipient_user_id")))
    report = CallReport(
        kind=CALL_STATUSES[word],
        external_id=identifier(status.get("id")) or None,
        direction="OUTBOUND",
        status=word,
        sender=Contact(phone=context.own_phone),
        recipient=them,
        at=moment(status.get("timestamp")),
    )
    return [*_identity(them), report]


def parse_permission(message: dict[str, Any], sender: Contact, own_phone: str) -> CallReport:
    """A contact's answer to a call permission request; it comes in field `messages`, and is no message."""
    reply = record(record(message.get("interactive")).get("call_permission_reply"))
    told = reply.get("is_permanent")
    is_permanent = told if isinstance(told, bool) else reply.get("expiration_timestamp") in (None, "", 0)
    if text(reply.get("response")).lower() != "accept":
        status = "NO_PERMISSION"
    else:
        status = "PERMANENT" if is_permanent else "TEMPORARY"
    return CallReport(
        kind=CallKind.PERMISSION_UPDATED,
        external_id=None,
        direction=None,
        status=status,
        sender=sender,
        recipient=Contact(phone=own_phone),
        at=moment(message.get("timestamp")),
    )


def _direction(call: dict[str, Any], context: "Context") -> str | None:
    """Who called whom, where the payload only names the two."""
    by_us, to_us = context.is_us(text(call.get("from"))), context.is_us(text(call.get("to")))
    if by_us == to_us:
        return None
    return "OUTBOUND" if by_us else "INBOUND"


def _other(call: dict[str, Any], direction: str | None, context: "Context") -> Contact:
    side = "to" if direction == "OUTBOUND" else "from"
    return context.contact(text(call.get(side)), identifier(call.get(f"{side}_user_id")))


def _identity(contact: Contact) -> list[Report]:
    if contact.opaque_id and contact.phone:
        return [IdentityReport(opaque_id=contact.opaque_id, phone=contact.phone)]
    return []


def _seconds(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        return int(value)
    return value if isinstance(value, int) and 0 <= value < 10**9 else None
