"""/v1/numbers: the numbers of a workspace."""

from collections import defaultdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ListSerializer
from rest_framework.views import APIView

from accounts.authentication import api_key
from accounts.models import ApiKey
from accounts.openapi import answer, id_parameter, refusals, sent
from phone_numbers import api_examples
from phone_numbers.api_scope import number_or_404, require_workspace_key, visible_numbers
from phone_numbers.number_settings import update
from phone_numbers.registering import purge, register, remove, restore
from phone_numbers.serializers import (
    CreatedNumberSerializer,
    CreateNumberSerializer,
    DeletedNumberSerializer,
    ListedNumberSerializer,
    NumberSerializer,
    PurgedNumberSerializer,
    RestoredNumberSerializer,
    StatusSerializer,
    UpdateNumberSerializer,
)
from phone_numbers.status import read_status

NUMBER_ID = id_parameter(api_examples.ID, "The number's id.")


class NumbersView(APIView):
    @extend_schema(
        operation_id="list_numbers",
        summary="List numbers",
        description="Every number in service, as one array, the newest first.",
        tags=["Numbers"],
        responses={
            200: answer(ListedNumberSerializer(many=True), "The numbers in service.", api_examples.LISTED)
        },
    )
    def get(self, request: Request) -> Response:
        numbers = list(visible_numbers(request).active().order_by("-pk"))
        keys = defaultdict(list)
        for key in (
            ApiKey.objects.active()
            .filter(workspace=api_key(request).workspace_id, number_id__in=[number.pk for number in numbers])
            .order_by("pk")
        ):
            keys[key.number_id].append(key)
        answer = ListSerializer(numbers, child=ListedNumberSerializer(), context={"keys": keys})
        return Response(answer.data)

    @extend_schema(
        operation_id="create_number",
        summary="Register a number",
        description="Emits `number.created`, and `number.connected` as soon as the number is connected.",
        tags=["Numbers"],
        request=CreateNumberSerializer,
        responses={201: answer(CreatedNumberSerializer, "Registered.", api_examples.CREATED)},
        examples=[
            sent("A simulated number", api_examples.SIMULATED),
            sent("A number at Meta", api_examples.AT_META),
            sent("A number at Evolution", api_examples.AT_EVOLUTION),
        ],
        extensions=refusals(
            "NUMBER_SCOPE_NOT_ALLOWED",
            "INVALID_NUMBER",
            "PROVIDER_REQUIRED",
            "UNKNOWN_PROVIDER",
            "INVALID_PROVIDER_CONFIG",
            "NUMBER_ALREADY_ACTIVE",
            "NUMBER_SOFT_DELETED",
            "PROVIDER_CONFIG_IN_USE",
        ),
    )
    def post(self, request: Request) -> Response:
        require_workspace_key(request)
        serializer = CreateNumberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        number = register(
            api_key(request).workspace,
            wanted["name"],
            wanted["number"],
            wanted.get("provider") or "",
            wanted.get("providerConfig"),
            wanted.get("settings"),
        )
        pairing: dict[str, Any] = {"qrcodeBase64": None, "pairingCode": None}
        answer = {"instance": NumberSerializer(number).data, **pairing, "linkedApiKeyId": None}
        return Response(answer | {"primaryLink": pairing, "secondaryLink": None}, status=201)


class NumberView(APIView):
    @extend_schema(
        operation_id="get_number",
        summary="Get a number",
        description="Also one that was deleted, while it can be restored.",
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        responses={200: answer(NumberSerializer, "The number.", api_examples.NUMBER)},
        extensions=refusals("NUMBER_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        return Response(NumberSerializer(number_or_404(visible_numbers(request), id)).data)

    @extend_schema(
        operation_id="update_number",
        summary="Change a number",
        description="Its name, its retention (piiMode) or its settings; what is left out stays as it is.",
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        request=UpdateNumberSerializer,
        responses={
            200: answer(
                NumberSerializer, "The number as it is now.", api_examples.NUMBER | api_examples.KEEP_30_DAYS
            )
        },
        examples=[
            sent("Keep personal data for 30 days", api_examples.KEEP_30_DAYS),
            sent("Leave out groups", api_examples.NO_GROUPS),
        ],
        extensions=refusals("NUMBER_NOT_FOUND", "EMPTY_PATCH", "RETENTION_DAYS_REQUIRED"),
    )
    def patch(self, request: Request, id: str) -> Response:
        number = number_or_404(visible_numbers(request).active(), id)
        serializer = UpdateNumberSerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        wanted = serializer.validated_data
        update(
            number,
            name=wanted.get("name"),
            pii_mode=wanted.get("piiMode"),
            pii_retention_days=wanted.get("piiRetentionDays"),
            settings=wanted.get("settings"),
        )
        return Response(NumberSerializer(number).data)

    @extend_schema(
        operation_id="delete_number",
        summary="Delete a number",
        description=(
            "Takes it out of service and emits `number.removed`. For 30 days it can be restored; then it is purged. "
            "Keys that are limited to it stop working."
        ),
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        responses={200: answer(DeletedNumberSerializer, "Out of service.", api_examples.DELETED)},
        extensions=refusals("NUMBER_NOT_FOUND"),
    )
    def delete(self, request: Request, id: str) -> Response:
        number = number_or_404(visible_numbers(request).active(), id)
        remove([number])
        return Response(
            DeletedNumberSerializer({"ok": True, "restorableUntil": number.restorable_until}).data
        )


class RestoreView(APIView):
    @extend_schema(
        operation_id="restore_number",
        summary="Restore a deleted number",
        description="Within 30 days. It gives back the number, not the connection: connect it again at its provider.",
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        request=None,
        responses={200: answer(RestoredNumberSerializer, "In service again.", api_examples.RESTORED)},
        extensions=refusals("NUMBER_NOT_FOUND", "NUMBER_ALREADY_ACTIVE", "PROVIDER_CONFIG_IN_USE"),
    )
    def post(self, request: Request, id: str) -> Response:
        restore(number_or_404(visible_numbers(request), id))
        return Response({"ok": True, "requiresReconnect": True})


class PurgeView(APIView):
    @extend_schema(
        operation_id="purge_number",
        summary="Erase a number for good",
        description=(
            "At once and irrevocably, with its messages, events, webhooks, logs and keys. Nothing is left to tell "
            "of it: delete it first where `number.removed` matters."
        ),
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        responses={200: answer(PurgedNumberSerializer, "Erased.", api_examples.PURGED)},
        extensions=refusals("NUMBER_SCOPE_NOT_ALLOWED", "NUMBER_NOT_FOUND"),
    )
    def delete(self, request: Request, id: str) -> Response:
        require_workspace_key(request)
        purge([number_or_404(visible_numbers(request), id)])
        return Response({"ok": True})


class StatusView(APIView):
    @extend_schema(
        operation_id="number_status",
        summary="Read the connection of a number",
        description="Asks the provider now. If it does not answer, `stale` is true and the state the last known one.",
        tags=["Numbers"],
        parameters=[NUMBER_ID],
        responses={200: answer(StatusSerializer, "Its connection.", api_examples.STATUS)},
        extensions=refusals("NUMBER_NOT_FOUND"),
    )
    def get(self, request: Request, id: str) -> Response:
        number = number_or_404(visible_numbers(request).active(), id)
        reading = read_status(number)
        moment = "lastKnownAt" if reading.is_stale else "checkedAt"
        answer = {"id": number.pk, "state": reading.state, "stale": reading.is_stale, moment: reading.at}
        return Response(StatusSerializer(answer).data)
