"""What a page says of a recovery job."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from webhooks import recovering
from webhooks.models import RecoveryJob, Webhook
from webhooks.wording import span

# A job that is over is still shown for so long.
SHOWN_FOR = timedelta(minutes=10)


@dataclass(frozen=True)
class Job:
    """A job as the page shows it: `done` of its deliveries have come to an end."""

    job: RecoveryJob
    progress: recovering.Progress

    @property
    def done(self) -> int:
        return self.progress.delivered + self.progress.failed

    @property
    def left(self) -> str:
        """How long it will take at the pace so far; "" while there is none."""
        open = self.progress.total - self.done
        if not self.done or open <= 0:
            return ""
        elapsed = timezone.now() - self.job.created_at
        return span(elapsed * open / self.done)

    @property
    def goes_on(self) -> bool:
        return self.job.status == RecoveryJob.Status.RUNNING or self.progress.waiting > 0


def latest_job(webhook: Webhook) -> Job | None:
    """The webhook's newest job that had something to send, while it goes on and a little longer."""
    jobs = RecoveryJob.objects.filter(webhook=webhook).exclude(total=0, released=0)
    row = jobs.order_by("-pk").first()
    if row is None:
        return None
    job = Job(row, recovering.progress(row))
    recent = row.finished_at is None or timezone.now() - row.finished_at < SHOWN_FOR
    return job if job.goes_on or recent else None
