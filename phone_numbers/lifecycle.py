"""The life of a number: created, connected, disconnected, removed; and what connection reports do to it.

A disconnect that a provider reports only makes a number suspect; phone_numbers/health.py confirms it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils import timezone

from accounts.wake import wake
from phone_numbers.models import Number
from phone_numbers.reports import ConnectionReport, ConnectionState
from phone_numbers.signals import numbers_changed


class NumberChangeKind(StrEnum):
    CREATED = "created"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class NumberChange:
    """News about one number; `error` is a sentence, `error_code` a word such as LOGGED_OUT."""

    kind: NumberChangeKind
    number: Number
    at: datetime
    error: str = ""
    error_code: str = ""


def announce(changes: Sequence[NumberChange]) -> None:
    """Tells the floors above, inside the transaction that made the changes."""
    if changes:
        numbers_changed.send(sender=Number, changes=list(changes))


def connect(numbers: Sequence[Number], at: datetime) -> list[NumberChange]:
    """Marks numbers connected; returns news of those that were not. Clears a suspicion silently."""
    changes = []
    for number in numbers:
        if number.suspect_since is not None:
            number.suspect_since, number.suspect_reason, number.failed_probes = None, "", 0
            number.suppressed_flaps += 1
        was_open = number.state == Number.State.OPEN
        number.last_seen_at = timezone.now()
        if not was_open:
            number.state, number.state_changed_at = Number.State.OPEN, at
            changes.append(NumberChange(kind=NumberChangeKind.CONNECTED, number=number, at=at))
        number.save(
            update_fields=[
                "state", "state_changed_at", "suspect_since", "suspect_reason",
                "failed_probes", "suppressed_flaps", "last_seen_at", "profile_name",
            ]
        )  # fmt: skip
    return changes


def suspect(number: Number, report: ConnectionReport, at: datetime) -> None:
    """Makes a connected number suspect and asks for the probes that confirm or clear it; announces nothing."""
    number.suspect_since = number.suspect_since or at
    number.suspect_reason = str(report.cause or report.error or report.state)[:200]
    number.failed_probes = 0
    number.probe_due_at = timezone.now()
    number.save(update_fields=["suspect_since", "suspect_reason", "failed_probes", "probe_due_at"])
    wake("phone_numbers.tasks.check_health")


def observe(number: Number, report: ConnectionReport, at: datetime) -> list[NumberChange]:
    """Takes one connection report into account; returns the news it makes (to be announced by the caller)."""
    if number.deleted_at is not None:
        return []
    if report.profile_name:
        number.profile_name = report.profile_name[:200]
    if report.state is ConnectionState.CONNECTED:
        return connect([number], at)
    if number.state == Number.State.OPEN:
        suspect(number, report, at)
    elif report.state is ConnectionState.CONNECTING and number.state != Number.State.CONNECTING:
        number.state, number.state_changed_at = Number.State.CONNECTING, at
        number.save(update_fields=["state", "state_changed_at"])
    return []
