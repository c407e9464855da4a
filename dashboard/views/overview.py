"""The overview: what needs a person, the figures of the last day, the latest events, the numbers."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.models import Workspace
from accounts.pages import MemberRequest, member_page
from dashboard.event_rows import event_rows
from dashboard.number_rows import NumberRow, number_rows
from events.models import Event
from phone_numbers.models import Number
from webhooks.counting import spans_of
from webhooks.figures import together
from webhooks.listing import COUNTED, filtered, oldest_pending, rows_of
from webhooks.models import Delivery, HourlyCount, Webhook

LATEST = 8
HOURS = 24


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
    troubled = [*rows, *(row for row in numbers if row.state.needs_attention)]
    # What is worst first, be it a webhook or a number.
    return {"troubled": sorted(troubled, key=lambda row: row.state.tone != "bad")}


def _latest(workspace: Workspace) -> dict[str, Any]:
    events = (
        Event.objects.real().filter(workspace=workspace).select_related("number").order_by("-pk")[:LATEST]
    )
    return {"latest": event_rows(list(events))}


def _figures(workspace: Workspace) -> dict[str, Any]:
    now = timezone.now()
    spans = spans_of(HourlyCount.objects.filter(webhook__workspace=workspace), now, HOURS)
    webhooks: list[Any] = list(
        Webhook.objects.existing().filter(workspace=workspace).annotate(oldest_pending=oldest_pending())
    )
    waiting = [webhook for webhook in webhooks if webhook.oldest_pending is not None]
    pending = (
        Delivery.objects.filter(webhook__in=[webhook.pk for webhook in waiting], due_at__isnull=False)
        .order_by()
        .values("pk")[:COUNTED]
        .count()
    )
    return {
        "day": together(spans),
        "slowest": max((span for span in spans if span.p95), key=lambda span: span.p95 or 0, default=None),
        "spans": spans,
        "pending": pending,
        "capped": COUNTED,
        "longest_waiting": min(waiting, key=lambda webhook: webhook.oldest_pending, default=None),
    }
