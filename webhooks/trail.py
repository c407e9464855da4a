"""What is known of one send while it is under way, and the outcome that it comes to."""

import asyncio
import errno
import logging
import os
import time
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
from aiohttp.http_exceptions import ContentLengthError, HttpProcessingError, TransferEncodingError
from yarl import URL

from webhooks.outcome import ErrorClass, Outcome
from webhooks.retry import parse_retry_after
from webhooks.targets import TargetError

logger = logging.getLogger(__name__)

# Of all headers of an answer together, in the log.
MAX_LOGGED_HEADERS = 16 * 1024
WITH_RETRY_AFTER = {429, 503}

# The send that the running code serves. Tasks and callbacks inherit it from the code that starts them, which is how the
# connector's parts know whom they work for.
current_trail: ContextVar["Trail"] = ContextVar("current_trail")


class Refused(OSError):
    """The guard refused an address; the message is a sentence. An OSError, as connecting may raise nothing else."""


@dataclass(slots=True)
class Trail:
    """One send. Limits are in seconds, moments (float) of the monotonic clock, None where it has not got so far."""

    limit: float
    connect_limit: float
    url: URL = field(default_factory=URL)
    started: float = field(default_factory=time.monotonic)
    connect_started: float | None = None
    resolved: float | None = None
    tls_started: float | None = None
    connected: float | None = None
    answer_began: float | None = None
    # Ends the send: at the deadline, or earlier while it is connecting.
    timeout: asyncio.Timeout | None = None
    reused: bool = False
    refused: Refused | None = None
    peer: str = ""
    status: int | None = None
    headers: Sequence[tuple[bytes, bytes]] = ()
    body: bytearray = field(default_factory=bytearray)

    @property
    def deadline(self) -> float:
        return self.started + self.limit

    def start_connecting(self) -> None:
        self.connect_started = time.monotonic()
        self.resolved = self.tls_started = self.connected = None

    def start_connecting_to(self, address: str) -> None:
        """An address of the name is tried; with the first one the limit on connecting begins."""
        self.peer = address
        if self.resolved is None:
            self.resolved = time.monotonic()
            if self.timeout is not None:
                self.timeout.reschedule(min(self.resolved + self.connect_limit, self.deadline))

    def start_tls(self) -> None:
        self.tls_started = time.monotonic()

    def finish_connecting(self, peer: str) -> None:
        self.connected = time.monotonic()
        self.reused = self.resolved is None
        self.peer = peer
        if self.timeout is not None and not self.reused:
            self.timeout.reschedule(self.deadline)

    def answered(self) -> Outcome:
        """The outcome of a send whose answer was read."""
        status = self.status or 0
        if 200 <= status < 300:
            return self._outcome(ErrorClass.NONE, "")
        if 300 <= status < 400:
            return self._outcome(
                ErrorClass.STATUS, f"{status} from the receiver: redirects are not followed."
            )
        return self._outcome(ErrorClass.STATUS, f"{status} from the receiver.")

    def failed(self, error: Exception) -> Outcome:
        """The outcome of a send that `error` ended."""
        return self._outcome(*self._explain(error))

    def _explain(self, error: Exception) -> tuple[ErrorClass, str]:
        refused = self.refused or getattr(error, "os_error", None)
        if isinstance(refused, Refused):
            return ErrorClass.BLOCKED, str(refused)
        match error:
            case TargetError():
                return ErrorClass.BLOCKED, str(error)
            case TimeoutError():
                return self._explain_timeout()
            case aiohttp.ClientConnectorError():
                return self._explain_no_connection(error)
            case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError() if violation := _violation(
                error
            ):
                return ErrorClass.PROTOCOL, f"The answer is not HTTP as we accept it: {violation}."
            case aiohttp.ClientPayloadError() | aiohttp.ClientConnectionError() | ConnectionError():
                when = "without an answer" if self.status is None else "in the middle of its answer"
                return ErrorClass.CLOSED, f"The receiver closed the connection {when}."
        logger.error("A send to %s failed, not by the receiver's fault.", self._host, exc_info=error)
        return ErrorClass.INTERNAL, f"The request could not be sent ({type(error).__name__})."

    def _explain_timeout(self) -> tuple[ErrorClass, str]:
        if self.connect_started is not None and self.connected is None:
            if self.resolved is None:
                return ErrorClass.DNS, f"The name {self._host} did not resolve within {self.limit:g} s."
            span = f"within {self.connect_limit:g} s"
            if self.tls_started is None:
                return ErrorClass.CONNECT, f"No connection to {self._place} {span}."
            return ErrorClass.TLS, f"{self._host} did not finish the TLS handshake {span}."
        done = "answer" if self.status is None else "finish its answer"
        return ErrorClass.TIMEOUT, f"The receiver did not {done} within {self.limit:g} s."

    def _explain_no_connection(self, error: aiohttp.ClientConnectorError) -> tuple[ErrorClass, str]:
        match error:
            case aiohttp.ClientConnectorDNSError():
                return ErrorClass.DNS, f"The name {self._host} does not resolve."
            case aiohttp.ClientConnectorCertificateError():
                reason = getattr(error.certificate_error, "verify_message", "") or "it cannot be verified"
                return ErrorClass.TLS, f"The certificate of {self._host} is not valid: {_clause(reason)}."
            case aiohttp.ClientConnectorSSLError():
                reason = (getattr(error.os_error, "reason", None) or "no agreement").lower().replace("_", " ")
                return ErrorClass.TLS, f"The TLS handshake with {self._host} failed: {reason}."
            case _ if self.tls_started is not None:
                return ErrorClass.TLS, f"{self._host} broke off the TLS handshake."
        number = error.os_error.errno
        if number == errno.ECONNREFUSED:
            return ErrorClass.CONNECT, f"{self._place} refuses connections."
        if number in {errno.ENETUNREACH, errno.EHOSTUNREACH}:
            return ErrorClass.CONNECT, f"There is no route to {self._place}."
        reason = _clause(os.strerror(number)) if number else "every address failed"
        return ErrorClass.CONNECT, f"No connection to {self._place}: {reason}."

    @property
    def _host(self) -> str:
        return self.url.raw_host or ""

    @property
    def _place(self) -> str:
        address = f"[{self.peer}]" if ":" in self.peer else self.peer
        return f"{address}:{self.url.port}"

    def _outcome(self, error_class: ErrorClass, error: str) -> Outcome:
        ended = time.monotonic()
        headers = self._decoded_headers()
        return Outcome(
            status_code=self.status,
            error_class=error_class,
            error=error[:300],
            response_headers=headers,
            response_body=_text(bytes(self.body)),
            peer_address=self.peer,
            timings=self._timings(ended),
            duration_ms=round((ended - self.started) * 1000),
            retry_after=self._retry_after(headers),
        )

    def _timings(self, ended: float) -> dict[str, float]:
        spans = {
            "dns": (self.connect_started, self.resolved),
            "connect": (self.resolved, self.tls_started or self.connected),
            "tls": (self.tls_started, self.connected),
            "firstByte": (self.connected, self.answer_began),
            "total": (self.started, ended),
        }
        return {
            name: round((end - start) * 1000, 2)
            for name, (start, end) in spans.items()
            if start is not None and end is not None
        }

    def _decoded_headers(self) -> list[tuple[str, str]]:
        headers = []
        size = 0
        for name, value in self.headers:
            size += len(name) + len(value)
            if size > MAX_LOGGED_HEADERS:
                break
            headers.append((_text(name), _text(value)))
        return headers

    def _retry_after(self, headers: list[tuple[str, str]]) -> timedelta | None:
        if self.status not in WITH_RETRY_AFTER:
            return None
        values = (value for name, value in headers if name.lower() == "retry-after")
        return parse_retry_after(next(values, ""), datetime.now(UTC))


def _text(raw: bytes) -> str:
    """For a text column: whatever is not UTF-8 replaced, and no NUL, which PostgreSQL cannot store."""
    return raw.decode("utf-8", "replace").replace("\0", "")


def _clause(reason: str) -> str:
    reason = reason.strip().rstrip(".")
    return reason if reason[1:2].isupper() else reason[:1].lower() + reason[1:]


def _violation(error: BaseException | None) -> str:
    """What was wrong with the HTTP of an answer; "" where the answer only ended too soon."""
    while error is not None:
        if isinstance(error, ContentLengthError | TransferEncodingError):
            return ""
        if isinstance(error, HttpProcessingError | aiohttp.ClientResponseError):
            lines = error.message.strip().splitlines()
            return _clause(lines[0].rstrip(":")) if lines else "malformed"
        error = error.__cause__
    return ""
