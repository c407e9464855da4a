"""/v1/webhooks and /v1/deliveries: what each door answers to its owner, to strangers and to nonsense."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django.fixtures import Settings

from accounts.api_fields import iso
from accounts.encryption import Sealed
from events.models import Event
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MetaNumberFactory,
    NumberFactory,
    WebhookFactory,
)
from webhooks.claiming import claim
from webhooks.configuring import update_webhook
from webhooks.models import Delivery, Webhook
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record

pytestmark = pytest.mark.django_db

URL = "https://shop.example/hook"


def create(tenant: Tenant, **body: Any) -> Any:
    wanted = {"name": "Orders", "url": URL, "events": ["*"], "whatsappNumberId": tenant.number.pk} | body
    return tenant.api.post("/v1/webhooks", wanted, content_type="application/json")


def patch(tenant: Tenant, webhook: Webhook, **body: Any) -> Any:
    return tenant.api.patch(f"/v1/webhooks/{webhook.pk}", body, content_type="application/json")


class TestCreate:
    def test_answers_with_the_secret_once(self, alice: Tenant) -> None:
        response = create(alice, events=["message.sent"])
        body = response.json()
        assert response.status_code == 201
        assert body["secret"].startswith("whsec_")
        assert (body["events"], body["whatsappNumberId"], body["active"]) == (
            ["message.sent"], alice.number.pk, True,
        )  # fmt: skip
        assert "secret" not in alice.api.get(f"/v1/webhooks/{body['id']}").json()

    def test_an_unknown_event_is_a_400_that_names_it(self, alice: Tenant) -> None:
        response = create(alice, events=["message.sent", "message.exploded"])
        assert (response.status_code, response.json()["code"]) == (400, "UNKNOWN_EVENT")
        assert response.json()["details"] == {"events": ["message.exploded"]}
        assert not Webhook.objects.exists()

    def test_what_the_provider_cannot_emit_is_dropped_without_an_error(self, alice: Tenant) -> None:
        response = create(alice, events=["call.ringing", "message.sent", "calls"])
        assert response.status_code == 201
        assert (response.json()["events"], response.json()["droppedEvents"]) == (
            ["message.sent"], ["call.ringing", "calls"],
        )  # fmt: skip

    def test_meta_emits_calls_and_no_newsletters(self, alice: Tenant) -> None:
        number = MetaNumberFactory(workspace=alice.workspace)
        body = create(alice, whatsappNumberId=number.pk, events=["call.ringing", "message.newsletter"]).json()
        assert (body["events"], body["droppedEvents"]) == (["call.ringing"], ["message.newsletter"])

    def test_an_empty_list_is_a_webhook_that_hears_nothing(self, alice: Tenant) -> None:
        assert create(alice, events=[]).json()["events"] == []

    def test_star_stands_alone(self, alice: Tenant) -> None:
        assert create(alice, events=["message.sent", "*"]).json()["events"] == ["*"]

    def test_null_is_every_number_of_the_workspace(self, alice: Tenant) -> None:
        assert create(alice, whatsappNumberId=None).json()["whatsappNumberId"] is None

    def test_a_workspace_key_must_name_the_number(self, alice: Tenant) -> None:
        response = alice.api.post("/v1/webhooks", {"url": URL, "events": []}, content_type="application/json")
        assert (response.status_code, response.json()["code"]) == (400, "NUMBER_REQUIRED")

    def test_the_header_may_name_the_number(self, alice: Tenant) -> None:
        response = alice.api.post(
            "/v1/webhooks", {"url": URL, "events": []}, content_type="application/json",
            headers={"x-whatsapp-number-id": alice.number.pk},
        )  # fmt: skip
        assert response.json()["whatsappNumberId"] == alice.number.pk

    def test_the_query_may_name_the_number(self, alice: Tenant) -> None:
        path = f"/v1/webhooks?whatsappNumberId={alice.number.pk}"
        response = alice.api.post(path, {"url": URL, "events": []}, content_type="application/json")
        assert response.json()["whatsappNumberId"] == alice.number.pk

    def test_a_number_key_is_for_its_own_number(self, alice: Tenant) -> None:
        other = NumberFactory(workspace=alice.workspace)
        key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk).text
        api = Client(headers={"x-api-key": key})
        body = {"url": URL, "events": []}
        own = api.post("/v1/webhooks", body, content_type="application/json")
        wrong = api.post(
            "/v1/webhooks", body | {"whatsappNumberId": other.pk}, content_type="application/json"
        )
        everything = api.post(
            "/v1/webhooks", body | {"whatsappNumberId": None}, content_type="application/json"
        )
        assert own.json()["whatsappNumberId"] == alice.number.pk
        assert (wrong.status_code, wrong.json()["code"]) == (400, "NUMBER_MISMATCH")
        assert (everything.status_code, everything.json()["code"]) == (400, "NUMBER_MISMATCH")

    def test_of_two_numbers_it_is_for_neither(self, alice: Tenant) -> None:
        other = NumberFactory(workspace=alice.workspace)
        wanted = {"name": "Orders", "url": URL, "events": ["*"], "whatsappNumberId": alice.number.pk}
        answer = alice.api.post(
            "/v1/webhooks",
            wanted,
            content_type="application/json",
            headers={"x-whatsapp-number-id": other.pk},
        )
        assert (answer.status_code, answer.json()["code"]) == (400, "NUMBER_MISMATCH")
        assert not Webhook.objects.exists()

    def test_a_strangers_number_does_not_exist(self, alice: Tenant, bob: Tenant) -> None:
        response = create(alice, whatsappNumberId=bob.number.pk)
        assert (response.status_code, response.json()["code"]) == (404, "NUMBER_NOT_FOUND")

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "shop.example",
            "ftp://shop.example/",
            "http://user:pass@shop.example/",
            "http://10.0.0.1/",
            "http://[::1",
        ],
    )
    def test_a_url_that_cannot_be_reached_is_refused_with_a_sentence(self, alice: Tenant, url: str) -> None:
        response = create(alice, url=url)
        assert response.status_code == 400
        assert response.json()["error"]

    @pytest.mark.parametrize(
        "body",
        [
            {"events": "message.sent"},
            {"events": [1]},
            {"events": None},
            {"url": 5},
            {"active": "yes"},
            {"name": ["x"]},
            {"name": "x" * 201},
            {"whatsappNumberId": 7},
        ],
    )
    def test_wrong_types_are_refused_and_change_nothing(self, alice: Tenant, body: dict[str, Any]) -> None:
        response = create(alice, **body)
        assert (response.status_code, response.json()["code"]) == (400, "INVALID_REQUEST")
        assert not Webhook.objects.exists()

    @pytest.mark.parametrize("body", ["{", "[]", '"x"', '{"name": "\\u0000"}', '{"name": "\\ud800"}'])
    def test_what_is_no_json_object_is_refused(self, alice: Tenant, body: str) -> None:
        response = alice.api.post("/v1/webhooks", data=body, content_type="application/json")
        assert response.status_code == 400
        assert set(response.json()) == {"error", "code", "details"}


class TestReadAndChange:
    def test_a_list_holds_only_ones_own(self, alice: Tenant, bob: Tenant) -> None:
        mine = WebhookFactory(number=alice.number)
        WebhookFactory(number=bob.number)
        body = alice.api.get("/v1/webhooks").json()
        assert ([row["id"] for row in body["data"]], body["nextCursor"]) == ([mine.pk], None)

    def test_a_list_goes_on_at_its_cursor(self, alice: Tenant) -> None:
        webhooks = [WebhookFactory(number=alice.number) for _ in range(3)]
        first = alice.api.get("/v1/webhooks?limit=2").json()
        second = alice.api.get(f"/v1/webhooks?limit=2&cursor={first['nextCursor']}").json()
        ids = [row["id"] for row in first["data"] + second["data"]]
        assert ids == [webhook.pk for webhook in reversed(webhooks)]
        assert second["nextCursor"] is None

    @pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=%00", "limit=-1"])
    def test_a_wrong_page_is_a_400(self, alice: Tenant, query: str) -> None:
        assert alice.api.get(f"/v1/webhooks?{query}").status_code == 400

    def test_events_are_replaced(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number, events=["message.sent", "message.read"])
        body = patch(alice, webhook, events=["message.read", "message.failed"]).json()
        assert body["events"] == ["message.failed", "message.read"]

    def test_what_is_not_named_stays(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number, events=["message.sent"], name="Orders")
        body = patch(alice, webhook, url=URL).json()
        assert (body["name"], body["url"], body["events"]) == ("Orders", URL, ["message.sent"])

    def test_a_change_of_nothing_is_refused_as_that_of_a_number_is(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        before = webhook.updated_at
        response = patch(alice, webhook)
        assert (response.status_code, response.json()["code"]) == (400, "EMPTY_PATCH")
        webhook.refresh_from_db()
        assert webhook.updated_at == before

    def test_a_new_url_is_not_held_back_by_what_the_old_one_failed_at(self, alice: Tenant) -> None:
        webhook = WebhookFactory(
            number=alice.number,
            url="https://hooks.example.com/broken",
            consecutive_failures=12,
            openings=3,
            failing_since=timezone.now() - timedelta(days=4),
            resume_at=timezone.now() + timedelta(minutes=5),
            warned=2,
        )
        DeliveryFactory(event__number=alice.number, webhook=webhook)
        assert patch(alice, webhook, name="The same receiver", url=webhook.url).status_code == 200
        assert claim(10).attempts == []
        answer = patch(alice, webhook, url="https://hooks.example.com/mended").json()
        assert (answer["failingSince"], answer["consecutiveFailures"]) == (None, 0)
        assert [attempt.url for attempt in claim(10).attempts] == ["https://hooks.example.com/mended"]

    @pytest.mark.parametrize("status", [410, 503])
    def test_what_the_old_url_answers_after_the_change_says_nothing_of_the_new_one(
        self, alice: Tenant, status: int
    ) -> None:
        webhook = WebhookFactory(number=alice.number, url="https://hooks.example.com/old")
        delivery = DeliveryFactory(event__number=alice.number, webhook=webhook)
        taken = claim(10)
        assert patch(alice, webhook, url="https://hooks.example.com/new").status_code == 200
        outcome = Outcome(
            status_code=status, error_class=ErrorClass.STATUS, error="No.", retry_after=timedelta(hours=1)
        )
        record({taken.lease: [(taken.attempts[0], outcome)]})
        webhook.refresh_from_db()
        delivery.refresh_from_db()
        assert (webhook.active, webhook.resume_at, webhook.consecutive_failures) == (True, None, 0)
        assert delivery.status == Delivery.Status.PENDING

    def test_a_new_url_of_a_disabled_webhook_forgets_not_since_when_it_failed(self, alice: Tenant) -> None:
        since = timezone.now() - timedelta(days=5)
        webhook = WebhookFactory(number=alice.number, active=False, failing_since=since)
        assert patch(alice, webhook, url="https://hooks.example.com/mended").status_code == 200
        webhook.refresh_from_db()
        assert webhook.failing_since == since

    def test_what_another_call_changed_meanwhile_is_not_written_back(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        read_before = Webhook.objects.get(pk=webhook.pk)
        update_webhook(webhook, url="http://127.0.0.1:9000/new", ordering="conversation", active=False)
        update_webhook(read_before, name="Renamed", active=True)
        after = Webhook.objects.get(pk=webhook.pk)
        assert (after.name, after.url) == ("Renamed", "http://127.0.0.1:9000/new")
        assert (after.ordering, after.active) == ("conversation", True)

    def test_the_number_is_immutable(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        other = NumberFactory(workspace=alice.workspace)
        assert patch(alice, webhook, whatsappNumberId=other.pk).json()["code"] == "NUMBER_MISMATCH"
        assert patch(alice, webhook, whatsappNumberId=alice.number.pk).status_code == 200

    def test_pausing_holds_what_is_pending_and_recover_sends_it(self, alice: Tenant) -> None:
        delivery = DeliveryFactory(event=EventFactory(number=alice.number))
        webhook = delivery.webhook
        assert patch(alice, webhook, active=False).json()["disabledReason"] == "paused"
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at) == (Delivery.Status.HELD, None)

        since = {"since": (timezone.now() - timedelta(hours=1)).isoformat()}
        address = f"/v1/webhooks/{webhook.pk}/recover"
        disabled = alice.api.post(address, since, content_type="application/json")
        assert (disabled.status_code, disabled.json()["code"]) == (409, "NOT_REPLAYABLE")
        patch(alice, webhook, active=True)
        recovered = alice.api.post(address, since, content_type="application/json").json()
        assert (recovered["recovered"], recovered["jobId"][:4]) == (1, "job_")
        delivery.refresh_from_db()
        assert delivery.status == Delivery.Status.PENDING

    def test_a_test_of_no_event_is_refused_as_any_other_name_of_none(self, alice: Tenant) -> None:
        address = f"/v1/webhooks/{WebhookFactory(number=alice.number).pk}/test"
        refused = alice.api.post(address, {"event": "message.send"}, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (400, "UNKNOWN_EVENT")
        assert refused.json()["details"] == {"events": ["message.send"]}

    @pytest.mark.parametrize("reason", Webhook.DisabledReason.values)
    def test_a_test_of_a_disabled_webhook_is_refused_and_leaves_nothing(
        self, alice: Tenant, reason: str
    ) -> None:
        webhook = WebhookFactory(number=alice.number, active=False, disabled_reason=reason)
        refused = alice.api.post(f"/v1/webhooks/{webhook.pk}/test", {}, content_type="application/json")
        assert (refused.status_code, refused.json()["code"]) == (409, "NOT_REPLAYABLE")
        assert refused.json()["error"] == "The webhook is disabled. Enable it, then send the test."
        assert not Event.objects.exists()
        assert not Delivery.objects.exists()

    def test_a_deleted_webhook_is_gone_and_sends_nothing_more(self, alice: Tenant) -> None:
        delivery = DeliveryFactory(event=EventFactory(number=alice.number))
        assert alice.api.delete(f"/v1/webhooks/{delivery.webhook_id}").status_code == 204
        assert alice.api.get(f"/v1/webhooks/{delivery.webhook_id}").status_code == 404
        delivery.refresh_from_db()
        assert (delivery.status, delivery.due_at) == (Delivery.Status.CANCELED, None)


class TestSecrets:
    def test_rotation_keeps_the_old_secret_for_a_day(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        old = alice.api.get(f"/v1/webhooks/{webhook.pk}/secret").json()["secret"]
        rotated = alice.api.post(f"/v1/webhooks/{webhook.pk}/secret/rotate").json()
        assert rotated["secret"] != old
        assert rotated["previous"] == old
        assert rotated["previousExpiresAt"] > timezone.now().isoformat()

    def test_secrets_are_not_readable_in_the_database(self, alice: Tenant) -> None:
        from django.db import connection

        secret = create(alice).json()["secret"]
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM webhooks_webhooksecret")
            assert secret not in str(cursor.fetchall())


class TestLogs:
    def test_an_attempt_is_answered_as_the_contract_says(self, alice: Tenant) -> None:
        event = EventFactory(number=alice.number)
        attempt = AttemptFactory(
            delivery=DeliveryFactory(event=event),
            status="failed",
            status_code=503,
            response_body="busy",
            duration_ms=12,
        )
        (row,) = alice.api.get(f"/v1/webhooks/{attempt.webhook_id}/logs").json()["data"]
        assert row.items() >= {
            "id": attempt.pk, "deliveryId": attempt.delivery_id, "event": "message.sent", "eventId": event.pk,
            "status": "FAILED", "statusCode": 503, "payload": json.loads(event.body), "response": "busy",
            "durationMs": 12, "attempt": 1,
        }.items()  # fmt: skip

    def test_an_event_that_no_key_reads_does_not_hide_the_others(
        self, alice: Tenant, settings: Settings
    ) -> None:
        webhook, keys = WebhookFactory(number=alice.number), settings.ENCRYPTION_KEYS
        settings.ENCRYPTION_KEYS = ["lost"]
        unreadable = EventFactory(number=alice.number, body=Sealed('{"event":"message.sent"}'))
        settings.ENCRYPTION_KEYS = keys
        for event in (EventFactory(number=alice.number), unreadable):
            AttemptFactory(delivery=DeliveryFactory(event=event, webhook=webhook))
        rows = alice.api.get(f"/v1/webhooks/{webhook.pk}/logs").json()["data"]
        assert {row["eventId"]: row["payload"] is None for row in rows} == {
            event.pk: event == unreadable for event in Event.objects.all()
        }

    def test_filters_keep_what_they_name(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        for type, status in (
            ("message.sent", "succeeded"),
            ("message.read", "failed"),
            ("message.read", "unknown"),
        ):
            delivery = DeliveryFactory(event=EventFactory(number=alice.number, type=type), webhook=webhook)
            AttemptFactory(delivery=delivery, webhook=webhook, status=status, event_type=type)

        def count(query: str) -> int:
            return len(alice.api.get(f"/v1/webhooks/{webhook.pk}/logs?{query}").json()["data"])

        assert (count(""), count("status=SUCCESS"), count("status=FAILED")) == (3, 1, 2)
        assert (count("event=message.read"), count("event=message.sent&status=FAILED")) == (2, 0)
        assert alice.api.get(f"/v1/webhooks/{webhook.pk}/logs?status=MAYBE").status_code == 400
        assert alice.api.get(f"/v1/webhooks/{webhook.pk}/logs?event=message.sentt").status_code == 400

    @pytest.mark.parametrize("count", [1, 10])
    def test_a_page_costs_the_same_queries_whatever_its_size(
        self, alice: Tenant, count: int, django_assert_num_queries: Any
    ) -> None:
        webhook = WebhookFactory(number=alice.number)
        for _ in range(count):
            AttemptFactory(
                delivery=DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook),
                webhook=webhook,
            )
        alice.api.get("/v1/webhooks")
        with django_assert_num_queries(4):
            assert len(alice.api.get(f"/v1/webhooks/{webhook.pk}/logs").json()["data"]) == count


class TestDeliveries:
    def test_redelivering_makes_a_manual_delivery_that_starts_over_each_time(self, alice: Tenant) -> None:
        delivery = DeliveryFactory(
            event=EventFactory(number=alice.number), status=Delivery.Status.EXHAUSTED, due_at=None
        )
        first = alice.api.post(f"/v1/deliveries/{delivery.pk}/redeliver").json()
        Delivery.objects.filter(pk=first["id"]).update(status=Delivery.Status.DELIVERED, due_at=None)
        second = alice.api.post(f"/v1/deliveries/{delivery.pk}/redeliver").json()
        assert first["id"] == second["id"] != delivery.pk
        assert (second["trigger"], second["status"], second["attempts"]) == ("manual", "PENDING", 0)

    def test_a_delivery_of_a_disabled_webhook_is_not_sent_again(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number, active=False, disabled_reason="gone")
        delivery = DeliveryFactory(
            event=EventFactory(number=alice.number),
            webhook=webhook,
            status=Delivery.Status.EXHAUSTED,
            due_at=None,
        )
        refused = alice.api.post(f"/v1/deliveries/{delivery.pk}/redeliver")
        assert (refused.status_code, refused.json()["code"]) == (409, "NOT_REPLAYABLE")
        assert refused.json()["error"] == "The webhook is disabled. Enable it, then send again."
        assert Delivery.objects.get() == delivery

    def test_a_test_is_a_delivery_and_no_event_of_the_log(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number, events=["message.read"])
        response = alice.api.post(f"/v1/webhooks/{webhook.pk}/test", {}, content_type="application/json")
        assert response.status_code == 202
        assert (response.json()["trigger"], response.json()["event"]) == ("test", "message.read")
        assert Event.objects.real().count() == 0

    def test_the_deliveries_of_a_webhook_are_listed_by_status(self, alice: Tenant) -> None:
        delivery = DeliveryFactory(event=EventFactory(number=alice.number))
        address = f"/v1/webhooks/{delivery.webhook_id}/deliveries"
        assert [row["id"] for row in alice.api.get(address).json()["data"]] == [delivery.pk]
        assert alice.api.get(f"{address}?status=HELD").json()["data"] == []

    @pytest.mark.parametrize(("own", "pause", "later"), [(1, 7, 7), (9, 7, 9), (1, None, 1)])
    def test_the_next_attempt_waits_for_its_moment_and_for_its_webhook(
        self, alice: Tenant, own: int, pause: int | None, later: int
    ) -> None:
        now = timezone.now()
        webhook = WebhookFactory(
            number=alice.number, resume_at=None if pause is None else now + timedelta(minutes=pause)
        )
        delivery = DeliveryFactory(
            event=EventFactory(number=alice.number), webhook=webhook, due_at=now + timedelta(minutes=own)
        )
        (listed,) = alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries").json()["data"]
        alone = alice.api.get(f"/v1/deliveries/{delivery.pk}").json()
        assert listed["nextAttemptAt"] == alone["nextAttemptAt"] == iso(now + timedelta(minutes=later))

    def test_what_is_sent_by_hand_waits_for_nothing(self, alice: Tenant) -> None:
        resumes = timezone.now() + timedelta(minutes=7)
        delivery = DeliveryFactory(
            event=EventFactory(number=alice.number),
            webhook=WebhookFactory(number=alice.number, resume_at=resumes),
            status=Delivery.Status.EXHAUSTED,
            due_at=None,
        )
        for address in (f"deliveries/{delivery.pk}/redeliver", f"webhooks/{delivery.webhook_id}/test"):
            answer = alice.api.post(f"/v1/{address}", {}, content_type="application/json").json()
            assert answer["nextAttemptAt"] <= iso(timezone.now())

    @pytest.mark.parametrize("count", [1, 10])
    def test_a_page_costs_the_same_queries_whatever_its_size(
        self, alice: Tenant, count: int, django_assert_num_queries: Any
    ) -> None:
        webhook = WebhookFactory(number=alice.number)
        for _ in range(count):
            DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
        alice.api.get("/v1/webhooks")
        with django_assert_num_queries(4):
            assert len(alice.api.get(f"/v1/webhooks/{webhook.pk}/deliveries").json()["data"]) == count


DOORS = [
    ("get", "/v1/webhooks/{webhook}"),
    ("patch", "/v1/webhooks/{webhook}"),
    ("delete", "/v1/webhooks/{webhook}"),
    ("get", "/v1/webhooks/{webhook}/logs"),
    ("get", "/v1/webhooks/{webhook}/deliveries"),
    ("get", "/v1/webhooks/{webhook}/secret"),
    ("post", "/v1/webhooks/{webhook}/secret/rotate"),
    ("post", "/v1/webhooks/{webhook}/test"),
    ("post", "/v1/webhooks/{webhook}/recover"),
    ("get", "/v1/deliveries/{delivery}"),
    ("post", "/v1/deliveries/{delivery}/redeliver"),
]


@pytest.mark.parametrize(("method", "address"), DOORS)
class TestEveryDoor:
    def test_a_stranger_finds_nothing(self, alice: Tenant, bob: Tenant, method: str, address: str) -> None:
        assert self.call(alice.api, bob, method, address).status_code == 404

    def test_a_key_of_another_number_finds_nothing(self, alice: Tenant, method: str, address: str) -> None:
        other = NumberFactory(workspace=alice.workspace)
        key = ApiKeyFactory(workspace=alice.workspace, number_id=other.pk).text
        assert self.call(Client(headers={"x-api-key": key}), alice, method, address).status_code == 404

    def test_without_a_key_it_is_401(self, alice: Tenant, method: str, address: str) -> None:
        response = self.call(Client(), alice, method, address)
        assert (response.status_code, response.json()["code"]) == (401, "UNAUTHORIZED")

    def test_with_a_wrong_key_it_is_401(self, alice: Tenant, method: str, address: str) -> None:
        assert (
            self.call(Client(headers={"x-api-key": "wak_no_such"}), alice, method, address).status_code == 401
        )

    def test_another_method_is_405(self, alice: Tenant, method: str, address: str) -> None:
        assert self.call(alice.api, alice, "put", address).status_code == 405

    def call(self, client: Client, owner: Tenant, method: str, address: str) -> Any:
        delivery = DeliveryFactory(event=EventFactory(number=owner.number))
        path = address.format(webhook=delivery.webhook_id, delivery=delivery.pk)
        arguments = {} if method == "get" else {"data": "{}", "content_type": "application/json"}
        return getattr(client, method)(path, **arguments)
