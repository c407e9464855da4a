"""What can be done to a webhook or a delivery from its page: each acts, says so, and goes back."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.pages import MemberRequest, member_page
from webhooks import configuring, recovering, replaying
from webhooks.activating import set_active
from webhooks.forms import SinceForm
from webhooks.listing import what_waits
from webhooks.models import Delivery
from webhooks.on_record import PAUSED, put_on_record
from webhooks.views import PAGE, webhook_or_404
from webhooks.wording import count


@member_page("POST")
def webhook_delete(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    configuring.delete_webhooks([webhook])
    put_on_record(request, webhook, f"Deleted the webhook {webhook}.")
    messages.success(request, f"{webhook} is deleted. Nothing more is sent to it.")
    return redirect("webhooks")


@member_page("POST")
def webhook_pause(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    set_active([webhook], False)
    put_on_record(request, webhook, f"{PAUSED}{webhook}.")
    messages.success(request, f"{webhook} is paused. What happens meanwhile is kept.")
    return redirect("webhook", webhook.pk)


@member_page("POST")
def webhook_enable(request: MemberRequest, id: str) -> HttpResponse:
    """Enables it and, where `recover` is sent, replays what it missed while it was disabled."""
    webhook = webhook_or_404(request.workspace, id)
    text = f"{webhook} is enabled."
    if request.POST.get("recover"):
        job = recovering.enable_and_recover(webhook)
        sentence = f"Enabled the webhook {webhook}"
        if job.total:
            sentence += " and recovered what it missed"
            text += f" {count(job.total, 'delivery', 'deliveries')} it missed will be sent now."
        put_on_record(request, webhook, f"{sentence}.")
    else:
        set_active([webhook], True)
        put_on_record(request, webhook, f"Enabled the webhook {webhook}.")
    messages.success(request, text)
    return redirect("webhook", webhook.pk)


@member_page("POST")
def webhook_rotate(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    configuring.rotate_secret(webhook)
    put_on_record(request, webhook, f"Rotated the secret of the webhook {webhook}.")
    messages.success(request, "The secret is new. For 24 hours the old one signs every request too.")
    return redirect("webhook_secret", webhook.pk)


@member_page("POST")
def webhook_test(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    try:
        delivery = replaying.send_test(webhook, request.POST.get("event", ""))
    except (configuring.UnknownEvents, replaying.NotReplayable) as problem:
        messages.error(request, str(problem))
        return redirect("webhook", webhook.pk)
    return redirect("delivery", delivery.pk)


@member_page("POST")
def webhook_recover(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    form = SinceForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say since when, as a date and a time.")
        return redirect("webhook", webhook.pk)
    what = (webhook, recovering.Kind.FAILED, form.cleaned_data["since"])
    if webhook.active and not recovering.preview(*what):
        text = f"Nothing was missed since then. {what_waits(webhook, timezone.now())}"
        messages.error(request, text.strip())
        return redirect("webhook", webhook.pk)
    try:
        job = recovering.start(*what)
    except recovering.NotRecoverable as problem:
        messages.error(request, str(problem))
    else:
        text = count(job.total, "missed delivery", "missed deliveries")
        messages.success(request, f"{text} will be sent now.")
    return redirect("webhook", webhook.pk)


@member_page("POST")
def webhook_redeliver(request: MemberRequest, id: str) -> HttpResponse:
    """Sends the deliveries that were ticked again."""
    webhook = webhook_or_404(request.workspace, id)
    ids = [one.replace("\0", "") for one in request.POST.getlist("delivery")[:PAGE]]
    chosen = list(Delivery.objects.filter(webhook=webhook, pk__in=ids))
    if not chosen:
        messages.error(request, "Tick the deliveries that are to be sent again.")
    else:
        _redeliver(request, chosen)
    return redirect("webhook", webhook.pk)


@member_page("POST")
def delivery_redeliver(request: MemberRequest, id: str) -> HttpResponse:
    delivery = Delivery.objects.filter(pk=id, webhook__workspace=request.workspace).first()
    if delivery is None:
        raise Http404("There is no such delivery in this workspace.")
    again = _redeliver(request, [delivery])
    return redirect("delivery", again[0].pk if again else delivery.pk)


def _redeliver(request: MemberRequest, deliveries: list[Delivery]) -> list[Delivery]:
    try:
        again = replaying.redeliver(deliveries)
    except replaying.NotReplayable as problem:
        messages.error(request, str(problem))
        return []
    messages.success(request, f"{count(len(again), 'delivery', 'deliveries')} will be sent again now.")
    return again
