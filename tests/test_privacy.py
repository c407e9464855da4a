"""RELAY_ONLY, end to end: the webhook carries everything, the database keeps nothing and shows nothing on the way.

Every column of every table is searched, and everything that was logged, for texts and phones that occur nowhere else.
"""

import json
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from events import inbox
from events import tasks as events_tasks
from events.models import Event, RawPayload
from messaging import tasks as messaging_tasks
from messaging.accepting import SendRequest, accept
from messaging.canceling import cancel
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.providers.base import Part
from phone_numbers.providers.simulator.engine import inbound
from phone_numbers.retention import apply_mode
from tests.conftest import Tenant
from tests.factories import WebhookFactory
from tests.receivers import Received, Receiver, Receivers, Reply
from webhooks import tasks
from webhooks.models import Attempt, Delivery
from webhooks.retry import MAX_ATTEMPTS

pytestmark = pytest.mark.django_db

CONTACT = "+447700900777"
NAME = "Philomena Quirke"
TEXT = "marmalade-under-the-doormat"
ANSWER = "zeppelin-at-half-past-nine"
SECRETS = [TEXT, ANSWER, CONTACT.removeprefix("+"), "Philomena"]


@pytest.fixture
def relaying(alice: Tenant) -> Number:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    return alice.number


@pytest.fixture(autouse=True)
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def everything_stored() -> str:
    """Every row of every table as text."""
    dump = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")
            dump += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(dump)


def readable() -> list[str]:
    """The lines of the database in which one of the secrets stands."""
    return [line for line in everything_stored().splitlines() if any(secret in line for secret in SECRETS)]


def sealed() -> int:
    return everything_stored().count("sealed:")


def echo(request: Received) -> Reply:
    """A receiver that repeats what it was sent, in its body and in a header."""
    return Reply(body=request.body, headers=[("x-echo", request.body.decode().replace("\n", " ")[:500])])


def hear(number: Number, *bodies: str) -> None:
    inbox.store("simulator", [Part(ref=None, body=body) for body in bodies], number)
    events_tasks.normalize()


def write_to_us(quoted: str = "") -> str:
    return inbound(CONTACT, ANSWER, name=NAME, quoted=quoted, quoted_text=TEXT if quoted else "")


def send_and_play(number: Number) -> Message:
    """Sends a message and lets the simulated WhatsApp report on it."""
    message = accept(number, SendRequest(destination=CONTACT, text=TEXT))
    assert readable() == []
    messaging_tasks.send_due()
    assert readable() == []
    with later(5):
        events_tasks.normalize()
    return message


def later(seconds: float) -> time_machine.travel:
    return time_machine.travel(timezone.now() + timedelta(seconds=seconds))


def deliver() -> None:
    """Delivers what is due by now, the simulated reports of the next seconds included."""
    with later(10):
        tasks.deliver()


def deliver_to_the_end() -> None:
    """Lets the drain run whenever something is due, until every delivery has ended, in some days."""
    with time_machine.travel(timezone.now() + timedelta(seconds=10)) as clock:
        while Delivery.objects.filter(status=Delivery.Status.PENDING).exists():
            tasks.deliver()
            clock.shift(timedelta(minutes=20))


def bodies(receiver: Receiver) -> dict[str, Any]:
    return {request.json["event"]: request.json["data"] for request in receiver.requests}


def test_an_inbound_message_is_carried_and_not_kept(relaying: Number, receivers: Receivers) -> None:
    receiver = receivers.open(echo)
    WebhookFactory(number=relaying, url=receiver.url)
    hear(relaying, write_to_us())
    assert readable() == []
    assert sealed() == 1
    tasks.deliver()
    data = bodies(receiver)["message.received"]
    assert (data["content"], data["from"], data["participantName"]) == (ANSWER, CONTACT, NAME)
    assert readable() == []
    assert sealed() == 0


def test_a_sent_message_is_carried_and_not_kept(relaying: Number, receivers: Receivers) -> None:
    receiver = receivers.open(echo)
    WebhookFactory(number=relaying, url=receiver.url)
    message = send_and_play(relaying)
    assert readable() == []
    deliver()
    assert set(bodies(receiver)) == {"message.sent", "message.delivered", "message.read"}
    for data in bodies(receiver).values():
        assert (data["id"], data["to"], data["content"]) == (message.pk, CONTACT, "")
    assert (readable(), sealed()) == ([], 0)


def test_a_reply_is_carried_with_its_answer_and_without_what_it_answers(
    relaying: Number, receiver: Receiver
) -> None:
    WebhookFactory(number=relaying, url=receiver.url)
    message = send_and_play(relaying)
    message.refresh_from_db()
    hear(relaying, write_to_us(quoted=message.external_id or ""))
    deliver()
    data = bodies(receiver)["message.reply"]
    assert (data["content"], data["contentReplied"], data["from"]) == (ANSWER, "", CONTACT)
    assert data["correlationId"] == message.correlation_id
    assert (readable(), sealed()) == ([], 0)


def test_an_exhausted_delivery_keeps_nothing_either(relaying: Number, receivers: Receivers) -> None:
    receiver = receivers.open(lambda request: Reply(status=500, body=request.body))
    WebhookFactory(number=relaying, url=receiver.url)
    hear(relaying, write_to_us())
    tasks.deliver()
    assert readable() == []
    assert sealed() == 2  # The event, and what the receiver answered.
    deliver_to_the_end()
    assert Delivery.objects.get().status == Delivery.Status.EXHAUSTED
    assert all(request.json["data"]["content"] == ANSWER for request in receiver.requests)
    assert len(receiver.requests) == MAX_ATTEMPTS
    assert (readable(), sealed()) == ([], 0)


def test_nothing_is_blanked_before_the_last_webhook_has_heard(relaying: Number, receivers: Receivers) -> None:
    well, ill = receivers.open(), receivers.open(Reply(status=503))
    for receiver in (well, ill):
        WebhookFactory(number=relaying, url=receiver.url)
    hear(relaying, write_to_us())
    tasks.deliver()
    ill.reply = Reply()
    with later(60):
        tasks.deliver()
    assert [request.json["data"]["content"] for request in ill.requests] == [ANSWER] * 2
    assert (readable(), sealed()) == ([], 0)


def test_what_nobody_listens_to_is_blanked_at_once(relaying: Number) -> None:
    WebhookFactory(number=relaying, events=["message.sent"])
    hear(relaying, write_to_us())
    assert Event.objects.get().type == "message.received"
    assert (readable(), sealed()) == ([], 0)


def test_a_held_delivery_is_sealed_for_three_days_and_then_blanked(relaying: Number) -> None:
    WebhookFactory(number=relaying, active=False)
    hear(relaying, write_to_us())
    tasks.retain()
    tasks.blank()
    assert (readable(), sealed()) == ([], 1)
    with later(3 * 24 * 3600 + 1):
        tasks.blank()
    assert (readable(), sealed()) == ([], 0)
    assert Delivery.objects.get().status == Delivery.Status.HELD


def test_a_canceled_message_is_not_kept(relaying: Number) -> None:
    scheduled = SendRequest(destination=CONTACT, text=TEXT, deliver_at=timezone.now() + timedelta(hours=1))
    message = accept(relaying, scheduled)
    assert (readable(), sealed()) == ([], 2)
    cancel(Message.objects.filter(number=relaying), [message.pk])
    assert (readable(), sealed()) == ([], 0)


def test_what_failed_is_sealed_and_says_and_logs_nothing(
    relaying: Number, logged: pytest.LogCaptureFixture
) -> None:
    poison = json.loads(write_to_us()) | {"type": "status", "status": f"{TEXT} {CONTACT}", "reference": ""}
    hear(relaying, json.dumps(poison))
    payload = RawPayload.objects.get()
    assert payload.status == RawPayload.Status.FAILED
    assert (readable(), sealed()) == ([], 1)
    assert payload.pk in logged.text
    assert not any(secret in logged.text for secret in SECRETS)


def test_what_came_for_a_number_that_is_gone_is_not_readable(relaying: Number) -> None:
    inbox.store("meta", [Part(ref="unknown", body=write_to_us())])
    assert (readable(), sealed()) == ([], 1)


def test_the_log_says_nothing_of_what_was_written(
    relaying: Number, receivers: Receivers, logged: pytest.LogCaptureFixture
) -> None:
    receiver = receivers.open(Reply(raw=f"HTTP/1.1 200 OK\r\n{TEXT} {CONTACT}\r\n\r\n".encode()))
    WebhookFactory(number=relaying, url=receiver.url)
    hear(relaying, write_to_us())
    deliver_to_the_end()
    tasks.retain()
    tasks.blank()
    assert {attempt.error_class for attempt in Attempt.objects.all()} == {"protocol"}
    assert readable() == []
    assert not any(secret in logged.text for secret in SECRETS)


def a_stored_conversation(number: Number, receivers: Receivers) -> None:
    """Everything there is of a conversation with a number that stores it: delivered, failed and pending."""
    for reply in (echo, Reply(status=500), Reply(raw=f"HTTP/1.1 200 OK\r\n{TEXT}\r\n\r\n".encode())):
        WebhookFactory(number=number, url=receivers.open(reply).url)
    message = send_and_play_readably(number)
    hear(number, write_to_us(), write_to_us(quoted=message.external_id or ""))
    deliver_to_the_end()


def send_and_play_readably(number: Number) -> Message:
    message = accept(number, SendRequest(destination=CONTACT, text=TEXT))
    messaging_tasks.send_due()
    with later(5):
        events_tasks.normalize()
    message.refresh_from_db()
    return message


def facts() -> list[tuple[Any, ...]]:
    """Ids, statuses and timestamps, which stay whatever is blanked."""
    rows: list[Callable[[], Any]] = [
        lambda: Message.objects.values_list(
            "pk", "external_id", "status", "created_at", "sent_at", "contact_key"
        ),
        lambda: Event.objects.values_list("pk", "type", "created_at", "message_id", "dedupe_key"),
        lambda: Delivery.objects.values_list("pk", "status", "attempts_made", "finished_at"),
        lambda: Attempt.objects.values_list("pk", "status", "status_code", "started_at", "request_headers"),
    ]
    return [tuple(row) for query in rows for row in query().order_by("pk")]


def test_switching_to_relay_only_applies_to_what_is_stored(alice: Tenant, receivers: Receivers) -> None:
    a_stored_conversation(alice.number, receivers)
    before = facts()
    assert len(readable()) > 10
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    with later(60):
        apply_mode(alice.number)
        tasks.blank()
    assert readable() == []
    assert facts() == before


def test_switching_to_relay_only_seals_what_is_in_flight(alice: Tenant, receiver: Receiver) -> None:
    WebhookFactory(number=alice.number, url=receiver.url)
    scheduled = SendRequest(destination=CONTACT, text=TEXT, deliver_at=timezone.now() + timedelta(hours=1))
    accept(alice.number, scheduled)
    hear(alice.number, write_to_us())
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    apply_mode(alice.number)
    tasks.blank()
    assert readable() == []
    tasks.deliver()
    assert bodies(receiver)["message.received"]["content"] == ANSWER
    assert sealed() == 2  # The scheduled message: its phone, its text.


def test_after_x_days_nothing_is_left_and_not_before(alice: Tenant, receivers: Receivers) -> None:
    alice.number.pii_mode, alice.number.pii_retention_days = Number.PiiMode.STORE_X_DAYS, 30
    alice.number.save()
    a_stored_conversation(alice.number, receivers)
    before = facts()
    with later(29 * 24 * 3600):
        tasks.retain()
        tasks.blank()
    assert not Message.objects.exclude(blanked_at=None).exists()
    assert not Event.objects.exclude(blanked_at=None).exists()
    with later(31 * 24 * 3600):
        Number.objects.update(retention_due_at=timezone.now())
        tasks.blank()
    assert readable() == []
    assert facts() == before


def test_the_neighbour_keeps_what_is_his(alice: Tenant, bob: Tenant, relaying: Number) -> None:
    for number in (relaying, bob.number):
        hear(number, write_to_us())
    tasks.retain()
    tasks.blank()
    assert len(readable()) == 3  # Bob's payload, message and event.
