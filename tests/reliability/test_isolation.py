"""Endpoints that misbehave in every way they can: each has its own failure, and nobody else waits for them."""

import gc
import gzip
import resource
import statistics
import time
from collections.abc import Iterator

import pytest

from events.models import Event
from tests.conftest import Tenant
from tests.factories import EventFactory, WebhookFactory
from tests.receivers import Authority, Receiver, Receivers, Reply, elsewhere
from tests.reliability.scale import LONG, percentile, say, scaled
from webhooks.activating import set_active
from webhooks.delivering import Drain
from webhooks.fanout import fan_out
from webhooks.models import Attempt
from webhooks.transport import MAX_BODY, Transport

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(120, 900)),
]

DEADLINE = 3.0
NORMAL = scaled(20, 43)
ROUNDS = scaled(20, 100)
TURNS = scaled(1, 5)
QUICK = Reply(delay=0.02)
MEBIBYTE = 1024 * 1024

BOMB = gzip.compress(b"\0" * (50 * MEBIBYTE), 9)
MISBEHAVIOUR: dict[str, tuple[Reply, str, str]] = {
    "hangs": (Reply(then="hang"), "timeout", "The receiver did not answer within 3 s."),
    "drips": (
        Reply(body=b"x" * 500, then="drip", pace=1), "timeout", "The receiver did not finish its answer within 3 s.",
    ),
    "100,000 headers": (
        Reply(headers=[(f"x-{n}", "y") for n in range(100_000)]), "protocol", "The answer is not HTTP as we accept it",
    ),
    "closes early": (Reply(then="silence"), "closed", "The receiver closed the connection without an answer."),
    "resets": (Reply(then="reset"), "closed", "The receiver closed the connection without an answer."),
    "an endless error": (Reply(status=500, then="endless"), "status", "500 from the receiver."),
    "no HTTP": (Reply(raw=b"220 mail.example ESMTP\r\n\r\n"), "protocol", "The answer is not HTTP as we accept it"),
    "redirects": (
        Reply(status=302, headers=[("location", "http://169.254.169.254/")]), "status",
        "302 from the receiver: redirects are not followed.",
    ),
}  # fmt: skip
# Of these nothing but the first bytes is ever read, and a 2xx is a 2xx.
GREEDY = {
    "10 GB body": Reply(then="endless"),
    "gzip bomb": Reply(headers=[("content-encoding", "gzip")], body=BOMB),
}


def deliver_all(sender: Transport) -> None:
    drain = Drain(sender)
    while drain.step():
        pass
    drain.finish()


@pytest.fixture
def small_heap() -> Iterator[None]:
    """The garbage collector looks through what a test makes, as a worker's would, and not through all of the suite:
    that stops everything for an eighth of a second at a time."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def sender() -> Iterator[Transport]:
    transport = Transport(deadline=DEADLINE, connect_limit=1)
    yield transport
    transport.close()


def happen(tenant: Tenant) -> Event:
    event = EventFactory(number=tenant.number)
    fan_out([event])
    return event


@pytest.mark.parametrize("name", MISBEHAVIOUR)
def test_each_misbehaviour_has_its_own_class_and_sentence(
    alice: Tenant, receivers: Receivers, sender: Transport, name: str
) -> None:
    reply, error_class, sentence = MISBEHAVIOUR[name]
    WebhookFactory(number=alice.number, url=receivers.open(reply).url)
    happen(alice)
    deliver_all(sender)
    attempt = Attempt.objects.get()
    assert (attempt.status, attempt.error_class) == (Attempt.Status.FAILED, error_class)
    assert attempt.error.startswith(sentence)


@pytest.mark.parametrize("name", GREEDY)
def test_of_a_greedy_answer_only_the_beginning_is_read(
    alice: Tenant, receivers: Receivers, sender: Transport, name: str
) -> None:
    WebhookFactory(number=alice.number, url=receivers.open(GREEDY[name]).url)
    happen(alice)
    before = memory()
    deliver_all(sender)
    attempt = Attempt.objects.get()
    assert attempt.status == Attempt.Status.SUCCEEDED
    assert len(attempt.response_body) <= MAX_BODY
    assert memory() - before < 40 * MEBIBYTE


def test_a_bad_certificate_is_a_tls_failure(
    alice: Tenant, receivers: Receivers, sender: Transport, authority: Authority
) -> None:
    receiver = receivers.open(tls=authority.server_context("127.0.0.1"))
    WebhookFactory(number=alice.number, url=receiver.url)
    happen(alice)
    deliver_all(sender)
    attempt = Attempt.objects.get()
    assert (attempt.error_class, receiver.requests) == ("tls", [])
    assert attempt.error.startswith("The certificate of 127.0.0.1 is not valid")


def test_the_others_do_not_wait_for_those_that_misbehave(
    alice: Tenant, receivers: Receivers, sender: Transport, small_heap: None
) -> None:
    opened = [receivers.open(QUICK) for _ in range(NORMAL)]
    for receiver in opened:
        WebhookFactory(number=alice.number, url=receiver.url)
    # Imports, certificates and connections.
    live(alice, opened, sender, 2)
    bad = [reply for reply, _, _ in MISBEHAVIOUR.values()] + list(GREEDY.values())
    usual, beside, before = [], [], memory()

    def p95(replies: list[Reply]) -> float:
        """Of the endpoints that always behave, beside others that answer like this."""
        # In a process of their own: what it costs them to misbehave is not what it costs the others.
        with elsewhere(replies) as urls:
            added = [WebhookFactory(number=alice.number, url=url) for url in urls]
            took = percentile(live(alice, opened, sender, ROUNDS), 95)
            set_active(added, False)
            deliver_all(sender)
        return took

    # In turn, and the medians: what else the machine does for a moment is in a p95 of ten seconds at once.
    for _ in range(TURNS):
        usual.append(p95([QUICK] * len(bad)))
        beside.append(p95(bad))
    assert memory() - before < 60 * MEBIBYTE
    was, became = statistics.median(usual), statistics.median(beside)
    figures = (
        f"p95 of {NORMAL} among {NORMAL + len(bad)}, in s: {[round(one, 3) for one in usual]}, and"
        f" {[round(one, 3) for one in beside]} while {len(bad)} misbehave; medians {became / was:.2f}×"
    )
    say(figures)
    # In the short form, beside other tests, only that nobody waits for a timeout.
    assert became < (1.2 * was if LONG else was + DEADLINE / 3), figures


def live(tenant: Tenant, opened: list[Receiver], sender: Transport, rounds: int) -> list[float]:
    """Ten events a second; returns how long each took to each of the receivers, in seconds."""
    drain = Drain(sender)
    recorded: dict[str, float] = {}
    for receiver in opened:
        receiver.requests.clear()
    for _ in range(rounds):
        until = time.monotonic() + 0.1
        event = happen(tenant)
        recorded[event.pk] = time.monotonic()
        while time.monotonic() < until:
            drain.step()
    wanted = rounds * len(opened)
    deadline = time.monotonic() + 20
    while sum(len(receiver.requests) for receiver in opened) < wanted:
        assert time.monotonic() < deadline, "not everything arrived"
        drain.step()
    return [
        request.at - recorded[request.headers["webhook-id"]]
        for receiver in opened
        for request in receiver.requests
        if request.headers["webhook-id"] in recorded
    ]


def memory() -> int:
    """The most that this process ever held, in bytes: what an endpoint made it take shows for ever."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
