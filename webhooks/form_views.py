"""Creating and changing a webhook: the form, its event picker, its URL field."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from accounts.pages import MemberRequest, member_page
from events.catalog import EVENT_TYPES, sample_for
from phone_numbers.models import Number
from webhooks import configuring, replaying
from webhooks.forms import ALL_NUMBERS, WebhookForm, numbers_of
from webhooks.models import Webhook
from webhooks.on_record import put_on_record
from webhooks.picker import picker
from webhooks.targets import TargetError, check_url
from webhooks.views import webhook_or_404


@member_page("GET", "POST")
def webhook_new(request: MemberRequest) -> HttpResponse:
    numbers = numbers_of(request.workspace)
    if request.method != "POST":
        form = WebhookForm(numbers, initial={"number": request.GET.get("number", "")})
        number = form.numbers.get(request.GET.get("number", ""), numbers[0] if numbers else None)
        return _show(request, form, None, number, [])
    form = WebhookForm(numbers, None, request.POST)
    if not form.is_valid():
        number = form.numbers.get(request.POST.get("number", ""))
        return _show(request, form, None, number, request.POST.getlist("events"))
    wanted = form.cleaned_data
    configured = configuring.create_webhook(
        request.workspace, form.chosen_number, wanted["name"], wanted["url"], wanted["events"]
    )
    put_on_record(request, configured.webhook, f"Created the webhook {configured.webhook}.")
    messages.success(request, f"{configured.webhook.name} is created." + _dropped(configured.dropped_events))
    if request.POST.get("then") == "test":
        name = sample_for(configured.webhook.events)
        try:
            return redirect("delivery", replaying.send_test(configured.webhook, name).pk)
        except replaying.NotReplayable as problem:
            messages.error(request, str(problem))
    return redirect("webhook", configured.webhook.pk)


@member_page("GET", "POST")
def webhook_edit(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    if request.method != "POST":
        form = WebhookForm([], webhook, initial={"name": webhook.name, "url": webhook.url})
        return _show(request, form, webhook, webhook.number, webhook.events)
    form = WebhookForm([], webhook, request.POST)
    if not form.is_valid():
        return _show(request, form, webhook, webhook.number, request.POST.getlist("events"))
    wanted = form.cleaned_data
    before = _settings(webhook)
    configured = configuring.update_webhook(
        webhook, name=wanted["name"], url=wanted["url"], events=wanted["events"]
    )
    changed = [name for name, value in _settings(configured.webhook).items() if value != before[name]]
    if changed:
        put_on_record(request, webhook, f"Changed the webhook {webhook}: {', '.join(changed)}.")
    messages.success(request, f"{webhook.name} is saved." + _dropped(configured.dropped_events))
    return redirect("webhook", webhook.pk)


@member_page("GET")
def webhook_picker(request: MemberRequest) -> HttpResponse:
    """The picker alone, for the number that was just chosen; what was ticked stays ticked."""
    number = Number.objects.active().filter(
        workspace=request.workspace, pk=request.GET.get("number", "").replace("\0", "")
    )
    return render(
        request, "webhooks/_picker.html", {"picker": picker(number.first(), request.GET.getlist("events"))}
    )


@member_page("POST")
def webhook_check_url(request: MemberRequest) -> HttpResponse:
    """The note below the URL field."""
    url = request.POST.get("url", "")
    try:
        normal = check_url(url)
    except TargetError as problem:
        tone, note = "bad", str(problem)
    else:
        tone, note = "ok", "This address can be used."
        if normal.startswith("http://"):
            tone, note = "warn", "Not encrypted: payloads hold phone numbers. Use https where you can."
    return render(request, "webhooks/_url_note.html", {"tone": tone, "note": note, "empty": not url})


def _show(
    request: MemberRequest,
    form: WebhookForm,
    webhook: Webhook | None,
    number: Number | None,
    events: list[str],
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "webhook": webhook,
        "number": number,
        "all_numbers": ALL_NUMBERS,
        "chosen_number": "" if form["number"].errors else number.pk if number else ALL_NUMBERS,
        "picker": picker(number, events),
        "event_types": EVENT_TYPES,
        "sample": next((one for one in EVENT_TYPES if one.name == "message.reply"), EVENT_TYPES[0]),
    }
    return render(request, "webhooks/webhook_form.html", context, status=400 if form.errors else 200)


def _settings(webhook: Webhook) -> dict[str, object]:
    """What the form changes, by its label."""
    return {"name": webhook.name, "URL": webhook.url, "events": webhook.events}


def _dropped(names: list[str]) -> str:
    return f" Left out, because its provider cannot emit it: {', '.join(names)}." if names else ""
