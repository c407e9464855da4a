"""`manage.py listen`: the events of a workspace on a developer's machine, signed as deliveries are."""

import json
import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from standardwebhooks import Webhook as Verifier

from events.catalog import BY_NAME
from events.models import Event
from events.recording import Draft, record
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import NumberFactory, WebhookFactory, new_secret
from tests.receivers import Receiver, Receivers, Reply
from tests.reliability.cluster import ROOT, wait_until
from webhooks.relaying import Log, Notice, Reached, RelayError, Target, Try, relay

pytestmark = pytest.mark.django_db(transaction=True)

SECRET = new_secret()


def happen(number: Number, key: str, type: str = "message.received") -> Event:
    body = BY_NAME[type].example
    (event,) = record([Draft(number=number, body=body, created_at=timezone.now(), dedupe_key=key)])
    return event


@pytest.fixture(autouse=True)
def _known_secret(db: None, receivers: Receivers) -> None:
    """The receivers check that everything is signed with a secret that somebody has."""
    WebhookFactory(secret=SECRET, events=[])


class Listening:
    """A real `manage.py listen`; `lines` is what it has printed."""

    def __init__(self, *arguments: str, stdout: Any, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "listen", *arguments], cwd=ROOT, stdout=stdout, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            # A suite that a shell started in the background ignores Ctrl-C, and whatever it starts would, too.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )  # fmt: skip

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@pytest.fixture
def printed(tmp_path: Path) -> Iterator[Any]:
    with (tmp_path / "printed").open("w+") as file:
        yield file


def text_of(file: Any) -> str:
    return Path(file.name).read_text()


def test_what_happens_arrives_signed_as_a_delivery_and_ctrl_c_ends_it(
    alice: Tenant, live_server: Any, receiver: Receiver, printed: Any
) -> None:
    happen(alice.number, "before")
    listening = Listening(
        "--to", receiver.url, stdout=printed, WEBHOOKS_API=live_server.url, WEBHOOKS_API_KEY=alice.key
    )
    try:
        wait_until(lambda: "Signed with" in text_of(printed), 30, "started")
        secret = text_of(printed).split("Signed with ")[1].split()[0]
        WebhookFactory(secret=secret, events=[])
        # Its first call says where the log ends, and is not seen from here.
        time.sleep(1)
        event = happen(alice.number, "1")
        (arrived,) = receiver.wait_for(1, timeout=20)
        wait_until(lambda: event.pk in text_of(printed), 10, "printed")
    finally:
        code = listening.end()
    assert arrived.headers["webhook-id"] == event.pk
    assert (arrived.headers["webhook-event"], arrived.headers["webhook-attempt"]) == ("message.received", "1")
    Verifier(secret).verify(arrived.body, arrived.headers)
    event.refresh_from_db()
    assert arrived.body == event.body.encode()
    assert code == 0
    assert "1 event relayed, 0 not taken by the target." in text_of(printed)
    assert f"message.received  {event.pk}  200" in text_of(printed)


def test_a_terminal_shows_a_table(alice: Tenant, live_server: Any, receiver: Receiver) -> None:
    event = happen(alice.number, "1")
    ours, theirs = pty.openpty()
    listening = Listening(
        "--to", receiver.url, "--api", live_server.url, "--key", alice.key, "--since", "2020-01-01T00:00:00Z",
        "--secret", SECRET, stdout=theirs, TERM="xterm", COLUMNS="120",
    )  # fmt: skip
    os.close(theirs)
    try:
        receiver.wait_for(1, timeout=30)
        shown = b""
        until = time.monotonic() + 10
        while event.pk.encode() not in shown and time.monotonic() < until:
            shown += os.read(ours, 4096)
        assert event.pk.encode() in shown
        assert b"message.received" in shown
        os.set_blocking(ours, False)
    finally:
        assert listening.end() == 0
        os.close(ours)


def news(live_server: Any, tenant: Tenant, target: str, count: int, **start: str) -> list[Any]:
    """The first so many news of a relay from the beginning of the log; waits are left out."""
    log = Log(live_server.url, tenant.key)
    return list(islice(relay(log, Target(target, SECRET), start, sleep=lambda seconds: None), count))


def test_a_target_that_is_down_is_waited_for_and_nothing_is_skipped(
    alice: Tenant, live_server: Any, receivers: Receivers
) -> None:
    first, second = happen(alice.number, "1"), happen(alice.number, "2")
    port = receivers.open().port
    for server in receivers._servers:
        receivers._loop.call_soon_threadsafe(server.close)
    waits: list[float] = []
    opened: list[Receiver] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 5:
            opened.append(receivers.open(port=port))

    log, target = Log(live_server.url, alice.key), Target(f"http://127.0.0.1:{port}/hook", SECRET)
    tries = [one for one in islice(relay(log, target, {}, sleep), 10) if isinstance(one, Try)]
    assert [one.status for one in tries] == [None] * 5 + [200, 200]
    assert tries[0].error == "not reachable"
    assert waits[:5] == [1, 2, 5, 10, 10]
    arrived = [(one.headers["webhook-id"], one.headers["webhook-attempt"]) for one in opened[0].requests]
    assert arrived == [(first.pk, "6"), (second.pk, "1")]


def test_a_target_that_takes_no_connection_is_waited_for_too(alice: Tenant) -> None:
    """As where a machine is off: nothing refuses the connection, and nothing takes it."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as silent:
        address = silent.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(address)
        target = Target(f"http://127.0.0.1:{address[1]}/hook", SECRET)
        tried = target.post({"id": "evt_1", "type": "message.sent", "body": {}}, attempt=5)
        for one in waiting:
            one.close()
    assert (tried.error, tried.retry_in) == ("not reachable", 10)


def test_a_target_that_refuses_an_event_gets_the_next_one(
    alice: Tenant, live_server: Any, receiver: Receiver
) -> None:
    first, second = happen(alice.number, "1"), happen(alice.number, "2")
    receiver.replies = [Reply(status=500)] * 3
    made = news(live_server, alice, receiver.url, 6)
    tries = [one for one in made if isinstance(one, Try)]
    assert [(one.event_id, one.status, one.retry_in is None) for one in tries] == [
        (first.pk, 500, False), (first.pk, 500, False), (first.pk, 500, True), (second.pk, 200, True),
    ]  # fmt: skip
    assert [one.cursor for one in made if isinstance(one, Reached)] == [first.pk, second.pk]


def test_an_event_whose_key_is_lost_is_said_and_passed_over(receiver: Receiver) -> None:
    tried = Target(receiver.url, SECRET).post({"id": "evt_1", "type": "message.sent", "body": None}, 1)
    assert (tried.error, tried.status, tried.retry_in) == ("its key is lost", None, None)
    assert receiver.requests == []


def test_a_redirect_is_not_followed(alice: Tenant, live_server: Any, receivers: Receivers) -> None:
    elsewhere = receivers.open()
    receiver = receivers.open(Reply(status=302, headers=[("location", elsewhere.url)]))
    happen(alice.number, "1")
    (tried, *_) = news(live_server, alice, receiver.url, 3)
    assert (tried.status, tried.succeeded) == (302, False)
    assert elsewhere.requests == []


def test_only_what_was_asked_for_is_relayed(alice: Tenant, live_server: Any, receiver: Receiver) -> None:
    other = NumberFactory(workspace=alice.workspace)
    happen(alice.number, "1", "message.reply")
    happen(other, "2", "message.sent")
    wanted = happen(other, "3", "message.reply")
    log = Log(live_server.url, alice.key, ["message.reply", "message.failed"], other.pk)
    made = list(islice(relay(log, Target(receiver.url, SECRET), {}, lambda seconds: None), 3))
    assert [one.event_id for one in made if isinstance(one, Try)] == [wanted.pk]


def test_an_api_that_stops_answering_is_waited_for(receivers: Receivers, receiver: Receiver) -> None:
    page = Reply(body=json.dumps({"data": [], "nextCursor": "MQ", "hasMore": False}).encode())
    busy = Reply(429, [("retry-after", "7")], b'{"error": "Too many calls.", "code": "RATE_LIMITED"}')
    api = receivers.open(page)
    api.replies = [page, Reply(then="reset"), Reply(503), busy]
    waits: list[float] = []
    log = Log(f"http://127.0.0.1:{api.port}", "wak_key")
    made = list(islice(relay(log, Target(receiver.url, SECRET), {"after": "latest"}, waits.append), 5))
    sentences = [one.sentence for one in made if isinstance(one, Notice)]
    assert len(sentences) == 3
    assert "does not answer" in sentences[0]
    assert sentences[2].endswith("Too many calls. Trying again in 7 s.")
    assert waits == [1, 1, 2, 7]
    assert [one.cursor for one in made if isinstance(one, Reached)] == ["MQ", "MQ"]
    receivers.opened.remove(api)


def test_a_cursor_file_goes_on_where_the_last_run_ended(
    alice: Tenant, live_server: Any, receiver: Receiver, tmp_path: Path, printed: Any
) -> None:
    first = happen(alice.number, "1")
    missed = happen(alice.number, "2")
    file = tmp_path / "cursor"
    file.write_text(first.pk)
    listening = Listening(
        "--to", receiver.url, "--api", live_server.url, "--key", alice.key, "--secret", SECRET, "--cursor", str(file),
        stdout=printed,
    )  # fmt: skip
    try:
        (arrived,) = receiver.wait_for(1, timeout=30)
        wait_until(lambda: file.read_text().strip() not in (first.pk, missed.pk), 10, "kept")
    finally:
        listening.end()
    assert arrived.headers["webhook-id"] == missed.pk
    later = happen(alice.number, "3")
    answer = alice.api.get("/v1/events", {"after": file.read_text().strip()}).json()
    assert [event["id"] for event in answer["data"]] == [later.pk]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--to", "ftp://127.0.0.1/x"], "The target must be an http or https URL"),
        (["--to", "127.0.0.1:3000"], "The target must be an http or https URL"),
        (["--to", "http://127.0.0.1:99999/"], "The target must be an http or https URL"),
        (["--api", "nowhere"], "The API's address must be an http or https URL"),
        (["--api", "http://127.0.0.1:1"], "does not answer .* does the server run?"),
        (["--key", "wak_0123456789ab_guess"], "The API refuses the key: .*does not exist or was revoked"),
        (["--key", "wäk"], "The API key holds characters that no key has"),
        (["--type", "message.sentt"], "There is no event 'message.sentt'"),
        (["--number", "num_nobody"], "There is no number with this id"),
        (["--since", "yesterday"], "since"),
        (["--secret", "whsec_?"], "The secret is not one of a webhook"),
        (["--cursor", "/"], "The cursor file cannot be read"),
    ],
)
def test_what_cannot_be_relayed_is_said(
    alice: Tenant,
    live_server: Any,
    arguments: list[str],
    sentence: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = {"--to": "http://127.0.0.1:3000/hook", "--api": live_server.url, "--key": alice.key}
    given |= dict(zip(arguments[::2], arguments[1::2], strict=True))
    with pytest.raises(CommandError, match=sentence):
        call_command("listen", *(part for pair in given.items() for part in pair))
    assert "Relaying" not in capsys.readouterr().out


def test_a_key_must_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEBHOOKS_API_KEY", raising=False)
    with pytest.raises(CommandError, match="WEBHOOKS_API_KEY"):
        call_command("listen", "--to", "http://127.0.0.1:3000/hook")


def test_another_server_is_not_taken_for_the_api(receivers: Receivers, client: Client) -> None:
    other = receivers.open(Reply(body=b"<html>"))
    receivers.opened.remove(other)
    with pytest.raises(RelayError, match="is not the API of this server"):
        Log(f"http://127.0.0.1:{other.port}", "wak_key").page()
