from collections.abc import Sequence

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from accounts.back_office import Acting, Log, Personal, ReadOnly, confirmed, one_of
from webhooks.activating import set_active
from webhooks.catching_up import Missed, catch_up, missed_by
from webhooks.models import Attempt, Delivery, RecoveryJob, Subscription, Webhook
from webhooks.outcome import ErrorClass
from webhooks.recovering import cancel
from webhooks.replaying import NotReplayable, redeliver
from webhooks.wording import count


def _to_be_recovered(webhooks: Sequence[Webhook]) -> list[str]:
    missed = missed_by(webhooks)
    return [_fate(webhook, missed.get(webhook.pk)) for webhook in webhooks]


def _fate(webhook: Webhook, missed: Missed | None) -> str:
    if webhook.deleted_at is not None:
        return "deleted, nothing will be sent"
    if missed is None:
        return "missed nothing"
    words = f"{count(missed.count, 'delivery', 'deliveries')}, of events since {missed.since:%d %b %Y %H:%M:%S} UTC"
    return words if webhook.active else f"{words}; disabled, enable it first"


class SubscriptionInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Subscription
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Webhook)
class WebhookAdmin(Acting, ReadOnly):
    """Its secrets are not shown here: whoever has one can sign requests that the receiver believes."""

    list_display = [
        "id", "name", "url", "workspace", "number", "active", "disabled_reason", "consecutive_failures",
        "last_success_at", "deleted_at",
    ]  # fmt: skip
    list_filter = ["active", "disabled_reason", ("failing_since", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "number"]
    search_fields = ["=pk", "url", "name", "=number__pk", "=number__phone", "=workspace__pk"]
    search_help_text = "Id, a part of the URL or the name; id or phone of the number; id of the workspace"
    inlines = [SubscriptionInline]
    actions = ["enable", "disable", "recover"]

    @confirmed("Enable these webhooks?", "Enable webhook")
    def enable(self, request: HttpRequest, webhooks: Sequence[Webhook]) -> str:
        existing = [webhook for webhook in webhooks if webhook.deleted_at is None]
        set_active(existing, True)
        return f"{len(existing)} enabled."

    @confirmed("Disable these webhooks?", "Disable webhook")
    def disable(self, request: HttpRequest, webhooks: Sequence[Webhook]) -> str:
        set_active(webhooks, False)
        return f"{len(webhooks)} disabled."

    @confirmed("Recover what these webhooks missed?", "Recover what was missed", _to_be_recovered)
    def recover(self, request: HttpRequest, webhooks: Sequence[Webhook]) -> str:
        jobs = catch_up(webhooks)
        off = sum(not webhook.active for webhook in webhooks)
        disabled = f" {off} disabled: enable {'it' if off == 1 else 'them'} first." if off else ""
        if not jobs:
            return f"Nothing will be sent again.{disabled}" if off else "Nothing was missed."
        listing = reverse("admin:webhooks_recoveryjob_changelist")
        return format_html(
            '{} will be sent again: <a href="{}">{}</a>.{}',
            f"{sum(job.total for job in jobs):,}",
            f"{listing}?q={jobs[0].webhook_id}" if len(jobs) == 1 else listing,
            "how far it got",
            disabled,
        )


class AttemptInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Attempt
    fields = [
        "number",
        "started_at",
        "trigger",
        "status",
        "status_code",
        "error_class",
        "error",
        "duration_ms",
    ]
    ordering = ("-pk",)
    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Delivery)
class DeliveryAdmin(Acting, Log):
    list_display = [
        "id", "event", "webhook", "trigger", "status", "reason", "attempts_made", "due_at", "created_at",
    ]  # fmt: skip
    list_filter = ["status", "trigger"]
    list_select_related = ["event", "webhook"]
    search_fields = ["=pk"]
    search_help_text = "Id of a delivery, an event, a webhook or a message"
    exclude = ["lease"]
    inlines = [AttemptInline]
    actions = ["send_again"]

    def found_by(self, rows: QuerySet[Delivery], term: str) -> QuerySet[Delivery]:
        match term.split("_")[0]:
            case "evt":
                return rows.filter(event=term)
            case "wh":
                return rows.filter(webhook=term)
            case "msg":
                return rows.filter(event__message_id=term)
        return rows.filter(pk=term)

    @confirmed("Send these deliveries again?", "Redeliver")
    def send_again(self, request: HttpRequest, deliveries: Sequence[Delivery]) -> str:
        try:
            again = redeliver(deliveries)
        except NotReplayable:
            again = []
        sent = {(row.event_id, row.webhook_id) for row in again}
        left_out = sum((row.event_id, row.webhook_id) not in sent for row in deliveries)
        said = f"{len(again)} will be sent again now."
        if left_out:
            whose = "its webhook is" if left_out == 1 else "their webhooks are"
            said += f" {left_out} will not: {whose} disabled or deleted."
        return said


@admin.register(Attempt)
class AttemptAdmin(Personal, Log):
    list_display = [
        "id", "delivery", "webhook", "event_type", "number", "trigger", "status", "status_code", "error_class",
        "duration_ms", "started_at",
    ]  # fmt: skip
    list_filter = ["status", one_of("error_class", [(one, one) for one in ErrorClass if one]), "trigger"]
    list_select_related = ["delivery", "webhook"]
    search_fields = ["=pk"]
    search_help_text = "Id of an attempt, a delivery or a webhook"
    personal_fields = ["response_headers", "response_body"]

    def found_by(self, rows: QuerySet[Attempt], term: str) -> QuerySet[Attempt]:
        match term.split("_")[0]:
            case "dlv":
                return rows.filter(delivery=term)
            case "wh":
                return rows.filter(webhook=term)
        return rows.filter(pk=term)


@admin.register(RecoveryJob)
class RecoveryJobAdmin(Acting, Log):
    list_display = ["id", "webhook", "kind", "status", "released", "total", "created_at", "finished_at"]
    list_filter = ["kind", "status"]
    list_select_related = ["webhook"]
    search_fields = ["=pk"]
    search_help_text = "Id of a job or of a webhook"
    actions = ["cancel_jobs"]

    def found_by(self, rows: QuerySet[RecoveryJob], term: str) -> QuerySet[RecoveryJob]:
        return rows.filter(webhook=term) if term.startswith("wh_") else rows.filter(pk=term)

    @confirmed("Cancel these recoveries?", "Cancel recovery")
    def cancel_jobs(self, request: HttpRequest, jobs: Sequence[RecoveryJob]) -> str:
        return (
            f"{sum(cancel(job) for job in jobs)} canceled. What was not sent is held, and can be recovered."
        )
