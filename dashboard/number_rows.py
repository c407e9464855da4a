"""What the pages say of numbers: the connection and why, the latest health checks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from phone_numbers.models import HealthCheck, Number
from webhooks.states import State
from webhooks.wording import span

CHECKS = 30
CELLS = {"connected": "ok", "disconnected": "bad", "unknown": "retry"}


@dataclass(frozen=True)
class NumberRow:
    number: Number
    state: State
    # Oldest first.
    checks: list[HealthCheck]
    webhooks: int

    @property
    def cells(self) -> list[str]:
        return ["idle"] * (CHECKS - len(self.checks)) + [CELLS[check.result] for check in self.checks]

    @property
    def label(self) -> str:
        healthy = sum(check.result == HealthCheck.Result.CONNECTED for check in self.checks)
        return f"The last {len(self.checks)} health checks: {healthy} healthy"


def number_rows(numbers: QuerySet[Number], now: datetime | None = None) -> list[NumberRow]:
    """Two queries for any number of numbers."""
    now = now or timezone.now()
    mine = HealthCheck.objects.filter(number=OuterRef("pk")).order_by("-pk").values("pk")
    found: list[Any] = list(
        numbers.annotate(
            oldest_check=Subquery(mine[CHECKS - 1 : CHECKS]),
            webhook_count=Count("webhooks", filter=Q(webhooks__deleted_at=None)),
        )
    )
    checks = _checks(found)
    return [
        NumberRow(number, number_state(number, now), checks[number.pk], number.webhook_count)
        for number in found
    ]


def _checks(numbers: Sequence[Any]) -> dict[str, list[HealthCheck]]:
    checks: dict[str, list[HealthCheck]] = {number.pk: [] for number in numbers}
    wanted = Q(pk__in=[])
    for number in numbers:
        wanted |= Q(number=number.pk, pk__gte=number.oldest_check or "")
    for check in HealthCheck.objects.filter(wanted).order_by("pk"):
        checks[check.number_id].append(check)
    return checks


def number_state(number: Number, now: datetime) -> State:
    since = f"for {span(now - number.state_changed_at)}"
    if number.deleted_at is not None:
        return State("idle", "Removed", "can be restored for 30 days")
    if number.suspect_since is not None:
        ago = span(now - number.suspect_since)
        probe = (
            f"probe {min(number.failed_probes + 1, settings.HEALTH_PROBES)} of {settings.HEALTH_PROBES} in"
        )
        return State("warn", "Suspect: checking", f"lost {ago} ago; {probe}", number.probe_due_at or now)
    if number.state == Number.State.OPEN:
        return State("ok", "Connected", since)
    if number.state == Number.State.CONNECTING:
        return State("busy", "Connecting", f"waits for its connection {since}")
    return State("bad", "Disconnected", since)
