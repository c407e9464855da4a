"""Sending again all that webhooks missed and is still on record: what the support desk does for whoever asks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from webhooks.models import RecoveryJob, Webhook
from webhooks.recovering import Kind, start, undelivered


@dataclass(frozen=True)
class Missed:
    """How many deliveries were given up or are held, and when the oldest of their events was recorded."""

    count: int
    since: datetime


def missed_by(webhooks: Sequence[Webhook]) -> dict[str, Missed]:
    """By the webhook's id, for those that missed something; one query."""
    rows = (
        undelivered()
        .filter(webhook__in=webhooks)
        .order_by()
        .values_list("webhook")
        .annotate(Count("pk"), Min("event__recorded_at"))
    )
    return {pk: Missed(number, since) for pk, number, since in rows}


def catch_up(webhooks: Sequence[Webhook]) -> list[RecoveryJob]:
    """Starts a recovery of each webhook that is sent to and missed something, and returns the jobs."""
    able = [webhook for webhook in webhooks if webhook.active and webhook.deleted_at is None]
    missed = missed_by(able)
    return [start(webhook, Kind.FAILED, missed[webhook.pk].since) for webhook in able if webhook.pk in missed]
