"""Pages that are not there, not for whoever asks, without their database, or broken: all but the last the same in
development as in production.

Django's own handling shows a technical page in development, and logs a traceback of each PermissionDenied.
"""

import sys
from collections.abc import Callable
from typing import Any, NoReturn

from django.core.exceptions import PermissionDenied
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseNotAllowed,
    HttpResponseServerError,
)
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve
from django.views.defaults import page_not_found, permission_denied

from accounts.failures import report
from accounts.outages import DATABASE_AWAY, announce


class RefusalMiddleware:
    """Answers Http404 and PermissionDenied of a view with the page of 404 or 403, and a database that is away with 503;
    gives what is only posted to a page that says so.

    The admin asks the database for whatever stands in an address, and PostgreSQL takes no NUL.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/admin/") and _has_nul(request):
            return page_not_found(request, Http404())
        response = self.get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and request.method == "GET" and not response.content:
            response.content = render_to_string("405.html", {"back": _page_above(request.path_info)}, request)
        return response

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, Http404):
            return page_not_found(request, exception)
        if isinstance(exception, PermissionDenied):
            return permission_denied(request, exception)
        if isinstance(exception, DATABASE_AWAY):
            return away_page(request, exception)
        return None


def _page_above(path: str) -> str:
    """The address of the page that a form's address stands under; "" where there is none."""
    above = path.rpartition("/")[0]
    try:
        view: Any = resolve(above).func
    except Resolver404:
        return ""
    return above if "GET" in getattr(view, "page_methods", ()) else ""


def _has_nul(request: HttpRequest) -> bool:
    """Whether a NUL is asked for; that of a search (`q`) is left out by the search."""
    asked = [value for name, values in request.GET.lists() for value in values if name != "q"]
    return any("\0" in text for text in [request.path_info, *asked])


def unknown_page(request: HttpRequest) -> NoReturn:
    """Every address that is none: what no view raises, no middleware sees."""
    raise Http404


def away_page(request: HttpRequest, problem: Exception) -> HttpResponse:
    # Without the request: the frame of the other pages asks the database.
    response = HttpResponse(render_to_string("503.html"), status=503)
    announce(response, request, problem)
    return response


def broken_page(request: HttpRequest) -> HttpResponse:
    """Django's handler500; says by which id the error is found in the log."""
    error = sys.exception()
    assert error is not None, "Django asks for this page while it handles what broke."
    if isinstance(error, DATABASE_AWAY):
        # Outside of a view, such as a session that is saved.
        return away_page(request, error)
    # Without the request: what the other pages are told of it may be what broke.
    page = render_to_string("500.html", {"error_id": report(request.path, error)})
    return HttpResponseServerError(page)
