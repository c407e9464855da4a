"""The overview: what needs a person, the figures of the last day, the latest events, the numbers."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.ids import first_id
from accounts.models import Workspace
from accounts.pages import MemberRequest, member_page
from dashboard.event_rows import event_rows
from dashboard.number_rows import NumberRow, number_rows
from events.models import Event
from phone_numbers.models import Number
from webhooks.figures import by_time, figures_of
from webhooks.listing import COUNTED, filtered, nth_newest, recent_attempts, rows_of
from webhooks.models import Attempt, Delivery, Webhook

LATEST = 8
# The attempts of each webhook that the figures are made of, at most.
MEASURED = 500


@member_page("GET")
def overview(request: MemberRequest) -> HttpResponse:
    numbers = _numbers(request.workspace)
    context = {
        **_attention(request.workspace, numbers),
        **_latest(request.workspace),
        **_figures(request.workspace),
        "numbers": numbers,
    }
    return render(request, "dashboard/overview.html", context)


@member_page("GET")
def overview_attention(request: MemberRequest) -> HttpResponse:
    context = _attention(request.workspace, _numbers(request.workspace))
    return render(request, "dashboard/_attention.html", context)


@member_page("GET")
def overview_events(request: MemberRequest) -> HttpResponse:
    return render(request, "dashboard/_latest.html", _latest(request.workspace))


def _numbers(workspace: Workspace) -> list[NumberRow]:
    return number_rows(Number.objects.active().filter(workspace=workspace).order_by("name", "pk"))


def _attention(workspace: Workspace, numbers: list[NumberRow]) -> dict[str, Any]:
    rows = rows_of(filtered(workspace, state="attention"))
    return {
        # What is worst first.
        "troubled_webhooks": sorted(rows, key=lambda row: row.state.tone != "bad"),
        "troubled_numbers": [row for row in numbers if row.state.needs_attention],
    }


def _latest(workspace: Workspace) -> dict[str, Any]:
    events = (
        Event.objects.real().filter(workspace=workspace).select_related("number").order_by("-pk")[:LATEST]
    )
    return {"latest": event_rows(list(events))}


def _figures(workspace: Workspace) -> dict[str, Any]:
    now = timezone.now()
    webhooks: list[Any] = list(
        Webhook.objects.existing()
        .filter(workspace=workspace)
        .annotate(oldest_recent=nth_newest(Attempt.objects.all(), MEASURED))
    )
    recent = recent_attempts(webhooks, since=first_id("att", now - timedelta(hours=24)))
    attempts = [attempt for of_webhook in recent.values() for attempt in of_webhook]
    hours = by_time(attempts, now, 24, timedelta(hours=1))
    pending = list(
        Delivery.objects.filter(webhook__in=[webhook.pk for webhook in webhooks], due_at__isnull=False)
        .order_by()
        .values_list("created_at", flat=True)[:COUNTED]
    )
    totals = [sum(row[i] for _, row in hours) for i in range(3)]
    return {
        "figures": figures_of(attempts),
        "first_try": 100 * totals[0] / (totals[0] + totals[1]) if totals[0] + totals[1] else None,
        "bars": [
            (f"{at:%H:%M} UTC: {row[0]} at the first try, {row[1]} after a retry, {row[2]} failed", row)
            for at, row in hours
        ],
        "hours": [(at, *row) for at, row in hours],
        "marks": [hours[i][0] for i in (0, 6, 12, 18)],
        "totals": totals,
        "pending": len(pending),
        "capped": COUNTED,
        "oldest_pending": min(pending, default=None),
        "sampled": MEASURED if any(len(one) >= MEASURED for one in recent.values()) else 0,
    }
