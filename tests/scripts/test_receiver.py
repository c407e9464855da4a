"""The demo receiver is a receiver like any customer's: a process, a port, a secret."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from standardwebhooks import Webhook

HOME = Path(__file__).resolve().parent.parent.parent
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"event":"message.sent","data":{"id":"msg_1","messageId":"wamid.1","correlationId":"order-7"}}'


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "scripts/receiver.py", "--port", "0"],
        cwd=HOME,
        env={**os.environ, "WEBHOOK_SECRET": SECRET},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield process.stdout.readline().removeprefix("listening on ").strip().rstrip("/")
    process.terminate()
    process.communicate(timeout=10)
    assert process.returncode == 0


def _post(
    url: str, *, body: str = BODY, secret: str = SECRET, at: datetime | None = None
) -> requests.Response:
    return requests.post(url, data=body.encode(), headers=_signed(secret, at), timeout=10)


def _signed(secret: str = SECRET, at: datetime | None = None) -> dict[str, str | bytes | None]:
    at = at or datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": "evt_1",
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign("evt_1", at, BODY),
        "webhook-event": "message.sent",
        "webhook-attempt": "2",
    }


def _newest(receiver: str) -> dict[str, object]:
    arrivals: list[dict[str, object]] = requests.get(f"{receiver}/events.json", timeout=10).json()
    return arrivals[0]


def test_a_signed_event_is_taken_and_shown(receiver: str) -> None:
    assert _post(f"{receiver}/hook").status_code == 200
    newest = _newest(receiver)
    del newest["at"]
    assert newest == {
        "event": "message.sent",
        "id": "msg_1",
        "correlationId": "order-7",
        "messageId": "wamid.1",
        "attempt": "2",
        "signature": "valid",
        "webhookId": "evt_1",
        "path": "/hook",
        "body": json.loads(BODY),
    }


def test_a_changed_body_is_refused(receiver: str) -> None:
    assert _post(f"{receiver}/hook", body=BODY.replace("msg_1", "msg_2")).status_code == 400
    assert _newest(receiver)["signature"] == "invalid"


def test_another_secret_is_refused(receiver: str) -> None:
    assert _post(f"{receiver}/hook", secret="whsec_c29tZXRoaW5nIGVsc2UgZW50aXJlbHk=").status_code == 400


def test_an_old_signature_is_refused(receiver: str) -> None:
    assert _post(f"{receiver}/hook", at=datetime.now(UTC) - timedelta(minutes=6)).status_code == 400


@pytest.mark.parametrize(
    "header", ["webhook-id", "webhook-timestamp", "webhook-signature", "webhook-attempt"]
)
@pytest.mark.parametrize("nonsense", [b"", b"\xb2", b"\xff\xfe", b"NaN", b"-1", b"1e9", b"v1,", b"9" * 5000])
def test_nonsense_in_a_header_is_answered(receiver: str, header: str, nonsense: bytes) -> None:
    headers = {**_signed(), header: nonsense}
    answer = requests.post(f"{receiver}/hook", data=BODY.encode(), headers=headers, timeout=10)
    # How many tries there were is not signed.
    assert answer.status_code == (200 if header == "webhook-attempt" else 400)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_header_that_is_missing_is_refused(receiver: str, missing: str) -> None:
    headers = {**_signed(), missing: None}
    assert requests.post(f"{receiver}/hook", data=BODY, headers=headers, timeout=10).status_code == 400


@pytest.mark.parametrize("length", ["\xb2", "-1", "x", "9" * 5000])
def test_a_length_that_is_none_is_answered(receiver: str, length: str) -> None:
    address = urlsplit(receiver)
    assert address.hostname is not None
    connection = HTTPConnection(address.hostname, address.port, timeout=10)
    connection.putrequest("POST", "/hook")
    connection.putheader("content-length", length)
    connection.endheaders()
    assert connection.getresponse().status == 413


def test_json_too_deep_is_shown_as_text(receiver: str) -> None:
    body = b"[" * 100_000
    assert requests.post(f"{receiver}/second", data=body, timeout=10).status_code == 200
    assert _newest(receiver)["body"] == body.decode()


@pytest.mark.parametrize("body", ['"\\ud800"', "[" * 500 + "]" * 500, '"\\u0000"'])
def test_whatever_json_came_is_shown(receiver: str, body: str) -> None:
    requests.post(f"{receiver}/second", data=body, timeout=10)
    shown = _newest(receiver)["body"]
    assert shown == ("?" if "ud800" in body else json.loads(body))


def test_another_path_takes_everything_unchecked(receiver: str) -> None:
    assert requests.post(f"{receiver}/second", data=b"not json", timeout=10).status_code == 200
    assert _newest(receiver)["signature"] == "unchecked"


def test_the_page_shows_what_arrived_as_text_only(receiver: str) -> None:
    requests.post(f"{receiver}/x", data=b"{}", headers={"webhook-event": "<script>x</script>"}, timeout=10)
    page = requests.get(f"{receiver}/", timeout=10)
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert page.headers["content-security-policy"] == "default-src 'none'; style-src 'self'"
