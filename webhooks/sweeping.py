"""The sweep: every minute, whatever is due is found, however many wake-ups were lost."""

from django.utils import timezone

from accounts.wake import HORIZON, wake
from events import normalizing
from messaging import sending
from phone_numbers import health
from webhooks import claiming, recovering, retention, warning
from webhooks.ordering import release_forgotten

DRAINS = {
    "phone_numbers.tasks.check_health": health.next_due_at,
    "events.tasks.normalize": normalizing.next_due_at,
    "messaging.tasks.send_due": sending.next_due_at,
    "webhooks.tasks.deliver": claiming.next_due_at,
    "webhooks.tasks.recover": recovering.next_due_at,
    "webhooks.tasks.warn": warning.next_due_at,
    "webhooks.tasks.blank": retention.next_number_due_at,
}


def sweep_all() -> None:
    """Wakes each drain whose work is due, or falls due before the next sweep."""
    health.plan_checks()
    release_forgotten(timezone.now())
    for drain, next_due_at in DRAINS.items():
        due_at = next_due_at()
        if due_at is not None and due_at <= timezone.now() + HORIZON:
            wake(drain)
