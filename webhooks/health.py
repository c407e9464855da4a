"""The health of a webhook: since when it fails, and when it is disabled so that its owner looks at it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import Case, F, SmallIntegerField, When
from django.db.models.functions import Coalesce

from accounts.wake import wake
from webhooks.activating import set_active
from webhooks.models import Attempt, Webhook
from webhooks.outcome import Outcome

# The e-mails to its owners (webhooks/warning.py).
WARN = "webhooks.tasks.warn"
# Without one success for this long, while deliveries fail, a webhook is disabled.
DISABLED_AFTER = timedelta(days=5)
GONE = 410
# So many failures in a row open the breaker: nothing is sent for a while, then one delivery tries again.
BREAKER_OPENS_AFTER = 10
BREAKER_DELAYS = [timedelta(seconds=seconds) for seconds in (15, 30, 60, 120, 300)]
# An attempt that took longer makes its webhook slow, until one batch of attempts was all quicker.
SLOW_AFTER = timedelta(seconds=2)
# What a Retry-After may ask of the whole webhook at most.
MAX_PAUSE = timedelta(hours=1)


def breaker_is_open(webhook: Webhook) -> bool:
    """Open or half open: until the next success."""
    return webhook.consecutive_failures >= BREAKER_OPENS_AFTER


def cap(webhook: Webhook) -> int:
    """How many deliveries may be in flight: one where the breaker only lets through a trial."""
    return 1 if breaker_is_open(webhook) else webhook.max_in_flight


def pause_after(openings: int) -> timedelta:
    """How long a webhook is left alone when its breaker has opened so often in a row; zero while it stays closed."""
    if openings == 0:
        return timedelta(0)
    return BREAKER_DELAYS[min(openings, len(BREAKER_DELAYS)) - 1]


def try_now(webhooks: Sequence[Webhook], now: datetime) -> None:
    """Ends what keeps webhooks waiting, because a person says so: an open breaker lets its next trial through.

    The webhooks are locked.
    """
    paused = [webhook for webhook in webhooks if webhook.resume_at is not None and webhook.resume_at > now]
    for webhook in paused:
        webhook.resume_at = now
    Webhook.objects.filter(pk__in=[webhook.pk for webhook in paused]).update(resume_at=now)


def take_into_account(
    webhooks: Mapping[str, Webhook], results: Sequence[tuple[Attempt, Outcome]], now: datetime
) -> None:
    """Updates the health of webhooks after attempts; inside the caller's transaction, which holds their locks."""
    # What an address answers that its webhook no longer has says nothing of the new one.
    results = [result for result in results if result[0].url == webhooks[result[0].webhook_id].url]
    succeeded = {attempt.webhook_id for attempt, outcome in results if outcome.succeeded}
    failures: dict[str, list[Attempt]] = {}
    for attempt, outcome in results:
        if not outcome.succeeded:
            failures.setdefault(attempt.webhook_id, []).append(attempt)
    Webhook.objects.filter(pk__in=succeeded).update(
        last_attempt_at=now,
        last_success_at=now,
        failing_since=None,
        consecutive_failures=0,
        openings=0,
        # What was in flight when it was disabled begins no other trouble, of which its owners would hear again.
        warned=Case(When(active=True, then=0), default=F("warned"), output_field=SmallIntegerField()),
        # Closes the breaker. What a Retry-After asked for holds: the success was in flight before, or somebody's try.
        resume_at=Case(When(openings=0, then=F("resume_at")), default=None),
    )
    asked = _asked_pauses(results)
    for pk in succeeded & asked.keys():
        moments = [now + asked[pk], webhooks[pk].resume_at or now]
        Webhook.objects.filter(pk=pk).update(resume_at=max(moments))
    for pk, attempts in failures.items():
        if pk not in succeeded:
            webhook = webhooks[pk]
            total = webhook.consecutive_failures + len(attempts)
            opens = total >= BREAKER_OPENS_AFTER and _says_something_new(webhook, attempts)
            openings = webhook.openings + opens
            pause = max(pause_after(openings) if opens else timedelta(0), asked.get(pk, timedelta(0)))
            moments = [moment for moment in (webhook.resume_at, pause and now + pause) if moment]
            Webhook.objects.filter(pk=pk).update(
                last_attempt_at=now,
                failing_since=Coalesce("failing_since", now),
                consecutive_failures=total,
                openings=openings,
                resume_at=max(moments, default=None),
            )
    _mark_slow(webhooks, results)
    gone = {attempt.webhook_id for attempt, outcome in results if outcome.status_code == GONE}
    _disable([webhooks[pk] for pk in gone], Webhook.DisabledReason.GONE)
    hopeless = [
        webhook
        for pk, webhook in webhooks.items()
        if pk in failures
        and pk not in succeeded
        and pk not in gone
        and webhook.failing_since is not None
        and now - webhook.failing_since >= DISABLED_AFTER
    ]
    _disable(hopeless, Webhook.DisabledReason.FAILING)


def _says_something_new(webhook: Webhook, failed: Sequence[Attempt]) -> bool:
    """Whether one of these was sent after the breaker opened last; what was in flight then is the same trouble."""
    if not webhook.openings or webhook.resume_at is None:
        return True
    # Nothing is sent between an opening and `resume_at`; the moment of the opening is on no record.
    return any(attempt.started_at >= webhook.resume_at for attempt in failed)


def _mark_slow(webhooks: Mapping[str, Webhook], results: Sequence[tuple[Attempt, Outcome]]) -> None:
    longest: dict[str, int] = {}
    for attempt, outcome in results:
        longest[attempt.webhook_id] = max(outcome.duration_ms, longest.get(attempt.webhook_id, 0))
    for slow in (True, False):
        changed = [
            pk
            for pk, duration in longest.items()
            if (duration > SLOW_AFTER.total_seconds() * 1000) is slow and webhooks[pk].slow is not slow
        ]
        if changed:
            Webhook.objects.filter(pk__in=changed).update(slow=slow)


def _asked_pauses(results: Sequence[tuple[Attempt, Outcome]]) -> dict[str, timedelta]:
    """What receivers asked for by Retry-After, for the whole webhook."""
    asked: dict[str, timedelta] = {}
    for attempt, outcome in results:
        if outcome.retry_after is not None:
            pause = min(outcome.retry_after, MAX_PAUSE)
            asked[attempt.webhook_id] = max(pause, asked.get(attempt.webhook_id, timedelta(0)))
    return asked


def _disable(webhooks: Sequence[Webhook], reason: Webhook.DisabledReason) -> None:
    active = [webhook for webhook in webhooks if webhook.active]
    if active:
        set_active(active, False, reason)
        wake(WARN)
