"""The deliver drain: claim, sign, POST outside any transaction, record; in sets, with hundreds of sends in flight."""

import logging
import time

from django.utils import timezone

from accounts.failures import describe
from webhooks.claiming import Claim, claim
from webhooks.models import Attempt
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record
from webhooks.requests import Unsendable, request_of, secrets_of
from webhooks.transport import ADDED_HEADERS, MAX_IN_FLIGHT, Transport, transport

logger = logging.getLogger(__name__)

UNEXPECTED = "The request could not be made."
# Sends that one drain holds open, and rows that it claims at once.
WINDOW = MAX_IN_FLIGHT
BATCH = 100
# Of the window, what webhooks that are slow may hold together.
SLOW_SLOTS = WINDOW // 2
# How long outcomes are gathered before they are recorded as a set.
GATHER = 0.02


class Drain:
    """One drain's sends in flight. `step` does a round; `finish` waits for what is still out."""

    def __init__(self, sender: Transport | None = None) -> None:
        self.transport = sender or transport()
        self._out: dict[str, bool] = {}
        # What could not be made into a request, and waits to be recorded.
        self._unsent: list[tuple[tuple[str, Attempt], Outcome]] = []
        # Whether there was more to claim than one claim takes.
        self.is_full = False

    @property
    def in_flight(self) -> int:
        return len(self._out)

    def step(self) -> int:
        """Claims and sends what is due, records what came back; returns how much is claimed, recorded or out."""
        claimed = self._send() if self.in_flight < WINDOW else 0
        recorded = self._record(GATHER) if self.in_flight else 0
        return claimed + recorded + self.in_flight

    def finish(self) -> None:
        while self.in_flight:
            self._record(1.0)

    def _send(self) -> int:
        slow_slots = max(0, SLOW_SLOTS - sum(self._out.values()))
        limit = min(BATCH, WINDOW - self.in_flight)
        size = self._send_claimed(claim(limit, slow_slots))
        self.is_full = size == limit
        return size

    def _send_claimed(self, claimed: Claim) -> int:
        now = timezone.now()
        for attempt in claimed.attempts:
            self._out[attempt.pk] = attempt.delivery.webhook.slow
            try:
                request = request_of(attempt, secrets_of(attempt.delivery.webhook, now), now)
            except Exception as error:
                # Of one; the others of the claim are sent.
                logger.error("%s cannot be sent: %s", attempt.delivery_id, describe(error))
                sentence = str(error) if isinstance(error, Unsendable) else UNEXPECTED
                outcome = Outcome(error_class=ErrorClass.INTERNAL, error=sentence)
                self._unsent.append(((claimed.lease, attempt), outcome))
                continue
            attempt.request_headers = {**ADDED_HEADERS, **request.headers}
            self.transport.submit(request, (claimed.lease, attempt))
        return len(claimed.attempts)

    def _record(self, timeout: float) -> int:
        gathered = self._collect(timeout)
        by_lease: dict[str, list[tuple[Attempt, Outcome]]] = {}
        for (lease, attempt), outcome in gathered:
            # Those of a drain that broke off before this one are recorded too, if their lease still holds.
            self._out.pop(attempt.pk, None)
            by_lease.setdefault(lease, []).append((attempt, outcome))
        record(by_lease)
        return len(gathered)

    def _collect(self, timeout: float) -> list[tuple[tuple[str, Attempt], Outcome]]:
        deadline = time.monotonic() + timeout
        gathered, self._unsent = self._unsent, []
        gathered += self.transport.collect(0 if gathered else timeout, BATCH)
        while gathered and len(gathered) < min(BATCH, self.in_flight) and time.monotonic() < deadline:
            more = self.transport.collect(0.002, BATCH - len(gathered))
            if not more:
                break
            gathered += more
        return gathered
