"""The message log, one message's life, and sending one by hand."""

from typing import Any

from django import forms
from django.contrib import messages as notices
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.api import ApiError
from accounts.encryption import Sealed
from accounts.pages import MemberRequest, member_page
from dashboard.asking import asked, count_newer, narrowed_page, news
from dashboard.event_rows import LOOKED_THROUGH, PAGE
from dashboard.lifecycles import answers_to, steps_of
from messaging.accepting import SendRequest, accept
from messaging.models import Message
from webhooks.finding import message_ids
from webhooks.first_steps import send_message_curl
from webhooks.forms import numbers_of

FINAL = {Message.Status.READ, Message.Status.FAILED, Message.Status.CANCELED, Message.Status.RECEIVED}
PERSONAL = ["contact_phone", "contact_name", "group_name", "newsletter_name", "content", "media_caption"]


class SendForm(forms.Form):
    number = forms.CharField()
    to = forms.CharField(max_length=40)
    text = forms.CharField(max_length=4096)


def _asked(request: MemberRequest) -> tuple[dict[str, str], QuerySet[Message], dict[str, Any]]:
    """What was chosen, the messages that it names, and what these are narrowed by."""
    chosen = asked(request, "q", "number", "status", "direction", "before")
    rows = Message.objects.filter(workspace=request.workspace)
    if chosen["q"]:
        rows = rows.filter(pk__in=message_ids(request.workspace, chosen["q"]))
    if chosen["number"]:
        rows = rows.filter(number=chosen["number"])
    return chosen, rows, {name: chosen[name] for name in ("status", "direction") if chosen[name]}


@member_page("GET")
def messages(request: MemberRequest) -> HttpResponse:
    chosen, rows, narrow = _asked(request)
    page = narrowed_page(rows.select_related("number"), narrow, chosen["before"], PAGE, LOOKED_THROUGH)
    numbers = numbers_of(request.workspace)
    context = {
        "page": page,
        "rows": [shown_message(message) for message in page.rows],
        "chosen": chosen,
        "narrowed": any(chosen.values()),
        "numbers": numbers,
        "statuses": Message.Status.choices,
        "first_message_curl": send_message_curl(numbers[0] if numbers else None),
    }
    return render(
        request, "dashboard/_messages.html" if request.fragment else "dashboard/messages.html", context
    )


@member_page("GET")
def messages_new(request: MemberRequest) -> HttpResponse:
    """A link to the rows that came after those of the page; nothing while there are none."""
    chosen, rows, narrow = _asked(request)
    count = count_newer(rows, narrow, asked(request, "after")["after"], LOOKED_THROUGH)
    return render(request, "dashboard/_news.html", news(chosen, "messages", "message", count))


@member_page("GET")
def message(request: MemberRequest, id: str) -> HttpResponse:
    message = Message.objects.filter(workspace=request.workspace, pk=id).select_related("number").first()
    if message is None:
        raise Http404("There is no such message in this workspace.")
    steps = steps_of(message)
    pending = any(row.delivery.due_at for step in steps for row in step.told)
    recent = (timezone.now() - message.created_at).total_seconds() < 120
    context = {
        **shown_message(message),
        "steps": steps,
        "answers": answers_to(message),
        "polls": recent or pending,
        "stuck": message.status not in FINAL,
    }
    return render(request, "dashboard/message.html", context)


@member_page("POST")
def message_send(request: MemberRequest) -> HttpResponse:
    form = SendForm(request.POST)
    number = next(
        (one for one in numbers_of(request.workspace) if one.pk == request.POST.get("number")), None
    )
    if not form.is_valid() or number is None:
        notices.error(request, "Say from which number, to which phone, and what.")
        return redirect("messages")
    try:
        accepted = accept(
            number, SendRequest(destination=form.cleaned_data["to"], text=form.cleaned_data["text"])
        )
    except ApiError as problem:
        notices.error(request, problem.sentence)
        return redirect("messages")
    return redirect("message", accepted.pk)


def shown_message(message: Message) -> dict[str, Any]:
    """A message and what may be shown of it: not what a relay-only number does not keep."""
    hidden = any(isinstance(getattr(message, name), Sealed) for name in PERSONAL)
    blank = "blanked" if message.blanked_at else "relay only" if hidden else ""
    group = message.group_name or message.group_id or message.newsletter_name or message.newsletter_id
    contact = "" if blank else group or message.contact_phone or "phone withheld"
    content = message.content or message.media_caption or message.media_filename or ""
    if message.type not in (None, "text"):
        content = f"{message.type}{': ' if content else ''}{content}"
    delivered = message.delivered_at - message.created_at if message.delivered_at else None
    return {
        "message": message,
        "took": delivered.total_seconds() * 1000 if delivered is not None else None,
        "contact": contact or (message.group_id or message.newsletter_id or blank),
        "content": blank or content,
        "blank": blank,
        "error": f"{message.error} ({message.error_code})" if message.error_code else message.error,
    }
