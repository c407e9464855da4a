"""One attempt as it went over the wire: request, response, the steps in milliseconds, the same as a curl command."""

import shlex
from dataclasses import dataclass

from accounts.encryption import Sealed
from events.models import Event
from webhooks.models import Attempt

# In place of what a relay-only number does not keep.
NOT_SHOWN = "Relay only: the content is not kept, and not shown while it is on its way."


@dataclass(frozen=True)
class Exchange:
    """`parts`: connect (with the name's look-up), TLS, waiting, reading; milliseconds, 0 where it did not get there."""

    request_headers: list[tuple[str, str]]
    request_body: str
    response_headers: list[tuple[str, str]]
    response_body: str
    parts: tuple[float, float, float, float]
    curl: str


def exchange_of(attempt: Attempt, event: Event | None = None) -> Exchange:
    """With `event`, its body too."""
    headers = [(str(name), str(value)) for name, value in attempt.request_headers.items()]
    body = shown(event.body) if event is not None else ""
    response_headers = [(str(name), str(value)) for name, value in attempt.response_headers]
    return Exchange(
        headers, body, response_headers, shown(attempt.response_body), _parts(attempt),
        _curl(attempt.url, headers, body),
    )  # fmt: skip


def shown(text: str) -> str:
    return NOT_SHOWN if isinstance(text, Sealed) else text


def _parts(attempt: Attempt) -> tuple[float, float, float, float]:
    timings = attempt.timings
    connect = timings.get("dns", 0.0) + timings.get("connect", 0.0)
    tls = timings.get("tls", 0.0)
    total = timings.get("total", float(attempt.duration_ms or 0))
    waiting = timings.get("firstByte")
    if waiting is None:
        # No answer came: what is left of the time was spent waiting for it.
        return connect, tls, max(0.0, total - connect - tls), 0.0
    return connect, tls, waiting, max(0.0, total - connect - tls - waiting)


def _curl(url: str, headers: list[tuple[str, str]], body: str) -> str:
    lines = [f"curl -X POST {shlex.quote(url)}"]
    lines += [f"  -H {shlex.quote(f'{name}: {value}')}" for name, value in headers]
    lines.append(f"  --data-raw {shlex.quote(body)}")
    return " \\\n".join(lines)
