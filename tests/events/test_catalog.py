"""The one table of events."""

import pytest
from jsonschema import Draft202012Validator, ValidationError
from pilot_status.webhooks import parse_customer_webhook

from events.catalog import BY_NAME, EVENT_TYPES, GROUPS, EventType, not_emitted_by, unknown_names
from phone_numbers.providers import all_providers, get_provider

NAMES = {
    "message.sent", "message.delivered", "message.read", "message.failed",
    "message.received", "message.reply", "message.group", "message.newsletter",
    "number.created", "number.connected", "number.disconnected", "number.removed",
    "call.ringing", "call.connected", "call.ended", "call.missed", "call.permission_updated", "calls",
}  # fmt: skip

every_event = pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)


def test_the_catalog_holds_the_events_of_the_contract_and_no_other() -> None:
    assert {event_type.name for event_type in EVENT_TYPES} == NAMES
    assert len(EVENT_TYPES) == len(BY_NAME)


@every_event
def test_every_event_is_described_and_its_example_is_what_its_schema_says(event_type: EventType) -> None:
    assert event_type.description.endswith(".")
    assert event_type.group in GROUPS
    Draft202012Validator.check_schema(event_type.schema)
    Draft202012Validator(event_type.schema).validate(event_type.example)


@every_event
def test_every_example_is_one_that_the_public_client_reads(event_type: EventType) -> None:
    example = event_type.example
    parsed = parse_customer_webhook(
        example, unknown_events="return" if event_type.name == "calls" else "raise"
    )
    assert parsed is example or parsed["raw"] is example  # type: ignore[typeddict-item]


@pytest.mark.parametrize(
    "phone", ["447700900123", "447700900123@c.us", "5@lid", "+0123456789", "+44 7700 900123"]
)
def test_a_schema_takes_only_phones_for_phones(phone: str) -> None:
    event_type = BY_NAME["message.received"]
    data = event_type.example["data"] | {"from": phone}
    with pytest.raises(ValidationError):
        Draft202012Validator(event_type.schema).validate(event_type.example | {"data": data})


def test_calls_are_metas_and_channels_are_not() -> None:
    calls = {event_type.name for event_type in EVENT_TYPES if event_type.group == "call"}
    assert set(not_emitted_by(get_provider("meta"), NAMES)) == {"message.newsletter"}
    for name in ("evolution", "waha", "simulator"):
        assert set(not_emitted_by(get_provider(name), NAMES)) == calls


def test_what_every_provider_emits_is_dropped_nowhere() -> None:
    always = [name for name in NAMES if BY_NAME[name].needs is None]
    assert all(not_emitted_by(provider, always) == [] for provider in all_providers())


def test_unknown_names_are_told_in_their_order_and_the_star_is_none() -> None:
    assert unknown_names(["message.sent", "x", "*", "message.", "X"]) == ["x", "message.", "X"]
