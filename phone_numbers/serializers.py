"""How numbers and their API keys are read from requests and written into answers."""

from typing import Any

from cryptography.fernet import InvalidToken
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.api_fields import (
    ChoiceField,
    FlagField,
    InputSerializer,
    MomentField,
    NullField,
    TextField,
    WholeNumberField,
    iso,
)
from accounts.models import ApiKey
from phone_numbers.ingest_urls import ingest_url
from phone_numbers.models import Number
from phone_numbers.number_settings import MAX_RETENTION_DAYS, in_force
from phone_numbers.phones import WRITTEN


@extend_schema_field({"type": "string", "pattern": WRITTEN, "maxLength": 40})
class PhoneField(TextField):
    """A phone number as people write it; whoever reads it looks at it."""


class SettingsPatchSerializer(InputSerializer[Any]):
    """Settings to change. null takes the last six back to what the provider does by itself."""

    historyImportEnabled = FlagField(required=False)
    webhookHistoricalMessages = FlagField(required=False)
    ignoreNewsletters = FlagField(required=False)
    markReadOnSend = FlagField(required=False)
    alwaysOnline = FlagField(required=False, allow_null=True)
    rejectCall = FlagField(required=False, allow_null=True)
    msgRejectCall = TextField(required=False, allow_null=True, allow_blank=True, max_length=1000)
    readMessages = FlagField(required=False, allow_null=True)
    ignoreGroups = FlagField(required=False, allow_null=True)
    ignoreStatus = FlagField(required=False, allow_null=True)


class CreateNumberSerializer(InputSerializer[Any]):
    name = TextField(max_length=200)
    number = PhoneField(max_length=40, help_text="The phone, with its country code.")
    provider = TextField(
        required=False,
        allow_null=True,
        allow_blank=True,
        max_length=20,
        help_text="meta, evolution, waha, simulator.",
    )
    providerConfig = serializers.DictField(
        required=False,
        allow_null=True,
        help_text=(
            "meta: phoneNumberId, accessToken?, wabaId?; evolution: baseUrl, instance, apiKey; "
            "waha: baseUrl, session, apiKey, hmacKey?; simulator: nothing."
        ),
    )
    settings = SettingsPatchSerializer(required=False)
    linkToApiKey = FlagField(
        required=False, help_text="Accepted, without effect: POST /v1/api-keys makes a key."
    )

    def validate_name(self, name: str) -> str:
        if not name.strip():
            raise serializers.ValidationError("Give the number a name.")
        return name


class UpdateNumberSerializer(InputSerializer[Any]):
    name = TextField(required=False, max_length=200)
    piiMode = ChoiceField(choices=Number.PiiMode.values, required=False)
    piiRetentionDays = WholeNumberField(
        required=False,
        allow_null=True,
        min_value=1,
        max_value=MAX_RETENTION_DAYS,
        help_text="With STORE_X_DAYS, and only there: after how many days personal fields are blanked.",
    )
    settings = SettingsPatchSerializer(required=False)

    def validate_name(self, name: str) -> str:
        if not name.strip():
            raise serializers.ValidationError("Give the number a name.")
        return name


class AppliesToSerializer(serializers.Serializer[Any]):
    history = serializers.CharField()
    advanced = serializers.CharField()
    sending = serializers.CharField()


class SettingsSerializer(serializers.Serializer[Number]):
    """Every setting with its value in force; `appliesTo` says which providers heed which group."""

    historyImportEnabled = serializers.BooleanField()
    webhookHistoricalMessages = serializers.BooleanField()
    ignoreNewsletters = serializers.BooleanField()
    markReadOnSend = serializers.BooleanField()
    alwaysOnline = serializers.BooleanField(allow_null=True)
    rejectCall = serializers.BooleanField(allow_null=True)
    msgRejectCall = serializers.CharField(allow_null=True)
    readMessages = serializers.BooleanField(allow_null=True)
    ignoreGroups = serializers.BooleanField(allow_null=True)
    ignoreStatus = serializers.BooleanField(allow_null=True)
    appliesTo = AppliesToSerializer()

    def to_representation(self, number: Number) -> dict[str, Any]:
        return in_force(number) | {"appliesTo": {"history": "all", "advanced": "none", "sending": "none"}}


class LinkSerializer(serializers.Serializer[Number]):
    state = serializers.ChoiceField(choices=Number.State.values)
    connectedAt = serializers.SerializerMethodField()

    def get_connectedAt(self, number: Number) -> str | None:
        return iso(number.state_changed_at) if number.is_connected else None


class HealthSerializer(serializers.Serializer[Number]):
    sendable = serializers.BooleanField(source="is_connected")
    reason = serializers.SerializerMethodField(help_text="Why a disconnect is suspected; null where none is.")

    def get_reason(self, number: Number) -> str | None:
        return number.suspect_reason or None


class MetaSerializer(serializers.Serializer[Number]):
    phoneNumberId = serializers.CharField(source="provider_ref")
    wabaId = serializers.SerializerMethodField()

    def get_wabaId(self, number: Number) -> str | None:
        return number.account_ref or None


class CoexistenceSerializer(serializers.Serializer[Any]):
    status = serializers.CharField()
    evidence = serializers.CharField(allow_null=True)


def instance_name(number: Number) -> str:
    """Returns what the number is called at its provider: Meta's phoneNumberId, the gateway's instance or session."""
    try:
        known = number.credentials
    except InvalidToken:
        return number.provider_ref
    return str(known.get("instance") or known.get("session") or number.provider_ref)


class NumberSerializer(serializers.Serializer[Number]):
    """A number in full. `deletedAt` and `restorableUntil` are null while it is in service."""

    id = serializers.CharField()
    name = serializers.CharField()
    number = serializers.CharField(source="phone", help_text="E.164 with +.")
    displayName = serializers.CharField(source="name")
    profileName = serializers.SerializerMethodField()
    provider = serializers.CharField()
    instanceName = serializers.SerializerMethodField(
        help_text="The phoneNumberId, instance or session at the provider."
    )
    state = serializers.ChoiceField(choices=Number.State.values)
    isFullyConnected = serializers.BooleanField(source="is_connected")
    primaryLink = LinkSerializer(source="*")
    secondaryLink = NullField(help_text="Always null: a number has one connection.")
    ingestUrl = serializers.SerializerMethodField(help_text="Where the provider is to post its webhooks.")
    piiMode = serializers.ChoiceField(source="pii_mode", choices=Number.PiiMode.values)
    piiRetentionDays = serializers.IntegerField(source="pii_retention_days", allow_null=True)
    settings = SettingsSerializer(source="*")
    health = HealthSerializer(source="*")
    meta = serializers.SerializerMethodField(help_text="Null at other providers.")
    coexistence = serializers.SerializerMethodField(help_text="Null at other providers than Meta.")
    lastSeenAt = MomentField(source="last_seen_at", allow_null=True)
    createdAt = MomentField(source="created_at")
    updatedAt = serializers.SerializerMethodField(
        help_text="When its state last changed, or it was removed; a PATCH does not count."
    )
    deletedAt = MomentField(source="deleted_at", allow_null=True)
    restorableUntil = MomentField(source="restorable_until", allow_null=True)
    extraChargeUnpaidSince = NullField(help_text="Always null: nothing is charged.")
    extraChargeDisconnectAt = NullField(help_text="Always null: nothing is charged.")

    def get_instanceName(self, number: Number) -> str:
        return instance_name(number)

    def get_profileName(self, number: Number) -> str | None:
        return number.profile_name or None

    def get_ingestUrl(self, number: Number) -> str | None:
        return ingest_url(number)

    @extend_schema_field(MetaSerializer(allow_null=True))
    def get_meta(self, number: Number) -> dict[str, Any] | None:
        return MetaSerializer(number).data if number.provider == "meta" else None

    @extend_schema_field(CoexistenceSerializer(allow_null=True))
    def get_coexistence(self, number: Number) -> dict[str, Any] | None:
        # Whether the phone's own app is in use too is not asked of Meta.
        return {"status": "UNKNOWN", "evidence": None} if number.provider == "meta" else None

    def get_updatedAt(self, number: Number) -> str:
        return iso(max(number.created_at, number.state_changed_at, number.deleted_at or number.created_at))


class KeyReferenceSerializer(serializers.Serializer[ApiKey]):
    """A key by what it can be recognized by."""

    name = serializers.CharField()
    keyPrefix = serializers.SerializerMethodField()
    keyLast4 = serializers.CharField(source="last_four")

    def get_keyPrefix(self, key: ApiKey) -> str:
        return f"wak_{key.prefix}"


class ListedNumberSerializer(NumberSerializer):
    """A number as lists show it, with the keys that are limited to it, given as `keys` by number in the context."""

    apiKeys = serializers.SerializerMethodField()
    # In lists the key is there at Meta's numbers alone: so the public client has it.
    coexistence = CoexistenceSerializer(required=False)  # type: ignore[assignment]

    def to_representation(self, number: Number) -> dict[str, Any]:
        answer: dict[str, Any] = super().to_representation(number)
        coexistence = self.get_coexistence(number)
        return answer | ({"coexistence": coexistence} if coexistence else {})

    @extend_schema_field(KeyReferenceSerializer(many=True))
    def get_apiKeys(self, number: Number) -> Any:
        return KeyReferenceSerializer(self.context["keys"].get(number.pk, []), many=True).data


class PairingSerializer(serializers.Serializer[Any]):
    qrcodeBase64 = serializers.CharField(allow_null=True)
    pairingCode = serializers.CharField(allow_null=True)


class CreatedNumberSerializer(PairingSerializer):
    """The 201 of a new number. There is nothing to pair here: gateways show their code themselves."""

    instance = NumberSerializer()
    linkedApiKeyId = serializers.CharField(allow_null=True)
    primaryLink = PairingSerializer()
    secondaryLink = PairingSerializer(allow_null=True)


class StatusSerializer(serializers.Serializer[Any]):
    """`stale` false: read at the provider at `checkedAt`. True: it did not answer; last known at `lastKnownAt`."""

    id = serializers.CharField()
    state = serializers.ChoiceField(choices=Number.State.values)
    stale = serializers.BooleanField()
    checkedAt = MomentField(required=False)
    lastKnownAt = MomentField(required=False)


class DeletedNumberSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    restorableUntil = MomentField()


class RestoredNumberSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
    requiresReconnect = serializers.BooleanField()


class PurgedNumberSerializer(serializers.Serializer[Any]):
    ok = serializers.BooleanField()
