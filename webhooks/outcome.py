"""What became of one attempt: a value, because a refusal is a result."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class ErrorClass(StrEnum):
    """Why an attempt failed, by the step at which it did."""

    NONE = ""
    BLOCKED = "blocked"  # the address guard or the policy refused it
    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    CLOSED = "closed"  # the connection broke before a whole answer
    PROTOCOL = "protocol"  # the answer was not HTTP as we accept it
    STATUS = "status"  # a status that is not 2xx
    CRASH = "crash"  # our worker died in mid-send
    INTERNAL = "internal"  # our own fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """`status_code` is None where no answer came. `timings` in milliseconds, of the steps that were finished: dns,
    connect, tls, firstByte (from the connection to the answer's headers), and total, over everything. A kept connection
    has no dns, connect and tls.

    `retry_after` is what the receiver asked for, parsed, on 429 and 503 only. `error` is a sentence for people.
    """

    status_code: int | None = None
    error_class: ErrorClass = ErrorClass.NONE
    error: str = ""
    response_headers: list[tuple[str, str]] = field(default_factory=list)
    response_body: str = ""
    peer_address: str = ""
    timings: dict[str, float] = field(default_factory=dict)
    duration_ms: int = 0
    retry_after: timedelta | None = None

    @property
    def succeeded(self) -> bool:
        return (
            self.error_class is ErrorClass.NONE
            and self.status_code is not None
            and 200 <= self.status_code < 300
        )
