"""The news of this floor: what happened to messages."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from messaging.models import Message


class MessageChangeKind(StrEnum):
    SENT = "sent"
    DELIVERED = "delivered"
    READ = "read"
    FAILED = "failed"
    RECEIVED = "received"
    REPLY = "reply"
    GROUP = "group"
    NEWSLETTER = "newsletter"


@dataclass(frozen=True, kw_only=True)
class MessageChange:
    """One thing that happened to a message; becomes the event `message.<kind>`.

    `answered` is the message of ours that an inbound one quotes, `correlation_id` the send it belongs to.
    `group_id` is the group in which a status was reported.
    """

    kind: MessageChangeKind
    message: Message
    at: datetime
    answered: Message | None = None
    quoted_content: str | None = None
    correlation_id: str = ""
    group_id: str = ""
    raw_payload_id: str | None = None
