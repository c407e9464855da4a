"""A receiver of webhooks, as small as one can be: checks each signature, prints a line, shows the last 200.

    WEBHOOK_SECRET=whsec_… python scripts/receiver.py --port 8001

POST /hook takes only what WEBHOOK_SECRET signed; any other path takes everything, so that a second webhook can be
pointed here too. GET / is a page that follows what arrives, GET /events.json the same as JSON, newest first. It needs
nothing but Python, and what it does with a signature is what every receiver does (https://www.standardwebhooks.com).
"""

import argparse
import base64
import hmac
import html
import json
import os
import re
import signal
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOLERANCE_SECONDS = 5 * 60
MAX_BYTES = 4 * 1024 * 1024
# str.isdigit is true of ² too, which int() does not take; nor does it take thousands of digits.
WHOLE_NUMBER = re.compile(r"[0-9]{1,15}")
KEPT = 200


def verify(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Whether one of the `webhook-signature`s is `secret`'s, over exactly these bytes, within the last 5 minutes."""
    sent_at = headers.get("webhook-timestamp", "")
    if not WHOLE_NUMBER.fullmatch(sent_at) or abs(time.time() - int(sent_at)) > TOLERANCE_SECONDS:
        return False
    signed = f"{headers.get('webhook-id', '')}.{sent_at}.".encode() + body
    digest = hmac.digest(base64.b64decode(secret.removeprefix("whsec_")), signed, "sha256")
    expected = b"v1," + base64.b64encode(digest)
    return any(
        hmac.compare_digest(expected, signature.encode())
        for signature in headers.get("webhook-signature", "").split()
    )


@dataclass(frozen=True)
class Arrival:
    """One POST. `signature` is valid, invalid or unchecked; `id` is data.id, `webhookId` what to deduplicate on."""

    at: str
    event: str
    id: str
    correlationId: str
    messageId: str
    attempt: str
    signature: str
    webhookId: str
    path: str
    body: Any

    def line(self) -> str:
        ids = "  ".join(
            f"{name}={value}"
            for name, value in [
                ("id", self.id),
                ("correlationId", self.correlationId),
                ("messageId", self.messageId),
            ]
            if value
        )
        return f"{self.at}  {self.event:<20}  {ids}  attempt={self.attempt}  signature {self.signature}"


class Arrivals:
    """The last 200, safe for the server's threads."""

    def __init__(self) -> None:
        self._kept: deque[Arrival] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def add(self, arrival: Arrival) -> None:
        with self._lock:
            self._kept.appendleft(arrival)
            print(arrival.line(), flush=True)

    def newest_first(self) -> list[Arrival]:
        with self._lock:
            return list(self._kept)


STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #111b21; background: #fff; max-width: 80rem; margin: 2rem auto;
       padding: 0 1.5rem }
h1 { font-size: 1.25rem; font-weight: 600; margin: 0 }
p { color: #667781; margin: .25rem 0 1.5rem }
a { color: inherit }
table { border-collapse: collapse; width: 100%; font-size: .875rem; font-variant-numeric: tabular-nums }
th { text-align: left; font-weight: 500; color: #667781 }
th, td { padding: .5rem .75rem .5rem 0; border-bottom: 1px solid #e9edef; overflow-wrap: anywhere }
.invalid { color: #b3261e; font-weight: 600 }
@media (prefers-color-scheme: dark) {
  body { background: #111b21; color: #e9edef }
  p, th { color: #8696a0 }
  th, td { border-color: #222d34 }
  .invalid { color: #f28b82 }
}
"""


def page(arrivals: list[Arrival]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(arrival.at)}<td>{html.escape(arrival.event)}<td>{html.escape(arrival.id)}"
        f"<td>{html.escape(arrival.correlationId)}<td>{html.escape(arrival.messageId)}"
        f"<td>{html.escape(arrival.attempt)}<td class={arrival.signature}>{arrival.signature}"
        for arrival in arrivals
    )
    table = (
        "<table><thead><tr><th>Time<th>Event<th>id<th>correlationId<th>messageId<th>Attempt<th>Signature"
        f"<tbody>{rows}</table>"
    )
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="2">'
        '<meta name="viewport" content="width=device-width"><title>Demo receiver</title>'
        '<link rel="stylesheet" href="/receiver.css"><h1>Demo receiver</h1>'
        "<p>What arrived, newest first; whole bodies are in <a href=/events.json>events.json</a>.</p>"
        + (table if arrivals else "<p>Nothing yet.</p>")
    )


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    arrivals: Arrivals
    secret: str

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, "text/html; charset=utf-8", page(self.arrivals.newest_first()))
        elif self.path == "/receiver.css":
            self._answer(200, "text/css; charset=utf-8", STYLE)
        elif self.path == "/events.json":
            body = json.dumps([vars(arrival) for arrival in self.arrivals.newest_first()], ensure_ascii=False)
            self._answer(200, "application/json", body)
        else:
            self._answer(404, "text/plain; charset=utf-8", "There is nothing here.\n")

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not WHOLE_NUMBER.fullmatch(length) or int(length) > MAX_BYTES:
            self.close_connection = True
            self._answer(413, "text/plain; charset=utf-8", "Send at most 4 MiB, with a content-length.\n")
            return
        body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        signature = "unchecked"
        if self.path == "/hook":
            signature = "valid" if verify(self.secret, headers, body) else "invalid"
        self.arrivals.add(_arrival(self.path, headers, body, signature))
        if signature == "invalid":
            self._answer(
                400, "text/plain; charset=utf-8", "The signature is not of this receiver's WEBHOOK_SECRET.\n"
            )
        else:
            self._answer(200, "text/plain; charset=utf-8", "Thank you.\n")

    def _answer(self, status: int, content_type: str, text: str) -> None:
        # JSON may hold half a surrogate pair, which is no text.
        body = text.encode(errors="replace")
        self.send_response(status)
        self.send_header("content-type", content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("content-security-policy", "default-src 'none'; style-src 'self'")
        self.send_header("x-content-type-options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: each arrival has its own line."""


def _arrival(path: str, headers: Mapping[str, str], body: bytes, signature: str) -> Arrival:
    try:
        payload = json.loads(body)
    except (ValueError, RecursionError):
        payload = body.decode("utf-8", "replace")
    data = payload.get("data", payload) if isinstance(payload, dict) else {}
    data = data if isinstance(data, dict) else {}
    return Arrival(
        at=datetime.now().astimezone().isoformat(timespec="milliseconds"),
        event=_text(
            headers.get("webhook-event") or (payload.get("event") if isinstance(payload, dict) else "")
        ),
        id=_text(data.get("id") or data.get("callId") or data.get("numberId")),
        correlationId=_text(data.get("correlationId")),
        messageId=_text(data.get("messageId") or data.get("externalCallId")),
        attempt=_text(headers.get("webhook-attempt")),
        signature=signature,
        webhookId=_text(headers.get("webhook-id")),
        path=path,
        body=payload,
    )


def _text(value: Any) -> str:
    """The value as printable text of one line."""
    return "".join(character for character in str(value or "") if character.isprintable())[:300]


def main() -> None:
    parser = argparse.ArgumentParser(description="A small receiver of webhooks.")
    parser.add_argument("--port", type=int, default=8001, help="0: any free port")
    arguments = parser.parse_args()
    handler = type(
        "BoundHandler", (Handler,), {"arrivals": Arrivals(), "secret": os.environ["WEBHOOK_SECRET"]}
    )
    server = ThreadingHTTPServer(("127.0.0.1", arguments.port), handler)
    server.daemon_threads = True

    def stop(signum: int, frame: object) -> None:
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"listening on http://127.0.0.1:{server.server_address[1]}/", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()


if __name__ == "__main__":
    main()
