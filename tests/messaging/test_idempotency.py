import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import requests
import time_machine
from django.db import connection, transaction
from django.test import Client
from django.utils import timezone

from accounts.api import ApiError
from messaging.idempotency import REMEMBERED_FOR, checked_key, fingerprint, once
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import NumberFactory
from tests.web_process import Start

BODY = {"destinationNumber": "+447700900123", "text": "Hi"}


def forbidden() -> dict[str, Any]:
    raise AssertionError("The act was run again.")


def test_the_first_answer_is_given_again(alice: Tenant) -> None:
    assert once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"}) == ({"id": "msg_1"}, False)
    assert once(alice.number, "order-42", BODY, forbidden) == ({"id": "msg_1"}, True)


def test_the_order_of_keys_makes_no_other_body(alice: Tenant) -> None:
    assert fingerprint({"a": 1, "b": {"c": 2, "d": 3}}) == fingerprint({"b": {"d": 3, "c": 2}, "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": "1"})


def test_a_key_with_another_body_is_refused(alice: Tenant) -> None:
    once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"})
    with pytest.raises(ApiError) as caught:
        once(alice.number, "order-42", BODY | {"text": "Bye"}, forbidden)
    assert (caught.value.status_code, caught.value.code) == (409, "IDEMPOTENCY_KEY_REUSED")


def test_every_number_has_keys_of_its_own(alice: Tenant) -> None:
    once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"})
    other = NumberFactory(workspace=alice.workspace)
    assert once(other, "order-42", BODY, lambda: {"id": "msg_2"}) == ({"id": "msg_2"}, False)


def test_a_refusal_is_not_remembered(alice: Tenant) -> None:
    def refuse() -> dict[str, Any]:
        raise ApiError(409, "WHATSAPP_INSTANCE_NOT_CONNECTED", "The number is not connected.")

    with pytest.raises(ApiError):
        once(alice.number, "order-42", BODY, refuse)
    assert once(alice.number, "order-42", BODY | {"text": "Mended"}, lambda: {"id": "msg_1"}) == (
        {"id": "msg_1"},
        False,
    )


def test_a_run_that_crashes_leaves_the_key_free(alice: Tenant) -> None:
    with pytest.raises(ZeroDivisionError):
        once(alice.number, "order-42", BODY, lambda: {"id": 1 / 0})
    assert not IdempotencyKey.objects.exists()
    assert once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"}) == ({"id": "msg_1"}, False)


def test_a_key_is_forgotten_after_a_day(alice: Tenant) -> None:
    once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"})
    with time_machine.travel(timezone.now() + REMEMBERED_FOR - timedelta(seconds=5)):
        assert once(alice.number, "order-42", BODY, forbidden) == ({"id": "msg_1"}, True)
    with time_machine.travel(timezone.now() + REMEMBERED_FOR + timedelta(seconds=5)):
        assert once(alice.number, "order-42", {"text": "New"}, lambda: {"id": "msg_2"}) == (
            {"id": "msg_2"},
            False,
        )
        assert once(alice.number, "order-42", {"text": "New"}, forbidden) == ({"id": "msg_2"}, True)


@pytest.mark.parametrize("text", ["", "x" * 256, "order\n42", "order\x7f", "order\x85", "order 42/ä"])
def test_a_key_has_a_length_and_is_printable_ascii(text: str) -> None:
    with pytest.raises(ApiError) as caught:
        checked_key(text)
    assert (caught.value.status_code, caught.value.code) == (400, "IDEMPOTENCY_KEY_INVALID")


@pytest.mark.parametrize("text", ["x", "x" * 255, "order 42/a", None])
def test_any_other_key_is_taken_as_it_is(text: str | None) -> None:
    assert checked_key(text) == text


@pytest.mark.django_db(transaction=True)
def test_fifty_calls_at_once_with_one_key_send_one_message(alice: Tenant) -> None:
    start = threading.Barrier(50)

    def call(_: int) -> tuple[int, str, str | None]:
        client = Client(headers={"x-api-key": alice.key}, raise_request_exception=False)
        start.wait()
        try:
            response = client.post(
                "/v1/messages/send",
                BODY,
                content_type="application/json",
                headers={"idempotency-key": "order-42", "x-whatsapp-number-id": alice.number.pk},
            )
        finally:
            connection.close()
        answer = response.json()
        return (
            response.status_code,
            answer.get("id") or answer["code"],
            response.headers.get("Idempotent-Replayed"),
        )

    with ThreadPoolExecutor(50) as threads:
        answers = Counter(threads.map(call, range(50)))
    message = Message.objects.get()
    assert answers.pop((202, message.pk, None)) == 1
    assert set(answers) <= {(202, message.pk, "true"), (409, "IDEMPOTENCY_KEY_IN_USE", None)}


@pytest.mark.django_db(transaction=True)
def test_fifty_clients_at_once_with_one_key_send_one_message(alice: Tenant, start_web: Start) -> None:
    """The same through real web processes, two of them with four threads each."""
    web = start_web(threads=4, workers=2)
    start = threading.Barrier(50)

    def call(_: int) -> tuple[int, str, str | None]:
        with requests.Session() as session:
            start.wait()
            response = session.post(
                f"{web.url}/v1/messages/send",
                json=BODY,
                headers={
                    "x-api-key": alice.key,
                    "idempotency-key": "order-42",
                    "x-whatsapp-number-id": alice.number.pk,
                },
                timeout=60,
            )
        answer = response.json()
        return (
            response.status_code,
            answer.get("id") or answer["code"],
            response.headers.get("Idempotent-Replayed"),
        )

    with ThreadPoolExecutor(50) as threads:
        answers = Counter(threads.map(call, range(50)))
    message = Message.objects.get()
    assert answers.pop((202, message.pk, None)) == 1
    assert set(answers) <= {(202, message.pk, "true"), (409, "IDEMPOTENCY_KEY_IN_USE", None)}
    assert answers.total() == 49


@contextmanager
def running(number: Number) -> Iterator[None]:
    """Another call with the key that has begun and does not end."""
    begun, enough = threading.Event(), threading.Event()

    def run() -> None:
        with transaction.atomic():
            now = timezone.now()
            IdempotencyKey.objects.create(
                number=number, key="order-42", fingerprint="…", expires_at=now + REMEMBERED_FOR
            )
            begun.set()
            enough.wait(30)
            transaction.set_rollback(True)
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert begun.wait(30)
    try:
        yield
    finally:
        enough.set()
        thread.join()


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_in_use_is_refused_and_free_again_afterwards(alice: Tenant) -> None:
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout = 200")
    with running(alice.number), pytest.raises(ApiError) as caught:
        once(alice.number, "order-42", BODY, forbidden)
    connection.close()
    assert (caught.value.status_code, caught.value.code) == (409, "IDEMPOTENCY_KEY_IN_USE")
    assert once(alice.number, "order-42", BODY, lambda: {"id": "msg_1"}) == ({"id": "msg_1"}, False)
