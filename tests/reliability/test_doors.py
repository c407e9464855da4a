"""Every address × whoever should not come in. The addresses are read from the URL resolver: a new one is tested as soon
as it is there, and one that this module cannot place fails.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import ApiKey, Membership
from events.models import Event
from messaging.models import Message
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MembershipFactory,
    MessageFactory,
    NumberFactory,
    WebhookFactory,
)
from webhooks import recovering
from webhooks.models import Delivery, RecoveryJob, Webhook, WebhookSecret

pytestmark = pytest.mark.django_db

# Open to everybody, or with a proof of its own that other tests look at.
OPEN = {
    "healthz", "metrics", "login", "logout", "docs", "v1/openapi.json", "ingest",
}  # fmt: skip
METHODS = ["get", "post", "put", "patch", "delete"]


@dataclass(frozen=True)
class Door:
    """An address with its method; `view` is the class of an API view, None for a page."""

    route: str
    method: str
    view: Any

    @property
    def names_something(self) -> bool:
        return "<" in self.route

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


def walk(patterns: list[Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver) and not route.startswith("admin/"):
            yield from walk(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route, pattern.callback


def is_open(route: str) -> bool:
    return any(route == known or route.startswith(f"{known}/") for known in OPEN)


def doors() -> list[Door]:
    found = []
    for route, callback in walk(get_resolver().url_patterns):
        view = getattr(callback, "view_class", None)
        if is_open(route) or route.startswith("admin/"):
            continue
        for method in METHODS:
            if view is None or hasattr(view, method):
                found.append(Door(route, method, view))
    return found


API = [door for door in doors() if door.route.startswith("v1/")]
PAGES = [door for door in doors() if not door.route.startswith("v1/") and door.method in ("get", "post")]


@dataclass(frozen=True)
class World:
    """What Alice has: one of everything that an address can name, and a body that names all of it."""

    ids: dict[str, str]
    body: dict[str, Any]


@pytest.fixture
def world(alice: Tenant) -> World:
    webhook = WebhookFactory(number=alice.number)
    event = EventFactory(number=alice.number)
    delivery = DeliveryFactory(event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
    AttemptFactory(delivery=delivery)
    job = RecoveryJob.objects.create(webhook=webhook, kind=recovering.Kind.FAILED, until="dlv_z")
    message = MessageFactory(number=alice.number, sent=True)
    ids = {
        "webhooks": webhook.pk,
        "deliveries": delivery.pk,
        "events": event.pk,
        "jobs": job.pk,
        "numbers": alice.number.pk,
        "messages": message.pk,
        "api-keys": ApiKeyFactory(workspace=alice.workspace, number_id=alice.number.pk).pk,
    }
    body = {
        "whatsappNumberId": alice.number.pk, "numberId": alice.number.pk, "id": message.pk, "ids": [message.pk],
        "messageIds": [message.pk], "deliveryIds": [delivery.pk], "workspaceId": alice.workspace.pk,
        "workspace": alice.workspace.pk, "since": timezone.now().isoformat(), "name": "Mine", "url": "https://x.example/",
        "events": ["*"], "text": "Hello", "destinationNumber": "+447700900123", "number": "+12025550999",
    }  # fmt: skip
    return World(ids, body)


def knock(client: Client, door: Door, world: World) -> Any:
    path = "/" + re.sub(r"<\w+:\w+>", lambda _: subject(door, world), door.route)
    if door.method == "get":
        return client.get(path, {"whatsappNumberId": world.body["whatsappNumberId"]})
    if door.view is None:
        return client.post(path, world.body)
    return getattr(client, door.method)(path, json.dumps(world.body), content_type="application/json")


def subject(door: Door, world: World) -> str:
    kind = door.route.removeprefix("v1/").split("/")[0]
    assert kind in world.ids, (
        f"Say in `world` what {door.route} is about, so that strangers can be tried on it."
    )
    return world.ids[kind]


def of_alice(tenant: Tenant) -> list[Any]:
    """Everything of Alice's number and its workspace, except what a look alone changes."""
    rows: list[QuerySet[Any]] = [
        Number.objects.filter(pk=tenant.number.pk),
        Webhook.objects.filter(number=tenant.number),
        WebhookSecret.objects.filter(webhook__number=tenant.number),
        Delivery.objects.filter(event__number=tenant.number),
        RecoveryJob.objects.filter(webhook__number=tenant.number),
        Event.objects.filter(number=tenant.number),
        Message.objects.filter(number=tenant.number),
        Membership.objects.filter(workspace=tenant.workspace),
        ApiKey.objects.filter(workspace=tenant.workspace),
    ]
    return [[{**row, "last_used_at": None} for row in queryset.order_by("pk").values()] for queryset in rows]


def assert_nothing_of(world: World, door: Door, response: Any) -> None:
    text = b"".join(response).decode() if response.streaming else response.content.decode()
    # What the caller named may be repeated to it, as "there is no such message".
    named = json.dumps(world.body if door.method != "get" else world.body["whatsappNumberId"])
    shown = [id for id in world.ids.values() if id in text and id not in named]
    assert not shown, f"{shown} is shown to a stranger"


def test_the_walk_finds_the_doors() -> None:
    assert {"get v1/webhooks", "delete v1/jobs/<str:id>", "post v1/messages/send"} <= {
        str(one) for one in API
    }
    assert {"get webhooks", "post webhooks/<slug:id>/delete"} <= {str(one) for one in PAGES}


@pytest.mark.parametrize("door", API, ids=str)
class TestApi:
    def test_nobody_comes_in_without_a_key(self, alice: Tenant, world: World, door: Door) -> None:
        before = of_alice(alice)
        for client in (Client(), Client(headers={"x-api-key": "wak_0123456789ab_guess"})):
            assert knock(client, door, world).status_code == 401
        assert of_alice(alice) == before

    def test_a_revoked_key_opens_nothing(self, alice: Tenant, world: World, door: Door) -> None:
        key = ApiKeyFactory(workspace=alice.workspace)
        key.revoke()
        assert knock(Client(headers={"x-api-key": key.text}), door, world).status_code == 401

    def test_a_stranger_sees_and_changes_nothing(
        self, alice: Tenant, bob: Tenant, world: World, door: Door
    ) -> None:
        before = of_alice(alice)
        response = knock(bob.api, door, world)
        assert response.status_code < 500
        if door.names_something:
            assert response.status_code == 404
        assert_nothing_of(world, door, response)
        assert of_alice(alice) == before

    def test_a_key_of_another_number_sees_and_changes_nothing(
        self, alice: Tenant, world: World, door: Door
    ) -> None:
        other = NumberFactory(workspace=alice.workspace)
        key = ApiKeyFactory(workspace=alice.workspace, number_id=other.pk)
        before = of_alice(alice)
        response = knock(Client(headers={"x-api-key": key.text}, raise_request_exception=False), door, world)
        assert response.status_code < 500
        if door.names_something:
            assert response.status_code in (403, 404)
        assert_nothing_of(world, door, response)
        assert of_alice(alice) == before


@pytest.mark.parametrize("door", PAGES, ids=str)
class TestPages:
    def test_who_is_not_logged_in_is_sent_to_the_login(self, alice: Tenant, world: World, door: Door) -> None:
        before = of_alice(alice)
        response = knock(Client(), door, world)
        assert response.status_code in (302, 405)
        if response.status_code == 302:
            assert response.headers["location"].startswith("/login")
        assert of_alice(alice) == before

    def test_who_belongs_to_no_workspace_is_refused(
        self, alice: Tenant, charlie: User, world: World, door: Door
    ) -> None:
        client = Client()
        client.force_login(charlie)
        assert knock(client, door, world).status_code in (403, 405)

    def test_a_stranger_sees_and_changes_nothing(
        self, alice: Tenant, bob: Tenant, world: World, door: Door
    ) -> None:
        before = of_alice(alice)
        bob.client.raise_request_exception = False
        response = knock(bob.client, door, world)
        assert response.status_code < 500
        if door.names_something:
            assert response.status_code in (404, 405)
        assert_nothing_of(world, door, response)
        assert of_alice(alice) == before

    def test_who_may_only_read_changes_nothing(self, alice: Tenant, world: World, door: Door) -> None:
        reader = MembershipFactory(workspace=alice.workspace, role=Membership.Role.READ_ONLY).user
        before = of_alice(alice)
        client = Client(raise_request_exception=False)
        client.force_login(reader)
        response = knock(client, door, world)
        assert response.status_code < 500
        assert of_alice(alice) == before


@pytest.mark.parametrize("permission", [False, True], ids=["a member", "staff without permission"])
def test_the_admin_shows_nothing_without_permission(alice: Tenant, world: World, permission: bool) -> None:
    from django.contrib import admin
    from django.urls import reverse

    alice.user.is_staff = permission
    alice.user.save()
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        response = alice.client.get(reverse(f"{name}_changelist"))
        assert response.status_code == (403 if permission else 302), name
        for row in model._default_manager.all()[:1]:
            response = alice.client.get(reverse(f"{name}_change", args=[row.pk]))
            assert response.status_code == (403 if permission else 302), name
