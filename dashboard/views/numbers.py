"""Numbers, and one number: its connection, retention, webhooks, latest events; the simulate panel."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.models import Workspace
from accounts.pages import MemberRequest, member_page
from dashboard.event_rows import event_rows
from dashboard.number_rows import number_rows
from dashboard.simulating import CONNECTIONS, HAPPENINGS
from events.models import Event
from phone_numbers.ingest_urls import ingest_url
from phone_numbers.models import RESTORABLE_FOR, Number, Purge
from phone_numbers.providers import get_provider
from phone_numbers.registering import available_providers
from webhooks.listing import rows_of
from webhooks.models import Webhook

LATEST = 8
# What tells htmx to stop asking.
STOP_POLLING = 286
# What each provider needs to know, by the names of its providerConfig; `?` marks what may be left out.
CONFIG = {
    "meta": ["phoneNumberId", "accessToken?", "wabaId?"],
    "evolution": ["baseUrl", "instance", "apiKey"],
    "waha": ["baseUrl", "session", "apiKey", "hmacKey?"],
    "simulator": [],
}


def number_or_404(workspace: Workspace, id: str) -> Number:
    number = Number.objects.filter(workspace=workspace, pk=id).first()
    if number is None:
        raise Http404("There is no such number in this workspace.")
    return number


@member_page("GET")
def numbers(request: MemberRequest) -> HttpResponse:
    mine = Number.objects.filter(workspace=request.workspace).order_by("name", "pk")
    removed = mine.filter(deleted_at__gt=timezone.now() - RESTORABLE_FOR)
    context = {
        "rows": number_rows(mine.filter(deleted_at=None)),
        "removed": list(removed.select_related("purge")),
        "can_try": "simulator" in available_providers(),
        "providers": [(name, get_provider(name).label, CONFIG[name]) for name in available_providers()],
    }
    return render(
        request, "dashboard/_numbers.html" if request.fragment else "dashboard/numbers.html", context
    )


@member_page("GET")
def number_try(request: MemberRequest) -> HttpResponse:
    """To where a webhook can be made to arrive: the workspace's first number of the simulator."""
    mine = Number.objects.active().filter(workspace=request.workspace, provider="simulator")
    number = mine.order_by("pk").first()
    if number is None:
        messages.info(request, "Add a number of the simulator first: it needs no WhatsApp account.")
        return redirect("numbers")
    return redirect(f"{reverse('number', args=[number.pk])}#simulate")


@member_page("GET")
def number(request: MemberRequest, id: str) -> HttpResponse:
    number = number_or_404(request.workspace, id)
    row = number_rows(Number.objects.filter(pk=number.pk))[0]
    latest = Event.objects.real().filter(number=number).select_related("number").order_by("-pk")[:LATEST]
    hearing = Webhook.objects.listening_to(number)
    listening = rows_of(hearing)
    context = {
        "number": number,
        "row": row,
        "checks": row.checks[::-1][:LATEST],
        "webhooks": listening,
        "events": event_rows(list(latest)),
        "modes": Number.PiiMode.choices,
        "can_simulate": number.provider == "simulator" and number.deleted_at is None,
        "ingest_url": ingest_url(number),
        "purge": Purge.objects.filter(number=number).first(),
        "happenings": HAPPENINGS,
        "connections": CONNECTIONS,
    }
    return render(request, "dashboard/number.html", context)


@member_page("GET")
def number_purge_progress(request: MemberRequest, id: str) -> HttpResponse:
    """The meter alone. A number that is gone is what a purge ends with, so there is no 404."""
    purge = (
        Purge.objects.filter(number=id, number__workspace=request.workspace).select_related("number").first()
    )
    context = {"purge": purge, "number": purge.number if purge is not None else None}
    status = 200 if purge is not None else STOP_POLLING
    return render(request, "dashboard/_purge.html", context, status=status)
