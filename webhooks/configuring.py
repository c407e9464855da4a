"""Setting webhooks up: what the API, the dashboard and the admin call to create, change, delete and re-key them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.models import Workspace
from accounts.wake import wake
from events.catalog import not_emitted_by, unknown_names
from phone_numbers.models import Number
from webhooks.activating import set_active
from webhooks.fanout import DELIVER
from webhooks.models import (
    DEFAULT_MAX_IN_FLIGHT,
    EVERYTHING,
    Delivery,
    Subscription,
    Webhook,
    WebhookSecret,
)
from webhooks.ordering import stop_waiting
from webhooks.signing import new_secret
from webhooks.targets import check_url

# For so long after a rotation deliveries are signed with the old secret too.
OVERLAP = timedelta(hours=24)


class UnknownEvents(ValueError):
    """Names that no event has; nothing was changed."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(f"There is no event {', '.join(repr(name) for name in names)}.")
        self.names = list(names)


@dataclass(frozen=True)
class Configured:
    """A webhook as it stands now. `secret` is None where it is not new; `dropped_events` were asked for and cannot be
    emitted by the number's provider."""

    webhook: Webhook
    secret: str | None
    dropped_events: list[str]


def create_webhook(
    workspace: Workspace,
    number: Number | None,
    name: str,
    url: str,
    events: Sequence[str],
    active: bool = True,
    ordering: str = Webhook.Ordering.NONE,
    max_in_flight: int = DEFAULT_MAX_IN_FLIGHT,
) -> Configured:
    """Creates a webhook with its first secret; raises UnknownEvents or webhooks.targets.TargetError.

    `number` None: it hears every number of the workspace.
    """
    url = check_url(url)
    wanted, dropped = _split(number, events)
    secret = new_secret()
    with transaction.atomic():
        webhook = Webhook.objects.create(
            workspace=workspace,
            number=number,
            name=name,
            url=url,
            active=active,
            ordering=ordering,
            max_in_flight=max_in_flight,
            disabled_reason="" if active else Webhook.DisabledReason.PAUSED,
            disabled_at=None if active else timezone.now(),
        )
        Subscription.objects.bulk_create(Subscription(webhook=webhook, event=event) for event in wanted)
        WebhookSecret.objects.create(webhook=webhook, secret=secret)
    return Configured(webhook, secret, dropped)


def update_webhook(
    webhook: Webhook,
    *,
    name: str | None = None,
    url: str | None = None,
    events: Sequence[str] | None = None,
    active: bool | None = None,
    ordering: str | None = None,
    max_in_flight: int | None = None,
) -> Configured:
    """Changes what is not None; `events` replaces the list. Raises UnknownEvents or webhooks.targets.TargetError."""
    checked = check_url(url) if url is not None else None
    wanted, dropped = _split(webhook.number, events) if events is not None else ([], [])
    with transaction.atomic():
        if name is not None:
            webhook.name = name
        if checked is not None:
            webhook.url = checked
        if max_in_flight is not None:
            webhook.max_in_flight = max_in_flight
        if ordering is not None and ordering != webhook.ordering:
            webhook.ordering = ordering
            stop_waiting(webhook, timezone.now())
            wake(DELIVER)
        webhook.save(update_fields=["name", "url", "max_in_flight", "ordering", "updated_at"])
        if events is not None:
            webhook.subscriptions.exclude(event__in=wanted).delete()
            Subscription.objects.bulk_create(
                [Subscription(webhook=webhook, event=event) for event in wanted], ignore_conflicts=True
            )
        if active is not None and active != webhook.active:
            set_active([webhook], active)
    fresh = Webhook.objects.select_related("number").get(pk=webhook.pk)
    return Configured(fresh, None, dropped)


def delete_webhooks(webhooks: Iterable[Webhook]) -> None:
    """Deletes webhooks for their owners; what is on record stays until its time. Nothing more is sent to them."""
    ids = [webhook.pk for webhook in webhooks]
    now = timezone.now()
    with transaction.atomic():
        Webhook.objects.filter(pk__in=ids, deleted_at=None).update(
            deleted_at=now, active=False, updated_at=now
        )
        Delivery.objects.filter(
            webhook__in=ids, status__in=[Delivery.Status.PENDING, Delivery.Status.HELD]
        ).update(
            status=Delivery.Status.CANCELED,
            reason="The webhook was deleted.",
            due_at=None,
            lease=None,
            conversation=None,
            finished_at=now,
        )


def rotate_secret(webhook: Webhook) -> str:
    """Gives a webhook a new secret and returns it; for OVERLAP the old one signs as well, an older one no more."""
    secret = new_secret()
    now = timezone.now()
    with transaction.atomic():
        Webhook.objects.select_for_update().get(pk=webhook.pk)
        webhook.secrets.filter(expires_at__isnull=False).delete()
        webhook.secrets.update(expires_at=now + OVERLAP)
        WebhookSecret.objects.create(webhook=webhook, secret=secret)
    return secret


def secrets_in_force(webhook: Webhook) -> list[WebhookSecret]:
    """The secrets that sign now, the newest first."""
    now = timezone.now()
    rows = webhook.secrets.order_by("-created_at", "-pk")
    return [row for row in rows if row.expires_at is None or row.expires_at > now]


def _split(number: Number | None, events: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names to subscribe to, each once, and those that the number's provider cannot emit."""
    if unknown := unknown_names(events):
        raise UnknownEvents(list(dict.fromkeys(unknown)))
    if EVERYTHING in events:
        return [EVERYTHING], []
    dropped = not_emitted_by(number.adapter, events) if number is not None else []
    return [event for event in dict.fromkeys(events) if event not in dropped], list(dict.fromkeys(dropped))
