"""The health of a webhook: since when it fails, and when it is disabled so that its owner looks at it."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db.models import F
from django.db.models.functions import Coalesce

from webhooks.configuring import set_active
from webhooks.models import Attempt, Webhook
from webhooks.outcome import Outcome

# Without one success for this long, while deliveries fail, a webhook is disabled.
DISABLED_AFTER = timedelta(days=5)
GONE = 410


def take_into_account(
    webhooks: Mapping[str, Webhook], results: Sequence[tuple[Attempt, Outcome]], now: datetime
) -> None:
    """Updates the health of webhooks after attempts; inside the caller's transaction, which holds their locks."""
    succeeded = {attempt.webhook_id for attempt, outcome in results if outcome.succeeded}
    failures: dict[str, int] = {}
    for attempt, outcome in results:
        if not outcome.succeeded:
            failures[attempt.webhook_id] = failures.get(attempt.webhook_id, 0) + 1
    Webhook.objects.filter(pk__in=succeeded).update(
        last_attempt_at=now, last_success_at=now, failing_since=None, consecutive_failures=0, warned=0
    )
    for pk, count in failures.items():
        if pk not in succeeded:
            Webhook.objects.filter(pk=pk).update(
                last_attempt_at=now,
                failing_since=Coalesce("failing_since", now),
                consecutive_failures=F("consecutive_failures") + count,
            )
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


def _disable(webhooks: Sequence[Webhook], reason: Webhook.DisabledReason) -> None:
    active = [webhook for webhook in webhooks if webhook.active]
    if active:
        set_active(active, False, reason)
