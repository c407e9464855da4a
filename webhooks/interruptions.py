"""Attempts that nobody will complete: their worker died while it was sending."""

from collections.abc import Sequence
from datetime import datetime

from webhooks import counting
from webhooks.models import Attempt, Delivery
from webhooks.outcome import ErrorClass

INTERRUPTED = "The worker died while it was sending: the event may have arrived."


def mark_interrupted(deliveries: Sequence[Delivery], now: datetime) -> None:
    """Makes the attempts that nobody will complete unknown."""
    if deliveries:
        Attempt.objects.filter(
            delivery__in=[delivery.pk for delivery in deliveries], status=Attempt.Status.SENDING
        ).update(
            status=Attempt.Status.UNKNOWN, error_class=ErrorClass.CRASH, error=INTERRUPTED, finished_at=now
        )
        counting.count([counting.interrupted(delivery) for delivery in deliveries], now)


def interruptions_of(deliveries: Sequence[Delivery]) -> dict[str, int]:
    """How many of the newest attempts of each were interrupted, without another outcome between them.

    Only those since it was last started anew by hand or by a recovery: their numbers began at 1 again.
    """
    times = {delivery.pk: 0 for delivery in deliveries}
    left = {delivery.pk: delivery.attempts_made for delivery in deliveries}
    attempts = Attempt.objects.filter(delivery__in=list(times)).order_by("-pk")
    for delivery, status in attempts.values_list("delivery", "status"):
        if not left[delivery]:
            continue
        if status == Attempt.Status.UNKNOWN:
            times[delivery] += 1
            left[delivery] -= 1
        else:
            left[delivery] = 0
    return times
