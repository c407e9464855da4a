"""The event log, and one event: what the provider said, what we made of it, whom we told."""

from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render

from accounts.pages import MemberRequest, member_page
from dashboard.asking import asked, count_newer, narrowed_page, news
from dashboard.event_rows import LOOKED_THROUGH, PAGE, contact_of, event_rows, events_matching
from events.catalog import BY_NAME, EVENT_TYPES
from events.models import Event, EventQuerySet
from webhooks.exchange import shown
from webhooks.explaining import explain
from webhooks.first_steps import send_message_curl
from webhooks.forms import numbers_of
from webhooks.states import State
from webhooks.wording import duration


def _asked(request: MemberRequest) -> tuple[dict[str, str], EventQuerySet, dict[str, Any]]:
    """What was chosen, the events that it names, and what these are narrowed by."""
    chosen = asked(request, "q", "number", "type", "before")
    rows = events_matching(request.workspace, chosen["q"])
    if chosen["number"]:
        rows = rows.filter(number=chosen["number"])
    return chosen, rows, {"type": chosen["type"]} if chosen["type"] in BY_NAME else {}


@member_page("GET")
def events(request: MemberRequest) -> HttpResponse:
    chosen, rows, narrow = _asked(request)
    page = narrowed_page(rows.select_related("number"), narrow, chosen["before"], PAGE, LOOKED_THROUGH)
    numbers = numbers_of(request.workspace)
    context = {
        "page": page,
        "rows": event_rows(page.rows),
        "chosen": chosen,
        "narrowed": any(chosen.values()),
        "numbers": numbers,
        "event_types": EVENT_TYPES,
        "first_message_curl": send_message_curl(numbers[0] if numbers else None),
    }
    return render(request, "dashboard/_events.html" if request.fragment else "dashboard/events.html", context)


@member_page("GET")
def events_new(request: MemberRequest) -> HttpResponse:
    """A link to the rows that came after those of the page; nothing while there are none."""
    chosen, rows, narrow = _asked(request)
    count = count_newer(rows, narrow, asked(request, "after")["after"], LOOKED_THROUGH)
    return render(request, "dashboard/_news.html", news(chosen, "events", "event", count))


@member_page("GET")
def event(request: MemberRequest, id: str) -> HttpResponse:
    event = (
        Event.objects.filter(workspace=request.workspace, pk=id)
        .select_related("number", "raw_payload")
        .first()
    )
    if event is None:
        raise Http404("There is no such event in this workspace.")
    payload = event.raw_payload
    took = (event.recorded_at - payload.received_at).total_seconds() * 1000 if payload is not None else None
    explained = explain(event)
    context = {
        "event": event,
        "body": shown(event.body),
        "contact": contact_of(event),
        "payload": payload,
        "raw": shown(payload.body) if payload is not None else "",
        "took": duration(took),
        "explained": [one for one in explained if not one.is_elsewhere],
        "elsewhere": [one for one in explained if one.is_elsewhere],
        "state": _summary([one.state for one in explained if one.row is not None]),
    }
    return render(request, "dashboard/event.html", context)


def _summary(states: list[State]) -> State:
    delivered = sum(state.tone == "ok" for state in states)
    if not states:
        return State("idle", "no webhook")
    tone = "ok" if delivered == len(states) else "bad" if any(one.tone == "bad" for one in states) else "busy"
    return State(tone, f"{delivered} of {len(states)} delivered")
