"""The record: what became of attempts is written as a set, fenced by the lease, in one transaction."""

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from accounts import bulk
from accounts.failures import describe
from accounts.outages import DATABASE_AWAY
from webhooks import counting, health, retry
from webhooks.models import Attempt, Delivery, Trigger, Webhook
from webhooks.ordering import release
from webhooks.outcome import Outcome
from webhooks.recovering import refill
from webhooks.retention import discreet, settle
from webhooks.wording import count

logger = logging.getLogger(__name__)

Result = tuple[Attempt, Outcome]

UNREADABLE = "It failed, and the answer could not be recorded."
ATTEMPT_FIELDS = [
    "status", "request_headers", "status_code", "response_headers", "response_body", "error_class", "error",
    "peer_address", "timings", "duration_ms", "finished_at",
]  # fmt: skip


def record(results: Mapping[str, Sequence[Result]]) -> None:
    """Writes outcomes, by the lease under which their deliveries were claimed.

    A late outcome changes nothing: where the lease is gone, somebody else has the delivery. An answer that cannot be
    written is left out of its attempt, and the others are written. Raises what says that the database is away.
    """
    try:
        _record(results)
    except DATABASE_AWAY:
        raise
    except Exception as error:
        logger.error("Outcomes could not be recorded together: %s", describe(error))
        for lease, rows in results.items():
            for attempt, outcome in rows:
                _record_alone(lease, attempt, outcome)


def _record_alone(lease: str, attempt: Attempt, outcome: Outcome) -> None:
    """Tries it as it is, then without what the receiver sent; else the reaper finds it when the lease has ended."""
    bare = replace(
        outcome,
        response_headers=[],
        response_body="",
        error=outcome.error and UNREADABLE,
        peer_address="",
        timings={},
    )
    for candidate in (outcome, bare):
        try:
            _record({lease: [(attempt, candidate)]})
        except DATABASE_AWAY:
            raise
        except Exception as error:
            logger.error("The outcome of %s cannot be recorded: %s", attempt.delivery_id, describe(error))
        else:
            return


def _record(results: Mapping[str, Sequence[Result]]) -> None:
    everything = [(lease, *result) for lease, rows in results.items() for result in rows]
    if not everything:
        return
    now = timezone.now()
    with transaction.atomic():
        # Webhooks before deliveries, each in order, as everywhere: so nobody waits in a circle.
        webhooks = {
            webhook.pk: webhook
            for webhook in Webhook.objects.filter(pk__in={attempt.webhook_id for _, attempt, _ in everything})
            .order_by("pk")
            .select_for_update(no_key=True)
        }
        leases = dict(
            Delivery.objects.filter(pk__in=[attempt.delivery_id for _, attempt, _ in everything])
            .order_by("pk")
            .select_for_update()
            .values_list("pk", "lease")
        )
        ours = [
            (attempt, discreet(attempt.delivery.event, outcome))
            for lease, attempt, outcome in everything
            if leases.get(attempt.delivery_id) == lease and attempt.webhook_id in webhooks
        ]
        _write_attempts(ours, now)
        _settle([result for result in ours if result[1].succeeded], now)
        _retry([result for result in ours if not result[1].succeeded], now)
        deliveries = [attempt.delivery for attempt, _ in ours]
        # Also where one is tried again: an older one that was recovered while it was out comes next.
        release([(delivery.webhook_id, delivery.conversation) for delivery in deliveries], now)
        refill(delivery.job_id for delivery in deliveries if delivery.status != Delivery.Status.PENDING)
        health.take_into_account(webhooks, ours, now)
        settle([attempt.delivery.event for attempt, _ in ours])
        counting.count([counting.kind_of(attempt, outcome) for attempt, outcome in ours], now)


def _write_attempts(results: Sequence[Result], now: datetime) -> None:
    for attempt, outcome in results:
        attempt.status = Attempt.Status.SUCCEEDED if outcome.succeeded else Attempt.Status.FAILED
        attempt.status_code = outcome.status_code
        attempt.response_headers = [list(pair) for pair in outcome.response_headers]
        attempt.response_body = outcome.response_body
        attempt.error_class = outcome.error_class
        attempt.error = outcome.error[:300]
        attempt.peer_address = outcome.peer_address
        attempt.timings = outcome.timings
        attempt.duration_ms = outcome.duration_ms
        attempt.finished_at = now
    bulk.update([attempt for attempt, _ in results], ATTEMPT_FIELDS)


def _settle(results: Sequence[Result], now: datetime) -> None:
    for attempt, _ in results:
        attempt.delivery.status = Delivery.Status.DELIVERED
    Delivery.objects.filter(pk__in=[attempt.delivery_id for attempt, _ in results]).update(
        status=Delivery.Status.DELIVERED,
        reason="",
        due_at=None,
        lease=None,
        conversation=None,
        finished_at=now,
    )


def _retry(results: Sequence[Result], now: datetime) -> None:
    deliveries = []
    for attempt, outcome in results:
        delivery = attempt.delivery
        delivery.lease = None
        delivery.lane = Delivery.Lane.LATER
        delay = None
        if delivery.trigger != Trigger.TEST:
            delay = retry.delay_after(delivery.attempts_made, random.uniform(-1, 1))  # noqa: S311
        if delay is None:
            delivery.status, delivery.due_at, delivery.finished_at = Delivery.Status.EXHAUSTED, None, now
            delivery.reason = f"Given up after {count(delivery.attempts_made, 'attempt')}: {outcome.error}"[
                :300
            ]
        else:
            delivery.due_at = now + retry.with_retry_after(delay, outcome.retry_after)
            delivery.reason = outcome.error[:300]
        deliveries.append(delivery)
    if deliveries:
        bulk.update(deliveries, ["status", "reason", "due_at", "lease", "lane", "finished_at"])
        given_up = [row.pk for row in deliveries if row.status == Delivery.Status.EXHAUSTED]
        Delivery.objects.filter(pk__in=given_up, conversation__isnull=False).update(conversation=None)
