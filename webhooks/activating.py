"""Switching webhooks off and on: by a person, or because the receiver is gone or fails."""

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from webhooks.closing import close_soon
from webhooks.models import FRESH_HEALTH, Webhook


def set_active(
    webhooks: Sequence[Webhook],
    active: bool,
    reason: Webhook.DisabledReason = Webhook.DisabledReason.PAUSED,
) -> None:
    """Enables or disables webhooks and saves them.

    Disabled: what is pending is held with its reason (webhooks/closing.py); what is in flight ends by itself. Enabled:
    the webhook's health starts afresh; what was held stays held until somebody recovers it (webhooks/replaying.py).
    """
    ids = [webhook.pk for webhook in webhooks]
    now = timezone.now()
    with transaction.atomic():
        # In order, as everywhere: so nobody waits in a circle. Those that are disabled already are closed too.
        list(Webhook.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True).values("pk"))
        if active:
            Webhook.objects.filter(pk__in=ids).update(
                active=True, disabled_reason="", disabled_at=None, updated_at=now, **FRESH_HEALTH
            )
        else:
            # Why one was disabled, and since when, is not written over.
            Webhook.objects.filter(pk__in=ids, active=True).update(
                active=False, disabled_reason=reason, disabled_at=now, updated_at=now
            )
        for webhook in webhooks:
            webhook.refresh_from_db()
        if not active:
            close_soon(webhooks)
