"""The reaper: what a worker had in hand when it died may have arrived, or not. It is sent again.

A delivery can be what its workers die of. So what is interrupted again and again waits longer each time, which parts it
from those that were only in flight beside it, and is given up in the end; a receiver's failures are counted elsewhere.
"""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

from accounts import bulk
from webhooks import retry
from webhooks.interruptions import INTERRUPTED, interruptions_of, mark_interrupted
from webhooks.models import Delivery
from webhooks.ordering import release
from webhooks.recovering import refill
from webhooks.retention import settle

# After one interruption, two in a row, and so on; one more, and it is given up.
DELAYS = [timedelta(0), *retry.RETRY_DELAYS[:4]]


def reap(deliveries: Sequence[Delivery], now: datetime) -> list[Delivery]:
    """Takes deliveries whose lease ended without an outcome from their dead worker; returns those to be sent now.

    Runs in the claim's transaction, which holds the webhooks' locks. The deliveries have their events.
    """
    if not deliveries:
        return []
    mark_interrupted(deliveries, now)
    in_a_row = interruptions_of(deliveries)
    at_once, later, given_up = [], [], []
    for delivery in deliveries:
        times = in_a_row[delivery.pk]
        if times > len(DELAYS):
            given_up.append(delivery)
        elif times <= 1:
            at_once.append(delivery)
        else:
            delivery.due_at = now + DELAYS[times - 1] * random.uniform(1, 1.5)  # noqa: S311
            delivery.lease, delivery.lane = None, Delivery.Lane.LATER
            delivery.reason = f"{INTERRUPTED} That makes {times} times in a row."
            later.append(delivery)
    if later:
        bulk.update(later, ["due_at", "lease", "lane", "reason"])
        # An older one of its conversation that was recovered while it was out comes next.
        release([(delivery.webhook_id, delivery.conversation) for delivery in later], now)
    if given_up:
        _give_up(given_up, now)
    return at_once


def _give_up(deliveries: Sequence[Delivery], now: datetime) -> None:
    Delivery.objects.filter(pk__in=[delivery.pk for delivery in deliveries]).update(
        status=Delivery.Status.EXHAUSTED,
        reason=f"Given up: {len(DELAYS) + 1} workers in a row died while they were sending it. It may have arrived.",
        due_at=None,
        lease=None,
        conversation=None,
        finished_at=now,
    )
    release([(delivery.webhook_id, delivery.conversation) for delivery in deliveries], now)
    refill(delivery.job_id for delivery in deliveries)
    settle([delivery.event for delivery in deliveries])
