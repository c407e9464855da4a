"""The live tail: the page, and its rows, which the page asks for every two seconds."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from accounts.pages import MemberRequest, member_page
from dashboard.asking import asked
from dashboard.tail import SHOWS, mark_of, tail
from webhooks.forms import numbers_of


@member_page("GET")
def live(request: MemberRequest) -> HttpResponse:
    context = {"numbers": numbers_of(request.workspace), "shows": SHOWS, **_rows(request)}
    return render(request, "dashboard/live.html", context)


@member_page("GET")
def live_rows(request: MemberRequest) -> HttpResponse:
    """204 where nothing is new since the rows with the mark `after`."""
    context = _rows(request)
    if context["mark"] == request.GET.get("after"):
        return HttpResponse(status=204)
    return render(request, "dashboard/_live_rows.html", context)


def _rows(request: MemberRequest) -> dict[str, Any]:
    chosen = asked(request, "q", "show", "number")
    lines = tail(request.workspace, chosen["show"], chosen["number"], chosen["q"])
    # What came after the newest line that the page has already.
    newest = request.GET.get("newest", "")
    return {
        "lines": lines,
        "mark": mark_of(lines),
        "newest": lines[0].at.isoformat() if lines else newest,
        "seen": newest,
        "chosen": chosen,
    }
