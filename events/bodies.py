"""The v3 body of every event, made from what happened: camelCase, E.164, one ISO 8601 createdAt."""

import json
from datetime import UTC, datetime
from typing import Any

from messaging.changes import MessageChange, MessageChangeKind
from phone_numbers.lifecycle import NumberChange
from phone_numbers.models import Number

Body = dict[str, Any]


def to_text(body: Body) -> str:
    """Returns the exact text that is stored, signed and sent: compact JSON, non-ASCII characters as they are."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


def iso(moment: datetime) -> str:
    """Returns a moment as `2026-02-24T10:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def message_body(change: MessageChange, number: Number) -> Body:
    message = change.message
    # With retention off, what is stored is empty in a webhook; what only passes through is relayed.
    relayed = not message.is_outbound or not number.keeps_nothing
    data: Body = {
        "id": message.pk,
        "messageId": message.external_id,
        "numberId": number.pk,
        "createdAt": iso(change.at),
        "fromMe": message.is_outbound,
        "from": number.phone if message.is_outbound else message.contact_phone,
        "to": message.contact_phone if message.is_outbound else number.phone,
    }
    if message.type:
        data["type"] = message.type
    if relayed:
        _add(data, "content", message.content)
    elif message.content is not None:
        data["content"] = ""
    _add(data, "correlationId", change.correlation_id or None)
    if relayed:
        _add(data, "mediaLink", message.media_link)
        _add(data, "mediaCaption", message.media_caption)
        _add(data, "mediaFilename", message.media_filename)
    _add(data, "mediaType", message.media_type)
    if not message.is_outbound:
        data["participantName"] = message.contact_name
        if not message.contact_phone:
            _add(data, "participantId", message.contact_opaque_id or None)
    group_id = message.group_id or change.group_id
    if group_id:
        data |= {"groupId": group_id, "groupName": message.group_name}
    if message.newsletter_id:
        data |= {"newsletterId": message.newsletter_id, "newsletterName": message.newsletter_name}
    if message.quoted_external_id and (
        change.kind is not MessageChangeKind.RECEIVED or message.type == "reaction"
    ):
        data["quotedMessageId"] = message.quoted_external_id
        if message.type != "reaction":
            _add(data, "contentReplied", change.quoted_content)
    if change.kind is MessageChangeKind.FAILED:
        data["error"] = message.error
        _add(data, "errorCode", message.error_code or None)
    return {"event": f"message.{change.kind}", "data": data}


def number_body(change: NumberChange) -> Body:
    number = change.number
    data: Body = {
        "numberId": number.pk,
        "phone": number.phone,
        "displayName": number.name,
        "createdAt": iso(change.at),
    }
    _add(data, "profileName", number.profile_name or None)
    _add(data, "error", change.error or None)
    _add(data, "errorCode", change.error_code or None)
    return {"event": f"number.{change.kind}", "data": data}


def _add(data: Body, key: str, value: Any) -> None:
    if value is not None:
        data[key] = value
