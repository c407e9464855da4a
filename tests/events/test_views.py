"""The provider doors: what they take, what they refuse, and that nothing is stored of what they refuse."""

import hashlib
import hmac
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from django.test import Client

from events.models import Event, RawPayload
from events.tasks import normalize
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import MetaNumberFactory, NumberFactory, WebhookFactory
from webhooks.models import Delivery

APP_SECRET = "an app secret"


@pytest.fixture(autouse=True)
def _meta_app(settings: Any) -> None:
    settings.META_APP_SECRET = APP_SECRET
    settings.META_VERIFY_TOKEN = "a verify token"


def text_from(number: Number, message_id: str, text: str = "Hello") -> dict[str, Any]:
    """One entry of a Meta webhook: a text that somebody wrote to the number."""
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": number.phone, "phone_number_id": number.provider_ref},
        "contacts": [{"profile": {"name": "Ada"}, "wa_id": "447700900123"}],
        "messages": [
            {
                "from": "447700900123",
                "id": message_id,
                "timestamp": "1771929000",
                "type": "text",
                "text": {"body": text},
            }
        ],
    }
    return {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}


def envelope(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"object": "whatsapp_business_account", "entry": list(entries)}).encode()


def proof(body: bytes, secret: str = APP_SECRET) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


def post(body: bytes, headers: dict[str, str] | None = None, content_type: str = "application/json") -> Any:
    return Client().post(
        "/ingest/meta",
        data=body,
        content_type=content_type,
        headers=proof(body) if headers is None else headers,
    )


@pytest.mark.django_db
class TestMeta:
    def test_the_handshake_answers_the_challenge(self) -> None:
        query = {"hub.mode": "subscribe", "hub.verify_token": "a verify token", "hub.challenge": "1158201444"}
        response = Client().get("/ingest/meta", query)
        assert (response.status_code, response.content) == (200, b"1158201444")

    def test_the_handshake_refuses_a_wrong_token(self) -> None:
        query = {"hub.mode": "subscribe", "hub.verify_token": "guessed", "hub.challenge": "1158201444"}
        assert Client().get("/ingest/meta", query).status_code == 403

    def test_a_signed_payload_is_stored_before_the_answer(self, alice: Tenant) -> None:
        number = MetaNumberFactory(workspace=alice.workspace)
        body = envelope(text_from(number, "wamid.1"))
        assert post(body).status_code == 200
        payload = RawPayload.objects.get()
        assert (payload.number, payload.body.encode(), payload.status) == (
            number,
            body,
            RawPayload.Status.PENDING,
        )

    @pytest.mark.parametrize(
        "headers", [{}, {"x-hub-signature-256": "sha256=00"}, {"x-hub-signature-256": "nonsense"}]
    )
    def test_a_bad_signature_is_refused_and_leaves_not_one_row(
        self, alice: Tenant, headers: dict[str, str]
    ) -> None:
        body = envelope(text_from(MetaNumberFactory(workspace=alice.workspace), "wamid.1"))
        assert post(body, headers).status_code == 403
        assert post(body, proof(body, "another secret")).status_code == 403
        assert not RawPayload.objects.exists()

    def test_without_an_app_secret_every_signature_is_bad(self, settings: Any) -> None:
        settings.META_APP_SECRET = ""
        body = envelope()
        assert post(body, proof(body, "")).status_code == 403

    @pytest.mark.parametrize(
        "body", [b"junk", b"", b"[]", b'"text"', b"\xff\xfe", b'{"a": NaN', b"[" * 100_000]
    )
    def test_what_is_no_json_object_is_a_400(self, body: bytes) -> None:
        response = post(body)
        assert (response.status_code, response.json()["code"]) == (400, "INVALID_JSON")
        assert not RawPayload.objects.exists()

    def test_four_mebibytes_are_too_many(self) -> None:
        body = b'{"object": "' + b"x" * (4 * 1024 * 1024) + b'"}'
        assert post(body).status_code == 413
        assert not RawPayload.objects.exists()

    def test_the_content_type_does_not_matter_where_the_proof_fits(self, alice: Tenant) -> None:
        body = envelope(text_from(MetaNumberFactory(workspace=alice.workspace), "wamid.1"))
        assert post(body, content_type="text/plain").status_code == 200
        assert RawPayload.objects.count() == 1

    def test_a_form_is_no_payload(self) -> None:
        body = b"entry=1&object=2"
        assert post(body, content_type="application/x-www-form-urlencoded").status_code == 400

    def test_a_number_that_is_not_ours_is_kept_as_unroutable(self) -> None:
        stranger = MetaNumberFactory.build(provider_ref="999")
        assert post(envelope(text_from(stranger, "wamid.1"))).status_code == 200
        normalize()
        payload = RawPayload.objects.get()
        assert (payload.status, payload.number, payload.provider_ref) == (
            RawPayload.Status.UNROUTABLE,
            None,
            "999",
        )
        assert not Event.objects.exists()

    def test_numbers_of_two_workspaces_in_one_post_each_hear_only_their_own(
        self, alice: Tenant, bob: Tenant
    ) -> None:
        hers, his = MetaNumberFactory(workspace=alice.workspace), MetaNumberFactory(workspace=bob.workspace)
        for tenant in (alice, bob):
            WebhookFactory(workspace=tenant.workspace, number=None)
        post(envelope(text_from(hers, "wamid.a", "for Alice"), text_from(his, "wamid.b", "for Bob")))
        normalize()
        for tenant, mine, theirs in ((alice, "for Alice", "for Bob"), (bob, "for Bob", "for Alice")):
            (delivery,) = Delivery.objects.filter(webhook__workspace=tenant.workspace).select_related("event")
            assert mine in delivery.event.body
            for payload in RawPayload.objects.filter(number__workspace=tenant.workspace):
                assert theirs not in payload.body

    def test_other_methods_are_refused(self) -> None:
        assert Client().put("/ingest/meta").status_code == 405


@pytest.mark.django_db(transaction=True)
def test_the_same_post_twenty_times_by_eight_threads_is_one_event_and_one_delivery_per_webhook(
    alice: Tenant, live_server: Any
) -> None:
    number = MetaNumberFactory(workspace=alice.workspace)
    WebhookFactory(number=number)
    WebhookFactory(workspace=alice.workspace, number=None)
    body = envelope(text_from(number, "wamid.same"))

    def send(_: int) -> int:
        return requests.post(
            f"{live_server.url}/ingest/meta", data=body, headers=proof(body), timeout=30
        ).status_code

    def work(_: int) -> None:
        from django.db import connection

        normalize()
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(send, range(20))) == {200}
        list(threads.map(work, range(8)))
    assert RawPayload.objects.filter(status=RawPayload.Status.NORMALIZED).count() == 20
    assert Event.objects.count() == 1
    assert Delivery.objects.count() == 2


@pytest.mark.django_db
class TestGateways:
    @pytest.mark.parametrize("provider", ["evolution", "waha"])
    def test_a_wrong_token_is_refused_and_leaves_no_row(self, provider: str) -> None:
        response = Client().post(f"/ingest/{provider}/{'x' * 32}", data="{}", content_type="application/json")
        assert response.status_code == 403
        assert not RawPayload.objects.exists()

    def test_a_token_opens_only_its_own_providers_door(self, alice: Tenant) -> None:
        number = NumberFactory(
            workspace=alice.workspace, provider="evolution", provider_ref="http://gateway#shop"
        )
        assert (
            Client()
            .post(f"/ingest/waha/{number.ingest_token}", data="{}", content_type="application/json")
            .status_code
            == 403
        )

    def test_the_simulator_has_no_door(self, alice: Tenant) -> None:
        address = f"/ingest/simulator/{alice.number.ingest_token}"
        assert Client().post(address, data="{}", content_type="application/json").status_code == 404

    def test_what_a_removed_number_still_gets_is_kept_as_unroutable(self, alice: Tenant) -> None:
        from django.utils import timezone

        number = NumberFactory(
            workspace=alice.workspace,
            provider="evolution",
            provider_ref="http://gateway#shop",
            deleted_at=timezone.now(),
        )
        response = Client().post(
            f"/ingest/evolution/{number.ingest_token}", data="{}", content_type="application/json"
        )
        assert response.status_code == 200
        assert RawPayload.objects.get().status == RawPayload.Status.UNROUTABLE


@pytest.mark.django_db
@pytest.mark.parametrize("suffix", ["", "/messages-upsert", "/connection-update", "/messages-upsert/"])
def test_evolution_may_put_the_events_name_behind_the_address(alice: Tenant, suffix: str) -> None:
    number = NumberFactory(workspace=alice.workspace, provider="evolution")
    address = f"/ingest/evolution/{number.ingest_token}{suffix}"
    assert Client().post(address, data=b"{}", content_type="application/json").status_code == 200
    assert RawPayload.objects.get().number == number


@pytest.mark.django_db
@pytest.mark.parametrize(
    "path", ["waha/{}/message", "evolution/{}/../meta", "evolution/{}/a/b", "evolution/{}/A.php"]
)
def test_nothing_else_leads_to_a_door(alice: Tenant, path: str) -> None:
    number = NumberFactory(workspace=alice.workspace, provider=path.split("/")[0])
    address = f"/ingest/{path.format(number.ingest_token)}"
    assert Client().post(address, data=b"{}", content_type="application/json").status_code == 404
    assert not RawPayload.objects.exists()


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("door", ["meta", "waha"])
def test_while_the_database_is_away_a_payload_is_asked_for_again(door: str, caplog: Any) -> None:
    body = b'{"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": []}]}'
    address = f"/ingest/{door}" if door == "meta" else f"/ingest/{door}/{'t' * 32}"
    response = Client().post(address, body, content_type="application/json", headers=proof(body))
    assert (response.status_code, response.json()["code"]) == (503, "TRY_AGAIN")
    assert response["retry-after"] == "5"
    (record,) = [one for one in caplog.records if one.levelname != "INFO"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
