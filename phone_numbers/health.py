"""Health checks: probes that confirm or clear a suspicion, and find what nobody reported (docs/number-health.md).

A number's probe_due_at is when it is probed next; while a probe runs it is the end of that probe's lease, and its
fencing token: whatever else happens to the number meanwhile changes it, and then the probe's answer is from before.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.failures import describe
from phone_numbers.lifecycle import PERMANENT, NumberChange, announce, connect, disconnect, spread, suspect
from phone_numbers.models import HealthCheck, Number
from phone_numbers.providers.base import ProbeResult, ProbeState
from phone_numbers.reports import DisconnectCause

logger = logging.getLogger(__name__)

BATCH = 16
# Twice the batch: probes that were given up still hold their threads until their own timeouts end.
THREADS = 32
# How long the answers of a batch are waited for; after that they are unknown.
PATIENCE = timedelta(seconds=15)
# Longer than the patience and the recording after it.
LEASE = timedelta(seconds=60)
# While the provider does not answer, a number that should be connected is probed again after this, or after a quarter
# of the time for which nothing was heard: soon at first, and then less and less often.
ASK_AGAIN_AFTER = timedelta(seconds=30)

SENTENCES = {
    DisconnectCause.LOGGED_OUT: "The number was logged out of WhatsApp. Connect it again.",
    DisconnectCause.BANNED: "WhatsApp has banned the number.",
    DisconnectCause.DELETED: "The account of the number no longer exists at the provider.",
}
DISCONNECTED = "The number lost its connection to WhatsApp"
UNREACHABLE = "The provider of the number could not be reached"


@dataclass(frozen=True)
class Probe:
    """One answer of a provider, or its absence."""

    number: Number
    result: ProbeResult
    duration: timedelta


def check_batch(limit: int = BATCH) -> int:
    """Probes up to `limit` numbers that are due; returns how many were taken."""
    claimed = _claim(limit)
    for probe in _probe(claimed):
        _record(probe)
    return len(claimed)


def next_due_at() -> datetime | None:
    """When the next probe is due that a drain should stay awake for; None: there is none.

    These are the probes of suspect numbers, some seconds apart, and what is due already. A periodic check is found by
    the sweep: some number's is always due within the minute, and a drain would never go to sleep.
    """
    return (
        Number.objects.active()
        .filter(
            Q(suspect_since__isnull=False) | Q(probe_due_at__lte=timezone.now()), probe_due_at__isnull=False
        )
        .order_by("probe_due_at")
        .values_list("probe_due_at", flat=True)
        .first()
    )


def plan_checks() -> int:
    """Gives active numbers that nobody has planned a check for their first one, spread out; returns how many."""
    numbers = list(Number.objects.active().filter(probe_due_at=None).order_by("pk")[:1000])
    now = timezone.now()
    for place, number in enumerate(numbers):
        due_at = now + settings.HEALTH_CHECK_EVERY * ((place + 1) / len(numbers))
        Number.objects.filter(pk=number.pk, probe_due_at=None).update(probe_due_at=due_at)
    return len(numbers)


def _claim(limit: int) -> list[Number]:
    now = timezone.now()
    with transaction.atomic():
        numbers = list(
            Number.objects.active()
            .filter(probe_due_at__isnull=False, probe_due_at__lte=now)
            .order_by("probe_due_at", "pk")
            .select_for_update(skip_locked=True, no_key=True)[:limit]
        )
        Number.objects.filter(pk__in=[number.pk for number in numbers]).update(probe_due_at=now + LEASE)
    for number in numbers:
        number.probe_due_at = now + LEASE
    return numbers


def _probe(numbers: Sequence[Number]) -> Iterator[Probe]:
    """Asks providers, outside of any transaction; yields the answers as they come in, and all within PATIENCE."""
    remote = [number for number in numbers if not number.adapter.in_process]
    started = time.monotonic()
    running: dict[Future[Probe], Number] = {_probers().submit(_ask, number): number for number in remote}
    for number in numbers:
        if number.adapter.in_process:
            yield _ask(number)
    try:
        for done in as_completed(
            list(running), max(0.0, PATIENCE.total_seconds() - (time.monotonic() - started))
        ):
            running.pop(done)
            yield done.result()
    except TimeoutError:
        sentence = f"No answer within {PATIENCE.total_seconds():g} s."
        for late, number in running.items():
            late.cancel()
            yield Probe(number, ProbeResult(state=ProbeState.UNKNOWN, detail=sentence), PATIENCE)


@cache
def _probers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="probe")


def _ask(number: Number) -> Probe:
    started = time.monotonic()
    try:
        result = number.adapter.probe(number)
    except Exception as error:
        logger.error("Probing %s failed in a way nobody expected: %s", number.pk, describe(error))
        result = ProbeResult(state=ProbeState.UNKNOWN, detail=f"The probe failed: {type(error).__name__}.")
    return Probe(number, result, timedelta(seconds=time.monotonic() - started))


def _record(probe: Probe) -> None:
    """Writes an answer down; it changes the number only where nothing else has done so meanwhile."""
    lease = probe.number.probe_due_at
    with transaction.atomic():
        number = Number.objects.active().filter(pk=probe.number.pk).select_for_update(no_key=True).first()
        if number is None:
            return
        confirms = probe.number.is_suspect
        HealthCheck.objects.create(
            number=number,
            trigger=HealthCheck.Trigger.CONFIRMATION if confirms else HealthCheck.Trigger.PERIODIC,
            result=str(probe.result.state),
            detail=probe.result.detail[:300],
            duration_ms=round(probe.duration.total_seconds() * 1000),
        )
        if number.probe_due_at == lease:
            announce(_judge(number, probe.result))


def _judge(number: Number, result: ProbeResult) -> list[NumberChange]:
    """Draws the conclusion from an answer; returns the news it makes."""
    now = timezone.now()
    if result.state is ProbeState.CONNECTED:
        return connect([number], now)
    if number.state != Number.State.OPEN:
        return _stay_down(number, result, now)
    if result.state is ProbeState.UNKNOWN:
        return _wait(number, now)
    if number.suspect_since is None:
        suspect(
            number,
            str(result.cause or "") or f"silent: {result.detail}",
            now,
            probe_after=timedelta(0) if result.cause else settings.HEALTH_PROBE_INTERVAL,
        )
        return []
    number.failed_probes += 1
    cause = result.cause or (
        DisconnectCause(number.suspect_reason) if number.suspect_reason in PERMANENT else None
    )
    if cause is not None or number.failed_probes >= settings.HEALTH_PROBES:
        return disconnect(number, number.suspect_since, *_words(cause, result))
    _probe_again(number, now + settings.HEALTH_PROBE_INTERVAL)
    return []


def _stay_down(number: Number, result: ProbeResult, now: datetime) -> list[NumberChange]:
    """A number that was down already is no news. One that only waited for its connection has none."""
    if number.state == Number.State.CONNECTING and result.state is ProbeState.DISCONNECTED:
        number.state, number.state_changed_at = Number.State.CLOSE, now
    _probe_again(number, now + spread(settings.HEALTH_CHECK_CLOSED_EVERY))
    return []


def _wait(number: Number, now: datetime) -> list[NumberChange]:
    """An absent answer counts neither way, until nothing was heard of the number for too long."""
    silence = now - _unheard_since(number, now)
    if silence >= settings.HEALTH_UNREACHABLE_AFTER:
        minutes = round(silence.total_seconds() / 60)
        return disconnect(
            number,
            number.suspect_since or now,
            f"{UNREACHABLE}, and nothing was heard of it for {minutes} minutes.",
            "PROVIDER_UNREACHABLE",
        )
    soon = settings.HEALTH_PROBE_INTERVAL if number.is_suspect else ASK_AGAIN_AFTER
    _probe_again(number, now + max(soon, silence / 4))
    return []


def _unheard_since(number: Number, now: datetime) -> datetime:
    """Since when neither a payload came nor a probe was answered, as far as anybody looked."""
    answered = number.health_checks.exclude(result=HealthCheck.Result.UNKNOWN).order_by("-pk").first()
    unanswered = number.health_checks.filter(result=HealthCheck.Result.UNKNOWN)
    if answered is not None:
        unanswered = unanswered.filter(pk__gt=answered.pk)
    first = unanswered.order_by("pk").first()
    return max(first.checked_at if first else now, number.last_seen_at or number.state_changed_at)


def _probe_again(number: Number, due_at: datetime) -> None:
    number.probe_due_at = due_at
    number.save(update_fields=["probe_due_at", "failed_probes", "state", "state_changed_at"])


def _words(cause: DisconnectCause | None, result: ProbeResult) -> tuple[str, str]:
    """The sentence and the code of a confirmed disconnect."""
    if cause is not None:
        return SENTENCES[cause], cause.upper()
    detail = result.detail.strip().rstrip(".")
    return (
        f"{DISCONNECTED} ({detail})." if detail else f"{DISCONNECTED}.",
        result.error_code or "DISCONNECTED",
    )
