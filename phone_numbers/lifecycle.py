"""The life of a number: created, connected, disconnected, removed; and what connection reports do to it.

A disconnect that a provider reports only makes a number suspect; phone_numbers/health.py confirms it. What changes
a number here runs inside the caller's transaction, on rows that the caller, or `observe`, has locked.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.wake import wake
from phone_numbers.models import Number
from phone_numbers.reports import ConnectionReport, ConnectionState, DisconnectCause
from phone_numbers.signals import numbers_changed

CHECK_HEALTH = "phone_numbers.tasks.check_health"
# A report this much older than what it contradicts was overtaken on its way. Providers' clocks tell whole seconds.
OVERTAKEN_AFTER = timedelta(seconds=2)
NOTICED_EVERY = timedelta(minutes=1)
# Causes after which a number does not come back by itself: one probe confirms them.
PERMANENT = frozenset(str(cause) for cause in DisconnectCause)
FIELDS = [
    "state", "state_changed_at", "suspect_since", "suspect_reason", "failed_probes", "probe_due_at",
    "suppressed_flaps", "last_seen_at", "profile_name",
]  # fmt: skip


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
    """Marks numbers connected; returns news of those that were not. Clears a suspicion silently and counts the flap."""
    changes = []
    for number in numbers:
        if number.is_suspect:
            number.suppressed_flaps += 1
        if number.state != Number.State.OPEN:
            moment = _moment(number, at)
            number.state, number.state_changed_at = Number.State.OPEN, moment
            changes.append(NumberChange(kind=NumberChangeKind.CONNECTED, number=number, at=moment))
        _trust(number)
        number.last_seen_at = timezone.now()
        # A probe that is under way is not asked any more: its answer may be from before.
        number.probe_due_at = number.last_seen_at + spread(settings.HEALTH_CHECK_EVERY)
        number.save(update_fields=FIELDS)
    return changes


def suspect(number: Number, reason: str, at: datetime, probe_after: timedelta = timedelta(0)) -> None:
    """Makes a connected number suspect and asks for the probes that confirm or clear it; announces nothing.

    `reason` is a DisconnectCause, or what was seen. A suspicion that is repeated does not begin anew.
    """
    is_worse = reason in PERMANENT and number.suspect_reason not in PERMANENT
    if not number.is_suspect:
        number.suspect_since, number.failed_probes = _moment(number, at), 0
    elif not is_worse:
        return
    number.suspect_reason = reason[:200]
    number.probe_due_at = timezone.now() + probe_after
    number.save(update_fields=FIELDS)
    wake(CHECK_HEALTH)


def disconnect(number: Number, at: datetime, error: str, error_code: str) -> list[NumberChange]:
    """Marks a number whose disconnect is confirmed; returns the news of it."""
    number.state, number.state_changed_at = Number.State.CLOSE, _moment(number, at)
    _trust(number)
    number.probe_due_at = timezone.now() + spread(settings.HEALTH_CHECK_CLOSED_EVERY)
    number.save(update_fields=FIELDS)
    return [
        NumberChange(
            kind=NumberChangeKind.DISCONNECTED,
            number=number,
            at=number.state_changed_at,
            error=error,
            error_code=error_code,
        )
    ]


def observe(number: Number, report: ConnectionReport, at: datetime) -> list[NumberChange]:
    """Takes one connection report into account; returns the news it makes (to be announced by the caller)."""
    return observe_all([(number, report, at)])


def observe_all(observations: Iterable[tuple[Number, ConnectionReport, datetime]]) -> list[NumberChange]:
    """Takes connection reports into account, in their order; returns the news they make, for the caller to announce.

    Locks the numbers first, in one order, and reads them anew: what the caller has loaded may be old.
    """
    observations = list(observations)
    locked = {
        number.pk: number
        for number in Number.objects.active()
        .filter(pk__in={number.pk for number, _, _ in observations})
        .order_by("pk")
        .select_for_update(no_key=True)
    }
    changes = []
    for number, report, at in observations:
        if number.pk in locked:
            changes += _observe(locked[number.pk], report, at)
    return changes


def notice(numbers: Iterable[Number]) -> None:
    """Remembers that payloads of numbers came in: a sign of life, written at most once a minute and number."""
    now = timezone.now()
    stale = {
        number.pk
        for number in numbers
        if number.last_seen_at is None or now - number.last_seen_at > NOTICED_EVERY
    }
    if stale:
        with transaction.atomic():
            free = Number.objects.filter(pk__in=stale).select_for_update(skip_locked=True, no_key=True)
            Number.objects.filter(pk__in=[number.pk for number in free.only("pk")]).update(last_seen_at=now)


def spread(span: timedelta) -> timedelta:
    """Returns about `span`: up to a tenth less or more, so that checks begun together drift apart."""
    return span * random.uniform(0.9, 1.1)  # noqa: S311


def _observe(number: Number, report: ConnectionReport, at: datetime) -> list[NumberChange]:
    if report.profile_name and report.profile_name[:200] != number.profile_name:
        number.profile_name = report.profile_name[:200]
        number.save(update_fields=["profile_name"])
    if report.state is ConnectionState.CONNECTED:
        if _is_overtaken(number, at):
            return []
        return connect([number], at)
    if number.state == Number.State.OPEN:
        number.last_seen_at = timezone.now()
        suspect(number, str(report.cause or report.error or report.state), at)
    elif report.state is ConnectionState.CONNECTING and number.state != Number.State.CONNECTING:
        number.state, number.state_changed_at = Number.State.CONNECTING, _moment(number, at)
        number.save(update_fields=FIELDS)
    return []


def _is_overtaken(number: Number, at: datetime) -> bool:
    """Whether "connected" was said before the disconnect that we know of. A probe tells what is true now."""
    if number.suspect_since is not None:
        return at < number.suspect_since - OVERTAKEN_AFTER
    if number.state == Number.State.CLOSE and at < number.state_changed_at - OVERTAKEN_AFTER:
        number.probe_due_at = timezone.now()
        number.save(update_fields=["probe_due_at"])
        wake(CHECK_HEALTH)
        return True
    return False


def _moment(number: Number, at: datetime) -> datetime:
    """Returns `at`, but never in the future, and a millisecond after the last change at the earliest.

    A provider's clock can be wrong or go backwards; a number's history does neither, and no two of its changes have
    the same createdAt.
    """
    return max(min(at, timezone.now()), number.state_changed_at + timedelta(milliseconds=1))


def _trust(number: Number) -> None:
    number.suspect_since, number.suspect_reason, number.failed_probes = None, "", 0
