"""The Webhooks page, a webhook, a delivery: what they show."""

from datetime import timedelta
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.ids import first_id
from accounts.models import Workspace
from accounts.pages import MemberRequest, member_page
from events.catalog import EVENT_TYPES, not_emitted_by
from webhooks import first_steps
from webhooks.configuring import secrets_in_force
from webhooks.exchange import exchange_of
from webhooks.exchange import shown as shown_text
from webhooks.figures import by_time, figures_of
from webhooks.finding import deliveries_matching
from webhooks.forms import numbers_of
from webhooks.health import DISABLED_AFTER, cap
from webhooks.jobs import latest_job
from webhooks.listing import (
    COUNTED,
    LIGHT,
    STATES,
    CappedCount,
    delivery_rows,
    filtered,
    grouped,
    rows_of,
)
from webhooks.models import EVERYTHING, Attempt, Delivery, Webhook
from webhooks.states import attempt_state, delivery_state, next_step, webhook_state
from webhooks.wording import count

PAGE = 25
# The attempts that a webhook's figures are made of, at most: the newest of the last 24 hours.
MEASURED = 2000
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
    result = count(len(rows), "webhook") + (f", {attention} need attention" if attention else "")
    context = {
        "groups": grouped(rows, [] if narrowed else numbers),
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
    if chosen["status"] in STATUSES:
        deliveries = deliveries.filter(status__in=STATUSES[chosen["status"]][1])
    if chosen["before"]:
        deliveries = deliveries.filter(pk__lt=chosen["before"])
    found = delivery_rows(deliveries.order_by("-pk")[: PAGE + 1], now)
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


def _about(webhook: Webhook) -> dict[str, Any]:
    """What the page says of the webhook itself."""
    now = timezone.now()
    attempts = list(
        Attempt.objects.filter(webhook=webhook, pk__gte=first_id("att", now - timedelta(hours=24)))
        .only(*LIGHT)
        .order_by("-pk")[:MEASURED]
    )
    mine = Delivery.objects.filter(webhook=webhook).order_by()
    counts: Any = (
        Webhook.objects.filter(pk=webhook.pk)
        .annotate(
            pending=CappedCount(mine.filter(due_at__isnull=False).values("pk")[:COUNTED]),
            held=CappedCount(mine.filter(status=Delivery.Status.HELD).values("pk")[:COUNTED]),
            exhausted=CappedCount(mine.filter(status=Delivery.Status.EXHAUSTED).values("pk")[:COUNTED]),
            in_flight=CappedCount(mine.filter(lease__isnull=False).values("pk")[:COUNTED]),
        )
        .values("pending", "held", "exhausted", "in_flight")
        .get()
    )
    events = webhook.events
    last = attempts[0] if attempts else None
    last = last or Attempt.objects.filter(webhook=webhook).only(*LIGHT).order_by("-pk").first()
    timeline = by_time(attempts, now, 48, timedelta(minutes=30))
    secrets = secrets_in_force(webhook)
    return {
        "state": webhook_state(webhook, events, last, now),
        "job": latest_job(webhook),
        "figures": figures_of(attempts),
        "measured_all": len(attempts) < MEASURED,
        "bars": [(f"{moment:%H:%M} UTC: {_counts(row)}", row) for moment, row in timeline],
        "hours": [timeline[i][0] for i in (0, 12, 24, 36)],
        "counts": counts,
        "capped": COUNTED,
        "next_due": delivery_rows(
            Delivery.objects.filter(webhook=webhook, due_at__isnull=False, lease=None).order_by("due_at")[:4],
            now,
        ),
        "events": events,
        "hears_everything": events == [EVERYTHING],
        "impossible": _impossible(webhook, events),
        "testable": [one.name for one in EVENT_TYPES if events == [EVERYTHING] or one.name in events],
        "cap": cap(webhook),
        "old_secret_until": next((secret.expires_at for secret in secrets if secret.expires_at), None),
        "disabled_at_the_latest": webhook.failing_since + DISABLED_AFTER if webhook.failing_since else None,
        "now": now,
    }


def _counts(row: tuple[int, int, int]) -> str:
    words = zip(row, ("at the first try", "after a retry", "failed"), strict=True)
    return ", ".join(f"{number:,} {word}" for number, word in words if number) or "nothing"


def _impossible(webhook: Webhook, events: list[str]) -> list[str]:
    """What it would not hear, although it hears everything."""
    if webhook.number is None or events != [EVERYTHING]:
        return []
    return not_emitted_by(webhook.number.adapter, [event_type.name for event_type in EVENT_TYPES])


@member_page("GET")
def webhook_secret(request: MemberRequest, id: str) -> HttpResponse:
    """Shows the secrets in force, to those who may change the webhook."""
    webhook = webhook_or_404(request.workspace, id)
    secrets = secrets_in_force(webhook) if request.membership.may_change else []
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
    }
    return render(request, "webhooks/delivery.html", context)
