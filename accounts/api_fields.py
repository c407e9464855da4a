"""Fields of the API's serializers: strict where DRF guesses (it takes 1 for true and 5 for "5")."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

Row = TypeVar("Row")


def iso(moment: datetime) -> str:
    """Returns a moment as `2026-02-24T10:30:00.000Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class MomentField(serializers.DateTimeField):
    """ISO 8601 with a zone in, `2026-02-24T10:30:00.000Z` out."""

    default_error_messages = {
        "invalid": "Send a moment as 2026-02-24T10:30:00Z or …+01:00.",
        "naive": "Name the zone of the moment: 2026-02-24T10:30:00Z or …+01:00.",
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow", timezone="UTC")

    def to_representation(self, value: datetime) -> str:
        return iso(value)


class InputSerializer(serializers.Serializer[Row]):
    """The body of a call. A key that it does not know is refused: a misspelt one is not a wish without effect."""

    default_error_messages = {"invalid": "Send a JSON object."}
    # Known too, though without a field: what a subclass looks at by itself.
    further_keys: Collection[str] = ()

    def run_validation(self, data: Any = serializers.empty) -> Any:
        # DRF says "No data provided" of a null that was provided.
        return super().run_validation([] if data is None and not self.allow_null else data)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = sorted(data.keys() - self.fields.keys() - set(self.further_keys))
            if unknown:
                known = ", ".join(self.fields)
                raise serializers.ValidationError(
                    {key: [f"There is no such field. There are: {known}."] for key in unknown}
                )
        return super().to_internal_value(data)


@extend_schema_field({"type": "null"})
class NullField(serializers.Field[None, None, None, Any]):
    """Always null: what clients of this API expect to find and this server has nothing to say about."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(source="*", read_only=True, **kwargs)

    def to_representation(self, value: Any) -> None:
        return None


class TextField(serializers.CharField):
    """A JSON string and nothing else, as it was sent."""

    default_error_messages = {"invalid": "Send a string."}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class ChoiceField(serializers.ChoiceField):
    """One word of a few, all of which a refusal names."""

    def __init__(self, choices: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(choices, **kwargs)
        self.error_messages["invalid_choice"] = f'"{{input}}" is not one of {", ".join(self.choices)}.'


class FlagField(serializers.BooleanField):
    """JSON's true or false and nothing else."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class WholeNumberField(serializers.IntegerField):
    """A JSON whole number: neither "5" nor true."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return int(super().to_internal_value(data))
