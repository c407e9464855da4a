"""The one table of events: names, groups, who can emit them, what they mean, their JSON Schema and an example.

`GET /v1/event-types`, the event picker, docs/events.md, subscriptions and the tests all read it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from phone_numbers.providers.base import Capability, Provider

Schema = dict[str, Any]

GROUPS = {
    "outbound": "Outbound status",
    "inbound": "Inbound",
    "number": "Number lifecycle",
    "call": "Voice calls",
}


@dataclass(frozen=True)
class EventType:
    """`needs`: the capability without which a provider cannot emit it; None: every provider can."""

    name: str
    group: str
    description: str
    needs: Capability | None = None
    # It is over before a webhook of the number can exist.
    of_workspace_only: bool = False

    def emitted_by(self, provider: Provider) -> bool:
        return self.needs is None or self.needs in provider.capabilities

    @cached_property
    def schema(self) -> Schema:
        """The JSON Schema (2020-12) of the body that is POSTed."""
        return _schema(self.name)

    @cached_property
    def example(self) -> dict[str, Any]:
        return _example(self.name)


EVENT_TYPES = [
    EventType(
        "message.sent", "outbound", "WhatsApp took your message; the WhatsApp messageId first appears here."
    ),
    EventType("message.delivered", "outbound", "The message reached the recipient's device."),
    EventType("message.read", "outbound", "The recipient read it; only when they have read receipts on."),
    EventType("message.failed", "outbound", "The message was not sent or not delivered, and will not be."),
    EventType("message.received", "inbound", "Somebody wrote to the number, or reacted to a message."),
    EventType(
        "message.reply",
        "inbound",
        "Somebody quoted one of the number's messages, or answered it by a button.",
    ),
    EventType("message.group", "inbound", "Somebody wrote in a group that the number is in."),
    EventType(
        "message.newsletter", "inbound", "A channel that the number follows posted.", Capability.NEWSLETTERS
    ),
    EventType("number.created", "number", "A number was added to the workspace.", of_workspace_only=True),
    EventType("number.connected", "number", "The number can send and receive."),
    EventType(
        "number.disconnected", "number", "A health check confirmed that the number lost its connection."
    ),
    EventType("number.removed", "number", "The number was removed from the workspace."),
    EventType("call.ringing", "call", "A call rings, at you or at the customer.", Capability.CALLS),
    EventType("call.connected", "call", "The call was picked up.", Capability.CALLS),
    EventType(
        "call.ended", "call", "The call is over; with its duration when it was answered.", Capability.CALLS
    ),
    EventType("call.missed", "call", "A customer called and nobody picked up.", Capability.CALLS),
    EventType(
        "call.permission_updated", "call", "A customer allowed or forbade you to call them.", Capability.CALLS
    ),
    EventType("calls", "call", "Meta's raw envelope of every change about calls.", Capability.CALLS),
]

BY_NAME = {event_type.name: event_type for event_type in EVENT_TYPES}


def unknown_names(names: Iterable[str]) -> list[str]:
    """Returns those that are neither an event's name nor `*`, in their order."""
    return [name for name in names if name != "*" and name not in BY_NAME]


def not_emitted_by(provider: Provider, names: Iterable[str]) -> list[str]:
    """Returns the known names that the provider cannot emit: they are dropped from a subscription."""
    return [name for name in names if name in BY_NAME and not BY_NAME[name].emitted_by(provider)]


def sample_for(names: Iterable[str]) -> str:
    """Returns the event by which a webhook is tried that hears these: the first of them in the order of the catalog."""
    heard = set(names)
    return next((one.name for one in EVENT_TYPES if one.name in heard), "message.received")


# --- Schemas and examples ---------------------------------------------------------------------------------------

_TEXT: Schema = {"type": "string"}
_TEXT_OR_NULL: Schema = {"type": ["string", "null"]}
_PHONE: Schema = {
    "type": "string",
    "pattern": r"^(\+[1-9][0-9]{6,14})?$",
    "description": 'E.164 with +, or "" where the provider withholds the phone.',
}
_MOMENT: Schema = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$",
    "description": "When it happened at the provider; UTC, milliseconds.",
}

_MESSAGE: dict[str, Schema] = {
    "id": {**_TEXT, "description": "Outbound: the id of the 202. Inbound: our id of the message."},
    "messageId": {**_TEXT_OR_NULL, "description": "WhatsApp's id; null if the provider never gave one."},
    "numberId": {**_TEXT, "description": "Your number."},
    "createdAt": _MOMENT,
    "fromMe": {"type": "boolean"},
    "from": _PHONE,
    "to": _PHONE,
    "type": {
        "type": "string",
        "enum": [
            "text",
            "image",
            "audio",
            "video",
            "document",
            "location",
            "contacts",
            "sticker",
            "reaction",
        ],
        "description": "Absent for any other kind.",
    },
    "content": {
        **_TEXT,
        "description": "Text, caption, emoji, button title; may be empty with retention off.",
    },
    "correlationId": {
        **_TEXT,
        "description": "The 202's value, on status events and on what answers the message.",
    },
    "mediaLink": _TEXT,
    "mediaType": _TEXT,
    "mediaCaption": _TEXT,
    "mediaFilename": _TEXT,
}
_GROUP: dict[str, Schema] = {"groupId": _TEXT, "groupName": _TEXT_OR_NULL}
_NEWSLETTER: dict[str, Schema] = {"newsletterId": _TEXT, "newsletterName": _TEXT_OR_NULL}
_QUOTE: dict[str, Schema] = {
    "quotedMessageId": {**_TEXT_OR_NULL, "description": "The messageId of your original message.sent."},
    "contentReplied": {**_TEXT, "description": "The text of the quoted message."},
}
_PARTICIPANT: dict[str, Schema] = {
    "participantName": {**_TEXT_OR_NULL, "description": "The contact's display name."},
    "participantId": {
        **_TEXT,
        "description": "The provider's opaque id of the contact, where from is empty.",
    },
}
_FAILURE: dict[str, Schema] = {
    "error": {**_TEXT, "description": "A sentence; always there."},
    "errorCode": {**_TEXT, "description": "The provider's code, where known, or one of this server's."},
}
_NUMBER: dict[str, Schema] = {
    "numberId": _TEXT,
    "phone": _PHONE,
    "displayName": _TEXT,
    "createdAt": _MOMENT,
    "profileName": _TEXT,
    "error": _TEXT,
    "errorCode": _TEXT,
}
_CALL: dict[str, Schema] = {
    "event": _TEXT,
    "callId": {**_TEXT_OR_NULL, "description": "Our id of the call."},
    "externalCallId": {**_TEXT_OR_NULL, "description": "WhatsApp's id of the call."},
    "direction": {"enum": ["INBOUND", "OUTBOUND", None]},
    "status": {
        "enum": [
            "RINGING", "ACCEPTED", "COMPLETED", "FAILED", "REJECTED", "MISSED",
            "NO_PERMISSION", "TEMPORARY", "PERMANENT",
        ],
    },
    "from": _PHONE,
    "to": _PHONE,
    "createdAt": _MOMENT,
    "timestamp": {**_MOMENT, "description": "Equals createdAt."},
    "duration": {"type": "integer", "minimum": 0, "description": "Whole seconds; only on an answered call.ended."},
}  # fmt: skip
_MESSAGE_REQUIRED = ["id", "messageId", "numberId", "createdAt", "fromMe", "from", "to"]


def _object(properties: dict[str, Schema], required: list[str]) -> Schema:
    return {"type": "object", "properties": properties, "required": required}


def _schema(name: str) -> Schema:
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": name}
    if name == "calls":
        envelope = {"object": {"const": "whatsapp_business_account"}, "entry": {"type": "array"}}
        data = _object(envelope, list(envelope))
    elif name.startswith("call."):
        required = [key for key in _CALL if key != "duration"]
        return {**head, **_object({**_CALL, "event": {"const": name}}, required)}
    elif name.startswith("number."):
        data = _object(_NUMBER, ["numberId", "phone", "displayName", "createdAt"])
    else:
        extra = {
            "message.sent": {**_GROUP, **_NEWSLETTER},
            "message.delivered": {**_GROUP, **_NEWSLETTER},
            "message.read": {**_GROUP, **_NEWSLETTER},
            "message.failed": {**_GROUP, **_NEWSLETTER, **_FAILURE},
            "message.received": {**_PARTICIPANT, **_QUOTE},
            "message.reply": {**_PARTICIPANT, **_QUOTE},
            "message.group": {**_PARTICIPANT, **_GROUP, **_QUOTE},
            "message.newsletter": {**_PARTICIPANT, **_NEWSLETTER, **_QUOTE},
        }[name]
        required = {
            "message.failed": ["error"],
            "message.reply": ["quotedMessageId"],
            "message.group": ["groupId"],
            "message.newsletter": ["newsletterId"],
        }.get(name, [])
        data = _object({**_MESSAGE, **extra}, [*_MESSAGE_REQUIRED, *required])
    return {**head, **_object({"event": {"const": name}, "data": data}, ["event", "data"])}


_AT = "2026-02-24T10:30:00.000Z"
_US, _THEM = "+12025550143", "+447700900123"
_WAMID = "wamid.HBgLNDQ3NzAwOTAwMTIzFQIAERgSN0E4RjRBQkQxQzI2RjE5QzQ3AA=="


def _example(name: str) -> dict[str, Any]:
    if name == "calls":
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "12025550143", "phone_number_id": "106540352242922"},
            "calls": [
                {
                    "id": "wacid.HBgLNDQ3NzAwOTAwMTIz",
                    "event": "connect",
                    "direction": "USER_INITIATED",
                    "from": "447700900123",
                    "to": "12025550143",
                    "timestamp": "1771929000",
                }
            ],
        }
        entry = [{"id": "102290129340398", "changes": [{"field": "calls", "value": value}]}]
        return {"event": name, "data": {"object": "whatsapp_business_account", "entry": entry}}
    if name.startswith("call."):
        status, direction = {
            "call.ringing": ("RINGING", "INBOUND"),
            "call.connected": ("ACCEPTED", "INBOUND"),
            "call.ended": ("COMPLETED", "INBOUND"),
            "call.missed": ("MISSED", "INBOUND"),
            "call.permission_updated": ("TEMPORARY", None),
        }[name]
        call: dict[str, Any] = {
            "event": name,
            "callId": "call_01m838d6mmp2bg09w1awhmfgrr" if direction else None,
            "externalCallId": "wacid.HBgLNDQ3NzAwOTAwMTIz" if direction else None,
            "direction": direction,
            "status": status,
            "from": _THEM,
            "to": _US,
            "createdAt": _AT,
            "timestamp": _AT,
        }
        return {**call, "duration": 110} if name == "call.ended" else call
    data: dict[str, Any]
    if name.startswith("number."):
        data = {
            "numberId": "num_01m838d6mmp2bg09w1awhmfgrr",
            "phone": _US,
            "displayName": "Shop",
            "createdAt": _AT,
        }
        if name == "number.disconnected":
            data |= {"error": "The device was logged out.", "errorCode": "LOGGED_OUT"}
        return {"event": name, "data": data}
    outbound = BY_NAME[name].group == "outbound"
    data = {
        "id": "msg_01m838d6mmp2bg09w1awhmfgrr",
        "messageId": _WAMID,
        "numberId": "num_01m838d6mmp2bg09w1awhmfgrr",
        "createdAt": _AT,
        "fromMe": outbound,
        "from": _US if outbound else _THEM,
        "to": _THEM if outbound else _US,
        "type": "text",
        "content": "Shall we deliver today?" if outbound else "Yes please",
    }
    if outbound:
        data["correlationId"] = "order-1042"
    else:
        data["participantName"] = "Ada"
    if name == "message.failed":
        data |= {"error": "The recipient cannot receive this message.", "errorCode": "131026"}
    elif name == "message.reply":
        data |= {
            "messageId": "wamid.HBgLNDQ3NzAwOTAwMTIzFQIAEhgUM0VCMDRBRTI4QjcA",
            "correlationId": "order-1042",
            "quotedMessageId": _WAMID,
            "contentReplied": "Shall we deliver today?",
        }
    elif name == "message.group":
        data |= {"groupId": "120363404880000143@g.us", "groupName": "Neighbours"}
    elif name == "message.newsletter":
        data |= {"from": "", "newsletterId": "120363417340000222@newsletter", "newsletterName": "Shop news"}
    return {"event": name, "data": data}
