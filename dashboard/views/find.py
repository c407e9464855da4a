"""Any id or phone leads to its object."""

from urllib.parse import urlencode

from django.contrib import messages as notices
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.pages import MemberRequest, member_page
from dashboard.asking import asked
from events.models import Event, RawPayload
from phone_numbers.models import Number
from phone_numbers.phones import to_e164
from webhooks.finding import message_ids
from webhooks.models import Attempt, Delivery, Webhook


@member_page("GET")
def find(request: MemberRequest) -> HttpResponse:
    text = asked(request, "q")["q"]
    target = address_of(request, text)
    if target is None:
        notices.error(
            request,
            f"Nothing in this workspace has the id or phone “{text}”. A phone needs its country code, such as "
            "+12025550199.",
        )
        # With the text, so that it can be mended, and no rows stand there that nobody asked for.
        return redirect(f"{reverse('events')}?{urlencode({'q': text})}")
    return redirect(target)


def address_of(request: MemberRequest, text: str) -> str | None:
    """The address of what a text names in the workspace, or None."""
    workspace = request.workspace
    match text.split("_")[0]:
        case "wh" if Webhook.objects.existing().filter(workspace=workspace, pk=text).exists():
            return reverse("webhook", args=[text])
        case "dlv" if Delivery.objects.filter(webhook__workspace=workspace, pk=text).exists():
            return reverse("delivery", args=[text])
        case "att":
            attempt = Attempt.objects.filter(webhook__workspace=workspace, pk=text).first()
            return f"{reverse('delivery', args=[attempt.delivery_id])}?attempt={text}" if attempt else None
        case "evt" if Event.objects.filter(workspace=workspace, pk=text).exists():
            return reverse("event", args=[text])
        case "num" if Number.objects.filter(workspace=workspace, pk=text).exists():
            return reverse("number", args=[text])
        case "pay":
            payload = RawPayload.objects.filter(number__workspace=workspace, pk=text).first()
            event = payload.events.first() if payload else None
            return reverse("event", args=[event.pk]) if event else None
    phone = to_e164(text)
    own = Number.objects.active().filter(workspace=workspace, phone=phone).first() if phone else None
    if own is not None:
        return reverse("number", args=[own.pk])
    found = message_ids(workspace, text) if text else []
    if len(found) == 1:
        return reverse("message", args=[found[0]])
    return f"{reverse('messages')}?q={phone.replace('+', '%2B')}" if found else None
