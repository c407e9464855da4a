"""From the inbox to the event log: payloads are claimed in batches, parsed, and applied in one transaction.

A batch is applied as a set. Where that fails, its payloads are applied one by one, each in a savepoint of its own, so
that a poisoned payload is stored as failed with its error and never holds up the others.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from accounts.encryption import Unreadable
from accounts.failures import describe
from accounts.ids import new_id
from events.calls import CallArrival, record_calls
from events.models import RawPayload
from events.retention import blank_payloads
from messaging.arrivals import Arrival
from messaging.receiving import receive, too_early
from messaging.retention import forget
from messaging.signals import messages_changed
from messaging.statuses import advance
from phone_numbers import identities, lifecycle
from phone_numbers.models import Number
from phone_numbers.number_settings import unwanted
from phone_numbers.reports import (
    ConnectionReport,
    Contact,
    IdentityReport,
    Ignored,
    InboundMessage,
    Report,
    StatusReport,
)

logger = logging.getLogger(__name__)

BATCH = 100
LEASE = timedelta(seconds=60)
# A payload that was claimed this often without an end takes the drain down with it.
MAX_TRIES = 5
# How long a status waits for the message it is about: a provider can be faster than the commit of the send.
HOLD_STATUSES = timedelta(minutes=1)
HOLD_STEP = timedelta(seconds=2)
WAITING = "Waits for the message that it is about."
# The same for an answer: to whom it is one, is known when the send that runs has ended.
HOLD_ANSWERS = timedelta(seconds=20)
EARLY = "Waits for a message that is being sent, and that it may answer."


@dataclass
class Parsed:
    """A claimed payload and what its provider's parser made of it."""

    payload: RawPayload
    reports: list[Report] = field(default_factory=list)
    error: str = ""


@dataclass
class Result:
    """What became of a payload: its new status, the reason, and when it is looked at again."""

    status: RawPayload.Status
    reason: str = ""
    due_at: datetime | None = None


def normalize_batch(limit: int = BATCH) -> int:
    """Normalizes up to `limit` due payloads; returns how many were taken."""
    lease = new_id("lease")
    payloads = _claim(limit, lease)
    if not payloads:
        return 0
    batch = [_parse(payload) for payload in payloads]
    with transaction.atomic():
        held = set(
            RawPayload.objects.filter(pk__in=[payload.pk for payload in payloads], lease=lease)
            .order_by("pk")
            .select_for_update()
            .values_list("pk", flat=True)
        )
        batch = [parsed for parsed in batch if parsed.payload.pk in held]
        _finish(_apply_each(batch))
    lifecycle.notice(payload.number for payload in payloads if payload.number is not None)
    return len(payloads)


def next_due_at() -> datetime | None:
    return (
        RawPayload.objects.filter(due_at__isnull=False)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )


def _claim(limit: int, lease: str) -> list[RawPayload]:
    now = timezone.now()
    due = RawPayload.objects.filter(due_at__isnull=False, due_at__lte=now)
    # Looked up outside the transaction: an idle drain must not take SQLite's one write lock fifty times a second.
    if not due.exists():
        return []
    with transaction.atomic():
        payloads = list(
            due.select_related("number")
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))[:limit]
        )
        for payload in payloads:
            payload.tries += 1
        by_tries: dict[int, list[str]] = {}
        for payload in payloads:
            by_tries.setdefault(payload.tries, []).append(payload.pk)
        for tries, ids in by_tries.items():
            RawPayload.objects.filter(pk__in=ids).update(lease=lease, due_at=now + LEASE, tries=tries)
    return payloads


def _parse(payload: RawPayload) -> Parsed:
    if payload.tries > MAX_TRIES:
        return Parsed(payload, error=f"Given up after {MAX_TRIES} tries that did not come to an end.")
    if payload.number is None:
        return Parsed(payload, error="The number of this payload is gone.")
    if isinstance(payload.body, Unreadable):
        return Parsed(
            payload, error="It cannot be read: its encryption key is missing. Run it again with the key."
        )
    try:
        reports = payload.number.adapter.parse(payload.body, payload.number)
        return Parsed(payload, [_unless_unwanted(payload.number, report) for report in reports])
    except Exception as error:
        logger.error("Payload %s could not be parsed: %s", payload.pk, describe(error))
        return Parsed(payload, error=describe(error))


def _unless_unwanted(number: Number, report: Report) -> Report:
    reason = unwanted(number, report)
    return Ignored(reason=reason) if reason else report


def _apply_each(batch: Sequence[Parsed]) -> list[tuple[RawPayload, Result]]:
    sound = [parsed for parsed in batch if not parsed.error]
    results = [
        (parsed.payload, Result(RawPayload.Status.FAILED, parsed.error)) for parsed in batch if parsed.error
    ]
    try:
        with transaction.atomic():
            return results + _apply(sound)
    except Exception:
        logger.warning("A batch of %s payloads failed; its payloads are applied one by one", len(sound))
    for parsed in sound:
        try:
            with transaction.atomic():
                results += _apply([parsed])
        except Exception as error:
            logger.error("Payload %s could not be applied: %s", parsed.payload.pk, describe(error))
            results.append((parsed.payload, Result(RawPayload.Status.FAILED, describe(error))))
    return results


def _apply(batch: Sequence[Parsed]) -> list[tuple[RawPayload, Result]]:
    """Applies payloads as a set, in the order of their receipt."""
    statuses: list[Arrival[StatusReport]] = []
    inbound: list[Arrival[InboundMessage]] = []
    calls: list[CallArrival] = []
    connections: list[Arrival[ConnectionReport]] = []
    learned = []
    for parsed in batch:
        payload = parsed.payload
        number = payload.number
        assert number is not None
        waiting = payload.reason == WAITING
        for report in parsed.reports:
            at = getattr(report, "at", None) or payload.received_at
            if isinstance(report, StatusReport):
                statuses.append(Arrival(number, report, at, payload.pk))
            elif waiting or isinstance(report, Ignored):
                continue
            elif isinstance(report, IdentityReport):
                learned.append((number, report.opaque_id, report.phone))
            elif isinstance(report, InboundMessage):
                inbound.append(Arrival(number, report, at, payload.pk))
            elif isinstance(report, ConnectionReport):
                connections.append(Arrival(number, report, at, payload.pk))
            else:
                calls.append(Arrival(number, report, at, payload.pk))
    identities.learn(learned)
    inbound = _resolved(inbound)
    early = _early(inbound, batch)
    if early:
        # As a whole, so that what is in one payload is told in its order.
        kept = [parsed for parsed in batch if parsed.payload.pk not in early]
        due_at = timezone.now() + HOLD_STEP
        held = [parsed.payload for parsed in batch if parsed.payload.pk in early]
        return [
            *((payload, Result(RawPayload.Status.PENDING, EARLY, due_at)) for payload in held),
            *_apply(kept),
        ]
    changes, unmatched = advance(statuses)
    changes += receive(inbound)
    if changes:
        messages_changed.send(sender=RawPayload, changes=changes)
        forget(change.message for change in changes)
    record_calls(calls)
    lifecycle.announce(
        lifecycle.observe_all((arrival.number, arrival.report, arrival.at) for arrival in connections)
    )
    waiting_ids = {arrival.raw_payload_id for arrival in unmatched}
    return [(parsed.payload, _result(parsed, parsed.payload.pk in waiting_ids)) for parsed in batch]


def _early(inbound: Sequence[Arrival[InboundMessage]], batch: Sequence[Parsed]) -> set[str]:
    """Returns the payloads that are looked at again once a send has ended, each for some seconds at most."""
    since = timezone.now() - HOLD_ANSWERS
    fresh = {parsed.payload.pk for parsed in batch if parsed.payload.received_at > since}
    return {arrival.raw_payload_id or "" for arrival in too_early(inbound)} & fresh


def _resolved(arrivals: Sequence[Arrival[InboundMessage]]) -> list[Arrival[InboundMessage]]:
    """Puts in the phones of contacts of whom only the opaque id was said and both are known."""
    nameless = [arrival for arrival in arrivals if not arrival.report.sender.phone]
    phones = identities.resolve((arrival.number, arrival.report.sender.opaque_id) for arrival in nameless)
    if not phones:
        return list(arrivals)
    resolved = []
    for arrival in arrivals:
        sender = arrival.report.sender
        phone = sender.phone or phones.get((arrival.number.pk, sender.opaque_id), "")
        contact = Contact(phone=phone, opaque_id=sender.opaque_id, name=sender.name)
        resolved.append(
            Arrival(
                arrival.number, replace(arrival.report, sender=contact), arrival.at, arrival.raw_payload_id
            )
        )
    return resolved


def _result(parsed: Parsed, is_waiting: bool) -> Result:
    payload, now = parsed.payload, timezone.now()
    if is_waiting and now - payload.received_at < HOLD_STATUSES:
        return Result(RawPayload.Status.PENDING, WAITING, now + HOLD_STEP)
    kinds = [report for report in parsed.reports if not isinstance(report, Ignored | IdentityReport)]
    if is_waiting and all(isinstance(report, StatusReport) for report in kinds):
        return Result(
            RawPayload.Status.IGNORED, "A status of a message that was not sent through this platform."
        )
    if not kinds:
        reasons = dict.fromkeys(report.reason for report in parsed.reports if isinstance(report, Ignored))
        return Result(RawPayload.Status.IGNORED, " ".join(reasons) or "Nothing in it makes an event.")
    return Result(RawPayload.Status.NORMALIZED)


def _finish(results: Sequence[tuple[RawPayload, Result]]) -> None:
    now = timezone.now()
    alike: dict[tuple[str, str, bool], list[str]] = {}
    for payload, result in results:
        alike.setdefault((result.status, result.reason, result.due_at is not None), []).append(payload.pk)
    for (status, reason, again), ids in alike.items():
        RawPayload.objects.filter(pk__in=ids).update(
            status=status,
            reason=reason,
            lease=None,
            due_at=now + HOLD_STEP if again else None,
            normalized_at=None if again else now,
        )
        if again:
            # Waiting for a message is not a failed try.
            RawPayload.objects.filter(pk__in=ids).update(tries=0)
    done = [
        payload.pk
        for payload, result in results
        if result.status in (RawPayload.Status.NORMALIZED, RawPayload.Status.IGNORED)
        and payload.number is not None
        and payload.number.keeps_nothing
    ]
    if done:
        blank_payloads(RawPayload.objects.filter(pk__in=done))
