"""What the pages show of webhooks and deliveries: a fixed number of queries, of the same cost however long the log."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.models import Exists, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone

from accounts.models import Workspace
from phone_numbers.models import Number
from webhooks.counting import days_of
from webhooks.figures import Span
from webhooks.models import Attempt, Delivery, Subscription, Webhook
from webhooks.states import State, delivery_state, webhook_state
from webhooks.wording import count, span

# Attempts by which a list judges a webhook.
RECENT = 20
# A backlog is counted up to here; above it says "1,000+".
COUNTED = 1000
MAX_WEBHOOKS = 200
LIGHT = (
    "id", "webhook_id", "delivery_id", "status", "number", "status_code", "error_class", "error", "duration_ms",
    "started_at", "trigger", "event_type",
)  # fmt: skip

STATES = {
    "attention": "Needs attention",
    "active": "Active",
    "paused": "Paused",
    "disabled": "Disabled",
}


class CappedCount(Subquery):
    """How many rows a sliced query has: the slice ends the counting."""

    template = "(SELECT COUNT(*) FROM (%(subquery)s) AS capped)"
    output_field = IntegerField()


@dataclass(frozen=True)
class Row:
    """A webhook in a list, with its `RECENT` latest attempts, oldest first."""

    webhook: Webhook
    state: State
    recent: list[Attempt]
    pending: int
    held: int
    # Of the last 24 hours.
    day: Span

    @property
    def cells(self) -> list[str]:
        outcomes = [cell_of(attempt.status, attempt.number) for attempt in self.recent]
        return ["idle"] * (RECENT - len(outcomes)) + outcomes

    @property
    def last(self) -> Attempt | None:
        return self.recent[-1] if self.recent else None

    @property
    def backlog(self) -> str:
        return f"{COUNTED:,}+" if self.pending >= COUNTED else f"{self.pending:,}"


@dataclass(frozen=True)
class Group:
    """The webhooks of one number; of the whole workspace where `number` is None."""

    number: Number | None
    rows: list[Row] = field(default_factory=list)


def cell_of(status: str, number: int) -> str:
    match status:
        case Attempt.Status.SUCCEEDED:
            return "ok" if number == 1 else "retry"
        case Attempt.Status.SENDING:
            return "idle"
    return "bad"


def count_needing_attention(workspace: Workspace) -> int:
    return Webhook.objects.existing().filter(_needs_attention(), workspace=workspace).count()


def _needs_attention() -> Q:
    deaf = ~Q(Exists(Subscription.objects.filter(webhook=OuterRef("pk"))))
    disabled = Q(active=False) & ~Q(disabled_reason=Webhook.DisabledReason.PAUSED)
    return disabled | Q(active=True) & (Q(consecutive_failures__gt=0) | deaf)


def filtered(workspace: Workspace, text: str = "", number: str = "", state: str = "") -> QuerySet[Webhook]:
    """`number` is the id of one, or "workspace"; `state` a key of STATES. Unknown values filter nothing."""
    webhooks = Webhook.objects.existing().filter(workspace=workspace)
    if text:
        webhooks = webhooks.filter(Q(name__icontains=text) | Q(url__icontains=text) | Q(pk=text))
    if number == "workspace":
        webhooks = webhooks.filter(number=None)
    elif number:
        webhooks = webhooks.filter(number=number)
    match state:
        case "attention":
            webhooks = webhooks.filter(_needs_attention())
        case "active":
            webhooks = webhooks.filter(active=True)
        case "paused":
            webhooks = webhooks.filter(active=False, disabled_reason=Webhook.DisabledReason.PAUSED)
        case "disabled":
            webhooks = webhooks.filter(active=False).exclude(disabled_reason=Webhook.DisabledReason.PAUSED)
    return webhooks


def rows_of(webhooks: QuerySet[Webhook], now: datetime | None = None) -> list[Row]:
    """The rows of at most MAX_WEBHOOKS webhooks in four queries."""
    now = now or timezone.now()
    mine = Delivery.objects.filter(webhook=OuterRef("pk")).order_by()
    annotated = (
        webhooks.select_related("number")
        .prefetch_related("subscriptions")
        .annotate(
            pending_count=CappedCount(mine.filter(due_at__isnull=False).values("pk")[:COUNTED]),
            held_count=CappedCount(mine.filter(status=Delivery.Status.HELD).values("pk")[:COUNTED]),
            oldest_recent=nth_newest(Attempt.objects.all(), RECENT),
        )
    )
    found: list[Any] = list(annotated.order_by("name", "pk")[:MAX_WEBHOOKS])
    recent = recent_attempts(found)
    days = days_of([webhook.pk for webhook in found], now)
    return [
        Row(
            webhook,
            webhook_state(
                webhook, webhook.events, recent[webhook.pk][-1] if recent[webhook.pk] else None, now
            ),
            recent[webhook.pk],
            webhook.pending_count,
            webhook.held_count,
            days[webhook.pk],
        )
        for webhook in found
    ]


def nth_newest(attempts: QuerySet[Attempt], place: int) -> Subquery:
    """The id of the attempt of the outer webhook in that place, the newest being 1; NULL where there are fewer."""
    mine = attempts.filter(webhook=OuterRef("pk")).order_by("-pk")
    return Subquery(mine.values("pk")[place - 1 : place])


def oldest_pending() -> Subquery:
    """When the oldest pending delivery of the outer webhook was made; NULL where none is pending."""
    mine = Delivery.objects.filter(webhook=OuterRef("pk"), status=Delivery.Status.PENDING).order_by("pk")
    return Subquery(mine.values("created_at")[:1])


def what_waits(webhook: Webhook, now: datetime) -> str:
    """How many deliveries are sent by themselves, and when the next is, as a sentence; "" where none is."""
    rows = Delivery.objects.filter(webhook=webhook, due_at__isnull=False)
    due = rows.filter(lease=None).order_by("due_at").values_list("due_at", flat=True).first()
    if due is None:
        return ""
    waiting = rows.filter(lease=None).order_by()[:COUNTED].count()
    many = f"{COUNTED:,}+ deliveries" if waiting >= COUNTED else count(waiting, "delivery", "deliveries")
    moment = max(due, webhook.resume_at or due)
    when = f"in {span(moment - now)}" if moment > now else "now"
    if waiting == 1:
        return f"{many} waits and is sent by itself, {when}."
    return f"{many} wait and are sent by themselves, the next {when}."


def recent_attempts(webhooks: Sequence[Any]) -> dict[str, list[Attempt]]:
    """The attempts of webhooks from their `oldest_recent` (nth_newest) on, oldest first."""
    recent: dict[str, list[Attempt]] = {webhook.pk: [] for webhook in webhooks}
    wanted = Q(pk__in=[])
    for webhook in webhooks:
        # A range on (webhook, id) each, however long the log is.
        wanted |= Q(webhook=webhook.pk, pk__gte=webhook.oldest_recent or "")
    for attempt in Attempt.objects.filter(wanted).only(*LIGHT).order_by("pk"):
        recent[attempt.webhook_id].append(attempt)
    return recent


def grouped(rows: Iterable[Row], numbers: Iterable[Number]) -> list[Group]:
    """The rows by number: those of the workspace first, then by number in the order given."""
    groups: dict[str | None, Group] = {None: Group(None)}
    groups |= {number.pk: Group(number) for number in numbers}
    for row in rows:
        groups.setdefault(row.webhook.number_id, Group(row.webhook.number)).rows.append(row)
    return [group for group in groups.values() if group.rows]


def newest_of(deliveries: QuerySet[Delivery], statuses: Sequence[str], size: int) -> QuerySet[Delivery]:
    """The newest `size` that are in one of the statuses; a query for each status.

    As one condition the log would be walked from its end until enough are found: all of it, where nothing failed.
    """
    ids: list[str] = []
    for status in statuses:
        ids += deliveries.filter(status=status).order_by("-pk").values_list("pk", flat=True)[:size]
    return deliveries.filter(pk__in=sorted(ids, reverse=True)[:size]).order_by("-pk")


@dataclass(frozen=True)
class DeliveryRow:
    delivery: Delivery
    last: Attempt | None
    state: State

    @property
    def answer(self) -> str:
        """The state in the receiver's own words where it has answered, and the delivery is still alive."""
        told = self.delivery.status == Delivery.Status.DELIVERED or self.state.label == "Failing"
        return self.state.why if told and self.state.why else self.state.label


def delivery_rows(deliveries: QuerySet[Delivery], now: datetime | None = None) -> list[DeliveryRow]:
    """The rows of a sliced query of deliveries, each with its latest attempt; three queries."""
    now = now or timezone.now()
    newest = Attempt.objects.filter(delivery=OuterRef("pk")).order_by("-pk").values("pk")[:1]
    found: list[Any] = list(
        deliveries.select_related("event")
        # Not joined: SQLite would walk the whole log from the webhook's side.
        .prefetch_related("webhook")
        .defer("event__body")
        .annotate(last_attempt=Subquery(newest))
    )
    last = Attempt.objects.only(*LIGHT).in_bulk([row.last_attempt for row in found if row.last_attempt])
    return [
        DeliveryRow(row, attempt := last.get(row.last_attempt), delivery_state(row, attempt, now))
        for row in found
    ]
