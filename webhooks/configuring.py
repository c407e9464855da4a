"""Setting webhooks up: what the API, the dashboard and the admin call to create, change, delete and re-key them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from accounts.encryption import Unreadable, readable
from accounts.models import Workspace
from accounts.wake import wake
from events.catalog import not_emitted_by, unknown_names
from phone_numbers.models import Number
from webhooks.activating import set_active
from webhooks.closing import close_soon
from webhooks.fanout import DELIVER
from webhooks.models import (
    DEFAULT_MAX_IN_FLIGHT,
    EVERYTHING,
    FRESH_HEALTH,
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
    now = timezone.now()
    changes = {"name": name, "url": checked, "max_in_flight": max_in_flight, "ordering": ordering}
    with transaction.atomic():
        # Two calls at once come one after the other, and neither writes back what it read before.
        current = Webhook.objects.select_for_update(no_key=True).get(pk=webhook.pk)
        Webhook.objects.filter(pk=webhook.pk).update(
            updated_at=now, **{field: value for field, value in changes.items() if value is not None}
        )
        if checked is not None and checked != current.url and current.active:
            # Another receiver: what the old one failed at or asked for does not hold it back.
            Webhook.objects.filter(pk=webhook.pk).update(**FRESH_HEALTH)
            wake(DELIVER)
        if ordering is not None and ordering != current.ordering:
            stop_waiting(webhook, now)
            wake(DELIVER)
        if events is not None:
            webhook.subscriptions.exclude(event__in=wanted).delete()
            Subscription.objects.bulk_create(
                [Subscription(webhook=webhook, event=event) for event in wanted], ignore_conflicts=True
            )
        if active is not None and active != current.active:
            set_active([webhook], active)
    fresh = Webhook.objects.select_related("number").get(pk=webhook.pk)
    return Configured(fresh, None, dropped)


def delete_webhooks(webhooks: Iterable[Webhook]) -> None:
    """Deletes webhooks for their owners; what is on record stays until its time. Nothing more is sent to them.

    What is in flight ends by itself, so that its attempt is on record; if it fails, the claim cancels it.
    """
    deleted = Webhook.objects.filter(pk__in=[webhook.pk for webhook in webhooks])
    now = timezone.now()
    with transaction.atomic():
        list(deleted.order_by("pk").select_for_update(no_key=True).values("pk"))
        deleted.filter(deleted_at=None).update(deleted_at=now, active=False, updated_at=now)
        close_soon(list(deleted))


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
    """The secrets that sign now, the newest first. Raises InvalidToken where none of them can be read."""
    now = timezone.now()
    rows = webhook.secrets.order_by("-created_at", "-pk")
    in_force = [row for row in rows if row.is_in_force(now)]
    signing = [row for row in in_force if not isinstance(row.secret, Unreadable)]
    if in_force and not signing:
        readable(in_force[0].secret)
    return signing


def _split(number: Number | None, events: Sequence[str]) -> tuple[list[str], list[str]]:
    """The names to subscribe to, each once, and those that the number's provider cannot emit."""
    if unknown := unknown_names(events):
        raise UnknownEvents(list(dict.fromkeys(unknown)))
    if EVERYTHING in events:
        return [EVERYTHING], []
    dropped = not_emitted_by(number.adapter, events) if number is not None else []
    return [event for event in dict.fromkeys(events) if event not in dropped], list(dict.fromkeys(dropped))
