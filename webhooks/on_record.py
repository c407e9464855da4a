"""Who did what to a webhook on the dashboard: in the history of its workspace, and in its own."""

from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType

from accounts.auditing import record, record_for
from accounts.members import called
from accounts.pages import MemberRequest
from webhooks.models import Webhook

PAUSED = "Paused the webhook "


def put_on_record(request: MemberRequest, webhook: Webhook, sentence: str) -> None:
    record(request.user, Webhook, [webhook.pk], sentence)
    record_for(request.user, request.workspace, [sentence])


def paused_by(webhook: Webhook) -> str:
    """Who switched a paused webhook off: by name, or "the support desk"; "" where that is not on record."""
    if webhook.disabled_reason != Webhook.DisabledReason.PAUSED or webhook.disabled_at is None:
        return ""
    entries = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(Webhook),
        object_id=webhook.pk,
        # Written after the webhook was switched off: an earlier one is of an earlier pause.
        action_time__gte=webhook.disabled_at,
    )
    entry = entries.select_related("user").order_by("pk").first()
    if entry is None:
        return ""
    return called(entry.user) if entry.change_message.startswith(PAUSED) else "the support desk"
