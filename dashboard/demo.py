"""The demo workspace: one user, one connected simulator number, one API key, and a webhook to a demo receiver.

Only where DEMO is on. The key and the password are derived from SECRET_KEY, so that the second call gives the same ones
and nothing readable is stored; whoever has SECRET_KEY could sign sessions anyway.
"""

import hashlib
import hmac
from dataclasses import dataclass
from itertools import count

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.models import ApiKey, Membership, Workspace
from phone_numbers.models import Number
from phone_numbers.registering import register
from webhooks.configuring import create_webhook
from webhooks.models import EVERYTHING, Webhook
from webhooks.targets import check_url

USERNAME = "demo"
# 555-0100 to 555-0199 are set aside for fiction.
PHONES = [f"+120255501{ending:02d}" for ending in range(43, 100)]
WEBHOOK_NAME = "Demo receiver"


@dataclass(frozen=True)
class Demo:
    """The demo workspace as it stands. `api_key` and `password` are the texts that let one in."""

    workspace: Workspace
    number: Number
    user: User
    password: str
    api_key: str


@transaction.atomic
def seed() -> Demo:
    """Makes what is missing of the demo workspace; what is there stays as it is. Raises where DEMO is off."""
    if not settings.DEMO:
        raise ImproperlyConfigured("There is no demo workspace here: set DEMO=true to allow it.")
    user = _user(password := _derived("password")[:16])
    workspace = Workspace.objects.filter(memberships__user=user).order_by("pk").first()
    if workspace is None:
        workspace = Workspace.objects.create(name="Demo")
        Membership.objects.create(workspace=workspace, user=user, role=Membership.Role.OWNER)
    return Demo(
        workspace=workspace,
        number=_number(workspace),
        user=user,
        password=password,
        api_key=_api_key(workspace),
    )


@transaction.atomic
def listen(demo: Demo, url: str) -> Webhook:
    """Points the demo webhook, which hears every event of the demo number, at `url`; raises TargetError."""
    url = check_url(url)
    webhook = Webhook.objects.existing().filter(number=demo.number, name=WEBHOOK_NAME).order_by("pk").first()
    if webhook is None:
        webhook = create_webhook(demo.workspace, demo.number, WEBHOOK_NAME, url, [EVERYTHING]).webhook
        # One at a time, so that who watches sees sent, delivered and read arrive in that order.
        webhook.max_in_flight = 1
        webhook.save(update_fields=["max_in_flight", "updated_at"])
    elif webhook.url != url:
        webhook.url = url
        webhook.save(update_fields=["url", "updated_at"])
    return webhook


def secret_of(webhook: Webhook) -> str:
    """The secret in force, as the owner of the webhook is shown it."""
    return webhook.secrets.filter(expires_at=None).latest("created_at").secret


def _derived(purpose: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"demo:{purpose}".encode(), hashlib.sha256).hexdigest()


def _user(password: str) -> User:
    user, _ = User.objects.get_or_create(username=USERNAME, defaults={"email": "demo@example.com"})
    # The admin shows every workspace; a demo that strangers can reach keeps them out of it.
    user.is_staff = user.is_superuser = settings.DEBUG
    if not user.check_password(password):
        user.set_password(password)
    user.save()
    return user


def _number(workspace: Workspace) -> Number:
    numbers = Number.objects.active().filter(provider="simulator", state=Number.State.OPEN)
    number = numbers.filter(workspace=workspace).order_by("pk").first()
    if number is not None:
        return number
    # Numbers that were deleted keep their phone for a while.
    taken = set(Number.objects.filter(phone__in=PHONES).values_list("phone", flat=True))
    phone = next(phone for phone in PHONES if phone not in taken)
    return register(workspace, "Demo number", phone, "simulator")


def _api_key(workspace: Workspace) -> str:
    """The text of the demo key; the next one in line where its owner has revoked it."""
    for number in count():
        digits = _derived(f"key:{workspace.pk}:{number}")
        text = f"wak_{digits[:12]}_{digits[12:60]}"
        if ApiKey.find(text) is not None:
            return text
        if not ApiKey.objects.filter(prefix=digits[:12]).exists():
            ApiKey(workspace=workspace, name="Demo key").keep(text)
            return text
    raise AssertionError("count() does not end")
