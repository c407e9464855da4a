"""The Webhooks page, a webhook, a delivery: what they show."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.auditing import record_for
from accounts.encryption import Sealed
from accounts.models import Workspace
from accounts.pages import RELOAD, MemberRequest, member_page
from events.catalog import EVENT_TYPES, not_emitted_by, sample_for
from events.models import Event
from webhooks import first_steps
from webhooks.configuring import secrets_in_force
from webhooks.counting import spans_of
from webhooks.exchange import exchange_of
from webhooks.exchange import shown as shown_text
from webhooks.figures import together
from webhooks.finding import deliveries_matching
from webhooks.forms import numbers_of
from webhooks.health import DISABLED_AFTER, cap
from webhooks.jobs import latest_job
from webhooks.listing import (
    COUNTED,
    LIGHT,
    MAX_WEBHOOKS,
    STATES,
    CappedCount,
    delivery_rows,
    filtered,
    grouped,
    newest_of,
    oldest_pending,
    rows_of,
)
from webhooks.models import EVERYTHING, Attempt, Delivery, HourlyCount, Webhook
from webhooks.on_record import paused_by
from webhooks.states import State, attempt_state, delivery_state, next_step, webhook_state
from webhooks.wording import count

PAGE = 25
HOURS = 24
# The event with which a trouble began was recorded before its first attempt failed.
RECOVER_FROM_BEFORE = timedelta(minutes=5)
STATUSES = {
    "open": ("Failed or pending", [Delivery.Status.PENDING, Delivery.Status.EXHAUSTED, Delivery.Status.HELD]),
    "pending": ("Pending", [Delivery.Status.PENDING]),
    "delivered": ("Delivered", [Delivery.Status.DELIVERED]),
    "exhausted": ("Exhausted", [Delivery.Status.EXHAUSTED]),
    "held": ("Held", [Delivery.Status.HELD]),
}


def webhook_or_404(workspace: Workspace, id: str) -> Webhook:
    webhook = Webhook.objects.existing().filter(workspace=workspace, pk=id).select_related("number").first()
    if webhook is None:
        raise Http404("There is no such webhook in this workspace.")
    return webhook


def text_of(request: MemberRequest, name: str) -> str:
    """A value of the page's own query, without what no database can look for."""
    return request.GET.get(name, "").replace("\0", "").strip()[:300]


@member_page("GET")
def webhooks(request: MemberRequest) -> HttpResponse:
    chosen = {name: text_of(request, name) for name in ("q", "number", "state")}
    rows = rows_of(filtered(request.workspace, chosen["q"], chosen["number"], chosen["state"]))
    numbers = numbers_of(request.workspace)
    narrowed = any(chosen.values())
    attention = sum(row.state.needs_attention for row in rows)
    result = (
        f"The first {MAX_WEBHOOKS} webhooks" if len(rows) == MAX_WEBHOOKS else count(len(rows), "webhook")
    )
    if attention:
        result += f", {attention} {'needs' if attention == 1 else 'need'} attention"
    groups = grouped(rows, numbers)
    with_webhooks = {group.number.pk for group in groups if group.number is not None}
    context = {
        "groups": groups,
        "silent": [] if narrowed else [number for number in numbers if number.pk not in with_webhooks],
        "rows": rows,
        "numbers": numbers,
        "chosen": chosen,
        "narrowed": narrowed,
        "states": STATES,
        "result": result,
        "first_webhook_curl": first_steps.create_webhook_curl(numbers[0] if numbers else None),
        "first_message_curl": first_steps.send_message_curl(numbers[0] if numbers else None),
    }
    return render(request, "webhooks/_rows.html" if request.fragment else "webhooks/webhooks.html", context)


@member_page("GET")
def webhook(request: MemberRequest, id: str) -> HttpResponse:
    webhook = webhook_or_404(request.workspace, id)
    now = timezone.now()
    chosen = {name: text_of(request, name) for name in ("q", "status", "before")}
    deliveries = Delivery.objects.filter(webhook=webhook)
    if chosen["q"]:
        deliveries = deliveries_matching(deliveries, request.workspace, chosen["q"])
    if chosen["before"]:
        deliveries = deliveries.filter(pk__lt=chosen["before"])
    if chosen["status"] in STATUSES:
        deliveries = newest_of(deliveries, STATUSES[chosen["status"]][1], PAGE + 1)
    else:
        deliveries = deliveries.order_by("-pk")[: PAGE + 1]
    found = delivery_rows(deliveries, now)
    context = {
        "webhook": webhook,
        "rows": found[:PAGE],
        "older": found[PAGE - 1].delivery.pk if len(found) > PAGE else "",
        "chosen": chosen,
        "statuses": STATUSES,
    }
    if request.fragment:
        return render(request, "webhooks/_deliveries.html", context)
    return render(request, "webhooks/webhook.html", context | _about(webhook))


@member_page("GET")
def webhook_now(request: MemberRequest, id: str) -> HttpResponse:
    """What changes by itself on a webhook's page: together, so that its parts agree."""
    try:
        webhook = webhook_or_404(request.workspace, id)
    except Http404:
        # Somebody deleted it: the open page would say what it was for ever.
        return HttpResponse(status=404, headers=RELOAD)
    return render(request, "webhooks/_now.html", {"webhook": webhook} | _standing(webhook, webhook.events))


def _about(webhook: Webhook) -> dict[str, Any]:
    """What the page says of the webhook itself."""
    events = webhook.events
    secrets = secrets_in_force(webhook)
    return _standing(webhook, events) | {
        "events": events,
        "hears_everything": events == [EVERYTHING],
        "impossible": _impossible(webhook, events),
        "testable": [one.name for one in EVENT_TYPES if events == [EVERYTHING] or one.name in events],
        "sample": sample_for(events),
        "kept": {"deliveries": settings.KEEP_DELIVERIES.days, "attempts": settings.KEEP_ATTEMPTS.days},
        "cap": cap(webhook),
        "recover_since": webhook.failing_since - RECOVER_FROM_BEFORE
        if webhook.failing_since
        else webhook.created_at,
        "old_secret_until": next((secret.expires_at for secret in secrets if secret.expires_at), None),
    }


def _standing(webhook: Webhook, events: list[str]) -> dict[str, Any]:
    """What changes by itself: state, figures, what is next, and the job."""
    now = timezone.now()
    spans = spans_of(HourlyCount.objects.filter(webhook=webhook), now, 2 * HOURS)
    mine = Delivery.objects.filter(webhook=webhook).order_by()
    counts: Any = (
        Webhook.objects.filter(pk=webhook.pk)
        .annotate(
            pending=CappedCount(mine.filter(due_at__isnull=False).values("pk")[:COUNTED]),
            held=CappedCount(mine.filter(status=Delivery.Status.HELD).values("pk")[:COUNTED]),
            exhausted=CappedCount(mine.filter(status=Delivery.Status.EXHAUSTED).values("pk")[:COUNTED]),
            in_flight=CappedCount(mine.filter(lease__isnull=False).values("pk")[:COUNTED]),
            oldest=oldest_pending(),
        )
        .values("pending", "held", "exhausted", "in_flight", "oldest")
        .get()
    )
    last = Attempt.objects.filter(webhook=webhook).only(*LIGHT).order_by("-pk").first()
    job = latest_job(webhook)
    state = webhook_state(webhook, events, last, now, "" if webhook.active else paused_by(webhook))
    if job is not None and job.goes_on and not state.needs_attention:
        state = State("busy", "Recovering", "What it missed is sent again")
    return {
        "state": state,
        "job": job,
        "day": together(spans[HOURS:]),
        "day_before": together(spans[:HOURS]),
        "spans": spans[HOURS:],
        "counts": counts,
        "capped": COUNTED,
        "next_due": delivery_rows(
            Delivery.objects.filter(webhook=webhook, due_at__isnull=False, lease=None).order_by("due_at")[:4],
            now,
        ),
        "disabled_at_the_latest": webhook.failing_since + DISABLED_AFTER if webhook.failing_since else None,
    }


def _impossible(webhook: Webhook, events: list[str]) -> list[str]:
    """What it would not hear, although it hears everything."""
    if webhook.number is None or events != [EVERYTHING]:
        return []
    return not_emitted_by(webhook.number.adapter, [event_type.name for event_type in EVENT_TYPES])


@member_page("GET")
def webhook_secret(request: MemberRequest, id: str) -> HttpResponse:
    """Shows the secrets in force, to those who may change the webhook; the look is on record."""
    webhook = webhook_or_404(request.workspace, id)
    secrets = secrets_in_force(webhook) if request.membership.may_change else []
    if secrets:
        record_for(request.user, request.workspace, [f"Looked at the secret of the webhook {webhook}."])
    return render(request, "webhooks/secret.html", {"webhook": webhook, "secrets": secrets})


@member_page("GET")
def delivery(request: MemberRequest, id: str) -> HttpResponse:
    delivery = (
        Delivery.objects.filter(pk=id, webhook__workspace=request.workspace)
        .select_related("event__number", "webhook")
        .first()
    )
    if delivery is None:
        raise Http404("There is no such delivery in this workspace.")
    now = timezone.now()
    attempts = list(delivery.attempts.order_by("-started_at", "-pk"))
    wanted = text_of(request, "attempt")
    shown = next((one for one in attempts if one.pk == wanted), attempts[0] if attempts else None)
    last = attempts[0] if attempts else None
    context = {
        "delivery": delivery,
        "event": delivery.event,
        "webhook": delivery.webhook,
        "state": delivery_state(delivery, last, now),
        "next_step": next_step(delivery, delivery.webhook, now),
        "final": delivery.due_at is None,
        "attempts": [(one, attempt_state(one), exchange_of(one)) for one in attempts],
        "scale": max([one.duration_ms or 0 for one in attempts], default=0) or 1,
        "shown": shown,
        "exchange": exchange_of(shown, delivery.event) if shown else None,
        "body": shown_text(delivery.event.body),
        "ids": _ids(delivery.event),
    }
    return render(request, "webhooks/delivery.html", context)


def _ids(event: Event) -> list[tuple[str, str]]:
    """What else its message is known by."""
    data = {} if isinstance(event.body, Sealed) else event.payload.get("data", {})
    return [(name, str(data[name])) for name in ("correlationId", "messageId") if data.get(name)]
