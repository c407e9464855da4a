"""Recovery jobs: what one would send, and stopping it."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from accounts.pages import MemberRequest, member_page
from webhooks import recovering
from webhooks.forms import SinceForm
from webhooks.listing import what_waits
from webhooks.models import RecoveryJob
from webhooks.views import webhook_or_404
from webhooks.wording import count


@member_page("POST")
def job_cancel(request: MemberRequest, id: str) -> HttpResponse:
    row = _job_or_404(request, id)
    if recovering.cancel(row):
        messages.success(request, "The recovery is stopped. What was not sent is held, and can be recovered.")
    else:
        messages.error(request, "The recovery was over already.")
    return redirect("webhook", row.webhook_id)


@member_page("POST")
def webhook_recover_preview(request: MemberRequest, id: str) -> HttpResponse:
    """How many deliveries a recovery since a moment would send."""
    webhook = webhook_or_404(request.workspace, id)
    form = SinceForm(request.POST)
    if not form.is_valid():
        return HttpResponse("")
    total = recovering.preview(webhook, RecoveryJob.Kind.FAILED, form.cleaned_data["since"])
    text = f"{count(total, 'delivery', 'deliveries')} would be sent." if total else "Nothing was missed."
    return HttpResponse(f"{text} {what_waits(webhook, timezone.now())}".strip())


def _job_or_404(request: MemberRequest, id: str) -> RecoveryJob:
    row = RecoveryJob.objects.filter(pk=id, webhook__workspace=request.workspace).first()
    if row is None:
        raise Http404("There is no such job in this workspace.")
    return row
