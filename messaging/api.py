"""/v1/messages: send, the log, cancel, history."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer
from rest_framework.views import APIView

from accounts.api import ApiError, page
from accounts.authentication import api_key
from accounts.openapi import PAGE, answer, id_parameter, refusals, sent
from messaging import api_examples, idempotency
from messaging.accepting import accept
from messaging.canceling import cancel
from messaging.lookup import find
from messaging.models import Message, MessageQuerySet
from messaging.serializers import (
    AcceptedSerializer,
    CanceledSerializer,
    CancelSerializer,
    HistoryFilters,
    HistoryMessageSerializer,
    HistorySerializer,
    MessageFilters,
    MessagePageSerializer,
    MessageSerializer,
    SendSerializer,
)
from phone_numbers.api_scope import NUMBER_HEADER, acting_number, named_number, visible_numbers


def visible_messages(request: Request) -> MessageQuerySet:
    """The messages that the key of this call may see, with their numbers."""
    key = api_key(request)
    messages = Message.objects.filter(workspace=key.workspace_id)
    return (messages.filter(number=key.number_id) if key.number_id else messages).select_related("number")


class SendView(APIView):
    @extend_schema(
        operation_id="send_message",
        summary="Send a message",
        description=(
            "Accepts one message and answers before it is sent; what becomes of it arrives by webhook, with the same "
            "`id` and `correlationId`. With an `Idempotency-Key` a repeated call within 24 hours gets the first answer "
            "again (`Idempotent-Replayed: true`), and nothing is sent twice."
        ),
        tags=["Messages"],
        parameters=[
            NUMBER_HEADER,
            OpenApiParameter(
                "Idempotency-Key",
                {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[ -~]+$"},
                location=OpenApiParameter.HEADER,
                description="Up to 255 characters of ASCII, of your choice, the same when you repeat the same message.",
            ),
            OpenApiParameter(
                "Idempotent-Replayed",
                {"const": "true"},
                location=OpenApiParameter.HEADER,
                response=[202],
                description="There, and true, where this answers a repeated call: nothing was sent again.",
            ),
        ],
        request=SendSerializer,
        responses={202: answer(AcceptedSerializer, "Accepted.", api_examples.ACCEPTED)},
        examples=[
            sent("A text", api_examples.TEXT),
            sent("A picture", api_examples.PICTURE),
            sent("A text at a time", api_examples.SCHEDULED),
            sent("A text to a group", api_examples.GROUP),
        ],
        extensions=refusals(
            "NUMBER_REQUIRED",
            "INVALID_DESTINATION",
            "INVALID_CONTENT",
            "INVALID_SCHEDULE",
            "NOT_SUPPORTED",
            "NOT_SUPPORTED_FOR_META",
            "IDEMPOTENCY_KEY_INVALID",
            "NUMBER_MISMATCH",
            "NUMBER_NOT_FOUND",
            "WHATSAPP_INSTANCE_NOT_CONNECTED",
            "IDEMPOTENCY_KEY_REUSED",
            "IDEMPOTENCY_KEY_IN_USE",
        ),
    )
    def post(self, request: Request) -> Response:
        key = idempotency.checked_key(request.headers.get("Idempotency-Key"))
        serializer = SendSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        number, wanted = acting_number(request), serializer.to_request()

        def act() -> dict[str, Any]:
            return AcceptedSerializer(accept(number, wanted)).data

        if key is None:
            return Response(act(), status=status.HTTP_202_ACCEPTED)
        answer, replayed = idempotency.once(number, key, request.data, act)
        headers = {"Idempotent-Replayed": "true"} if replayed else None
        return Response(answer, status=status.HTTP_202_ACCEPTED, headers=headers)


class MessagesView(APIView):
    @extend_schema(
        operation_id="list_messages",
        summary="List messages",
        description="The message log, newest first: what was sent, or with `direction=INBOUND` what was received.",
        tags=["Messages"],
        parameters=[MessageFilters, *PAGE, NUMBER_HEADER],
        responses={
            200: answer(
                MessagePageSerializer, "A page.", {"data": [api_examples.MESSAGE], "nextCursor": None}
            )
        },
        extensions=refusals("INVALID_REQUEST", "NUMBER_MISMATCH", "NUMBER_NOT_FOUND"),
    )
    def get(self, request: Request) -> Response:
        filters = MessageFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        messages = visible_messages(request).filter(**filters.to_lookups())
        if number := named_number(request):
            messages = messages.filter(number=number)
        return page(request, messages, MessageSerializer().to_representation)


class MessageView(APIView):
    @extend_schema(
        operation_id="get_message",
        summary="Get a message",
        description="By the `id` or the `correlationId` of the 202, or by WhatsApp's `messageId` of the webhooks.",
        tags=["Messages"],
        parameters=[id_parameter(api_examples.ID, "The id, correlationId or messageId.", "name")],
        responses={200: answer(MessageSerializer, "The message.", api_examples.MESSAGE)},
        extensions=refusals("MESSAGE_NOT_FOUND"),
    )
    def get(self, request: Request, name: str) -> Response:
        message = None if "\0" in name else find(visible_messages(request), visible_numbers(request), name)
        if message is None:
            raise ApiError(
                404, "MESSAGE_NOT_FOUND", "There is no message with this id, correlationId or messageId."
            )
        return Response(MessageSerializer(message).data)


class CancelView(APIView):
    @extend_schema(
        operation_id="cancel_messages",
        summary="Cancel messages",
        description="Cancels messages that still wait to be sent. Those that do not are listed under `failed`.",
        tags=["Messages"],
        request=CancelSerializer,
        responses={
            200: answer(
                CanceledSerializer,
                "What became of each.",
                {"cancelled": [api_examples.ID], "failed": [{"id": "msg_1", "reason": "NOT_FOUND"}]},
            )
        },
        examples=[sent("Two messages", {"messageIds": [api_examples.ID, "msg_1"]})],
    )
    def delete(self, request: Request) -> Response:
        serializer = CancelSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        results = cancel(
            visible_messages(request), list(dict.fromkeys(serializer.validated_data["messageIds"]))
        )
        return Response(
            {
                "cancelled": [id for id, obstacle in results.items() if obstacle is None],
                "failed": [{"id": id, "reason": obstacle} for id, obstacle in results.items() if obstacle],
            }
        )


class HistoryView(APIView):
    @extend_schema(
        operation_id="message_history",
        summary="Read the conversation history of a number",
        description=(
            "Both directions, what was recorded last first; `startDate` and `endDate` are of the provider's time. "
            "Where the number's retention hides what is personal, it is null and `redacted` is true."
        ),
        tags=["Messages"],
        parameters=[HistoryFilters, NUMBER_HEADER],
        responses={200: answer(HistorySerializer, "A page.", api_examples.HISTORY)},
        extensions=refusals(
            "INVALID_REQUEST", "INVALID_DATE_RANGE", "NUMBER_REQUIRED", "NUMBER_MISMATCH", "NUMBER_NOT_FOUND"
        ),
    )
    def get(self, request: Request) -> Response:
        filters = HistoryFilters(data=request.query_params.dict())
        filters.is_valid(raise_exception=True)
        number = acting_number(request)
        messages = visible_messages(request).filter(number=number, **filters.to_lookups()).order_by("-pk")
        page_number, size = filters.validated_data["page"], filters.validated_data["pageSize"]
        total = messages.count()
        rows = messages[(page_number - 1) * size : page_number * size]
        return Response(
            {
                "messages": ListSerializer(rows, child=HistoryMessageSerializer()).data,
                "total": total,
                "page": page_number,
                "pageSize": size,
                "totalPages": -(-total // size),
            }
        )
