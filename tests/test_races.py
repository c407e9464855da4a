"""What happens at the same time, or in the wrong order."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from events import inbox
from events.models import Call, Event, RawPayload
from events.normalizing import HOLD_ANSWERS, HOLD_STEP, normalize_batch
from events.tasks import normalize
from messaging.models import Message
from messaging.sending import send_batch
from phone_numbers.models import Number
from phone_numbers.providers.base import Part
from phone_numbers.providers.simulator.engine import inbound
from phone_numbers.reports import MessageStatus
from tests.conftest import Tenant
from tests.evolution_server import EvolutionServer
from tests.factories import MessageFactory, MetaNumberFactory, NumberFactory
from tests.gateway_server import GatewayAnswer, GatewayRequest
from tests.phone_numbers.providers.evolution import payloads as evolution
from tests.phone_numbers.providers.meta import payloads as meta
from tests.phone_numbers.providers.waha import payloads as waha

ADA = "+447700900123"
SENT_ID = "3EB0SENT000000000001"


def post(number: Number, *payloads: Any) -> None:
    parts = [Part(ref=None, body=one if isinstance(one, str) else json.dumps(one)) for one in payloads]
    inbox.store(number.provider, parts, number)


def types() -> list[str]:
    return list(Event.objects.order_by("pk").values_list("type", flat=True))


def after(span: timedelta) -> Any:
    return time_machine.travel(timezone.now() + span + timedelta(seconds=1), tick=True)


def evolution_reply() -> Any:
    context = {
        "stanzaId": SENT_ID,
        "participant": "12025550143@s.whatsapp.net",
        "quotedMessage": {"conversation": "Shall we deliver today?"},
    }
    return evolution.upsert({"extendedTextMessage": {"text": "Yes please", "contextInfo": context}})


class HastyEvolution(EvolutionServer):
    """WhatsApp is faster than Evolution's answer: `before_answering` runs while the send is still open."""

    before_answering: Callable[[], None]

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        answer = super().default_answer(request)
        if request.path.startswith("/message/send"):
            self.before_answering()
            connections.close_all()
        return answer


@pytest.fixture
def hasty() -> Iterator[HastyEvolution]:
    with HastyEvolution() as server:
        yield server


@pytest.fixture
def evolution_number(alice: Tenant, hasty: HastyEvolution) -> Number:
    return NumberFactory(
        workspace=alice.workspace, phone=evolution.US, provider="evolution", credentials=hasty.credentials
    )


@pytest.mark.django_db(transaction=True)
def test_a_status_that_overtakes_the_answer_of_its_send_is_not_lost(
    evolution_number: Number, hasty: HastyEvolution
) -> None:
    def report() -> None:
        post(evolution_number, evolution.update(keyId=SENT_ID, status="DELIVERY_ACK"))
        normalize_batch()

    hasty.before_answering = report
    MessageFactory(number=evolution_number, due_at=timezone.now())
    send_batch()
    assert Message.objects.get().external_id == SENT_ID
    assert types() == []
    with after(HOLD_STEP):
        normalize_batch()
    assert types() == ["message.sent", "message.delivered"]


@pytest.mark.django_db(transaction=True)
def test_an_answer_that_overtakes_the_answer_of_its_send_is_a_correlated_reply(
    evolution_number: Number, hasty: HastyEvolution
) -> None:
    def reply() -> None:
        post(evolution_number, evolution_reply())
        normalize_batch()

    hasty.before_answering = reply
    message = MessageFactory(number=evolution_number, due_at=timezone.now())
    send_batch()
    assert types() == []
    with after(HOLD_STEP):
        normalize_batch()
    data = Event.objects.get().payload["data"]
    assert types() == ["message.reply"]
    assert (data["quotedMessageId"], data["correlationId"]) == (SENT_ID, message.correlation_id)


@pytest.mark.django_db
def test_an_answer_waits_for_a_send_that_never_ends_for_some_seconds_only(evolution_number: Number) -> None:
    MessageFactory(
        number=evolution_number, lease="lease_of_a_slow_worker", due_at=timezone.now() + timedelta(hours=1)
    )
    post(
        evolution_number, evolution_reply(), evolution.upsert({"conversation": "hello"}, {"id": "3EB0OTHER"})
    )
    normalize()
    assert types() == ["message.received"]
    with after(HOLD_ANSWERS):
        normalize()
    assert types() == ["message.received", "message.reply"]


@pytest.mark.django_db
def test_an_answer_in_another_chat_waits_for_nothing(evolution_number: Number) -> None:
    MessageFactory(
        number=evolution_number,
        contact_phone="+447700900456",
        lease="lease_of_a_worker",
        due_at=timezone.now() + timedelta(hours=1),
    )
    post(evolution_number, evolution_reply())
    normalize()
    assert types() == ["message.reply"]


@pytest.mark.django_db
def test_metas_echo_of_our_id_finds_the_message_before_metas_own_id_is_known(alice: Tenant) -> None:
    number = MetaNumberFactory(workspace=alice.workspace, provider_ref=meta.PHONE_NUMBER_ID)
    message = MessageFactory(
        number=number, lease="lease_of_a_worker", due_at=timezone.now() + timedelta(hours=1)
    )
    post(number, meta.status("sent", id="wamid.FAST", biz_opaque_callback_data=message.pk))
    normalize()
    message.refresh_from_db()
    assert (message.external_id, types()) == ("wamid.FAST", ["message.sent"])


@pytest.mark.django_db
def test_an_answer_before_its_message_sent_names_the_same_message(alice: Tenant) -> None:
    number = MetaNumberFactory(workspace=alice.workspace, provider_ref=meta.PHONE_NUMBER_ID, phone=meta.US)
    message = MessageFactory(number=number, external_id=meta.OURS)
    post(number, meta.message(context={"from": "12025550143", "id": meta.OURS}), meta.status("sent"))
    normalize()
    reply = Event.objects.get(type="message.reply").payload["data"]
    sent = Event.objects.get(type="message.sent").payload["data"]
    assert reply["quotedMessageId"] == sent["messageId"] == meta.OURS
    assert reply["correlationId"] == sent["correlationId"] == message.correlation_id


@pytest.mark.django_db
def test_a_clock_that_goes_backwards_moves_no_message_backwards(alice: Tenant) -> None:
    number = MetaNumberFactory(workspace=alice.workspace, provider_ref=meta.PHONE_NUMBER_ID)
    message = MessageFactory(number=number, external_id=meta.OURS)
    for word, at in [
        ("delivered", 1771929100),
        ("sent", 1771929200),
        ("read", 1771929000),
        ("delivered", 1771930000),
    ]:
        post(number, meta.status(word, timestamp=str(at)))
        normalize()
    message.refresh_from_db()
    assert types() == ["message.sent", "message.delivered", "message.read"]
    assert message.status == "READ"
    assert message.read_at is not None
    assert message.read_at.timestamp() == 1771929000


@pytest.mark.django_db
def test_message_and_message_any_make_one_event_in_any_order(alice: Tenant) -> None:
    number = NumberFactory(workspace=alice.workspace, provider="waha")
    one = waha.noweb("hello")
    post(number, one | {"event": "message.any"}, one)
    normalize()
    post(number, one)
    normalize()
    assert types() == ["message.received"]


@pytest.mark.django_db
def test_a_call_that_is_reported_twice_and_late_is_told_once(alice: Tenant) -> None:
    number = MetaNumberFactory(workspace=alice.workspace, provider_ref=meta.PHONE_NUMBER_ID)
    over = meta.call("terminate", status="COMPLETED", duration=3)
    post(number, over, over)
    normalize()
    post(number, meta.call_status("ACCEPTED"), meta.call("connect"), over)
    normalize()
    # The raw envelope passes once per different envelope.
    assert Counter(types()) == {"call.ended": 1, "calls": 3}
    assert Call.objects.count() == 1


def at_once(count: int, act: Callable[[], Any]) -> list[BaseException]:
    """Runs `act` in so many threads that begin together; returns what they raised."""
    barrier, raised = threading.Barrier(count), []

    def run() -> None:
        try:
            barrier.wait()
            while act():
                pass
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    return raised


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_make_every_event_once(alice: Tenant) -> None:
    """Four workers, one chat: its messages, each twice, and the statuses of one message, four times and shuffled."""
    MessageFactory(number=alice.number, external_id="wamid.ours")
    texts = [inbound(ADA, f"message {index}") for index in range(40)]
    statuses = [
        json.dumps({"type": "status", "messageId": "wamid.ours", "reference": "", "status": status, "to": ADA,
                    "groupId": ""})
        for status in MessageStatus if status != "failed"
    ]  # fmt: skip
    post(alice.number, *statuses, *texts, *reversed(statuses), *texts, *statuses, *statuses[::-1])
    assert at_once(4, lambda: normalize_batch(limit=7)) == []
    assert Counter(types()) == {
        "message.received": 40,
        "message.sent": 1,
        "message.delivered": 1,
        "message.read": 1,
    }
    assert set(RawPayload.objects.values_list("status", flat=True)) == {"normalized"}
    ladder = list(Event.objects.filter(message_id=Message.objects.outbound().get().pk).order_by("pk"))
    assert [event.type for event in ladder] == ["message.sent", "message.delivered", "message.read"]


@pytest.mark.django_db(transaction=True)
def test_workers_side_by_side_send_every_message_once(alice: Tenant) -> None:
    with EvolutionServer() as gateway:
        number = NumberFactory(
            workspace=alice.workspace, provider="evolution", credentials=gateway.credentials
        )
        for _ in range(40):
            MessageFactory(number=number, due_at=timezone.now())
        assert at_once(4, lambda: send_batch(limit=3)) == []
        assert len(gateway.requests) == 40
    assert Message.objects.filter(external_id=None).count() == 0
