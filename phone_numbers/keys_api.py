"""/v1/api-keys: the keys of a workspace, and a new secret for a number's key.

Up here and not with the keys, because a list of keys names their numbers.
"""

from typing import Any

from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.api_fields import InputSerializer, MomentField, TextField, iso
from accounts.authentication import api_key
from accounts.models import ApiKey
from accounts.openapi import answer, refusals, sent
from phone_numbers import api_examples
from phone_numbers.api_scope import number_or_404, require_workspace_key, visible_numbers
from phone_numbers.keys import regenerate
from phone_numbers.models import Number
from phone_numbers.serializers import instance_name


class RegenerateKeySerializer(InputSerializer[Any]):
    whatsappNumberId = TextField(max_length=40)


class ListedKeySerializer(serializers.Serializer[Any]):
    """One key, for a key of the whole workspace. The key itself is never kept, so it cannot be shown again."""

    numberId = serializers.CharField(allow_null=True, help_text="Null: the key is for the whole workspace.")
    number = serializers.CharField(allow_null=True)
    displayName = serializers.CharField(allow_null=True)
    keyId = serializers.CharField()
    keyLast4 = serializers.CharField()
    key = serializers.CharField(allow_null=True)
    revealable = serializers.BooleanField()


class LinkedNumberSerializer(serializers.Serializer[Any]):
    id = serializers.CharField()
    instanceName = serializers.CharField()
    displayName = serializers.CharField()
    number = serializers.CharField()
    state = serializers.CharField()


class NumberKeySerializer(serializers.Serializer[Any]):
    """One key of the number, for a key that is limited to it."""

    id = serializers.CharField()
    name = serializers.CharField()
    keyPrefix = serializers.CharField()
    lastUsedAt = MomentField(allow_null=True)
    createdAt = MomentField()
    webhookId = serializers.CharField(allow_null=True)
    projectId = serializers.CharField(allow_null=True)
    webhook = serializers.CharField(allow_null=True)
    whatsappInstanceId = serializers.CharField()
    whatsappInstance = LinkedNumberSerializer()
    retentionDays = serializers.IntegerField(
        help_text="For how long personal data are kept; 0 without a limit."
    )


class RegeneratedKeySerializer(serializers.Serializer[Any]):
    numberId = serializers.CharField()
    keyId = serializers.CharField()
    keyPrefix = serializers.CharField()
    keyLast4 = serializers.CharField()
    key = serializers.CharField(help_text="The key itself: shown here and never again.")
    createdAt = MomentField()


class ApiKeysView(APIView):
    @extend_schema(
        operation_id="list_api_keys",
        summary="List API keys",
        description="As one array: a key of the whole workspace sees every key, one of a number those of its number.",
        tags=["API keys"],
        responses={
            200: answer(
                PolymorphicProxySerializer(
                    component_name="ApiKeyListItem",
                    serializers=[ListedKeySerializer, NumberKeySerializer],
                    resource_type_field_name=None,
                    many=True,
                ),
                "The keys in force.",
                api_examples.KEY,
            )
        },
    )
    def get(self, request: Request) -> Response:
        own = api_key(request)
        keys = ApiKey.objects.active().filter(workspace=own.workspace_id).order_by("pk")
        numbers = {number.pk: number for number in visible_numbers(request).active()}
        if own.number_id:
            limited = keys.filter(number_id__in=numbers)
            return Response([_of_number(key, numbers[key.number_id]) for key in limited])
        return Response([_of_workspace(key, numbers.get(key.number_id)) for key in keys])

    @extend_schema(
        operation_id="regenerate_api_key",
        summary="Give a number a new key",
        description="The number's key before, if it had one, is void at once. The new key is shown once.",
        tags=["API keys"],
        request=RegenerateKeySerializer,
        responses={201: answer(RegeneratedKeySerializer, "The new key.", api_examples.REGENERATED)},
        examples=[sent("Of one number", {"whatsappNumberId": api_examples.ID})],
        extensions=refusals("NUMBER_SCOPE_NOT_ALLOWED", "NUMBER_NOT_FOUND"),
    )
    def post(self, request: Request) -> Response:
        require_workspace_key(request)
        serializer = RegenerateKeySerializer(data=request.data)
        serializer.is_valid(raise_exception=True)
        number = number_or_404(
            visible_numbers(request).active(), serializer.validated_data["whatsappNumberId"]
        )
        key, text = regenerate(number)
        answer = {
            "numberId": number.pk,
            "keyId": key.pk,
            "keyPrefix": _prefix(key),
            "keyLast4": key.last_four,
            "key": text,
            "createdAt": iso(key.created_at),
        }
        return Response(answer, status=201)


def _prefix(key: ApiKey) -> str:
    return f"wak_{key.prefix}"


def _of_workspace(key: ApiKey, number: Number | None) -> dict[str, Any]:
    return {
        "numberId": key.number_id or None,
        "number": number.phone if number else None,
        "displayName": number.name if number else None,
        "keyId": key.pk,
        "keyLast4": key.last_four,
        "key": None,
        "revealable": False,
    }


def _of_number(key: ApiKey, number: Number) -> dict[str, Any]:
    return {
        "id": key.pk,
        "name": key.name,
        "keyPrefix": _prefix(key),
        "lastUsedAt": iso(key.last_used_at) if key.last_used_at else None,
        "createdAt": iso(key.created_at),
        "webhookId": None,
        "projectId": None,
        "webhook": None,
        "whatsappInstanceId": number.pk,
        "whatsappInstance": {
            "id": number.pk,
            "instanceName": instance_name(number),
            "displayName": number.name,
            "number": number.phone,
            "state": number.state,
        },
        "retentionDays": number.pii_retention_days or 0,
    }
