"""The one module that opens connections to customers: requests in, outcomes out, nothing raised."""

from dataclasses import dataclass
from typing import Any

from webhooks.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Request:
    """One POST: `body` is sent as it is; the transport adds only what ADDED_HEADERS names."""

    url: str
    headers: dict[str, str]
    body: bytes


class Transport:
    """Sends in an event loop of its own thread, so that its callers stay synchronous. For one collecting thread."""

    def submit(self, request: Request, tag: Any) -> None:
        """Send soon; the outcome comes out of `collect` with this tag. Never blocks."""
        raise NotImplementedError

    def collect(self, timeout: float, at_most: int) -> list[tuple[Any, Outcome]]:
        """Up to that many finished sends; waits up to `timeout` seconds for the first one, not at all where none is
        in flight."""
        raise NotImplementedError

    @property
    def in_flight(self) -> int:
        """Sends that were submitted and not yet collected."""
        raise NotImplementedError

    def close(self) -> None:
        """Break off what is in flight and stop the loop."""
        raise NotImplementedError


def transport() -> Transport:
    """This process's transport; after a fork a new one."""
    raise NotImplementedError
