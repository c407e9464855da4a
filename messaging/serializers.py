"""How messages are read from requests and written into answers."""

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api import ApiError
from accounts.api_fields import (
    ChoiceField,
    FlagField,
    InputSerializer,
    MomentField,
    NullField,
    TextField,
    iso,
)
from messaging.accepting import TYPE_OF_MEDIA, SendRequest
from messaging.models import Message
from phone_numbers.phones import WRITTEN, contact_key, to_e164

# What other APIs of this kind offer and this one does not; each with what to do instead.
NOT_SUPPORTED = {
    "templateId": "Templates are not supported: send a text, or media with a caption.",
    "variables": "Variables are not supported: send the text as it should read.",
    "buttons": "Buttons are not supported: put the choices into the text.",
    "list": "List messages are not supported: put the choices into the text.",
    "carousel": "Carousels are not supported: send one message for each medium.",
    "flow": "Flows are not supported: send a link in the text.",
    "header": "Headers are not supported: start the text with it, or send media with a caption.",
    "footer": "Footers are not supported: end the text with it.",
    "marketingOptions": "Marketing options are not supported: leave them out.",
}


def _names_a_host(link: str) -> bool:
    try:
        return bool(urlsplit(link).hostname)
    except ValueError:
        return False


@extend_schema_field({"type": "string", "pattern": f"^$|{WRITTEN}", "maxLength": 40})
class DestinationField(TextField):
    """A phone number as people write it, or ""; `messaging.accepting` looks at it."""


class SendSerializer(InputSerializer[SendRequest]):
    """Exactly one of destinationNumber, groupId and newsletterId; a text, or media with an optional caption."""

    further_keys = NOT_SUPPORTED

    destinationNumber = DestinationField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=40,
        help_text="A phone number, best as E.164.",
    )
    groupId = TextField(required=False, allow_null=True, allow_blank=True, max_length=200)
    newsletterId = TextField(required=False, allow_null=True, allow_blank=True, max_length=200)
    text = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=4096,
        help_text="The message; with media, its caption.",
    )
    media = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=2048,
        help_text="An http(s) link to the file.",
    )
    mediaType = ChoiceField(
        choices=list(TYPE_OF_MEDIA), required=False, allow_null=True, help_text="Required with media."
    )
    caption = TextField(required=False, allow_null=True, allow_blank=True, max_length=4096)
    mediaFilename = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=240,
        help_text="The name a document shows.",
    )
    correlationId = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=200,
        help_text="Yours to choose; repeated in the answer and in every webhook about the message.",
    )
    deliverAt = MomentField(required=False, allow_null=True, help_text="Not sent before this moment.")
    deliverUntil = MomentField(
        required=False, allow_null=True, help_text="Not sent after it: the message fails."
    )
    whatsappNumberId = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="The sender, for a key of the whole workspace.",
    )
    labels = serializers.ListField(
        child=TextField(max_length=200),
        required=False,
        allow_null=True,
        help_text="Accepted, without effect.",
    )
    markRead = FlagField(required=False, allow_null=True, help_text="Accepted, without effect.")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            for name, sentence in NOT_SUPPORTED.items():
                if data.get(name):
                    raise ApiError(400, "NOT_SUPPORTED", sentence, {"field": name})
        return super().to_internal_value(data)

    def validate_media(self, link: str | None) -> str | None:
        if link and not link.lower().startswith(("https://", "http://")):
            raise serializers.ValidationError("Send a link to the file that starts with https:// or http://.")
        if link and not link.isprintable():
            raise serializers.ValidationError("A link holds no control characters.")
        if link and not _names_a_host(link):
            raise serializers.ValidationError("The link names no host that the file could be had from.")
        return link

    def validate(self, attributes: dict[str, Any]) -> dict[str, Any]:
        if attributes.get("media") and not attributes.get("mediaType"):
            raise serializers.ValidationError(
                {"mediaType": [f"Required with media: one of {', '.join(TYPE_OF_MEDIA)}."]}
            )
        if attributes.get("text") and attributes.get("caption"):
            raise serializers.ValidationError(
                {"caption": ["Send either text or caption: with media they are the same."]}
            )
        if attributes.get("caption") and not attributes.get("media"):
            raise serializers.ValidationError(
                {"caption": ["Without media there is nothing to caption: send it as text."]}
            )
        return attributes

    def to_request(self) -> SendRequest:
        given = self.validated_data
        return SendRequest(
            destination=given.get("destinationNumber") or "",
            group_id=given.get("groupId") or "",
            newsletter_id=given.get("newsletterId") or "",
            text=given.get("text") or given.get("caption") or "",
            media=given.get("media") or "",
            media_type=given.get("mediaType") or "image",
            filename=given.get("mediaFilename") or "",
            correlation_id=given.get("correlationId") or "",
            deliver_at=given.get("deliverAt"),
            deliver_until=given.get("deliverUntil"),
        )


class AcceptedSerializer(serializers.Serializer[Message]):
    """The 202 of a send."""

    id = serializers.CharField()
    correlationId = serializers.CharField(source="correlation_id")
    status = serializers.ChoiceField(choices=["QUEUED"])
    createdAt = MomentField(source="created_at")
    origin = serializers.CharField()
    sourceNumber = serializers.CharField(source="number.phone")


class MessageFilters(serializers.Serializer[dict[str, Any]]):
    """The query of GET /v1/messages."""

    status = ChoiceField(choices=Message.Status.choices, required=False)
    correlationId = TextField(required=False, max_length=200)
    destinationNumber = TextField(required=False, max_length=40, help_text="The contact: a phone number.")
    direction = ChoiceField(
        choices=["OUTBOUND", "INBOUND"],
        default="OUTBOUND",
        help_text="What the number sent, or what it received.",
    )
    numberId = TextField(required=False, max_length=40)

    def validate_destinationNumber(self, phone: str) -> str:
        # An unescaped + of a query string is a space.
        if not to_e164(phone):
            raise serializers.ValidationError("A phone number with its country code, such as +447700900123.")
        return to_e164(phone)

    def to_lookups(self) -> dict[str, str]:
        """Returns the filter's keyword arguments for a queryset of messages."""
        given = self.validated_data
        lookups = {"direction": given["direction"].lower()}
        if "status" in given:
            lookups["status"] = given["status"]
        if "numberId" in given:
            lookups["number"] = given["numberId"]
        if "correlationId" in given:
            lookups["correlation_id"] = given["correlationId"]
        if "destinationNumber" in given:
            lookups["contact_key"] = contact_key(given["destinationNumber"])
        return lookups


class MessageSerializer(serializers.Serializer[Message]):
    """One message of the log, and how far it came."""

    id = serializers.CharField()
    externalMessageId = serializers.CharField(
        source="external_id", allow_null=True, help_text="WhatsApp's id: the messageId of the webhooks."
    )
    correlationId = serializers.CharField(source="correlation_id")
    status = serializers.ChoiceField(choices=Message.Status.choices)
    direction = serializers.SerializerMethodField()
    numberId = serializers.CharField(source="number_id")
    sourceNumber = serializers.SerializerMethodField()
    destinationNumber = serializers.SerializerMethodField()
    groupId = serializers.SerializerMethodField()
    newsletterId = serializers.SerializerMethodField()
    messageType = serializers.CharField(source="type", allow_null=True)
    createdAt = MomentField(source="created_at")
    sentAt = MomentField(source="sent_at", allow_null=True)
    deliveredAt = MomentField(source="delivered_at", allow_null=True)
    readAt = MomentField(source="read_at", allow_null=True)
    failedAt = MomentField(source="failed_at", allow_null=True)
    deliverAt = MomentField(source="deliver_at", allow_null=True, help_text="What the send asked for.")
    deliverUntil = MomentField(source="deliver_until", allow_null=True)
    errorCode = serializers.SerializerMethodField()
    errorMessage = serializers.SerializerMethodField()
    origin = serializers.SerializerMethodField()
    metaPricing = NullField(help_text="Always null: prices are not collected.")

    def get_direction(self, message: Message) -> str:
        return message.direction.upper()

    def get_sourceNumber(self, message: Message) -> str:
        return message.number.phone if message.is_outbound else _contact_phone(message)

    def get_destinationNumber(self, message: Message) -> str:
        return _contact_phone(message) if message.is_outbound else message.number.phone

    def get_groupId(self, message: Message) -> str | None:
        return message.group_id or None

    def get_newsletterId(self, message: Message) -> str | None:
        return message.newsletter_id or None

    def get_errorCode(self, message: Message) -> str | None:
        return message.error_code or None if message.status == Message.Status.FAILED else None

    def get_errorMessage(self, message: Message) -> str | None:
        return message.error or None if message.status == Message.Status.FAILED else None

    def get_origin(self, message: Message) -> str | None:
        return message.origin if message.is_outbound else None


def _is_redacted(message: Message) -> bool:
    return message.blanked_at is not None or message.number.keeps_nothing


def _contact_phone(message: Message) -> str:
    return "" if _is_redacted(message) else message.contact_phone


class MessagePageSerializer(serializers.Serializer[Any]):
    data = MessageSerializer(many=True)  # type: ignore[assignment]
    nextCursor = serializers.CharField(allow_null=True)


class CancelSerializer(InputSerializer[Any]):
    messageIds = serializers.ListField(child=TextField(max_length=100), min_length=1, max_length=100)


class CancelFailureSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    reason = serializers.ChoiceField(choices=["NOT_FOUND", "ALREADY_SENT", "ALREADY_CANCELED"])


class CanceledSerializer(serializers.Serializer[Any]):
    cancelled = serializers.ListField(child=serializers.CharField())
    failed = CancelFailureSerializer(many=True)


class _LenientMomentField(MomentField):
    """A moment of a filter: without a zone it is UTC, and a date is its first moment."""

    def enforce_timezone(self, value: datetime) -> datetime:
        return super().enforce_timezone(value if value.tzinfo else value.replace(tzinfo=UTC))


class HistoryFilters(serializers.Serializer[Any]):
    """The query of GET /v1/messages/history."""

    startDate = _LenientMomentField(
        required=False, help_text="ISO 8601; without a zone UTC. A date is its first moment."
    )
    endDate = _LenientMomentField(
        required=False,
        help_text="ISO 8601; without a zone UTC. A date is its first moment: name the day after.",
    )
    page = serializers.IntegerField(required=False, default=1, min_value=1, max_value=1_000_000)
    pageSize = serializers.IntegerField(
        required=False,
        default=30,
        min_value=1,
        max_value=1_000_000,
        help_text="At most 100; more counts as 100.",
    )

    def validate_pageSize(self, size: int) -> int:
        return min(size, 100)

    def validate(self, attributes: dict[str, Any]) -> dict[str, Any]:
        start, end = attributes.get("startDate"), attributes.get("endDate")
        if start and end and start > end:
            raise ApiError(400, "INVALID_DATE_RANGE", "startDate is later than endDate.")
        return attributes

    def to_lookups(self) -> dict[str, datetime]:
        given = self.validated_data
        bounds = {"created_at__gte": given.get("startDate"), "created_at__lte": given.get("endDate")}
        return {lookup: moment for lookup, moment in bounds.items() if moment}


class HistoryMediaSerializer(serializers.Serializer[Any]):
    provider = serializers.CharField()
    id = serializers.CharField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    mimeType = serializers.CharField(allow_null=True)
    fileName = serializers.CharField(allow_null=True)


class HistoryMessageSerializer(serializers.Serializer[Message]):
    """One message of a conversation. `redacted` is there, and true, where retention hides what is personal."""

    id = serializers.CharField()
    conversationId = serializers.CharField(source="conversation")
    direction = serializers.ChoiceField(choices=["INBOUND", "OUTBOUND"])
    providerKind = serializers.CharField(source="number.provider")
    externalMessageId = serializers.CharField(source="external_id", allow_null=True)
    status = serializers.ChoiceField(choices=Message.Status.choices)
    messageType = serializers.CharField(
        source="type", help_text="text, image, …; unknown for any other kind."
    )
    origin = serializers.CharField(allow_null=True)
    text = serializers.CharField(allow_null=True)
    participantName = serializers.CharField(source="contact_name", allow_null=True)
    participantPhone = serializers.CharField(source="contact_phone", allow_null=True)
    participantUserId = serializers.CharField(source="contact_opaque_id", allow_null=True)
    repliedToExternalId = serializers.CharField(source="quoted_external_id", allow_null=True)
    media = HistoryMediaSerializer(allow_null=True)
    sentAt = MomentField(source="sent_at", allow_null=True)
    deliveredAt = MomentField(source="delivered_at", allow_null=True)
    readAt = MomentField(source="read_at", allow_null=True)
    providerTimestamp = MomentField(source="created_at")
    createdAt = MomentField(source="created_at")
    referral = NullField()
    redacted = serializers.BooleanField(required=False)

    def to_representation(self, message: Message) -> dict[str, Any]:
        hidden = _is_redacted(message)
        answer = {
            "id": message.pk,
            "conversationId": message.conversation,
            "direction": message.direction.upper(),
            "providerKind": message.number.provider,
            "externalMessageId": message.external_id,
            "status": message.status,
            "messageType": message.type or "unknown",
            "origin": message.origin if message.is_outbound else None,
            "text": None if hidden else message.content,
            "participantName": None if hidden else message.contact_name,
            "participantPhone": None if hidden else message.contact_phone or None,
            "participantUserId": None if hidden else message.contact_opaque_id or None,
            "repliedToExternalId": message.quoted_external_id,
            "media": None if hidden or not message.media_link else self._media(message),
        }
        for name, moment in (
            ("sentAt", message.sent_at),
            ("deliveredAt", message.delivered_at),
            ("readAt", message.read_at),
            ("providerTimestamp", message.created_at),
            ("createdAt", message.created_at),
        ):
            answer[name] = iso(moment) if moment else None
        answer["referral"] = None
        return answer | ({"redacted": True} if hidden else {})

    def _media(self, message: Message) -> dict[str, Any]:
        return {
            "provider": message.number.provider,
            "id": None,
            "url": message.media_link,
            "mimeType": message.media_type,
            "fileName": message.media_filename,
        }


class HistorySerializer(serializers.Serializer[Any]):
    messages = HistoryMessageSerializer(many=True)
    total = serializers.IntegerField()
    page = serializers.IntegerField()
    pageSize = serializers.IntegerField()
    totalPages = serializers.IntegerField()
