"""WAHA's message ids: `false_<chat>_<ID>`, in groups `false_<chat>_<ID>_<participant>`. WhatsApp knows only the ID."""

import re
from dataclasses import dataclass
from typing import Any

from phone_numbers.jids import Jid, parse_jid
from phone_numbers.payloads import identifier, record

_SERIALIZED = re.compile(r"(true|false)_(.+?@[^_]+)_([^_]+)(?:_(.+))?", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageId:
    """The parts of an id; `from_me` is None where a bare id does not say. `id` is "" where there is none."""

    id: str = ""
    from_me: bool | None = None
    chat: Jid | None = None
    participant: Jid | None = None


def parse_message_id(value: Any) -> MessageId:
    """Reads a serialized id, a bare one, or the object that WhatsApp Web's own code makes of one."""
    if isinstance(value, dict):
        if not value.get("_serialized"):
            return MessageId(id=identifier(value.get("id")))
        value = value["_serialized"]
    text = identifier(value)
    match = _SERIALIZED.fullmatch(text)
    if match is None:
        return MessageId(id=text)
    from_me, chat, message_id, participant = match.groups()
    return MessageId(
        id=message_id,
        from_me=from_me == "true",
        chat=parse_jid(chat),
        participant=parse_jid(participant),
    )


def accepted_id(body: Any) -> str:
    """Returns WhatsApp's id in the answer to a send, whichever engine gave it; "" where there is none."""
    answer = record(body)
    for value in (
        answer.get("id"),
        record(answer.get("key")).get("id"),
        record(record(answer.get("_data")).get("key")).get("id"),
        record(answer.get("_data")).get("id"),
    ):
        if found := parse_message_id(value).id:
            return found
    return ""
