import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from events.bodies import to_text
from events.catalog import EVENT_TYPES, EventType
from events.models import Event, RawPayload
from events.retention import blank_events, blank_payloads, blanked, payloads_in_use
from tests.conftest import Tenant
from tests.factories import EventFactory, RawPayloadFactory

CONTACT = "447700900123"
PERSONAL = [CONTACT, "Shall we deliver", "Yes please", "Ada", "Neighbours", "Shop news", "cannot receive"]


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_no_example_says_anything_personal_and_each_still_fits_its_schema(event_type: EventType) -> None:
    body = blanked(event_type.example)
    Draft202012Validator(event_type.schema).validate(body)
    assert not any(word in to_text(body) for word in PERSONAL)


@pytest.mark.parametrize("event_type", EVENT_TYPES, ids=lambda event_type: event_type.name)
def test_ids_statuses_and_timestamps_stay(event_type: EventType) -> None:
    def facts(body: dict[str, Any]) -> dict[str, Any]:
        data = body.get("data", body)
        kept = ["id", "messageId", "numberId", "createdAt", "timestamp", "status", "correlationId", "type", "fromMe",
                "quotedMessageId", "groupId", "newsletterId", "callId", "externalCallId", "duration", "errorCode",
                "phone", "displayName", "object"]  # fmt: skip
        return {key: data[key] for key in kept if key in data} | {"event": body["event"]}

    assert facts(blanked(event_type.example)) == facts(event_type.example)


def test_our_own_phone_stays() -> None:
    assert blanked({"event": "call.ended", "direction": "OUTBOUND", "from": "+1202", "to": "+4477"}) == {
        "event": "call.ended",
        "direction": "OUTBOUND",
        "from": "+1202",
        "to": "",
    }


def test_a_group_to_which_a_message_was_sent_stays() -> None:
    data = {"fromMe": True, "from": "+12025550143", "to": "120363404880000143@g.us", "content": "Hi"}
    assert blanked({"event": "message.sent", "data": data})["data"] == data | {"content": ""}


def test_the_envelope_of_a_call_keeps_its_shape() -> None:
    envelope = {
        "object": "whatsapp_business_account",
        "entry": [
            {
                "id": "102290129340398",
                "changes": [
                    {
                        "field": "calls",
                        "value": {
                            "contacts": [{"profile": {"name": "Ada"}, "wa_id": CONTACT}],
                            "calls": [
                                {
                                    "id": "wacid.1",
                                    "from": CONTACT,
                                    "timestamp": "1771929000",
                                    "session": {"sdp_type": "offer", "sdp": "v=0 ..."},
                                    "duration": 110,
                                }
                            ],
                        },
                    }
                ],
            }
        ],
    }
    value = blanked({"event": "calls", "data": envelope})["data"]["entry"][0]["changes"][0]["value"]
    assert value == {
        "contacts": [{"profile": {"name": ""}, "wa_id": ""}],
        "calls": [
            {
                "id": "wacid.1",
                "from": "",
                "timestamp": "1771929000",
                "session": {"sdp_type": "offer", "sdp": ""},
                "duration": 110,
            }
        ],
    }


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_whatever_meta_writes_into_an_envelope_its_words_do_not_stay(value: Any) -> None:
    data = blanked(
        {"event": "calls", "data": {"said": value, "from": [CONTACT, {"name": f"Ada {CONTACT}"}]}}
    )["data"]
    assert CONTACT not in json.dumps(data)
    assert blanked({"event": "calls", "data": data})["data"] == data


@given(st.sampled_from([event_type.name for event_type in EVENT_TYPES]))
def test_blanking_twice_changes_nothing(name: str) -> None:
    example = next(event_type.example for event_type in EVENT_TYPES if event_type.name == name)
    assert blanked(blanked(example)) == blanked(example)


@pytest.mark.django_db
def test_events_are_blanked_in_the_database_and_keep_their_facts(alice: Tenant) -> None:
    for event_type in EVENT_TYPES:
        EventFactory(number=alice.number, type=event_type.name)
    before = list(Event.objects.order_by("pk").values_list("pk", "type", "created_at", "dedupe_key"))
    assert blank_events(Event.objects.all()) == len(EVENT_TYPES)
    assert list(Event.objects.order_by("pk").values_list("pk", "type", "created_at", "dedupe_key")) == before
    assert not any(CONTACT in event.body for event in Event.objects.all())
    assert not Event.objects.filter(blanked_at=None).exists()
    assert blank_events(Event.objects.all()) == 0


@pytest.mark.django_db
def test_blanking_a_hundred_events_takes_a_few_statements(
    alice: Tenant, django_assert_max_num_queries: Any
) -> None:
    EventFactory.create_batch(100, number=alice.number)
    with django_assert_max_num_queries(5):
        blank_events(Event.objects.all())


@pytest.mark.django_db
def test_a_blanked_payload_is_empty_and_keeps_its_facts(alice: Tenant) -> None:
    RawPayloadFactory(number=alice.number, body='{"text": "hello"}', status="normalized", due_at=None)
    assert blank_payloads(RawPayload.objects.all()) == 1
    payload = RawPayload.objects.get()
    assert (payload.body, payload.status) == ("", "normalized")
    assert payload.blanked_at is not None


@pytest.mark.django_db
def test_a_payload_is_in_use_until_it_is_normalized_or_has_failed_for_days(alice: Tenant) -> None:
    waiting = RawPayloadFactory(number=alice.number)
    failed = RawPayloadFactory(number=alice.number, status="failed", due_at=None)
    RawPayloadFactory(
        number=alice.number, status="failed", due_at=None, received_at=timezone.now() - timedelta(days=4)
    )
    RawPayloadFactory(number=alice.number, status="ignored", due_at=None)
    assert set(payloads_in_use(RawPayload.objects.all())) == {waiting, failed}
