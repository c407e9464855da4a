"""Two addresses for machines: /healthz says whether this process can work, /metrics how the work goes (Prometheus)."""

import hmac
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.db.models import Count, Min, QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_q.models import Schedule
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from ulid import ULID

from accounts.models import WakeToken
from events.models import RawPayload
from messaging.models import Message
from webhooks.models import Attempt, Delivery

# A backlog is counted up to here: beyond it the exact figure tells nobody more, and costs.
COUNTED_TO = 100_000


class Unavailable(Exception):
    """Why this process cannot work, as a sentence."""


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """200 `{"status": "ok"}`, or 503 with the reason: the database does not answer, or lacks migrations."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        require_migrations()
    except Unavailable as problem:
        return JsonResponse({"status": "unavailable", "reason": str(problem)}, status=503)
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "reason": "The database does not answer."}, status=503)
    return JsonResponse({"status": "ok"})


@cache
def require_migrations() -> None:
    """Raises Unavailable where some are not applied.

    They are not taken back under a running process, so the costly question is asked until the first yes.
    """
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
        raise Unavailable(f"Migrations are not applied: {names}.")


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus text; 403 without METRICS_TOKEN as a Bearer token or, where none is set, from another machine."""
    if not _may_see_metrics(request):
        return HttpResponse("Send METRICS_TOKEN as a Bearer token.\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Collector())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _may_see_metrics(request: HttpRequest) -> bool:
    if settings.METRICS_TOKEN:
        sent = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        return hmac.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode())
    # A proxy on this machine makes every caller look local; what it forwards says so.
    if "x-forwarded-for" in request.headers or "forwarded" in request.headers:
        return False
    return ip_address(request.META["REMOTE_ADDR"]).is_loopback


class Collector:
    """Reads the database when it is asked; every query stays on a partial index or the last hour of a primary key."""

    def collect(self) -> Iterator[GaugeMetricFamily]:
        now = timezone.now()
        yield _gauge(
            "deliveries_pending",
            "Deliveries that wait or are in flight.",
            _count(Delivery.objects.filter(due_at__isnull=False)),
        )
        yield _gauge(
            "deliveries_in_flight",
            "Deliveries that a drain holds.",
            _count(Delivery.objects.filter(lease__isnull=False)),
        )
        yield _gauge(
            "delivery_oldest_due_seconds",
            "By how much the oldest delivery is overdue.",
            _overdue(Delivery.objects.filter(due_at__isnull=False), "due_at", now),
        )
        yield _gauge(
            "messages_pending",
            "Messages that wait to be sent.",
            _count(Message.objects.filter(due_at__isnull=False)),
        )
        yield _gauge(
            "message_oldest_due_seconds",
            "By how much the oldest message is overdue.",
            _overdue(Message.objects.filter(due_at__isnull=False), "due_at", now),
        )

        attempts = GaugeMetricFamily(
            "webhooks_attempts_last_hour", "Attempts of the last hour, by how they ended.", labels=["status"]
        )
        an_hour_ago = f"att_{str(ULID.from_datetime(now - timedelta(hours=1)))[:10].lower()}"
        by_status = dict.fromkeys(Attempt.Status.values, 0) | dict(
            Attempt.objects.filter(pk__gte=an_hour_ago).values_list("status").annotate(count=Count("pk"))
        )
        for status, count in by_status.items():
            attempts.add_metric([status], count)
        yield attempts

        payloads = GaugeMetricFamily(
            "webhooks_raw_payloads", "Raw payloads of the inbox that are not done.", labels=["status"]
        )
        for status in (RawPayload.Status.PENDING, RawPayload.Status.FAILED, RawPayload.Status.UNROUTABLE):
            payloads.add_metric([status], _count(RawPayload.objects.filter(status=status)))
        yield payloads

        heartbeats = GaugeMetricFamily(
            "webhooks_wake_heartbeat_age_seconds",
            "Since the last sign of life of each drain that is awake.",
            labels=["drain"],
        )
        for token in WakeToken.objects.all():
            if token.heartbeat_at:
                heartbeats.add_metric([token.drain], (now - token.heartbeat_at).total_seconds())
        yield heartbeats

        # No worker, or one that is stuck: its schedules fall behind.
        yield _gauge(
            "schedule_overdue_seconds",
            "By how much the worker is behind its schedule.",
            _overdue(Schedule.objects.all(), "next_run", now),
        )


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"webhooks_{name}", description, value=value)


def _count(rows: QuerySet[Any]) -> int:
    return rows.order_by()[:COUNTED_TO].count()


def _overdue(rows: QuerySet[Any], field: str, now: datetime) -> float:
    earliest: datetime | None = rows.aggregate(earliest=Min(field))["earliest"]
    return max(0.0, (now - earliest).total_seconds()) if earliest else 0.0
