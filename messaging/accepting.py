"""Accepting a message: judged, stored as QUEUED, and left to the send drain."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts.api import ApiError
from accounts.ids import new_id
from accounts.wake import wake
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key, to_e164
from phone_numbers.providers.base import Capability

# What v3 calls the kinds of media that one can send; WhatsApp's voice note is audio to a receiver.
TYPE_OF_MEDIA = {
    "image": "image",
    "video": "video",
    "document": "document",
    "audio": "audio",
    "voice": "audio",
    "sticker": "sticker",
}
# By the providers that cannot send to some kind of destination.
NOT_SUPPORTED_FOR = {"meta": "NOT_SUPPORTED_FOR_META"}
WITHOUT_CAPTION = {"audio", "sticker"}


@dataclass(frozen=True, kw_only=True)
class SendRequest:
    """What a caller wants sent; every text may be "".

    `destination` is a phone as the caller wrote it; with `media` (a link) `text` is its caption.
    """

    destination: str = ""
    group_id: str = ""
    newsletter_id: str = ""
    text: str = ""
    media: str = ""
    media_type: str = "image"
    filename: str = ""
    correlation_id: str = ""
    deliver_at: datetime | None = None
    deliver_until: datetime | None = None


def accept(number: Number, request: SendRequest) -> Message:
    """Stores the message and wakes the send drain; both only if the caller's transaction commits.

    Raises ApiError: 400 INVALID_DESTINATION, INVALID_CONTENT, INVALID_SCHEDULE, NOT_SUPPORTED_FOR_META;
    409 WHATSAPP_INSTANCE_NOT_CONNECTED.
    """
    phone = _phone(request)
    _check_content(request)
    now = timezone.now()
    due_at = max(request.deliver_at or now, now)
    if request.deliver_until and request.deliver_until <= due_at:
        raise ApiError(400, "INVALID_SCHEDULE", "deliverUntil must be later than deliverAt, and than now.")
    _check_capabilities(number, request)
    if not number.is_connected:
        raise ApiError(
            409,
            "WHATSAPP_INSTANCE_NOT_CONNECTED",
            "The number is not connected to WhatsApp. Connect it again; GET /v1/numbers/{id}/status says when it is.",
            {"numberId": number.pk, "state": number.state},
        )
    with transaction.atomic():
        message = Message.objects.create(
            workspace_id=number.workspace_id,
            number=number,
            direction=Message.Direction.OUTBOUND,
            status=Message.Status.QUEUED,
            correlation_id=request.correlation_id or new_id("corr"),
            contact_phone=number.seal(phone) or "",
            contact_key=contact_key(phone),
            group_id=request.group_id,
            newsletter_id=request.newsletter_id,
            type=TYPE_OF_MEDIA[request.media_type] if request.media else "text",
            content=number.seal(request.text or None),
            media_link=number.seal(request.media or None),
            media_caption=number.seal(request.text or None) if request.media else None,
            media_filename=number.seal(request.filename or None),
            created_at=now,
            due_at=due_at,
            deliver_at=request.deliver_at,
            deliver_until=request.deliver_until,
        )
        wake("messaging.tasks.send_due")
    return message


def _phone(request: SendRequest) -> str:
    named = [request.destination, request.group_id, request.newsletter_id]
    if sum(map(bool, named)) != 1:
        raise ApiError(
            400, "INVALID_DESTINATION", "Name exactly one of destinationNumber, groupId and newsletterId."
        )
    if not request.destination:
        return ""
    phone = to_e164(request.destination)
    if not phone:
        raise ApiError(
            400,
            "INVALID_DESTINATION",
            "destinationNumber is not a phone number with its country code, such as +447700900123.",
        )
    return phone


def _check_content(request: SendRequest) -> None:
    if not request.media and not request.text.strip():
        raise ApiError(
            400, "INVALID_CONTENT", "A message needs a text, or media (a link) with its mediaType."
        )
    if request.media and request.text and TYPE_OF_MEDIA[request.media_type] in WITHOUT_CAPTION:
        raise ApiError(
            400,
            "INVALID_CONTENT",
            f"WhatsApp shows no caption with {request.media_type}: send the text by itself.",
        )


def _check_capabilities(number: Number, request: SendRequest) -> None:
    wanted = {Capability.GROUPS: request.group_id, Capability.NEWSLETTERS: request.newsletter_id}
    for capability, destination in wanted.items():
        if destination and capability not in number.adapter.capabilities:
            raise ApiError(
                400,
                NOT_SUPPORTED_FOR[number.provider],
                f"Numbers at {number.provider_label} cannot send to {capability}.",
            )
