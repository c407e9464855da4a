"""What every provider's payload is turned into: provider-neutral reports, parsed but not yet judged.

A report says what the provider said, in our words. What follows from it (an event, nothing, an earlier rung first) is
decided on the floors above.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class MessageStatus(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"


class ConnectionState(StrEnum):
    CONNECTED = "connected"
    CONNECTING = "connecting"
    DISCONNECTED = "disconnected"


class DisconnectCause(StrEnum):
    """Why a number will not come back by itself."""

    LOGGED_OUT = "logged_out"
    BANNED = "banned"
    DELETED = "deleted"


# The types of message that the v3 schema names; a message of any other kind has none.
MESSAGE_TYPES = frozenset(
    {"text", "image", "audio", "video", "document", "location", "contacts", "sticker", "reaction"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """The person at the other end. `phone` is E.164 or ""; `opaque_id` is the provider's LID or BSUID, or ""."""

    phone: str = ""
    opaque_id: str = ""
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What the provider exposes of an attachment; None where it does not."""

    link: str | None = None
    mime_type: str | None = None
    caption: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """The message that an inbound one answers. `ours`: whether the provider says that our number sent it."""

    message_id: str
    ours: bool | None = None
    content: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundMessage:
    """Somebody wrote to our number. `at` is None where the payload tells no time: the receipt's time counts."""

    message_id: str | None
    at: datetime | None
    sender: Contact
    type: str | None = None
    content: str | None = None
    media: Media | None = None
    quote: Quote | None = None
    group_id: str | None = None
    group_name: str | None = None
    newsletter_id: str | None = None
    newsletter_name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReport:
    """A message of ours reached a rung. `reference` is our own message id where the provider echoes it."""

    message_id: str | None
    status: MessageStatus
    at: datetime | None
    reference: str | None = None
    recipient: Contact = field(default_factory=Contact)
    group_id: str | None = None
    error: str | None = None
    error_code: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionReport:
    state: ConnectionState
    at: datetime | None
    cause: DisconnectCause | None = None
    phone: str = ""
    profile_name: str | None = None
    error: str | None = None
    error_code: str | None = None


class CallKind(StrEnum):
    RINGING = "ringing"
    CONNECTED = "connected"
    ENDED = "ended"
    MISSED = "missed"
    PERMISSION_UPDATED = "permission_updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class CallReport:
    """`external_id` is the provider's call id (None for permissions); `direction` INBOUND, OUTBOUND or None."""

    kind: CallKind
    external_id: str | None
    direction: str | None
    status: str
    sender: Contact
    recipient: Contact
    at: datetime | None
    duration: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CallsEnvelope:
    """The raw Meta envelope of a `calls` change, passed on as it came: only this number's part of it."""

    envelope: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityReport:
    """One payload that carried both a contact's opaque id and their phone."""

    opaque_id: str
    phone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ignored:
    """A part of the payload that makes no event, and why."""

    reason: str


Report = (
    InboundMessage | StatusReport | ConnectionReport | CallReport | CallsEnvelope | IdentityReport | Ignored
)
