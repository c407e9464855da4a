"""The few questions that every provider answers.

A new provider is one folder, one line in the registry, one page of docs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import unquote, urlsplit

from phone_numbers.reports import ConnectionState, DisconnectCause, Report

if TYPE_CHECKING:
    from phone_numbers.models import Number


class Capability(StrEnum):
    """What some providers can do and others cannot; the event catalog says which event needs which."""

    CALLS = "calls"
    NEWSLETTERS = "newsletters"
    GROUPS = "groups"


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """A POST at a provider door: the raw bytes, and the headers with lowercase names."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """The part of a payload that concerns one number. `ref` is the provider's reference of that number.

    None: the payload does not say which, so it belongs to the number of the door, or to every number of the business
    account that `account_ref` names, or to nobody.
    """

    ref: str | None
    body: str
    account_ref: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to send. Exactly one of `phone`, `group_id`, `newsletter_id` is set."""

    reference: str
    phone: str = ""
    group_id: str = ""
    newsletter_id: str = ""
    text: str = ""
    media: str = ""
    media_type: str = ""
    filename: str = ""

    @property
    def file_name(self) -> str:
        """The name of the media's file: the caller's, else the link's; "" where neither has one."""
        return self.filename or unquote(PurePosixPath(urlsplit(self.media).path).name)


class SendState(StrEnum):
    ACCEPTED = "accepted"
    # The provider said no, for good.
    REFUSED = "refused"
    # Nothing was sent, and it may work later.
    RETRY = "retry"
    # The connection broke after the request had gone out: it may have been sent.
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class SendResult:
    """What became of a send. `at_server`: the acceptance is also the first rung (no "sent" status will follow)."""

    state: SendState
    message_id: str | None = None
    at_server: bool = False
    error: str = ""
    error_code: str = ""
    retry_after: timedelta | None = None


class ProbeState(StrEnum):
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeResult:
    """What a health check found out, with the gateway's own word in `detail`."""

    state: ProbeState
    detail: str = ""
    cause: DisconnectCause | None = None
    error_code: str = ""


class ConfigError(ValueError):
    """A providerConfig that cannot work; the text says which key and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A checked providerConfig. `ref` is unique among the provider's active numbers."""

    ref: str
    credentials: dict[str, Any] = field(default_factory=dict)
    state: ConnectionState = ConnectionState.CONNECTING


class Provider(Protocol):
    """`name` is the word in the API and the database, `label` the one on pages."""

    name: str
    label: str
    capabilities: frozenset[Capability]
    # Whether send and probe stay in this process and may use the database; else they speak HTTP and do not.
    in_process: bool

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        """Checks a providerConfig; raises ConfigError."""
        ...

    def verify(self, request: IngestRequest, number: "Number | None") -> bool:
        """Whether the request carries the provider's own proof, judged on the raw bytes."""
        ...

    def route(self, body: bytes) -> list[Part]:
        """Splits a payload by number; raises ValueError where it is not JSON of the right outer shape."""
        ...

    def parse(self, body: str, number: "Number") -> list[Report]:
        """Turns one part into reports, in the payload's order. Pure: neither clock nor database."""
        ...

    def send(self, number: "Number", outgoing: Outgoing) -> SendResult:
        """Sends one message. Blocks for at most some seconds; never raises for what a provider can do."""
        ...

    def probe(self, number: "Number") -> ProbeResult:
        """Asks the provider whether the number can send now. Blocks for at most some seconds; never raises."""
        ...
