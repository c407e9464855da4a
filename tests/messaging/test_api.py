from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.api import encode_cursor
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory, MessageFactory, NumberFactory

TEXT = {"destinationNumber": "+447700900123", "text": "Shall we deliver today?"}


def send(tenant: Tenant, body: Any, **headers: str) -> Any:
    return tenant.api.post(
        "/v1/messages/send",
        body,
        content_type="application/json",
        headers={"x-whatsapp-number-id": tenant.number.pk, **headers},
    )


def limited_client(number: Number) -> Client:
    key = ApiKeyFactory(workspace=number.workspace, number_id=number.pk).text
    return Client(headers={"x-api-key": key}, raise_request_exception=False)


def code(response: Any, status: int) -> str:
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error", "code", "details"}
    assert body["error"]
    return str(body["code"])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/v1/messages/send"),
        ("get", "/v1/messages"),
        ("get", "/v1/messages/msg_1"),
        ("delete", "/v1/messages/cancel"),
        ("get", "/v1/messages/history"),
    ],
)
def test_every_call_needs_a_key(client: Client, db: None, method: str, path: str) -> None:
    assert code(getattr(client, method)(path), 401) == "UNAUTHORIZED"
    assert code(getattr(client, method)(path, headers={"x-api-key": "wak_x_y"}), 401) == "API_KEY_INVALID"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/v1/messages/send"),
        ("post", "/v1/messages"),
        ("delete", "/v1/messages/msg_1"),
        ("post", "/v1/messages/cancel"),
        ("post", "/v1/messages/history"),
    ],
)
def test_a_wrong_method_is_said_to_be_one(alice: Tenant, method: str, path: str) -> None:
    assert code(getattr(alice.api, method)(path), 405) == "METHOD_NOT_ALLOWED"


# --- Send


def test_a_send_is_accepted(alice: Tenant) -> None:
    response = send(alice, TEXT)
    message = Message.objects.get()
    assert response.status_code == 202
    assert response.json() == {
        "id": message.pk,
        "correlationId": message.correlation_id,
        "status": "QUEUED",
        "createdAt": message.created_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "origin": "API",
        "sourceNumber": alice.number.phone,
    }


def test_the_number_may_be_named_in_the_body(alice: Tenant) -> None:
    response = alice.api.post(
        "/v1/messages/send", TEXT | {"whatsappNumberId": alice.number.pk}, content_type="application/json"
    )
    assert response.status_code == 202


def test_a_limited_key_needs_to_name_no_number(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    response = limited_client(alice.number).post(
        "/v1/messages/send", TEXT, content_type="application/json", headers={"x-whatsapp-number-id": other.pk}
    )
    assert response.status_code == 202
    assert Message.objects.get().number == alice.number


def test_a_workspace_key_names_its_number(alice: Tenant) -> None:
    response = alice.api.post("/v1/messages/send", TEXT, content_type="application/json")
    assert code(response, 400) == "NUMBER_REQUIRED"


def test_a_call_that_names_two_numbers_is_refused_and_sends_nothing(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    assert code(send(alice, TEXT | {"whatsappNumberId": other.pk}), 400) == "NUMBER_MISMATCH"
    assert not Message.objects.exists()
    assert send(alice, TEXT | {"whatsappNumberId": alice.number.pk}).status_code == 202


def test_nobody_sends_from_a_strangers_number(alice: Tenant, bob: Tenant) -> None:
    assert code(send(alice, TEXT, **{"x-whatsapp-number-id": bob.number.pk}), 404) == "NUMBER_NOT_FOUND"
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    "body",
    [
        [],
        '"text"',
        "null",
        TEXT | {"text": 5},
        TEXT | {"text": "x" * 4097},
        TEXT | {"destinationNumber": {"phone": 1}},
        {"destinationNumber": "+447700900123", "media": "https://a.example/x.png"},
        {"destinationNumber": "+447700900123", "media": "https://a.example/x.png", "mediaType": "hologram"},
        {"destinationNumber": "+447700900123", "media": "file:///etc/passwd", "mediaType": "image"},
        {"destinationNumber": "+447700900123", "media": "https://[a/x.png", "mediaType": "image"},
        {"destinationNumber": "+447700900123", "media": "https:///x.png", "mediaType": "image"},
        TEXT | {"caption": "Both"},
        {"destinationNumber": "+447700900123", "caption": "Of nothing"},
        TEXT | {"deliverAt": "2030-02-24T10:30:00"},
        TEXT | {"deliverAt": "0001-01-01T00:00:00+14:00"},
        TEXT | {"deliverUntil": "tomorrow"},
        TEXT | {"labels": "vip"},
        TEXT | {"markRead": "yes"},
        TEXT | {"correlationId": "x" * 201},
    ],
)
def test_a_malformed_send_is_refused(alice: Tenant, body: Any) -> None:
    assert code(send(alice, body), 400) == "INVALID_REQUEST"
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("mediaType", "gif", '"gif" is not one of image, video, document, audio, voice, sticker.'),
        ("deliverAt", "tomorrow", "Send a moment as 2026-02-24T10:30:00Z or …+01:00."),
    ],
)
def test_a_refused_field_says_what_would_be_taken(
    alice: Tenant, field: str, value: str, sentence: str
) -> None:
    assert send(alice, TEXT | {field: value}).json()["details"]["fields"] == {field: [sentence]}


def test_a_text_about_nul_is_no_nul(alice: Tenant) -> None:
    assert send(alice, TEXT | {"text": r"Write \u0000 for it"}).status_code == 202
    assert Message.objects.get().content == r"Write \u0000 for it"


@pytest.mark.parametrize("body", ["{", '{"text": NaN}', '{"text": "\\u0000"}', '{"text": "\\ud800"}'])
def test_what_is_not_json_is_refused(alice: Tenant, body: str) -> None:
    assert code(send(alice, body), 400) == "INVALID_JSON"


def test_other_content_types_are_refused(alice: Tenant) -> None:
    response = alice.api.post(
        "/v1/messages/send", "text=Hi", content_type="application/x-www-form-urlencoded"
    )
    assert code(response, 415) == "UNSUPPORTED_MEDIA_TYPE"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("templateId", "tpl_1"),
        ("variables", {"name": "Ada"}),
        ("buttons", [{"type": "reply", "label": "Yes"}]),
        ("list", {"buttonText": "Choose"}),
        ("carousel", {"cards": []}),
        ("flow", {"flowId": "1"}),
        ("header", {"type": "text", "content": "Hi"}),
        ("footer", "Bye"),
        ("marketingOptions", {"aiRewriteEnabled": True}),
    ],
)
def test_what_is_not_offered_is_said_instead_of_left_out(alice: Tenant, name: str, value: Any) -> None:
    response = send(alice, TEXT | {name: value})
    assert code(response, 400) == "NOT_SUPPORTED"
    assert response.json()["details"] == {"field": name}


def test_what_changes_nothing_is_tolerated(alice: Tenant) -> None:
    body = TEXT | {"variables": {}, "labels": ["vip"], "markRead": False, "buttons": [], "templateId": None}
    assert send(alice, body).status_code == 202


def test_a_number_that_is_not_connected_says_so(alice: Tenant) -> None:
    Number.objects.update(state=Number.State.CLOSE)
    assert code(send(alice, TEXT), 409) == "WHATSAPP_INSTANCE_NOT_CONNECTED"


def test_a_repeated_call_gets_the_first_answer_again(alice: Tenant) -> None:
    first = send(alice, TEXT, **{"idempotency-key": "order-42"})
    second = send(alice, TEXT, **{"idempotency-key": "order-42"})
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    assert Message.objects.count() == 1


def test_a_replay_is_given_although_the_number_is_closed_by_now(alice: Tenant) -> None:
    send(alice, TEXT, **{"idempotency-key": "order-42"})
    Number.objects.update(state=Number.State.CLOSE)
    assert send(alice, TEXT, **{"idempotency-key": "order-42"}).status_code == 202


def test_after_a_refusal_the_same_key_works(alice: Tenant) -> None:
    assert (
        send(alice, TEXT | {"destinationNumber": "1"}, **{"idempotency-key": "order-42"}).status_code == 400
    )
    assert not IdempotencyKey.objects.exists()
    assert send(alice, TEXT, **{"idempotency-key": "order-42"}).status_code == 202


def test_a_reused_and_an_invalid_key_are_refused(alice: Tenant) -> None:
    send(alice, TEXT, **{"idempotency-key": "order-42"})
    reused = send(alice, TEXT | {"text": "Other"}, **{"idempotency-key": "order-42"})
    assert code(reused, 409) == "IDEMPOTENCY_KEY_REUSED"
    assert code(send(alice, TEXT, **{"idempotency-key": "x" * 256}), 400) == "IDEMPOTENCY_KEY_INVALID"
    assert code(send(alice, TEXT, **{"idempotency-key": ""}), 400) == "IDEMPOTENCY_KEY_INVALID"


# --- The log


def test_the_log_lists_what_was_sent_newest_first(alice: Tenant, bob: Tenant) -> None:
    first, second = MessageFactory(number=alice.number), MessageFactory(number=alice.number, sent=True)
    MessageFactory(number=alice.number, inbound=True)
    MessageFactory(number=bob.number)
    response = alice.api.get("/v1/messages")
    assert response.status_code == 200
    assert [message["id"] for message in response.json()["data"]] == [second.pk, first.pk]
    assert response.json()["nextCursor"] is None


def test_pages_follow_each_other_without_a_gap(alice: Tenant) -> None:
    messages = [MessageFactory(number=alice.number).pk for _ in range(5)]
    seen, cursor = [], ""
    for _ in range(3):
        answer = alice.api.get("/v1/messages", {"limit": 2, "cursor": cursor}).json()
        seen += [message["id"] for message in answer["data"]]
        cursor = answer["nextCursor"]
    assert seen == messages[::-1]
    assert cursor is None


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "SENT"}, "sent"),
        ({"correlationId": "order-42"}, "correlated"),
        ({"destinationNumber": "+49 1512 3456789"}, "german"),
        ({"destinationNumber": " 4915123456789"}, "german"),
        ({"direction": "INBOUND"}, "inbound"),
    ],
)
def test_the_log_can_be_filtered(alice: Tenant, query: dict[str, str], expected: str) -> None:
    messages = {
        "sent": MessageFactory(number=alice.number, sent=True),
        "correlated": MessageFactory(number=alice.number, correlation_id="order-42"),
        "german": MessageFactory(number=alice.number, contact_phone="+4915123456789"),
        "inbound": MessageFactory(number=alice.number, inbound=True),
    }
    answer = alice.api.get("/v1/messages", query).json()
    assert [message["id"] for message in answer["data"]] == [messages[expected].pk]


@pytest.mark.parametrize("place", ["header", "query"])
def test_a_workspace_key_may_name_the_number_of_the_log(alice: Tenant, bob: Tenant, place: str) -> None:
    mine = MessageFactory(number=alice.number)
    MessageFactory(number=NumberFactory(workspace=alice.workspace))

    def listed(id: str) -> Any:
        if place == "header":
            return alice.api.get("/v1/messages", headers={"x-whatsapp-number-id": id})
        return alice.api.get("/v1/messages", {"whatsappNumberId": id})

    assert [row["id"] for row in listed(alice.number.pk).json()["data"]] == [mine.pk]
    assert code(listed(bob.number.pk), 404) == "NUMBER_NOT_FOUND"


def test_the_log_of_one_number(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    MessageFactory(number=alice.number)
    message = MessageFactory(number=other)
    ids = [row["id"] for row in alice.api.get("/v1/messages", {"numberId": other.pk}).json()["data"]]
    assert ids == [message.pk]
    assert [row["id"] for row in limited_client(other).get("/v1/messages").json()["data"]] == [message.pk]
    assert limited_client(other).get("/v1/messages", {"numberId": alice.number.pk}).json()["data"] == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"status": "LOST"}, "INVALID_REQUEST"),
        ({"direction": "SIDEWAYS"}, "INVALID_REQUEST"),
        ({"destinationNumber": "me"}, "INVALID_REQUEST"),
        ({"correlationId": "a\0b"}, "INVALID_REQUEST"),
        ({"limit": "0"}, "INVALID_LIMIT"),
        ({"limit": "101"}, "INVALID_LIMIT"),
        ({"limit": "9" * 5000}, "INVALID_LIMIT"),
        ({"cursor": "?"}, "INVALID_CURSOR"),
        ({"cursor": "AAAA"}, "INVALID_CURSOR"),
        ({"cursor": encode_cursor("wh_01m838d6mmp2bg09w1awhmfgrr")}, "INVALID_CURSOR"),
        ({"cursor": encode_cursor("1795721756890558")}, "INVALID_CURSOR"),
    ],
)
def test_a_malformed_filter_is_refused(alice: Tenant, query: dict[str, str], expected: str) -> None:
    assert code(alice.api.get("/v1/messages", query), 400) == expected


@pytest.mark.parametrize("path", ["/v1/messages", "/v1/messages/history"])
def test_a_list_costs_the_same_queries_at_any_length(alice: Tenant, path: str) -> None:
    client = limited_client(alice.number)

    def queries() -> int:
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(path).status_code == 200
        return len(captured)

    MessageFactory(number=alice.number)
    client.get(path)
    before = queries()
    for _ in range(10):
        MessageFactory(number=alice.number)
    assert queries() == before


def test_a_message_is_found_by_each_of_its_three_names(alice: Tenant) -> None:
    message = MessageFactory(
        number=alice.number, sent=True, external_id="wamid.HBgL/Q+==", correlation_id="order 42/a"
    )
    for name in (message.pk, "order 42/a", "wamid.HBgL/Q+=="):
        assert alice.api.get(f"/v1/messages/{name}").json()["id"] == message.pk


def test_the_details_tell_how_far_a_message_came(alice: Tenant) -> None:
    at = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
    message = MessageFactory(
        number=alice.number,
        status="DELIVERED",
        external_id="wamid.1",
        created_at=at,
        sent_at=at,
        delivered_at=at,
    )
    assert alice.api.get(f"/v1/messages/{message.pk}").json() == {
        "id": message.pk,
        "externalMessageId": "wamid.1",
        "correlationId": message.correlation_id,
        "status": "DELIVERED",
        "direction": "OUTBOUND",
        "numberId": alice.number.pk,
        "sourceNumber": alice.number.phone,
        "destinationNumber": "+447700900123",
        "groupId": None,
        "newsletterId": None,
        "messageType": "text",
        "createdAt": "2026-02-24T10:30:00.000Z",
        "sentAt": "2026-02-24T10:30:00.000Z",
        "deliveredAt": "2026-02-24T10:30:00.000Z",
        "readAt": None,
        "failedAt": None,
        "deliverAt": None,
        "deliverUntil": None,
        "errorCode": None,
        "errorMessage": None,
        "origin": "API",
        "metaPricing": None,
    }


def test_a_scheduled_message_says_until_when_it_waits_even_when_it_was_canceled(alice: Tenant) -> None:
    id = send(alice, TEXT | {"deliverAt": "2099-02-24T18:00:00+01:00"}).json()["id"]
    assert alice.api.get(f"/v1/messages/{id}").json()["deliverAt"] == "2099-02-24T17:00:00.000Z"
    cancel(alice.api, [id])
    assert alice.api.get(f"/v1/messages/{id}").json()["deliverAt"] == "2099-02-24T17:00:00.000Z"


def test_a_failed_message_says_why(alice: Tenant) -> None:
    message = MessageFactory(
        number=alice.number, status="FAILED", error="No such recipient.", error_code="131026"
    )
    answer = alice.api.get(f"/v1/messages/{message.pk}").json()
    assert (answer["errorCode"], answer["errorMessage"]) == ("131026", "No such recipient.")


def test_a_received_message_has_details_too(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, inbound=True)
    answer = alice.api.get(f"/v1/messages/{message.pk}").json()
    assert (answer["direction"], answer["status"], answer["origin"]) == ("INBOUND", "RECEIVED", None)
    assert (answer["sourceNumber"], answer["destinationNumber"]) == ("+447700900123", alice.number.phone)


def test_between_two_numbers_of_ones_own_the_sent_message_is_meant(alice: Tenant) -> None:
    other = NumberFactory(workspace=alice.workspace)
    sent = MessageFactory(number=alice.number, sent=True, external_id="wamid.1")
    MessageFactory(number=other, inbound=True, external_id="wamid.1")
    assert alice.api.get("/v1/messages/wamid.1").json()["id"] == sent.pk


@pytest.mark.parametrize("name", ["msg_nothing", "a%00b", "x" * 500])
def test_an_unknown_message_is_not_found(alice: Tenant, name: str) -> None:
    assert code(alice.api.get(f"/v1/messages/{name}"), 404) == "MESSAGE_NOT_FOUND"


def test_a_stranger_finds_nothing(alice: Tenant, bob: Tenant) -> None:
    message = MessageFactory(number=bob.number, sent=True)
    other = NumberFactory(workspace=bob.workspace)
    for client in (alice.api, limited_client(other)):
        for name in (message.pk, message.correlation_id, message.external_id):
            assert code(client.get(f"/v1/messages/{name}"), 404) == "MESSAGE_NOT_FOUND"


# --- Cancel


def cancel(client: Client, ids: Any) -> Any:
    return client.delete("/v1/messages/cancel", {"messageIds": ids}, content_type="application/json")


def test_waiting_messages_are_canceled_and_others_are_told_apart(alice: Tenant, bob: Tenant) -> None:
    later = timezone.now() + timedelta(hours=1)
    waiting = MessageFactory(number=alice.number, due_at=later)
    leased = MessageFactory(number=alice.number, due_at=later, lease="lease_1")
    sent = MessageFactory(number=alice.number, sent=True)
    canceled = MessageFactory(number=alice.number, status="CANCELED")
    strangers = MessageFactory(number=bob.number, due_at=later)
    inbound = MessageFactory(number=alice.number, inbound=True)
    ids = [message.pk for message in (waiting, leased, sent, canceled, strangers, inbound)]
    response = cancel(alice.api, [*ids, waiting.pk])
    assert response.status_code == 200
    assert response.json() == {
        "cancelled": [waiting.pk],
        "failed": [
            {"id": leased.pk, "reason": "ALREADY_SENT"},
            {"id": sent.pk, "reason": "ALREADY_SENT"},
            {"id": canceled.pk, "reason": "ALREADY_CANCELED"},
            {"id": strangers.pk, "reason": "NOT_FOUND"},
            {"id": inbound.pk, "reason": "NOT_FOUND"},
        ],
    }
    waiting.refresh_from_db()
    assert (waiting.status, waiting.due_at) == ("CANCELED", None)
    strangers.refresh_from_db()
    assert strangers.status == "QUEUED"


@pytest.mark.parametrize("ids", [[], "msg_1", None, [5], ["x"] * 101])
def test_a_malformed_cancel_is_refused(alice: Tenant, ids: Any) -> None:
    assert code(cancel(alice.api, ids), 400) == "INVALID_REQUEST"


# --- History


def test_the_history_tells_both_directions_newest_first(alice: Tenant) -> None:
    at = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
    MessageFactory(number=alice.number, sent=True, created_at=at)
    inbound = MessageFactory(
        number=alice.number,
        inbound=True,
        created_at=at,
        contact_name="Ada",
        media_link="https://a.example/x.png",
        media_type="image/png",
        type="image",
    )
    answer = limited_client(alice.number).get("/v1/messages/history").json()
    assert (answer["total"], answer["page"], answer["pageSize"], answer["totalPages"]) == (2, 1, 30, 1)
    assert [message["direction"] for message in answer["messages"]] == ["INBOUND", "OUTBOUND"]
    assert answer["messages"][0] == {
        "id": inbound.pk,
        "conversationId": inbound.contact_key,
        "direction": "INBOUND",
        "providerKind": "simulator",
        "externalMessageId": inbound.external_id,
        "status": "RECEIVED",
        "messageType": "image",
        "origin": None,
        "text": "Yes please",
        "participantName": "Ada",
        "participantPhone": "+447700900123",
        "participantUserId": None,
        "repliedToExternalId": None,
        "media": {
            "provider": "simulator",
            "id": None,
            "url": "https://a.example/x.png",
            "mimeType": "image/png",
            "fileName": None,
        },
        "sentAt": None,
        "deliveredAt": None,
        "readAt": None,
        "providerTimestamp": "2026-02-24T10:30:00.000Z",
        "createdAt": "2026-02-24T10:30:00.000Z",
        "referral": None,
    }


def test_the_history_is_bounded_by_dates_and_cut_into_pages(alice: Tenant) -> None:
    days = [
        MessageFactory(number=alice.number, created_at=datetime(2026, 2, day, 12, tzinfo=UTC)).pk
        for day in range(1, 6)
    ]
    query = {"startDate": "2026-02-02T00:00:00Z", "endDate": "2026-02-05", "pageSize": 2, "page": 2}
    answer = limited_client(alice.number).get("/v1/messages/history", query).json()
    assert [message["id"] for message in answer["messages"]] == [days[1]]
    assert (answer["total"], answer["totalPages"]) == (3, 2)


def test_the_history_hides_what_retention_hides(alice: Tenant) -> None:
    MessageFactory(number=alice.number, inbound=True, contact_name="Ada")
    Number.objects.update(pii_mode="RELAY_ONLY")
    answer = limited_client(alice.number).get("/v1/messages/history").json()["messages"][0]
    assert answer["redacted"] is True
    assert (
        answer["text"] is answer["participantName"] is answer["participantPhone"] is answer["media"] is None
    )
    assert answer["externalMessageId"]


def test_a_page_is_never_longer_than_a_hundred(alice: Tenant) -> None:
    answer = limited_client(alice.number).get("/v1/messages/history", {"pageSize": 1000}).json()
    assert answer == {"messages": [], "total": 0, "page": 1, "pageSize": 100, "totalPages": 0}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"startDate": "2026-02-02T00:00:00Z", "endDate": "2026-02-01T00:00:00Z"}, "INVALID_DATE_RANGE"),
        ({"startDate": "yesterday"}, "INVALID_REQUEST"),
        ({"page": "0"}, "INVALID_REQUEST"),
        ({"page": "9" * 30}, "INVALID_REQUEST"),
        ({"pageSize": "many"}, "INVALID_REQUEST"),
    ],
)
def test_a_malformed_history_query_is_refused(alice: Tenant, query: dict[str, str], expected: str) -> None:
    assert code(limited_client(alice.number).get("/v1/messages/history", query), 400) == expected


def test_a_workspace_key_names_the_number_of_the_history(alice: Tenant, bob: Tenant) -> None:
    MessageFactory(number=alice.number)
    assert code(alice.api.get("/v1/messages/history"), 400) == "NUMBER_REQUIRED"
    named = alice.api.get("/v1/messages/history", headers={"x-whatsapp-number-id": alice.number.pk})
    assert named.json()["total"] == 1
    stranger = alice.api.get("/v1/messages/history", headers={"x-whatsapp-number-id": bob.number.pk})
    assert code(stranger, 404) == "NUMBER_NOT_FOUND"
