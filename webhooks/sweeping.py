"""The sweep: every minute, whatever is due is found, however many wake-ups were lost."""

import logging
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.utils import timezone

from accounts import mailing
from accounts.failures import describe
from accounts.outages import DATABASE_AWAY
from accounts.wake import HORIZON, wake
from events import normalizing
from messaging import sending
from phone_numbers import health
from webhooks import claiming, closing, erasing, recovering, retention, warning

logger = logging.getLogger(__name__)

DRAINS = {
    "accounts.tasks.mail": mailing.next_due_at,
    "phone_numbers.tasks.check_health": health.next_due_at,
    "events.tasks.normalize": normalizing.next_due_at,
    "messaging.tasks.send_due": sending.next_due_at,
    "webhooks.tasks.deliver": claiming.next_due_at,
    "webhooks.tasks.recover": recovering.next_due_at,
    "webhooks.tasks.warn": warning.next_due_at,
    "webhooks.tasks.close": closing.next_due_at,
    "webhooks.tasks.erase": erasing.next_due_at,
    "webhooks.tasks.blank": retention.next_number_due_at,
}


def sweep_all() -> None:
    """Wakes each drain whose work is due, or falls due before the next sweep.

    What fails is left to the next sweep, and keeps no other drain asleep. Raises only what says that the database or
    the broker is away.
    """
    _attempt("planning the health checks", health.plan_checks)
    for drain, next_due_at in DRAINS.items():
        _attempt(f"waking {drain}", partial(_wake_if_due, drain, next_due_at))


def _wake_if_due(drain: str, next_due_at: Callable[[], datetime | None]) -> None:
    due_at = next_due_at()
    if due_at is not None and due_at <= timezone.now() + HORIZON:
        wake(drain)


def _attempt(what: str, act: Callable[[], object]) -> None:
    try:
        act()
    except (*DATABASE_AWAY, OSError):
        raise
    except Exception as error:
        logger.error("The sweep failed at %s: %s", what, describe(error))
