"""GET /v1/events: the whole log, in one order, each event once; and never anybody else's."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from events.catalog import BY_NAME
from events.models import Event
from events.recording import Draft, record
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory, EventFactory, NumberFactory, WebhookFactory

pytestmark = pytest.mark.django_db


def happen(number: Number, key: str, type: str = "message.sent") -> Event:
    (event,) = record(
        [Draft(number=number, body=BY_NAME[type].example, created_at=timezone.now(), dedupe_key=key)]
    )
    return event


def pull(api: Client, **query: Any) -> Any:
    response = api.get("/v1/events", query)
    assert response.status_code == 200, response.content
    return response.json()


def ids(answer: Any) -> list[str]:
    return [event["id"] for event in answer["data"]]


def refusal(api: Client, **query: Any) -> tuple[int, str]:
    response = api.get("/v1/events", query)
    return response.status_code, response.json()["code"]


def test_an_event_is_answered_as_it_is_sent(alice: Tenant) -> None:
    event = happen(alice.number, "1")
    answer = pull(alice.api)
    assert answer["hasMore"] is False
    assert answer["data"] == [
        {
            "id": event.pk,
            "type": "message.sent",
            "numberId": alice.number.pk,
            "createdAt": event.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "recordedAt": event.recorded_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "body": BY_NAME["message.sent"].example,
        }
    ]
    assert alice.api.get(f"/v1/events/{event.pk}").json() == answer["data"][0]


def test_an_event_that_no_key_reads_keeps_nobody_from_the_next(alice: Tenant, settings: Any) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    # Somebody waits for it: it is kept, and encrypted.
    WebhookFactory(number=alice.number, events=["*"])
    keys, settings.ENCRYPTION_KEYS = settings.ENCRYPTION_KEYS, ["lost"]
    lost = happen(alice.number, "1")
    settings.ENCRYPTION_KEYS = keys
    alice.number.pii_mode = Number.PiiMode.STORE_INDEFINITE
    alice.number.save()
    next_one = happen(alice.number, "2")
    assert [(event["id"], event["body"] is None) for event in pull(alice.api)["data"]] == [
        (lost.pk, True),
        (next_one.pk, False),
    ]
    assert alice.api.get(f"/v1/events/{lost.pk}").json()["body"] is None
    settings.ENCRYPTION_KEYS = [*keys, "lost"]
    assert alice.api.get(f"/v1/events/{lost.pk}").json()["body"] == BY_NAME["message.sent"].example


def test_pages_follow_each_other_to_the_end_and_go_on_from_there(alice: Tenant) -> None:
    events = [happen(alice.number, f"{index}").pk for index in range(5)]
    first = pull(alice.api, limit=3)
    assert (ids(first), first["hasMore"]) == (events[:3], True)
    second = pull(alice.api, limit=3, after=first["nextCursor"])
    assert (ids(second), second["hasMore"]) == (events[3:], False)
    end = pull(alice.api, limit=3, after=second["nextCursor"])
    assert end == {"data": [], "nextCursor": second["nextCursor"], "hasMore": False}
    later = happen(alice.number, "later")
    assert ids(pull(alice.api, after=end["nextCursor"])) == [later.pk]


def test_the_cursor_of_an_empty_log_hears_the_first_event(alice: Tenant) -> None:
    cursor = pull(alice.api)["nextCursor"]
    assert cursor
    first = happen(alice.number, "1")
    assert ids(pull(alice.api, after=cursor)) == ids(pull(alice.api, cursor=cursor)) == [first.pk]


def test_a_receiver_resumes_behind_the_last_webhook_id_that_it_saw(alice: Tenant) -> None:
    events = [happen(alice.number, f"{index}").pk for index in range(3)]
    assert ids(pull(alice.api, after=events[0])) == events[1:]
    assert ids(pull(alice.api, after=events[2])) == []


def test_the_last_webhook_id_may_be_that_of_a_sample(alice: Tenant) -> None:
    happen(alice.number, "before")
    pull(alice.api)
    sample = EventFactory(number=alice.number, is_test=True)
    after = happen(alice.number, "after")
    assert ids(pull(alice.api, after=sample.pk)) == [after.pk]


def test_samples_are_not_in_the_log(alice: Tenant) -> None:
    sample = EventFactory(number=alice.number, is_test=True)
    assert pull(alice.api)["data"] == []
    assert alice.api.get(f"/v1/events/{sample.pk}").json()["code"] == "EVENT_NOT_FOUND"


def test_latest_is_what_is_yet_to_come(alice: Tenant) -> None:
    happen(alice.number, "1")
    answer = pull(alice.api, after="latest")
    assert (answer["data"], answer["hasMore"]) == ([], False)
    second = happen(alice.number, "2")
    assert ids(pull(alice.api, after=answer["nextCursor"])) == [second.pk]


def test_since_begins_with_what_was_recorded_from_then_on(alice: Tenant) -> None:
    noon = datetime(2026, 2, 24, 12, tzinfo=UTC)
    recorded = []
    for minute in range(3):
        with time_machine.travel(noon + timedelta(minutes=minute), tick=False):
            recorded.append(happen(alice.number, f"{minute}").pk)
            pull(alice.api)
    assert ids(pull(alice.api, since="2026-02-24T12:01:00Z")) == recorded[1:]
    assert ids(pull(alice.api, since="2026-02-24T12:01:00.001Z")) == recorded[2:]
    assert ids(pull(alice.api, since="1969-01-01T00:00:00Z")) == recorded
    # A follower may leave it in its query.
    cursor = pull(alice.api, since="2026-02-24T12:01:00Z", limit=1)["nextCursor"]
    assert ids(pull(alice.api, since="2026-02-24T12:01:00Z", after=cursor)) == recorded[2:]


def test_a_clock_that_is_set_back_changes_no_order(alice: Tenant) -> None:
    noon = datetime(2026, 2, 24, 12, tzinfo=UTC)
    with time_machine.travel(noon, tick=False):
        first = happen(alice.number, "1").pk
        cursor = pull(alice.api)["nextCursor"]
    with time_machine.travel(noon - timedelta(hours=1), tick=False):
        second = happen(alice.number, "2").pk
        assert ids(pull(alice.api, after=cursor)) == [second]
        assert ids(pull(alice.api)) == [first, second]


def test_only_some_types(alice: Tenant) -> None:
    sent = happen(alice.number, "1", "message.sent").pk
    reply = happen(alice.number, "2", "message.reply").pk
    failed = happen(alice.number, "3", "message.failed").pk
    assert ids(pull(alice.api, type="message.reply,message.failed")) == [reply, failed]
    assert ids(pull(alice.api, type=["message.reply", "message.sent"])) == [sent, reply]
    assert ids(pull(alice.api, type="*")) == [sent, reply, failed]
    answer = pull(alice.api, type="message.read")
    # What was looked at is not looked at again.
    assert ids(pull(alice.api, after=answer["nextCursor"])) == []


def test_a_rare_type_is_found_however_far_away(alice: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("events.pulling.LOOKED_AT", 3)
    for index in range(7):
        happen(alice.number, f"{index}")
    rare = happen(alice.number, "rare", "message.failed").pk
    found, cursor, pages = [], "", 0
    while True:
        answer = pull(alice.api, type="message.failed", after=cursor)
        found, cursor, pages = found + ids(answer), answer["nextCursor"], pages + 1
        if not answer["hasMore"]:
            break
    assert (found, pages) == ([rare], 3)


def test_an_unknown_type_is_refused_by_name(alice: Tenant) -> None:
    response = alice.api.get("/v1/events", {"type": "message.sent,message.sentt"})
    assert (response.status_code, response.json()["code"]) == (400, "UNKNOWN_EVENT")
    assert response.json()["details"] == {"events": ["message.sentt"]}


def test_only_one_number(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    mine, theirs = happen(alice.number, "1").pk, happen(other, "2").pk
    assert ids(pull(alice.api)) == [mine, theirs]
    assert ids(pull(alice.api, numberId=other.pk)) == [theirs]
    assert ids(pull(alice.api, numberId=other.pk, after=mine)) == [theirs]


def test_a_key_of_one_number_sees_that_number(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    mine, theirs = happen(alice.number, "1").pk, happen(other, "2").pk
    api = Client(headers={"x-api-key": ApiKeyFactory(workspace=alice.workspace, number_id=other.pk).text})
    assert ids(pull(api)) == [theirs]
    assert api.get(f"/v1/events/{theirs}").status_code == 200
    assert api.get(f"/v1/events/{mine}").status_code == 404
    assert refusal(api, numberId=alice.number.pk) == (404, "NUMBER_NOT_FOUND")
    assert refusal(api, after=mine) == (404, "EVENT_NOT_FOUND")
    assert ids(pull(api, whatsappNumberId=alice.number.pk)) == [theirs]


def test_another_workspace_sees_nothing(alice: Tenant, bob: Tenant) -> None:
    event = happen(alice.number, "1")
    assert pull(bob.api)["data"] == []
    assert refusal(bob.api, numberId=alice.number.pk) == (404, "NUMBER_NOT_FOUND")
    assert refusal(bob.api, after=event.pk) == (404, "EVENT_NOT_FOUND")
    response = bob.api.get(f"/v1/events/{event.pk}")
    assert (response.status_code, response.json()["code"]) == (404, "EVENT_NOT_FOUND")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"after": "%"}, "INVALID_CURSOR"),
        ({"after": "bWluZQ"}, "INVALID_CURSOR"),
        ({"after": "OTIyMzM3MjAzNjg1NDc3NTgwOA"}, "INVALID_CURSOR"),
        ({"cursor": "\0"}, "INVALID_CURSOR"),
        ({"since": "yesterday"}, "INVALID_REQUEST"),
        ({"since": "2026-02-24T12:00:00"}, "INVALID_REQUEST"),
        ({"limit": "101"}, "INVALID_LIMIT"),
    ],
)
def test_a_malformed_query_is_refused(alice: Tenant, query: dict[str, str], code: str) -> None:
    assert refusal(alice.api, **query) == (400, code)


def test_ids_that_no_database_holds_are_unknown(alice: Tenant) -> None:
    assert refusal(alice.api, after="evt_\0") == (404, "EVENT_NOT_FOUND")
    assert refusal(alice.api, numberId="num_nobody") == (404, "NUMBER_NOT_FOUND")
    assert alice.api.post("/v1/events", {}).status_code == 405


def test_a_page_takes_the_same_queries_however_many_events(
    alice: Tenant, django_assert_num_queries: Any
) -> None:
    for index in range(20):
        happen(alice.number, f"{index}")
    cursor = pull(alice.api, limit=1)["nextCursor"]
    for limit in (1, 19):
        # The key, whether something waits for its place, the events.
        with django_assert_num_queries(3):
            assert len(pull(alice.api, limit=limit, after=cursor)["data"]) == limit
    with django_assert_num_queries(4):
        pull(alice.api, limit=19, after=cursor, type="message.sent")
