"""Recovery jobs: how far one has come, and stopping it."""

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from accounts.pages import MemberRequest, member_page
from webhooks import recovering
from webhooks.forms import SinceForm
from webhooks.jobs import Job
from webhooks.models import RecoveryJob
from webhooks.views import webhook_or_404
from webhooks.wording import count

# What tells htmx to stop asking.
STOP_POLLING = 286


@member_page("GET")
def job(request: MemberRequest, id: str) -> HttpResponse:
    """The meter alone."""
    shown = _job_or_404(request, id)
    context = {"job": shown, "webhook": shown.job.webhook}
    status = 200 if shown.goes_on else STOP_POLLING
    return render(request, "webhooks/_job.html", context, status=status)


@member_page("POST")
def job_cancel(request: MemberRequest, id: str) -> HttpResponse:
    row = _job_or_404(request, id).job
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
    return HttpResponse(
        f"{count(total, 'delivery', 'deliveries')} would be sent." if total else "Nothing was missed."
    )


def _job_or_404(request: MemberRequest, id: str) -> Job:
    row = (
        RecoveryJob.objects.filter(pk=id, webhook__workspace=request.workspace)
        .select_related("webhook")
        .first()
    )
    if row is None:
        raise Http404("There is no such job in this workspace.")
    return Job(row, recovering.progress(row))
