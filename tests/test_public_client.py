"""The public Python client of the service that this one follows, unmodified but for its transport, works against us."""

import json
import time
import urllib.request
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
from django.utils import timezone
from pilot_status import ConflictError, NotFoundError, PilotStatusClient, ValidationError
from pytest_django.live_server_helper import LiveServer

from events.tasks import normalize
from messaging.models import Message
from messaging.tasks import send_due
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory, MessageFactory, NumberFactory
from tests.web_process import Start, WebProcess

pytestmark = pytest.mark.django_db(transaction=True)

TEXT = {"destinationNumber": "+447700900123", "text": "Your order has shipped"}


class Transport:
    """Sends the client's requests to the test's server; keeps the headers of the last answer."""

    def __init__(self, server: LiveServer | WebProcess) -> None:
        self.host = urlsplit(server.url)
        self.headers: Mapping[str, str] = {}

    def __call__(self, request: urllib.request.Request, timeout: float) -> tuple[int, dict[str, str], str]:
        url = urlsplit(request.full_url)
        request.full_url = urlunsplit((self.host.scheme, self.host.netloc, url.path, url.query, ""))
        with urllib.request.urlopen(request, timeout=timeout) as response:
            self.headers = {name.lower(): value for name, value in response.headers.items()}
            return response.status, dict(self.headers), response.read().decode()


@pytest.fixture
def transport(live_server: LiveServer) -> Transport:
    return Transport(live_server)


@pytest.fixture
def client(alice: Tenant, transport: Transport) -> PilotStatusClient:
    """With a key of the whole workspace, and Alice's number as the one it acts for."""
    return PilotStatusClient(api_key=alice.key, transport=transport, whatsapp_number_id=alice.number.pk)


def test_a_message_is_sent_and_found_by_three_names(client: PilotStatusClient, alice: Tenant) -> None:
    accepted = client.messages.send(TEXT)
    assert set(accepted) == {"id", "correlationId", "status", "createdAt", "origin", "sourceNumber"}
    assert (accepted["status"], accepted["sourceNumber"]) == ("QUEUED", alice.number.phone)
    Message.objects.update(
        external_id="wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgS", status="SENT", sent_at=timezone.now()
    )
    for name in (accepted["id"], accepted["correlationId"], "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgS"):
        details = client.messages.get(name)
        assert details["id"] == accepted["id"]
        assert details["correlationId"] == accepted["correlationId"]
        assert details["destinationNumber"] == "+447700900123"
        assert details["status"] == "SENT"
        assert details["externalMessageId"] == "wamid.HBgMNDQ3NzAwOTAwMTIzFQIAERgS"
        assert details["origin"] == accepted["origin"]
        assert (
            details["deliveredAt"]
            is details["readAt"]
            is details["errorCode"]
            is details["errorMessage"]
            is None
        )
        assert details["metaPricing"] is None


def test_a_day_of_a_shop_against_the_web_process(alice: Tenant, start_web: Start) -> None:
    """Messages and numbers in one go, with what the worker does in between."""
    transport = Transport(start_web())
    client = PilotStatusClient(api_key=alice.key, transport=transport)
    number = client.numbers.create({"name": "Till", "number": "+44 7700 900199"})["instance"]["id"]
    assert number in {listed["id"] for listed in client.numbers.list()}
    assert client.numbers.get_status(number)["state"] == "OPEN"
    assert client.numbers.update(number, {"settings": {"ignoreGroups": True}})["settings"]["ignoreGroups"]

    shop = PilotStatusClient(api_key=alice.key, transport=transport, whatsapp_number_id=number)
    accepted = shop.messages.send(TEXT, idempotency_key="order-42-shipped")
    assert shop.messages.send(TEXT, idempotency_key="order-42-shipped") == accepted
    assert transport.headers["idempotent-replayed"] == "true"
    later = shop.messages.send(TEXT | {"deliverAt": (timezone.now() + timedelta(hours=1)).isoformat()})
    assert shop.messages.cancel([later["id"]]) == {"cancelled": [later["id"]], "failed": []}
    send_due()
    until = time.monotonic() + 20
    while (details := shop.messages.get(accepted["id"]))["status"] != "READ":
        assert time.monotonic() < until, details
        normalize()
        time.sleep(0.1)
    for name in (accepted["correlationId"], details["externalMessageId"]):
        assert shop.messages.get(name) == details
    history = {message["id"]: message["status"] for message in shop.messages.history()["messages"]}
    assert history == {accepted["id"]: "READ", later["id"]: "CANCELED"}

    assert client.numbers.delete(number)["ok"]
    assert number not in {listed["id"] for listed in client.numbers.list()}
    with pytest.raises(NotFoundError):
        shop.messages.send(TEXT)
    assert client.numbers.restore(number)["ok"]
    assert client.numbers.get(number)["deletedAt"] is None
    assert client.numbers.delete(number)["ok"]
    assert client.numbers.purge(number) == {"ok": True}
    with pytest.raises(NotFoundError):
        client.numbers.get(number)


def test_media_are_sent_with_their_text_as_caption(client: PilotStatusClient) -> None:
    client.messages.send(TEXT | {"media": "https://shop.example/receipt.pdf", "mediaType": "document"})
    message = Message.objects.get()
    assert (message.type, message.media_caption) == ("document", TEXT["text"])


def test_a_repeated_send_is_answered_and_not_sent_again(
    client: PilotStatusClient, transport: Transport
) -> None:
    first = client.messages.send(TEXT, idempotency_key="order-42-shipped")
    assert "idempotent-replayed" not in transport.headers
    assert client.messages.send(TEXT, idempotency_key="order-42-shipped") == first
    assert transport.headers["idempotent-replayed"] == "true"
    with pytest.raises(ConflictError) as caught:
        client.messages.send(TEXT | {"text": "Other"}, idempotency_key="order-42-shipped")
    assert caught.value.body["code"] == "IDEMPOTENCY_KEY_REUSED"
    assert Message.objects.count() == 1


def test_what_we_do_not_offer_is_refused_with_a_sentence(client: PilotStatusClient) -> None:
    with pytest.raises(ValidationError) as caught:
        client.messages.send(TEXT | {"templateId": "order_shipped"})
    assert caught.value.body["code"] == "NOT_SUPPORTED"
    assert str(caught.value).endswith(".")


def test_scheduled_messages_are_canceled(client: PilotStatusClient) -> None:
    later = (timezone.now() + timedelta(hours=1)).isoformat()
    accepted = client.messages.send(TEXT | {"deliverAt": later})
    assert client.messages.cancel([accepted["id"], "msg_unknown"]) == {
        "cancelled": [accepted["id"]],
        "failed": [{"id": "msg_unknown", "reason": "NOT_FOUND"}],
    }
    assert client.messages.get(accepted["id"])["status"] == "CANCELED"


@pytest.mark.parametrize("limited", [True, False])
def test_the_history_is_read_in_pages(alice: Tenant, transport: Transport, limited: bool) -> None:
    inbound = MessageFactory(number=alice.number, inbound=True, contact_name="Ada")
    outbound = MessageFactory(number=alice.number, sent=True)
    MessageFactory(number=NumberFactory(workspace=alice.workspace))
    key = ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk).text if limited else alice.key
    client = PilotStatusClient(
        api_key=key, transport=transport, whatsapp_number_id=None if limited else alice.number.pk
    )
    page = client.messages.history(page_size=1, end_date=timezone.now().isoformat())
    assert (page["total"], page["page"], page["pageSize"], page["totalPages"]) == (2, 1, 1, 2)
    assert [message["id"] for message in page["messages"]] == [outbound.pk]
    [message] = client.messages.history(page=2, page_size=1)["messages"]
    assert (message["id"], message["direction"], message["participantName"]) == (inbound.pk, "INBOUND", "Ada")
    assert "redacted" not in message
    with pytest.raises(ValidationError) as caught:
        client.messages.history(start_date="2026-02-02T00:00:00Z", end_date="2026-02-01T00:00:00Z")
    assert caught.value.body["code"] == "INVALID_DATE_RANGE"


def test_a_number_lives_and_goes(client: PilotStatusClient, alice: Tenant) -> None:
    created = client.numbers.create(
        {"name": "Till", "number": "+44 7700 900199", "settings": {"markReadOnSend": False}}
    )
    number = created["instance"]["id"]
    assert created["instance"]["number"] == "+447700900199"
    assert created["instance"]["settings"]["markReadOnSend"] is False
    assert created["qrcodeBase64"] is created["pairingCode"] is None

    assert {listed["id"] for listed in client.numbers.list()} == {alice.number.pk, number}
    for listed in client.numbers.list():
        assert {"instanceName", "primaryLink", "secondaryLink", "apiKeys", "isFullyConnected"} <= set(listed)
        assert listed["extraChargeUnpaidSince"] is listed["extraChargeDisconnectAt"] is None

    detail = client.numbers.get(number, refresh=True)
    assert (detail["state"], detail["isFullyConnected"], detail["coexistence"]) == ("OPEN", True, None)

    updated = client.numbers.update(
        number, {"piiMode": "STORE_X_DAYS", "piiRetentionDays": 30, "settings": {"rejectCall": True}}
    )
    assert (updated["piiMode"], updated["piiRetentionDays"]) == ("STORE_X_DAYS", 30)
    assert client.numbers.update_settings(number, {"rejectCall": None})["settings"]["rejectCall"] is None

    status = client.numbers.get_status(number)
    assert (status["id"], status["state"], status["stale"]) == (number, "OPEN", False)
    assert status["checkedAt"]

    deleted = client.numbers.delete(number)
    assert deleted["ok"] is True
    assert deleted["restorableUntil"] > timezone.now().isoformat()
    with pytest.raises(ConflictError) as caught:
        client.numbers.create({"name": "Till", "number": "+447700900199"})
    assert caught.value.body["code"] == "NUMBER_SOFT_DELETED"
    assert client.numbers.restore(number) == {"ok": True, "requiresReconnect": True}
    with pytest.raises(ConflictError) as caught:
        client.numbers.restore(number)
    assert caught.value.body["code"] == "NUMBER_ALREADY_ACTIVE"
    assert client.numbers.purge(number) == {"ok": True}
    with pytest.raises(NotFoundError):
        client.numbers.get(number)


def test_an_empty_change_is_refused(client: PilotStatusClient, alice: Tenant) -> None:
    with pytest.raises(ValidationError) as caught:
        client.numbers.update(alice.number.pk, {})
    assert caught.value.body["code"] == "EMPTY_PATCH"


def test_a_number_gets_a_new_key_that_works(
    client: PilotStatusClient, alice: Tenant, transport: Transport
) -> None:
    regenerated = client.api_keys.regenerate_number(alice.number.pk)
    assert regenerated["numberId"] == alice.number.pk
    assert {listed["keyId"] for listed in client.api_keys.list()} >= {regenerated["keyId"]}
    limited = PilotStatusClient(api_key=regenerated["key"], transport=transport)
    assert [listed["id"] for listed in limited.numbers.list()] == [alice.number.pk]
    assert [listed["id"] for listed in limited.api_keys.list()] == [regenerated["keyId"]]
    assert limited.messages.send(TEXT)["sourceNumber"] == alice.number.phone


def test_every_answer_is_json_that_the_clients_types_name(client: PilotStatusClient, alice: Tenant) -> None:
    from pilot_status import types

    MessageFactory(number=alice.number, inbound=True)
    answers: dict[Any, Any] = {
        types.MessageDetails: client.messages.get(client.messages.send(TEXT)["id"]),
        types.HistoryMessage: client.messages.history()["messages"][0],
        types.NumberDetail: client.numbers.get(alice.number.pk),
        types.WhatsAppNumberListItem: client.numbers.list()[0],
        types.NumberStatusResult: client.numbers.get_status(alice.number.pk),
        types.NumberSettings: client.numbers.get(alice.number.pk)["settings"],
    }
    for type_, answer in answers.items():
        expected = type_.__annotations__.keys() - {
            "template", "redacted", "lastKnownAt", "lastValidatedAt", "coexistence",
        }  # fmt: skip
        assert expected <= answer.keys(), type_.__name__
        assert json.dumps(answer)
