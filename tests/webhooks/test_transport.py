"""Sends to real receivers, good ones and all kinds of bad ones.

Where a send must not connect, connecting is intercepted, so that nothing leaves the machine even if the guard fails.
"""

import multiprocessing
import os
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from tests.receivers import Authority, Receiver, Receivers, Reply
from tests.webhooks.test_addresses import DENIED
from webhooks.outcome import ErrorClass, Outcome
from webhooks.transport import (
    ADDED_HEADERS,
    MAX_BODY,
    MAX_IN_FLIGHT,
    Request,
    Transport,
    tls_context,
    transport,
)

HEADERS = {"content-type": "application/json", "webhook-id": "evt_1"}
# Short, so that the suite is; the production ones differ in nothing else.
DEADLINE = 1.0
CONNECT_LIMIT = 0.3

MakeTransport = Callable[..., Transport]


@pytest.fixture(scope="session")
def usual_tls() -> ssl.SSLContext:
    return tls_context()


@pytest.fixture
def make_transport(usual_tls: ssl.SSLContext) -> Iterator[MakeTransport]:
    made: list[Transport] = []

    def make(**options: Any) -> Transport:
        options = {"deadline": DEADLINE, "connect_limit": CONNECT_LIMIT, "tls": usual_tls, **options}
        made.append(Transport(**options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def resolve_locally(name: str) -> list[str]:
    return ["127.0.0.1"]


def send(by: Transport, url: str, body: bytes = b"{}", headers: dict[str, str] | None = None) -> Outcome:
    by.submit(Request(url, HEADERS if headers is None else headers, body), None)
    [(_, outcome)] = by.collect(30, 1)
    return outcome


# What is sent, and what comes back.


def test_a_send_is_one_post_of_exactly_these_bytes(make_transport: MakeTransport, receiver: Receiver) -> None:
    body = b'{"b": 1,  "a": "\xc3\xa9"}'
    outcome = send(make_transport(), receiver.url, body)
    assert outcome.succeeded
    [request] = receiver.requests
    assert (request.method, request.path, request.body) == ("POST", "/hook", body)
    assert request.headers == {
        **HEADERS,
        **ADDED_HEADERS,
        "host": f"127.0.0.1:{receiver.port}",
        "content-length": str(len(body)),
    }


def test_path_and_query_arrive_as_written(make_transport: MakeTransport, receiver: Receiver) -> None:
    send(make_transport(), f"{receiver.url}/a%2Fb/../c%20d?to=%2B49&x=a+b")
    assert receiver.requests[0].path == "/hook/a%2Fb/../c%20d?to=%2B49&x=a+b"


def test_headers_of_the_request_win_over_added_ones(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    send(make_transport(), receiver.url, headers={"user-agent": "ours/1"})
    assert receiver.requests[0].headers["user-agent"] == "ours/1"


def test_the_outcome_tells_the_whole_answer(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.reply = Reply(
        status=201, headers=[("X-Request-Id", "7"), ("Set-Cookie", "a=b")], body=b"thanks", delay=0.05
    )
    outcome = send(make_transport(), receiver.url)
    assert outcome.succeeded
    assert (outcome.status_code, outcome.error_class, outcome.error) == (201, ErrorClass.NONE, "")
    assert outcome.response_headers == [("X-Request-Id", "7"), ("Set-Cookie", "a=b"), ("content-length", "6")]
    assert outcome.response_body == "thanks"
    assert outcome.peer_address == "127.0.0.1"
    assert set(outcome.timings) == {"dns", "connect", "firstByte", "total"}
    assert 50 <= outcome.timings["firstByte"] <= outcome.timings["total"] < DEADLINE * 1000
    assert outcome.duration_ms == round(outcome.timings["total"])


def test_an_answer_of_any_bytes_can_be_stored(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.reply = Reply(headers=[("x-odd", "caf\xe9")], body=b"a\0b\xff\xed\xa0\x80")
    outcome = send(make_transport(), receiver.url)
    assert outcome.response_body == "ab\ufffd\ufffd\ufffd\ufffd"
    assert outcome.response_headers[0] == ("x-odd", "caf\ufffd")


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_2xx_is_a_success(make_transport: MakeTransport, receiver: Receiver, status: int) -> None:
    receiver.reply = Reply(status=status)
    assert send(make_transport(), receiver.url).succeeded


@pytest.mark.parametrize("status", [304, 400, 401, 404, 410, 429, 500, 503, 599])
def test_every_other_status_is_a_failure_that_names_it(
    make_transport: MakeTransport, receiver: Receiver, status: int
) -> None:
    receiver.reply = Reply(status=status, body=b"" if status == 304 else b"why not")
    outcome = send(make_transport(), receiver.url)
    assert (outcome.status_code, outcome.error_class) == (status, ErrorClass.STATUS)
    assert outcome.error.startswith(f"{status} from the receiver")
    assert outcome.response_body == receiver.reply.body.decode()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(
    make_transport: MakeTransport, receivers: Receivers, receiver: Receiver, status: int
) -> None:
    elsewhere = receivers.open()
    receiver.reply = Reply(status=status, headers=[("location", elsewhere.url)])
    outcome = send(make_transport(), receiver.url)
    assert outcome.error == f"{status} from the receiver: redirects are not followed."
    assert elsewhere.requests == []


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_heard_when_the_receiver_is_busy(
    make_transport: MakeTransport, receiver: Receiver, status: int
) -> None:
    receiver.reply = Reply(status=status, headers=[("Retry-After", "120")])
    assert send(make_transport(), receiver.url).retry_after == timedelta(seconds=120)


def test_retry_after_may_be_a_date(make_transport: MakeTransport, receiver: Receiver) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=10)
    receiver.reply = Reply(status=503, headers=[("Retry-After", format_datetime(moment, usegmt=True))])
    asked = send(make_transport(), receiver.url).retry_after
    assert asked is not None
    assert timedelta(minutes=9) < asked <= timedelta(minutes=10)


@pytest.mark.parametrize("status", [200, 301, 404, 500])
def test_retry_after_is_not_heard_elsewhere(
    make_transport: MakeTransport, receiver: Receiver, status: int
) -> None:
    receiver.reply = Reply(status=status, headers=[("Retry-After", "120")])
    assert send(make_transport(), receiver.url).retry_after is None


def test_nothing_is_remembered_between_sends(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.reply = Reply(headers=[("Set-Cookie", "session=1; Path=/")])
    by = make_transport(resolve=resolve_locally)
    url = f"http://shop.example:{receiver.port}/"
    send(by, url)
    send(by, url)
    assert "cookie" not in receiver.requests[1].headers


def test_proxies_and_netrc_of_the_environment_are_ignored(
    make_transport: MakeTransport,
    receivers: Receivers,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    proxy = receivers.open()
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, proxy.url)
    assert send(make_transport(), receiver.url).succeeded
    assert proxy.requests == []
    assert "authorization" not in receiver.requests[0].headers


# Submitting and collecting.


def test_each_outcome_comes_with_its_tag(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.reply = lambda request: Reply(status=int(request.path[1:]))
    by = make_transport()
    for status in (200, 404, 500):
        by.submit(Request(f"http://127.0.0.1:{receiver.port}/{status}", HEADERS, b"{}"), status)
    collected = []
    while by.in_flight:
        collected += by.collect(10, 2)
    assert sorted((tag, outcome.status_code) for tag, outcome in collected) == [
        (200, 200),
        (404, 404),
        (500, 500),
    ]


def test_collecting_takes_no_more_than_wanted(make_transport: MakeTransport, receiver: Receiver) -> None:
    by = make_transport()
    for tag in range(5):
        by.submit(Request(receiver.url, HEADERS, b"{}"), tag)
    receiver.wait_for(5)
    assert len(by.collect(10, 2)) <= 2
    assert by.in_flight >= 3


def test_collecting_waits_no_longer_than_told(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.reply = Reply(then="hang")
    by = make_transport()
    by.submit(Request(receiver.url, HEADERS, b"{}"), None)
    began = time.monotonic()
    assert by.collect(0.1, 10) == []
    assert time.monotonic() - began < 0.5
    assert by.in_flight == 1


def test_collecting_answers_at_once_where_nothing_is_in_flight(make_transport: MakeTransport) -> None:
    began = time.monotonic()
    assert make_transport().collect(10, 10) == []
    assert time.monotonic() - began < 0.5


def test_more_than_all_slots_are_sent_one_after_another(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.reply = Reply(delay=0.05)
    by = make_transport(deadline=30, connect_limit=30)
    for tag in range(MAX_IN_FLIGHT + 50):
        by.submit(Request(receiver.url, HEADERS, b"{}"), tag)
    outcomes = []
    while by.in_flight:
        outcomes += by.collect(30, 100)
    assert len(outcomes) == MAX_IN_FLIGHT + 50
    assert all(outcome.succeeded for _, outcome in outcomes)
    assert receiver.connections <= MAX_IN_FLIGHT


def test_closing_breaks_off_what_is_in_flight(make_transport: MakeTransport, receiver: Receiver) -> None:
    receiver.replies = [Reply(then="hang")]
    by = make_transport()
    by.submit(Request(receiver.url, HEADERS, b"{}"), "lost")
    receiver.wait_for(1)
    by.close()
    assert by.in_flight == 0
    assert by.collect(0.1, 10) == []
    assert send(by, receiver.url).succeeded


def test_a_process_has_one_transport() -> None:
    assert transport() is transport()


def test_a_forked_process_sends_with_a_transport_of_its_own(receiver: Receiver) -> None:
    parents = transport()
    assert send(parents, receiver.url).succeeded

    def in_child() -> None:
        own = transport()
        os._exit(0 if own is not parents and send(own, receiver.url).succeeded else 1)

    child = multiprocessing.get_context("fork").Process(target=in_child)
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert send(parents, receiver.url).succeeded
    assert [request.connection for request in receiver.requests] == [1, 2, 1]
    parents.close()


# Kept connections.


def test_a_connection_is_kept_for_the_next_send(make_transport: MakeTransport, receiver: Receiver) -> None:
    by = make_transport()
    outcomes = [send(by, receiver.url), send(by, receiver.url)]
    assert [request.connection for request in receiver.requests] == [1, 1]
    assert "connect" in outcomes[0].timings
    assert set(outcomes[1].timings) == {"firstByte", "total"}
    assert outcomes[1].peer_address == "127.0.0.1"


@pytest.mark.parametrize("then", ["silence", "reset"])
def test_a_kept_connection_that_the_receiver_had_closed_is_no_failure(
    make_transport: MakeTransport, receiver: Receiver, then: str
) -> None:
    receiver.replies = [Reply(), Reply(then=then)]
    by = make_transport()
    send(by, receiver.url)
    assert send(by, receiver.url).succeeded
    assert [request.connection for request in receiver.requests] == [1, 1, 2]


def test_a_kept_connection_is_given_a_second_chance_only_once(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.replies = [Reply()]
    receiver.reply = Reply(then="silence")
    by = make_transport()
    send(by, receiver.url)
    assert send(by, receiver.url).error_class is ErrorClass.CLOSED
    assert len(receiver.requests) == 3


def test_a_connection_closed_between_two_sends_is_not_used(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.reply = Reply(then="close")
    by = make_transport()
    assert send(by, receiver.url).succeeded
    time.sleep(0.05)
    assert send(by, receiver.url).succeeded
    assert [request.connection for request in receiver.requests] == [1, 2]


def test_with_many_sockets_open_connections_are_not_kept(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.reply = Reply(delay=0.05)
    by = make_transport(max_open_sockets=5, connect_limit=5, deadline=5)
    for tag in range(40):
        by.submit(Request(receiver.url, HEADERS, b"{}"), tag)
        if tag == 19:
            receiver.wait_for(20)
            time.sleep(0.2)
    while by.in_flight:
        by.collect(10, 100)
    assert len(receiver.requests) == 40
    assert receiver.connections > 20


# Receivers that do something wrong. Each has its own class and sentence.


@pytest.mark.parametrize(
    ("reply", "error_class", "sentence", "status"),
    [
        (Reply(then="hang"), ErrorClass.TIMEOUT, "The receiver did not answer within 1 s.", None),
        (
            Reply(then="drip", body=b"x" * 100),
            ErrorClass.TIMEOUT,
            "The receiver did not finish its answer within 1 s.",
            200,
        ),
        (Reply(then="silence"), ErrorClass.CLOSED, "The receiver closed the connection without an answer.", None),
        (Reply(then="reset"), ErrorClass.CLOSED, "The receiver closed the connection without an answer.", None),
        (
            Reply(then="cut", body=b"x" * 100),
            ErrorClass.CLOSED,
            "The receiver closed the connection in the middle of its answer.",
            200,
        ),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\nx-cut: ", then="close"),
            ErrorClass.CLOSED,
            "The receiver closed the connection without an answer.",
            None,
        ),
        (
            Reply(headers=[(f"x-{number}", "y") for number in range(100_000)]),
            ErrorClass.PROTOCOL,
            "The answer is not HTTP as we accept it: too many headers received.",
            None,
        ),
        (Reply(headers=[("x-long", "y" * 100_000)]), ErrorClass.PROTOCOL, "got more than 8190 bytes", None),
        (Reply(raw=b"220 mail.example ESMTP\r\n"), ErrorClass.PROTOCOL, "bad status line", None),
        (Reply(raw=b"\0" * 100), ErrorClass.PROTOCOL, "The answer is not HTTP as we accept it", None),
        (Reply(raw=b"x" * 1_000_000), ErrorClass.PROTOCOL, "The answer is not HTTP as we accept it", None),
        (Reply(raw=b"HTTP/1.1 999999 Odd\r\n\r\n"), ErrorClass.PROTOCOL, "status", None),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello"),
            ErrorClass.PROTOCOL,
            "The answer is not HTTP as we accept it",
            None,
        ),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nhello"),
            ErrorClass.PROTOCOL,
            "chunk",
            None,
        ),
        (
            # aiohttp does not tell the reader of a body that its encoding is broken.
            Reply(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nZZ\r\nhello", then="drip"),
            ErrorClass.TIMEOUT,
            "The receiver did not finish its answer within 1 s.",
            200,
        ),
        (
            Reply(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nhello", then="close"),
            ErrorClass.CLOSED,
            "The receiver closed the connection in the middle of its answer.",
            200,
        ),
        (
            Reply(raw=b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
            ErrorClass.STATUS,
            "101 from the receiver.",
            101,
        ),
    ],
    ids=[
        "hangs", "drips", "says nothing", "resets", "cuts its body", "cuts its headers", "100,000 headers",
        "a huge header", "speaks mail", "speaks zeros", "never ends a line", "an odd status", "two lengths",
        "a broken chunk", "a broken chunk, later", "a cut chunk", "upgrades",
    ],
)  # fmt: skip
def test_a_bad_receiver_is_a_failure_with_its_reason(
    make_transport: MakeTransport,
    receiver: Receiver,
    reply: Reply,
    error_class: ErrorClass,
    sentence: str,
    status: int | None,
) -> None:
    receiver.reply = reply
    began = time.monotonic()
    outcome = send(make_transport(), receiver.url)
    assert (outcome.error_class, outcome.status_code) == (error_class, status)
    assert sentence in outcome.error
    assert not outcome.succeeded
    assert time.monotonic() - began < DEADLINE + 5


def test_of_an_endless_body_only_the_beginning_is_read(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.reply = Reply(then="endless")
    by = make_transport()
    outcome = send(by, receiver.url)
    assert outcome.succeeded
    assert outcome.response_body == "x" * MAX_BODY
    receiver.reply = Reply()
    send(by, receiver.url)
    assert receiver.connections == 2


def test_a_compressed_bomb_is_not_unpacked(make_transport: MakeTransport, receiver: Receiver) -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = packer.compress(bytes(50_000_000)) + packer.flush()
    receiver.reply = Reply(headers=[("content-encoding", "gzip")], body=bomb)
    outcome = send(make_transport(), receiver.url)
    assert outcome.succeeded
    assert len(outcome.response_body) <= MAX_BODY
    assert receiver.requests[0].headers["accept-encoding"] == "identity"


def test_of_many_long_headers_only_the_beginning_is_logged(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    receiver.reply = Reply(headers=[(f"x-{number}", "y" * 4000) for number in range(50)])
    outcome = send(make_transport(), receiver.url)
    assert outcome.succeeded
    assert [name for name, _ in outcome.response_headers] == ["x-0", "x-1", "x-2", "x-3"]


def test_a_closed_port_is_a_connect_failure(make_transport: MakeTransport) -> None:
    with closing(socket.socket()) as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
        outcome = send(make_transport(), f"http://127.0.0.1:{port}/")
    assert (outcome.error_class, outcome.error) == (
        ErrorClass.CONNECT,
        f"127.0.0.1:{port} refuses connections.",
    )
    assert outcome.peer_address == "127.0.0.1"


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port whose backlog is full: the kernel drops what knocks, as a firewall would."""
    with closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        knockers = []
        for _ in range(8):
            knocker = socket.socket()
            knocker.setblocking(False)
            knocker.connect_ex(listener.getsockname())
            knockers.append(knocker)
        time.sleep(0.05)
        yield listener.getsockname()[1]
        for knocker in knockers:
            knocker.close()


def test_connecting_has_a_limit_of_its_own(make_transport: MakeTransport, full_port: int) -> None:
    began = time.monotonic()
    outcome = send(make_transport(), f"http://127.0.0.1:{full_port}/")
    assert (outcome.error_class, outcome.error) == (
        ErrorClass.CONNECT,
        f"No connection to 127.0.0.1:{full_port} within 0.3 s.",
    )
    assert time.monotonic() - began < DEADLINE


def test_the_next_address_is_tried_where_one_refuses(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    by = make_transport(resolve=lambda name: ["127.0.0.77", "127.0.0.1"])
    outcome = send(by, f"http://shop.example:{receiver.port}/")
    assert outcome.succeeded
    assert outcome.peer_address == "127.0.0.1"


def test_the_next_address_is_tried_where_one_hangs(
    make_transport: MakeTransport, receivers: Receivers, full_port: int
) -> None:
    receivers.open(host="127.0.0.2", port=full_port)
    by = make_transport(resolve=lambda name: ["127.0.0.1", "127.0.0.2"], connect_limit=5, deadline=10)
    assert send(by, f"http://shop.example:{full_port}/").peer_address == "127.0.0.2"


# Names.


def test_a_name_is_resolved_and_sent_as_host(make_transport: MakeTransport, receiver: Receiver) -> None:
    outcome = send(make_transport(resolve=resolve_locally), f"http://shop.example:{receiver.port}/")
    assert outcome.succeeded
    assert receiver.requests[0].headers["host"] == f"shop.example:{receiver.port}"


def test_the_systems_resolver_is_asked(make_transport: MakeTransport, receiver: Receiver) -> None:
    assert send(make_transport(), f"http://localhost:{receiver.port}/").succeeded


def _does_not_exist(name: str) -> list[str]:
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


def _no_addresses(name: str) -> list[str]:
    return []


@pytest.mark.parametrize("resolve", [_does_not_exist, _no_addresses])
def test_a_name_without_addresses_is_a_dns_failure(
    make_transport: MakeTransport, resolve: Callable[[str], list[str]]
) -> None:
    outcome = send(make_transport(resolve=resolve), "http://shop.example/")
    assert (outcome.error_class, outcome.error) == (ErrorClass.DNS, "The name shop.example does not resolve.")


def test_hanging_name_servers_delay_only_their_own_names(
    make_transport: MakeTransport, receiver: Receiver
) -> None:
    released = threading.Event()

    def resolve(name: str) -> list[str]:
        if name != "shop.example":
            released.wait(30)
        return ["127.0.0.1"]

    by = make_transport(resolve=resolve)
    for number in range(100):
        by.submit(Request(f"http://hangs-{number}.example:{receiver.port}/", HEADERS, b"{}"), "hangs")
    by.submit(Request(f"http://shop.example:{receiver.port}/", HEADERS, b"{}"), "fast")
    first, *others = by.collect(10, 1)
    while by.in_flight:
        others += by.collect(10, 200)
    released.set()
    assert first[0] == "fast"
    assert first[1].succeeded
    assert {(outcome.error_class, outcome.error.partition(" did ")[2]) for _, outcome in others} == {
        (ErrorClass.DNS, "not resolve within 1 s.")
    }


def test_a_hundred_hanging_receivers_do_not_delay_a_fast_one(
    make_transport: MakeTransport, receivers: Receivers, receiver: Receiver
) -> None:
    by = make_transport(deadline=60, connect_limit=60)
    send(by, receiver.url)
    alone = min(send(by, receiver.url).duration_ms for _ in range(20))
    hanging = receivers.open(Reply(then="hang"))
    for _ in range(100):
        by.submit(Request(hanging.url, HEADERS, b"{}"), "hangs")
    hanging.wait_for(100, timeout=50)
    beside = []
    for _ in range(20):
        by.submit(Request(receiver.url, HEADERS, b"{}"), "fast")
        [(tag, outcome)] = by.collect(5, 1)
        assert tag == "fast"
        beside.append(outcome.duration_ms)
    assert min(beside) <= alone + 500


def test_ipv6_receivers_are_reached(make_transport: MakeTransport, receivers: Receivers) -> None:
    receiver = receivers.open(host="::1")
    outcome = send(make_transport(), receiver.url)
    assert outcome.succeeded
    assert outcome.peer_address == "::1"


# TLS.


@pytest.fixture
def trusting(authority: Authority) -> ssl.SSLContext:
    """TLS as a transport has it, which trusts the tests' authority besides the system's."""
    return tls_context(authority.file)


def test_a_good_certificate_is_accepted(
    make_transport: MakeTransport, receivers: Receivers, authority: Authority, trusting: ssl.SSLContext
) -> None:
    receiver = receivers.open(tls=authority.server_context("shop.example"))
    by = make_transport(resolve=resolve_locally, tls=trusting, connect_limit=5)
    outcome = send(by, f"https://shop.example:{receiver.port}/")
    assert outcome.succeeded, outcome.error
    assert set(outcome.timings) == {"dns", "connect", "tls", "firstByte", "total"}
    assert outcome.timings["tls"] > 0


def test_a_certificate_may_be_an_addresses(
    make_transport: MakeTransport, receivers: Receivers, authority: Authority, trusting: ssl.SSLContext
) -> None:
    receiver = receivers.open(tls=authority.server_context("127.0.0.1"))
    assert send(make_transport(tls=trusting, connect_limit=5), receiver.url).succeeded


@pytest.mark.parametrize(
    ("certificate", "sentence"),
    [
        (("other.example", {}), "hostname mismatch"),
        (("shop.example", {"valid_for": timedelta(days=-1)}), "certificate has expired"),
        (("shop.example", {"self_signed": True}), "self-signed certificate"),
    ],
    ids=["another name's", "expired", "self-signed"],
)
def test_a_bad_certificate_is_a_tls_failure(
    make_transport: MakeTransport,
    receivers: Receivers,
    authority: Authority,
    trusting: ssl.SSLContext,
    certificate: tuple[str, dict[str, Any]],
    sentence: str,
) -> None:
    name, options = certificate
    receiver = receivers.open(tls=authority.server_context(name, **options))
    by = make_transport(resolve=resolve_locally, tls=trusting, connect_limit=5)
    outcome = send(by, f"https://shop.example:{receiver.port}/")
    assert outcome.error_class is ErrorClass.TLS
    assert outcome.error.lower().startswith(
        f"the certificate of shop.example is not valid: {sentence.lower()}"
    )
    assert receiver.requests == []


def test_an_unknown_authority_is_a_tls_failure(
    make_transport: MakeTransport, receivers: Receivers, authority: Authority
) -> None:
    receiver = receivers.open(tls=authority.server_context("127.0.0.1"))
    outcome = send(make_transport(connect_limit=5), receiver.url)
    assert outcome.error_class is ErrorClass.TLS
    assert "unable to get local issuer certificate" in outcome.error


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_tls_older_than_1_2_is_a_tls_failure(
    make_transport: MakeTransport, receivers: Receivers, authority: Authority, trusting: ssl.SSLContext
) -> None:
    old = authority.server_context("127.0.0.1")
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    receiver = receivers.open(tls=old)
    outcome = send(make_transport(tls=trusting, connect_limit=5), receiver.url)
    assert outcome.error_class is ErrorClass.TLS
    assert receiver.requests == []


def test_plain_http_behind_an_https_url_is_a_tls_failure(make_transport: MakeTransport) -> None:
    def answer_at_once(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(10_000)

    with closing(socket.create_server(("127.0.0.1", 0))) as plain:
        threading.Thread(target=answer_at_once, args=[plain], daemon=True).start()
        outcome = send(make_transport(connect_limit=5), f"https://127.0.0.1:{plain.getsockname()[1]}/")
    assert (outcome.error_class, outcome.error) == (
        ErrorClass.TLS,
        "The TLS handshake with 127.0.0.1 failed: wrong version number.",
    )


def test_a_handshake_that_hangs_is_a_tls_failure(make_transport: MakeTransport) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as mute:
        outcome = send(make_transport(), f"https://127.0.0.1:{mute.getsockname()[1]}/")
    assert (outcome.error_class, outcome.error) == (
        ErrorClass.TLS,
        "127.0.0.1 did not finish the TLS handshake within 0.3 s.",
    )


# Addresses that must not be reached.


@pytest.fixture
def connects(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The addresses that any socket of this process was told to connect to. None of them does."""
    told: list[object] = []

    def connect(self: socket.socket, address: object) -> None:
        told.append(address)
        raise ConnectionRefusedError(111, "Intercepted")

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect)
    return told


@pytest.fixture
def _nothing_is_listed(settings: Settings) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = []


DISGUISES = [
    "2130706433", "0x7f000001", "017700000001", "0177.0.0.1", "127.1", "127.0.1", "0", "0x7f.1", "169.16689662",
    "2852039166", "0xa9fea9fe", "\u2460\u2461\u2466.\u24ea.\u24ea.\u2460", "127\u30020\u30020\u30021", "127.0.0.1.",
    "alice@127.0.0.1", "8.8.8.8@127.0.0.1", "8.8.8.8%40127.0.0.1", "127.0.0.1%23@8.8.8.8", "127.0.0.1%00.example",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[0:0:0:0:0:ffff:7f00:1]", "[::1%25lo]", "[::]",
]  # fmt: skip


@pytest.mark.usefixtures("_nothing_is_listed")
@pytest.mark.parametrize(
    "host", [*DISGUISES, *(f"[{address}]" if ":" in address else address for address in DENIED)]
)
def test_no_literal_reaches_a_refused_address(
    make_transport: MakeTransport, connects: list[object], host: str
) -> None:
    outcome = send(make_transport(), f"http://{host}/")
    assert (outcome.error_class, outcome.status_code) == (ErrorClass.BLOCKED, None)
    assert outcome.error
    assert connects == []


@pytest.mark.usefixtures("_nothing_is_listed")
@pytest.mark.parametrize("address", DENIED)
def test_no_name_reaches_a_refused_address(
    make_transport: MakeTransport, connects: list[object], address: str
) -> None:
    outcome = send(make_transport(resolve=lambda name: [address]), "https://shop.example/")
    assert outcome.error_class is ErrorClass.BLOCKED
    assert outcome.error.startswith("Webhooks cannot be sent there: ")
    assert connects == []


@pytest.mark.usefixtures("_nothing_is_listed")
@pytest.mark.parametrize("name", ["localhost", "localhost.localdomain", "ip6-localhost"])
def test_the_names_of_this_machine_reach_nothing(
    make_transport: MakeTransport, connects: list[object], name: str
) -> None:
    outcome = send(make_transport(), f"http://{name}/")
    assert outcome.error_class in {ErrorClass.BLOCKED, ErrorClass.DNS}
    assert connects == []


@pytest.mark.usefixtures("_nothing_is_listed")
@pytest.mark.parametrize(
    "addresses",
    [
        ["8.8.8.8", "10.0.0.1"],
        ["10.0.0.1", "8.8.8.8"],
        ["2606:4700::1111", "::1"],
        ["8.8.8.8", "64:ff9b::7f00:1"],
    ],
)
def test_one_refused_address_among_good_ones_refuses_all(
    make_transport: MakeTransport, connects: list[object], addresses: list[str]
) -> None:
    outcome = send(make_transport(resolve=lambda name: addresses), "https://shop.example/")
    assert outcome.error_class is ErrorClass.BLOCKED
    assert connects == []


@pytest.mark.usefixtures("_nothing_is_listed")
def test_a_public_address_would_be_connected_to(
    make_transport: MakeTransport, connects: list[object]
) -> None:
    outcome = send(make_transport(resolve=lambda name: ["8.8.8.8"]), "https://shop.example/")
    assert (outcome.error_class, outcome.error) == (ErrorClass.CONNECT, "8.8.8.8:443 refuses connections.")
    assert connects == [("8.8.8.8", 443)]


@pytest.mark.usefixtures("_nothing_is_listed")
def test_a_name_that_changes_its_mind_is_connected_to_as_judged(
    make_transport: MakeTransport, connects: list[object]
) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    send(make_transport(resolve=lambda name: next(answers)), "http://rebinds.example/")
    assert connects == [("8.8.8.8", 80)]


def test_an_address_is_judged_again_at_every_connection(
    make_transport: MakeTransport, receiver: Receiver, settings: Settings
) -> None:
    receiver.reply = Reply(then="close")
    by = make_transport(resolve=resolve_locally)
    url = f"http://shop.example:{receiver.port}/"
    assert send(by, url).succeeded
    settings.WEBHOOK_ALLOWED_NETWORKS = []
    time.sleep(0.05)
    assert send(by, url).error_class is ErrorClass.BLOCKED
    assert len(receiver.requests) == 1


def test_the_peer_of_a_connection_is_judged_too(
    make_transport: MakeTransport, receiver: Receiver, settings: Settings
) -> None:
    # Linux connects 0.0.0.0 to 127.0.0.1.
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network("0.0.0.0/32")]
    outcome = send(make_transport(), f"http://0.0.0.0:{receiver.port}/")
    assert outcome.error_class is ErrorClass.BLOCKED
    assert "127.0.0.1 is not a public address" in outcome.error
    assert receiver.requests == []


@pytest.mark.parametrize(
    ("listed", "host"),
    [("127.0.0.0/8", "127.0.0.1"), ("127.0.0.1/32", "127.0.0.1"), ("127.0.0.0/8", "[::ffff:127.0.0.1]")],
)
def test_the_list_opens_what_it_names(
    make_transport: MakeTransport, receiver: Receiver, settings: Settings, listed: str, host: str
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network(listed)]
    assert send(make_transport(), f"http://{host}:{receiver.port}/").succeeded


@pytest.mark.parametrize("listed", ["127.0.0.2/32", "10.0.0.0/8", "::1/128"])
def test_the_list_opens_nothing_else(
    make_transport: MakeTransport, connects: list[object], settings: Settings, listed: str
) -> None:
    settings.WEBHOOK_ALLOWED_NETWORKS = [ip_network(listed)]
    assert send(make_transport(), "http://127.0.0.1:8080/").error_class is ErrorClass.BLOCKED
    assert connects == []


@pytest.mark.parametrize(
    "url", ["", "nonsense", "ftp://127.0.0.1/", "http://127.0.0.1:22/", "http://[", "\0"]
)
def test_a_url_against_the_policy_is_refused_even_if_it_was_stored(
    make_transport: MakeTransport, connects: list[object], url: str
) -> None:
    assert send(make_transport(), url).error_class is ErrorClass.BLOCKED
    assert connects == []


def test_our_own_faults_are_outcomes_too(make_transport: MakeTransport, receiver: Receiver) -> None:
    outcome = send(make_transport(), receiver.url, headers={"x-broken": "a\r\nb: c"})
    assert outcome.error_class is ErrorClass.INTERNAL
    assert receiver.requests == []
