"""The send drain, against local servers in the place of the providers."""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from events import inbox
from events.models import Event
from events.tasks import normalize
from messaging.models import Message
from messaging.sending import LEASE, RETRY_DELAYS, UNKNOWN, UNKNOWN_CODE, UNKNOWN_FOR, send_batch
from messaging.tasks import send_due
from phone_numbers.models import Number
from phone_numbers.providers.base import Part
from tests.conftest import Tenant
from tests.evolution_server import EvolutionServer
from tests.factories import MessageFactory, NumberFactory
from tests.gateway_server import GatewayAnswer, GatewayRequest
from tests.graph_server import GraphServer, graph_error
from tests.phone_numbers.providers.meta.payloads import envelope
from tests.waha_server import WahaServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def graph(settings: Any) -> Iterator[GraphServer]:
    with GraphServer() as server:
        settings.META_GRAPH_URL = server.graph_url
        yield server


@pytest.fixture
def number(alice: Tenant, graph: GraphServer) -> Number:
    return NumberFactory(
        workspace=alice.workspace,
        provider="meta",
        provider_ref=graph.phone_number_id,
        credentials=graph.credentials,
    )


def queued(number: Number, **fields: Any) -> Message:
    return MessageFactory(number=number, **{"due_at": timezone.now()} | fields)


def events(message: Message) -> list[str]:
    return list(
        Event.objects.filter(message_id=message.pk).order_by("recorded_at").values_list("type", flat=True)
    )


def later(**span: float) -> Any:
    return time_machine.travel(timezone.now() + timedelta(**span), tick=True)


def reported(number: Number, message: Message, word: str) -> None:
    """WhatsApp says something of a message, under our own reference."""
    status = {"id": "wamid.LATE", "status": word, "recipient_id": "447700900123",
              "biz_opaque_callback_data": message.pk}  # fmt: skip
    change = {"field": "messages", "value": {"statuses": [status]}}
    inbox.store("meta", [Part(ref=number.provider_ref, body=json.dumps(envelope(change)))])
    normalize()


def test_an_accepted_message_has_its_id_and_waits_for_whatsapp(number: Number, graph: GraphServer) -> None:
    message = queued(number)
    send_due()
    message.refresh_from_db()
    assert (message.status, message.external_id) == (Message.Status.QUEUED, "wamid.SENT000000000001")
    assert (message.due_at, message.lease, message.send_tries) == (None, None, 1)
    assert graph.requests[0].json["biz_opaque_callback_data"] == message.pk
    assert events(message) == []


def test_an_acceptance_that_is_the_first_rung_says_so(alice: Tenant) -> None:
    with WahaServer() as waha:
        number = NumberFactory(workspace=alice.workspace, provider="waha", credentials=waha.credentials)
        message = queued(number)
        send_due()
    message.refresh_from_db()
    assert (message.status, events(message)) == (Message.Status.SENT, ["message.sent"])


def test_a_message_is_sent_once(number: Number, graph: GraphServer) -> None:
    queued(number)
    send_due()
    send_due()
    assert len(graph.requests) == 1


def test_a_batch_goes_to_every_number_at_its_own_provider(
    alice: Tenant, number: Number, graph: GraphServer
) -> None:
    with EvolutionServer() as evolution:
        other = NumberFactory(
            workspace=alice.workspace, provider="evolution", credentials=evolution.credentials
        )
        messages = [queued(one) for one in (number, other, alice.number) for _ in range(3)]
        assert send_batch() == 9
        assert (len(graph.requests), len(evolution.requests)) == (3, 3)
    assert all(
        Message.objects.filter(pk__in=[message.pk for message in messages]).values_list(
            "external_id", flat=True
        )
    )


def test_a_refusal_is_an_event_with_the_providers_words(number: Number, graph: GraphServer) -> None:
    graph.answer(
        graph.messages_path, 400, graph_error(131047, "Re-engagement message", "24 hours have passed.")
    )
    message = queued(number)
    send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code, message.due_at) == (Message.Status.FAILED, "131047", None)
    data = Event.objects.get(type="message.failed").payload["data"]
    assert (data["error"], data["errorCode"], data["messageId"]) == ("24 hours have passed.", "131047", None)
    assert data["correlationId"] == message.correlation_id


def test_what_passes_is_tried_again_after_growing_delays_and_then_fails(
    number: Number, graph: GraphServer
) -> None:
    graph.answer(graph.messages_path, 503, graph_error(2, "Service temporarily unavailable"))
    message = queued(number)
    for tries, delay in enumerate(RETRY_DELAYS, start=1):
        before = message.due_at
        with time_machine.travel(before, tick=False):
            send_due()
        message.refresh_from_db()
        assert (message.status, message.send_tries) == (Message.Status.QUEUED, tries)
        assert message.due_at == before + delay
    with time_machine.travel(message.due_at, tick=False):
        send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code) == (Message.Status.FAILED, "2")
    assert len(graph.requests) == len(RETRY_DELAYS) + 1
    assert events(message) == ["message.failed"]


def test_a_provider_says_when_to_come_back(number: Number, graph: GraphServer) -> None:
    graph.answer(graph.messages_path, 429, b"", headers={"Retry-After": "90"})
    message = queued(number)
    with time_machine.travel(message.due_at, tick=False):
        send_due()
    before = message.due_at
    message.refresh_from_db()
    assert message.due_at == before + timedelta(seconds=90)


def test_a_message_that_was_tried_again_goes_out(number: Number, graph: GraphServer) -> None:
    graph.answer(graph.messages_path, 503, b"")
    message = queued(number)
    send_due()
    graph.answer(graph.messages_path, 200, {"messages": [{"id": "wamid.SECOND"}]})
    with later(seconds=5):
        send_due()
    message.refresh_from_db()
    assert (message.external_id, message.send_tries) == ("wamid.SECOND", 2)


def test_an_unknown_outcome_waits_and_then_fails(number: Number, graph: GraphServer) -> None:
    graph.answer(graph.messages_path, drop=True)
    message = queued(number)
    send_due()
    message.refresh_from_db()
    assert (message.status, events(message)) == (Message.Status.QUEUED, [])
    with later(seconds=UNKNOWN_FOR.total_seconds() - 5):
        send_due()
    assert events(message) == []
    with later(seconds=UNKNOWN_FOR.total_seconds() + 5):
        send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code, message.due_at) == (Message.Status.FAILED, UNKNOWN_CODE, None)
    assert events(message) == ["message.failed"]
    assert len(graph.requests) == 1


def test_an_unknown_outcome_that_fails_repeats_what_the_gateway_said(alice: Tenant) -> None:
    with WahaServer() as waha:
        number = NumberFactory(workspace=alice.workspace, provider="waha", credentials=waha.credentials)
        waha.answer("/api/sendText", 500, {"exception": {"message": "server returned error 463"}})
        message = queued(number)
        send_due()
    with later(seconds=UNKNOWN_FOR.total_seconds() + 5):
        send_due()
    data = Event.objects.get(type="message.failed", message_id=message.pk).payload["data"]
    assert data["error"] == f"{UNKNOWN} The send ended with: server returned error 463"
    assert data["errorCode"] == UNKNOWN_CODE


def test_a_number_that_keeps_nothing_keeps_no_answer_of_a_gateway(alice: Tenant) -> None:
    with WahaServer() as waha:
        number = NumberFactory(
            workspace=alice.workspace, provider="waha", credentials=waha.credentials, pii_mode="RELAY_ONLY"
        )
        waha.answer("/api/sendText", 500, {"exception": {"message": "+447700900123 has no LID"}})
        message = queued(number)
        send_due()
    message.refresh_from_db()
    assert (message.error, message.error_code) == ("", UNKNOWN_CODE)


def test_a_status_settles_an_unknown_outcome(number: Number, graph: GraphServer) -> None:
    graph.answer(graph.messages_path, drop=True)
    message = queued(number)
    send_due()
    reported(number, message, "delivered")
    with later(seconds=UNKNOWN_FOR.total_seconds() + 5):
        send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code) == (Message.Status.DELIVERED, "")
    assert events(message) == ["message.sent", "message.delivered"]
    assert len(graph.requests) == 1


def test_a_send_whose_worker_died_is_not_repeated(number: Number, graph: GraphServer) -> None:
    message = queued(number, lease="lease_of_the_dead")
    send_due()
    message.refresh_from_db()
    assert graph.requests == []
    assert (message.status, message.error_code) == (Message.Status.QUEUED, UNKNOWN_CODE)
    with later(seconds=UNKNOWN_FOR.total_seconds() + 5):
        send_due()
    assert events(message) == ["message.failed"]
    assert graph.requests == []


def test_a_running_send_is_nobody_elses(number: Number, graph: GraphServer) -> None:
    queued(number, lease="lease_of_another", due_at=timezone.now() + LEASE)
    assert send_batch() == 0
    assert graph.requests == []


def test_a_message_that_came_too_late_is_not_sent(number: Number, graph: GraphServer) -> None:
    message = queued(number, deliver_until=timezone.now() - timedelta(seconds=1))
    send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code, graph.requests) == (Message.Status.FAILED, "EXPIRED", [])
    assert events(message) == ["message.failed"]


class SlowGraphServer(GraphServer):
    delay = 1.0

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        time.sleep(self.delay)
        return super().default_answer(request)


def test_a_message_that_waited_too_long_behind_others_of_its_batch_is_not_sent(
    alice: Tenant, settings: Any
) -> None:
    with SlowGraphServer() as graph:
        settings.META_GRAPH_URL = graph.graph_url
        number = NumberFactory(
            workspace=alice.workspace,
            provider="meta",
            provider_ref=graph.phone_number_id,
            credentials=graph.credentials,
        )
        for _ in range(8):
            queued(number)
        message = queued(number, deliver_until=timezone.now() + timedelta(seconds=0.5))
        assert send_batch() == 9
        message.refresh_from_db()
        assert (message.status, message.error_code) == (Message.Status.FAILED, "EXPIRED")
        assert len(graph.requests) == 8


def test_a_send_that_is_over_waits_for_no_slow_gateway_of_its_batch(alice: Tenant, settings: Any) -> None:
    with SlowGraphServer() as graph, WahaServer() as waha:
        graph.delay = 3
        settings.META_GRAPH_URL = graph.graph_url
        slow = NumberFactory(
            workspace=alice.workspace,
            provider="meta",
            provider_ref=graph.phone_number_id,
            credentials=graph.credentials,
        )
        quick = NumberFactory(workspace=alice.workspace, provider="waha", credentials=waha.credentials)
        waiting, over = queued(slow), queued(quick)
        started = timezone.now()
        assert send_batch() == 2
    waiting.refresh_from_db()
    over.refresh_from_db()
    assert waiting.external_id
    assert over.sent_at is not None
    assert over.sent_at - started < timedelta(seconds=2)


def test_a_message_for_later_waits(number: Number, graph: GraphServer) -> None:
    queued(number, due_at=timezone.now() + timedelta(hours=1))
    send_due()
    assert graph.requests == []
    with later(hours=1, seconds=1):
        send_due()
    assert len(graph.requests) == 1


@pytest.mark.parametrize("change", [{"state": Number.State.CLOSE}, {"deleted_at": timezone.now()}])
def test_a_number_that_is_gone_sends_nothing(
    number: Number, graph: GraphServer, change: dict[str, Any]
) -> None:
    message = queued(number)
    Number.objects.filter(pk=number.pk).update(**change)
    send_due()
    message.refresh_from_db()
    assert (message.status, message.error_code) == (Message.Status.FAILED, "WHATSAPP_INSTANCE_NOT_CONNECTED")
    assert graph.requests == []


def test_a_gateway_that_repeats_an_id_names_one_message_with_it(number: Number, graph: GraphServer) -> None:
    graph.answer(graph.messages_path, 200, {"messages": [{"id": "wamid.SAME"}]})
    messages = [queued(number) for _ in range(3)]
    send_due()
    messages.append(queued(number))
    send_due()
    stored = Message.objects.filter(pk__in=[message.pk for message in messages])
    assert sorted(message.external_id or "" for message in stored) == ["", "", "", "wamid.SAME"]
    assert {message.due_at for message in stored} == {None}


def test_relay_only_still_sends_what_it_does_not_keep(
    alice: Tenant, number: Number, graph: GraphServer
) -> None:
    Number.objects.filter(pk=number.pk).update(pii_mode="RELAY_ONLY")
    answer = alice.api.post(
        "/v1/messages/send",
        {"destinationNumber": "+447700900123", "text": "in flight", "whatsappNumberId": number.pk},
        content_type="application/json",
    )
    assert answer.status_code == 202, answer.content
    send_due()
    assert graph.requests[0].json["text"] == {"body": "in flight"}
    assert Message.objects.get(pk=answer.json()["id"]).content == ""
