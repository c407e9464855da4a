"""The journey of an event, for the support desk: a page of the admin."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.back_office import PERSONAL_DATA, log_look
from dashboard.journeys import Journey, journey_of
from events.models import Event, RawPayload
from messaging.models import Message
from phone_numbers.models import Number
from webhooks.models import Delivery, Webhook


@require_safe
def journey(request: HttpRequest, id: str) -> HttpResponse:
    """For staff who may look at all its parts; the route wraps it in the admin's own check."""
    if not all(_may(request, "view", model) for model in (Event, RawPayload, Delivery)):
        raise PermissionDenied
    found = journey_of(id)
    if found is None:
        raise Http404("Nothing has this id.")
    sees_message = _may(request, "view", Message)
    may_unmask = request.user.has_perm(PERSONAL_DATA)
    unmasked = may_unmask and "personal" in request.GET
    if unmasked:
        for row in _looked_at(found, sees_message):
            log_look(request.user, type(row), str(row.pk))
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Journey",
        "subtitle": id,
        "id": id,
        "message": found.message if sees_message else None,
        "payload": found.payload,
        "chapters": found.chapters,
        "may_unmask": may_unmask,
        "unmasked": unmasked,
        "may_redeliver": _may(request, "change", Delivery),
        "may_switch": _may(request, "change", Webhook),
        "may_run_again": _may(request, "change", RawPayload),
        "may_probe": _may(request, "change", Number),
    }
    return render(request, "admin/journey.html", context)


def _looked_at(found: Journey, sees_message: bool) -> list[Model]:
    """Whatever of it holds personal data, each once."""
    events = [chapter.event for chapter in found.chapters]
    rows = [
        found.message if sees_message else None,
        found.payload,
        *events,
        *(event.raw_payload for event in events),
    ]
    return list(dict.fromkeys(row for row in rows if row is not None))


def _may(request: HttpRequest, what: str, model: type[Model]) -> bool:
    opts = model._meta
    return request.user.has_perm(f"{opts.app_label}.{get_permission_codename(what, opts)}")
