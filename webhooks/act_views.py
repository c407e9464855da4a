"""What can be done to a webhook or a delivery from its page: each acts, says so, and goes back."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from accounts.pages import MemberRequest, member_page
from webhooks import configuring, recovering, replaying
from webhooks.activating import set_active
from webhooks.forms import SinceForm
from webhooks.models import Delivery
from webhooks.views import PAGE, webhook_or_404
from webhooks.wording import count


@member_page("POST")
def webhook_delete(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    configuring.delete_webhooks([webhook])
    messages.success(request, f"{webhook} is deleted. Nothing more is sent to it.")
    return redirect("webhooks")


@member_page("POST")
def webhook_pause(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    set_active([webhook], False)
    messages.success(request, f"{webhook} is paused. What happens meanwhile is kept.")
    return redirect("webhook", webhook.pk)


@member_page("POST")
def webhook_enable(request: MemberRequest, id: str) -> HttpResponse:
    """Enables it and, where `recover` is sent, replays what it missed while it was disabled."""
    webhook = webhook_or_404(request.workspace, id)
    text = f"{webhook} is enabled."
    if request.POST.get("recover"):
        job = recovering.enable_and_recover(webhook)
        text += f" {count(job.total, 'delivery', 'deliveries')} it missed will be sent now."
    else:
        set_active([webhook], True)
    messages.success(request, text)
    return redirect("webhook", webhook.pk)


@member_page("POST")
def webhook_rotate(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    configuring.rotate_secret(webhook)
    messages.success(request, "The secret is new. For 24 hours the old one signs every request too.")
    return redirect("webhook_secret", webhook.pk)


@member_page("POST")
def webhook_test(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    try:
        delivery = replaying.send_test(webhook, request.POST.get("event", ""))
    except replaying.NotReplayable as problem:
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
    try:
        recovered = recovering.start(webhook, recovering.Kind.FAILED, form.cleaned_data["since"]).total
    except recovering.NotRecoverable as problem:
        messages.error(request, str(problem))
    else:
        text = count(recovered, "missed delivery", "missed deliveries")
        messages.success(
            request, f"{text} will be sent now." if recovered else "Nothing was missed since then."
        )
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
