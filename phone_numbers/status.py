"""Asking a provider how a number's connection is, now."""

from dataclasses import dataclass
from datetime import datetime

from cryptography.fernet import InvalidToken
from django.db import transaction
from django.utils import timezone

from phone_numbers.lifecycle import announce, observe
from phone_numbers.models import Number
from phone_numbers.providers.base import ProbeResult, ProbeState
from phone_numbers.reports import ConnectionReport, ConnectionState


@dataclass(frozen=True)
class Reading:
    """`is_stale`: the provider did not answer, or could not be asked, and `state` is what was known at `at`."""

    state: str
    is_stale: bool
    at: datetime


def read_status(number: Number) -> Reading:
    """Probes an active number, which takes up to some seconds; what is news is observed like a provider's report."""
    try:
        probe = number.adapter.probe(number)
    except InvalidToken:
        probe = ProbeResult(state=ProbeState.UNKNOWN, detail="Its credentials cannot be read.")
    now = timezone.now()
    if probe.state is ProbeState.UNKNOWN:
        return Reading(state=number.state, is_stale=True, at=number.last_seen_at or number.state_changed_at)
    is_connected = probe.state is ProbeState.CONNECTED
    report = ConnectionReport(
        state=ConnectionState.CONNECTED if is_connected else ConnectionState.DISCONNECTED,
        at=now,
        cause=probe.cause,
        error=probe.detail or None,
        error_code=probe.error_code or None,
    )
    if is_connected != number.is_connected or number.is_suspect:
        with transaction.atomic():
            announce(observe(number, report, now))
    return Reading(state=Number.State.OPEN if is_connected else Number.State.CLOSE, is_stale=False, at=now)
