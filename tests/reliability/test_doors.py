"""Every address × whoever should not come in: nobody, a stranger, a key of another number, staff without permission.

The addresses are read from the URL resolver: a new one is tested as soon as it is there, and one that this module
cannot place fails. Each is also tried by whoever may come in: a refusal of what nobody could reach proves nothing.
"""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group, Permission, User
from django.db.models import Model, QuerySet
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ

from accounts.changing_email import token_of
from accounts.models import (
    ApiKey,
    EmailChange,
    Invitation,
    Membership,
    PasswordReset,
    Tally,
    WakeToken,
    Workspace,
)
from events.models import Call, Event, RawPayload
from events.placing import keep_place, place
from messaging.models import IdempotencyKey, Message
from phone_numbers.models import HealthCheck, Identity, Number, Purge, RetentionMark
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EmailChangeFactory,
    EventFactory,
    InvitationFactory,
    MembershipFactory,
    MessageFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from tests.routes import Route, routes
from webhooks import recovering
from webhooks.models import Attempt, Delivery, RecoveryJob, Subscription, Webhook, WebhookSecret

pytestmark = pytest.mark.django_db

# Neither a key nor a login: open to everybody, or with a proof of its own; and who looks at them.
OPEN = {
    "healthz": "tests/dashboard/test_health.py",
    "metrics": "tests/dashboard/test_health.py",
    "login": "tests/accounts/test_login.py",
    "logout": "tests/accounts/test_login.py",
    "join/<str:token>": "tests/accounts/test_joining.py",
    "password-reset": "tests/accounts/test_profile.py",
    "password-reset/sent": "tests/accounts/test_profile.py",
    "password-reset/<uidb64>/<token>": "tests/accounts/test_profile.py",
    "ingest/meta": "tests/events/test_views.py",
    "ingest/(?P<provider>evolution)/(?P<ingest_token>[A-Za-z0-9_-]{16,64})(?:/[a-z0-9-]{1,60})?/?$":
        "tests/events/test_views.py",
    "ingest/(?P<provider>waha)/(?P<ingest_token>[A-Za-z0-9_-]{16,64})$": "tests/events/test_views.py",
    "v1(/|$)": "tests/test_errors.py",
    "v1/openapi.json": "the schema is public",
    "docs": "the schema is public",
    "admin": "tests/accounts/test_login.py",
    r"[\s\S]": "tests/dashboard/test_refusals.py",
}  # fmt: skip
# Stands in every name, URL and text of Alice's: where somebody else reads it, something leaked.
MARK = "plover"

Form = dict[str, Any]


@dataclass(frozen=True)
class World:
    """What somebody has: one of everything that an address or a body can name."""

    tenant: Tenant
    ids: dict[str, str]

    @property
    def number(self) -> str:
        return self.ids["numbers"]


def world_of(tenant: Tenant, mark: str) -> World:
    """Gives `tenant` one of everything, with the mark on all of it that says something."""
    Workspace.objects.filter(pk=tenant.workspace.pk).update(name=f"{mark} shop")
    Number.objects.filter(pk=tenant.number.pk).update(name=f"{mark} number")
    webhook = WebhookFactory(
        number=tenant.number, name=f"{mark} hook", url=f"https://{mark}.example/hook", consecutive_failures=3
    )
    message = MessageFactory(number=tenant.number, sent=True, content=f"{mark} words")
    queued = MessageFactory(number=tenant.number, due_at=timezone.now() + timedelta(hours=1))
    removed = NumberFactory(workspace=tenant.workspace, name=f"{mark} removed", deleted_at=timezone.now())
    purged = NumberFactory(workspace=tenant.workspace, name=f"{mark} purged", deleted_at=timezone.now())
    Purge.objects.create(number=purged)
    payload = RawPayloadFactory(
        number=tenant.number, status="failed", due_at=None, body=json.dumps({"text": mark}), reason=mark
    )
    event = EventFactory(
        number=tenant.number,
        message_id=message.pk,
        raw_payload=payload,
        body=json.dumps({"event": "message.sent", "data": {"id": message.pk, "content": mark}}),
    )
    delivery = DeliveryFactory(event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
    attempt = AttemptFactory(delivery=delivery, status="failed", error=mark, response_body=mark)
    keep_place([event])
    place([tenant.workspace.pk])
    job = RecoveryJob.objects.create(webhook=webhook, kind=recovering.Kind.FAILED, until="dlv_z")
    HealthCheck.objects.create(number=tenant.number, trigger="manual", result="connected", detail=mark)
    other = MembershipFactory(workspace=tenant.workspace, user__username=f"{mark}-{tenant.workspace.pk}")
    invited = InvitationFactory(workspace=tenant.workspace, email=f"{mark}@{tenant.user.username}.example")
    change = EmailChangeFactory(user=tenant.user, email=f"{mark}-{tenant.user.username}@x.example")
    key = ApiKeyFactory(workspace=tenant.workspace, number_id=tenant.number.pk, name=f"{mark} key")
    return World(
        tenant,
        {
            "webhooks": webhook.pk,
            "deliveries": delivery.pk,
            "attempts": attempt.pk,
            "events": event.pk,
            "payloads": payload.pk,
            "jobs": job.pk,
            "queued": queued.pk,
            "removed": removed.pk,
            "purged": purged.pk,
            "numbers": tenant.number.pk,
            "messages": message.pk,
            "api-keys": key.pk,
            "members": str(other.pk),
            "invitations": invited.pk,
            "workspaces": tenant.workspace.pk,
            "profile": token_of(change),
        },
    )


@pytest.fixture
def hers(alice: Tenant) -> World:
    return world_of(alice, MARK)


@pytest.fixture
def his(bob: Tenant) -> World:
    return world_of(bob, "xyzzy")


# What is sent, by method and name of the route. A door that changes something and names nothing in its address has to
# stand here: the form then names whose things they are.
FORMS: dict[str, Callable[[World], Form]] = {
    "post number_new": lambda world: {"provider": "simulator", "phone": "+12025550998", "name": "x"},
    "post message_send": lambda world: {"number": world.number, "to": "+447700900123", "text": "Hello"},
    "post api_keys": lambda world: {"name": "Mine", "number": world.number},
    "post webhook_new": lambda world: {
        "number": world.number, "name": "Mine", "url": "https://x.example/", "events": ["message.sent"],
    },
    "post webhook_check_url": lambda world: {"url": "https://x.example/"},
    "post workspace_switch": lambda world: {"workspace": world.ids["workspaces"]},
    "post workspace_new": lambda world: {"name": "Mine"},
    "post workspace_rename": lambda world: {"name": "Mine"},
    "post member_invite": lambda world: {"emails": "new@x.example", "role": "member"},
    "post member_role": lambda world: {"role": "member"},
    "post profile_name": lambda world: {"name": "Somebody"},
    "post profile_email": lambda world: {"email": "new@x.example", "password": "correct horse"},
    "post profile_password": lambda world: {
        "old_password": "correct horse", "new_password1": "a green bicycle", "new_password2": "a green bicycle",
    },
    "post number_rename": lambda world: {"name": "Mine"},
    "post number_retention": lambda world: {"mode": "RELAY_ONLY"},
    "post number_simulate": lambda world: {"what": "logout", "from": "+447700900123", "text": "Hello"},
    "post webhook_edit": lambda world: {"name": "Mine", "url": "https://x.example/", "events": ["message.sent"]},
    "post webhook_test": lambda world: {"event": "message.sent"},
    "post webhook_recover": lambda world: {"since": "2020-01-01T00:00"},
    "post webhook_redeliver": lambda world: {"delivery": [world.ids["deliveries"]]},
    "post api-send-message": lambda world: {
        "whatsappNumberId": world.number, "destinationNumber": "+447700900123", "text": "Hello",
    },
    "delete api-cancel-messages": lambda world: {"messageIds": [world.ids["queued"]]},
    "post api-numbers": lambda world: {"name": "x", "number": "+12025550997", "provider": "simulator"},
    "patch api-number": lambda world: {"name": "Mine", "piiMode": "RELAY_ONLY"},
    "post api-keys": lambda world: {"whatsappNumberId": world.number},
    "post api-webhooks": lambda world: {
        "whatsappNumberId": world.number, "name": "Mine", "url": "https://x.example/", "events": ["*"],
    },
    "patch api-webhook": lambda world: {"name": "Mine", "whatsappNumberId": world.number},
    "post api-webhook-test": lambda world: {"event": "message.sent"},
    "post api-webhook-recover": lambda world: {"since": timezone.now().isoformat()},
}  # fmt: skip


@dataclass(frozen=True)
class Door:
    """An address with one of its methods."""

    route: Route
    method: str

    @property
    def names_something(self) -> bool:
        return bool(self.route.parameters)

    @property
    def name(self) -> str:
        return f"{self.method} {self.route.name}"

    @property
    def is_safe(self) -> bool:
        return self.method == "get"

    def __str__(self) -> str:
        return f"{self.method} {self.route}"


ROUTES = [route for route in routes() if route.path not in OPEN]
API = [
    Door(route, method)
    for route in ROUTES
    if route.path.startswith("v1/")
    for method in ("get", "post", "put", "patch", "delete")
    if hasattr(route.view, method)
]
PAGES = [
    Door(route, method.lower())
    for route in ROUTES
    if route.is_page
    for method in sorted(route.callback.page_methods - {"HEAD"})  # type: ignore[attr-defined]
]
OF_A_WORKSPACE = [door for door in PAGES if door.route.callback.page_role is not None]  # type: ignore[attr-defined]
DESK = [route for route in ROUTES if route.path.startswith("admin/")]


def test_every_address_has_a_place() -> None:
    placed = {door.route.path for door in [*API, *PAGES]} | {route.path for route in DESK}
    assert [route.path for route in ROUTES if route.path not in placed] == []


def test_the_walk_finds_the_doors() -> None:
    assert {"get v1/webhooks", "delete v1/jobs/<str:id>", "post v1/messages/send"} <= {
        str(one) for one in API
    }
    assert {"get webhooks", "post webhooks/<slug:id>/delete"} <= {str(one) for one in PAGES}
    assert len(DESK) > 100


OF_A_REMOVED_NUMBER = {"number_restore", "number_purge", "api-restore-number", "api-purge-number"}
OF_A_PURGE = {"number_purge_stop", "number_purge_progress"}
# They show what all workspaces have alike, repeat what they were asked, lead on, or count what is new: here nothing.
SHOWING_NOTHING = {
    "v1/event-types", "event-types", "webhooks/picker", "find", "numbers/try", "events/new", "messages/new",
}  # fmt: skip
# Where nothing can be found because what is asked for has come to its end: what tells a page to ask no more.
ENDED = {"number_purge_progress": 286}
# They count, ask the provider, change the session, or make a workspace beside hers.
CHANGING_NOTHING = {
    "webhook_check_url", "webhook_recover_preview", "workspace_switch", "number_check", "workspace_new",
}  # fmt: skip


def path_of(door: Door, world: World) -> str:
    if not door.names_something:
        return f"/{door.route.path}"
    assert len(door.route.parameters) == 1, f"Say here what {door.route} is about."
    kind = door.route.path.removeprefix("v1/").split("/")[0]
    if door.route.name in OF_A_REMOVED_NUMBER:
        kind = "removed"
    if door.route.name in OF_A_PURGE:
        kind = "purged"
    assert kind in world.ids, f"Say in `world_of` what {door.route} is about, so that strangers can try it."
    return reverse(door.route.name, args=[world.ids[kind]])


def named_in(door: Door, world: World) -> Form:
    """All that the door can be told to look at or act on, of this world."""
    if not door.is_safe:
        assert door.names_something or door.name in FORMS, f"Say in FORMS what is sent to {door}."
        return FORMS[door.name](world) if door.name in FORMS else {}
    return {
        "q": world.ids["messages"], "number": world.number, "webhook": world.ids["webhooks"], "event": "message.sent",
        "attempt": world.ids["attempts"], "numberId": world.number, "whatsappNumberId": world.number,
    }  # fmt: skip


def knock(client: Client, door: Door, subject: World, named: World | None = None) -> Any:
    """Goes to what `subject` has, naming what `named` has, or the same; reads once without naming anything, too."""
    client.raise_request_exception = False
    path, sent = path_of(door, subject), named_in(door, named or subject)
    if door.is_safe:
        response, narrowed = client.get(path), client.get(path, sent)
        assert narrowed.status_code < 500
        read = text_of(response) + text_of(narrowed)
        # Some lists want to know of which number.
        response = narrowed if response.status_code == 400 else response
        response.read = read
    elif door.route.is_page:
        response = client.post(path, sent)
    else:
        response = getattr(client, door.method)(path, json.dumps(sent), content_type="application/json")
    # What one named oneself may be repeated.
    response.named = path + json.dumps(sent)
    return response


def all_of(world: World, number_alone: bool = False) -> list[Any]:
    """Everything of a workspace, or of its number alone, with all that hangs on it; but what a mere call changes."""
    tenant = world.tenant
    of_number: list[QuerySet[Any]] = [
        Number.objects.filter(pk=tenant.number.pk),
        Webhook.objects.filter(number=tenant.number),
        Subscription.objects.filter(webhook__number=tenant.number),
        WebhookSecret.objects.filter(webhook__number=tenant.number),
        Delivery.objects.filter(event__number=tenant.number),
        Delivery.objects.filter(webhook__number=tenant.number),
        Attempt.objects.filter(webhook__number=tenant.number),
        RecoveryJob.objects.filter(webhook__number=tenant.number),
        Event.objects.filter(number=tenant.number),
        RawPayload.objects.filter(number=tenant.number),
        Message.objects.filter(number=tenant.number),
        HealthCheck.objects.filter(number=tenant.number),
        ApiKey.objects.filter(number_id=tenant.number.pk),
        Membership.objects.filter(workspace=tenant.workspace),
        Invitation.objects.filter(workspace=tenant.workspace),
        User.objects.filter(pk=tenant.user.pk),
        EmailChange.objects.filter(user=tenant.user),
    ]
    of_workspace: list[QuerySet[Any]] = [
        Workspace.objects.filter(pk=tenant.workspace.pk),
        Purge.objects.filter(number__workspace=tenant.workspace),
        Number.objects.filter(workspace=tenant.workspace),
        Webhook.objects.filter(workspace=tenant.workspace),
        Message.objects.filter(workspace=tenant.workspace),
        ApiKey.objects.filter(workspace=tenant.workspace),
    ]
    seen = {"last_used_at": None, "last_login": None}
    rows = of_number if number_alone else [*of_number, *of_workspace]
    return [[{**row, **seen} for row in queryset.order_by("pk").values()] for queryset in rows]


@contextmanager
def unchanged(world: World, number_alone: bool = False) -> Iterator[None]:
    before = all_of(world, number_alone)
    yield
    assert all_of(world, number_alone) == before


def text_of(response: Any) -> str:
    body = (b"".join(response) if response.streaming else response.content).decode()
    return f"{response.headers.get('location', '')} {body}"


def shown_of(world: World, response: Any) -> list[str]:
    """What of the world stands in an answer: the mark, or an id that was not named by who asked."""
    text = getattr(response, "read", None) or text_of(response)
    ids = [id for id in world.ids.values() if "_" in id and id not in getattr(response, "named", "")]
    return [word for word in [MARK, *ids] if word in text]


def assert_nothing_is_shown(response: Any, world: World) -> None:
    assert response.status_code < 500
    assert shown_of(world, response) == []


def visit(client: Client, path: str, method: str = "get", **query: str) -> Any:
    """What is at an address of the desk."""
    client.raise_request_exception = False
    response = getattr(client, method)(path, query)
    response.named = path + json.dumps(query)
    return response


def staff(*permissions: str) -> Client:
    """Somebody of the support desk, who may do this and nothing else."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


# --- The API


@pytest.mark.parametrize("door", API, ids=str)
class TestApi:
    def test_a_key_of_the_workspace_comes_in(self, hers: World, door: Door) -> None:
        before = all_of(hers)
        response = knock(hers.tenant.api, door, hers)
        assert response.status_code < 400, text_of(response)
        assert (all_of(hers) == before) == door.is_safe
        if door.is_safe and not door.names_something and door.route.path not in SHOWING_NOTHING:
            assert shown_of(hers, response)

    def test_nobody_comes_in_without_a_key(self, hers: World, door: Door) -> None:
        revoked = ApiKeyFactory(workspace=hers.tenant.workspace)
        revoked.revoke()
        visitors = [
            Client(),
            Client(headers={"x-api-key": "wak_0123456789ab_guess"}),
            Client(headers={"x-api-key": revoked.text}),
            # A session is no key: else any page on the web could have a browser call the API.
            hers.tenant.client,
            staff(),
        ]
        with unchanged(hers):
            for client in visitors:
                response = knock(client, door, hers)
                assert response.status_code == 401
                assert_nothing_is_shown(response, hers)

    def test_a_stranger_sees_and_changes_nothing(self, hers: World, bob: Tenant, door: Door) -> None:
        with unchanged(hers):
            response = knock(bob.api, door, hers)
            assert_nothing_is_shown(response, hers)
            if door.names_something:
                assert response.status_code == ENDED.get(door.route.name, 404)

    def test_a_stranger_names_her_things_beside_their_own(self, hers: World, his: World, door: Door) -> None:
        with unchanged(hers):
            assert_nothing_is_shown(knock(his.tenant.api, door, his, hers), hers)

    def test_a_key_of_another_number_sees_and_changes_nothing(self, hers: World, door: Door) -> None:
        other = NumberFactory(workspace=hers.tenant.workspace, name="Other")
        key = ApiKeyFactory(workspace=hers.tenant.workspace, number_id=other.pk)
        with unchanged(hers, number_alone=True):
            response = knock(Client(headers={"x-api-key": key.text}), door, hers)
            assert_nothing_is_shown(response, hers)
            if door.names_something:
                assert response.status_code in (403, 404)


# --- The pages; who of a workspace may do what is tests/accounts/test_roles.py's


@pytest.mark.parametrize("door", PAGES, ids=str)
class TestPages:
    def test_an_owner_comes_in(self, hers: World, door: Door) -> None:
        before = all_of(hers)
        response = knock(hers.tenant.client, door, hers)
        assert response.status_code in (200, 204, 286, 302), text_of(response)
        assert (all_of(hers) == before) == (door.is_safe or door.route.name in CHANGING_NOTHING)
        if door.is_safe and not door.names_something and door.route.path not in SHOWING_NOTHING:
            assert shown_of(hers, response)

    def test_who_is_not_logged_in_is_sent_to_the_login(self, hers: World, door: Door) -> None:
        with unchanged(hers):
            response = knock(Client(), door, hers)
        assert response.status_code == 302
        assert response.headers["location"].startswith("/login?next=")

    def test_a_stranger_sees_and_changes_nothing(self, hers: World, bob: Tenant, door: Door) -> None:
        with unchanged(hers):
            response = knock(bob.client, door, hers)
            assert_nothing_is_shown(response, hers)
            assert_nothing_is_shown(bob.client.get("/overview/events"), hers)
            if door.names_something:
                assert response.status_code == ENDED.get(door.route.name, 404)

    def test_a_stranger_names_her_things_beside_their_own(self, hers: World, his: World, door: Door) -> None:
        with unchanged(hers):
            assert_nothing_is_shown(knock(his.tenant.client, door, his, hers), hers)

    def test_who_may_only_read_changes_nothing(self, hers: World, door: Door) -> None:
        client = Client()
        client.force_login(
            MembershipFactory(workspace=hers.tenant.workspace, role=Membership.Role.READ_ONLY).user
        )
        if door.route.name == "workspace_leave":
            return  # which is their own to do
        with unchanged(hers):
            assert knock(client, door, hers).status_code < 500


@pytest.mark.parametrize("is_staff", [False, True], ids=["anybody", "staff"])
@pytest.mark.parametrize("door", OF_A_WORKSPACE, ids=str)
def test_who_belongs_to_no_workspace_is_refused(
    hers: World, charlie: User, door: Door, is_staff: bool
) -> None:
    client = Client()
    charlie.is_staff = is_staff
    charlie.save()
    client.force_login(charlie)
    with unchanged(hers):
        assert knock(client, door, hers).status_code == 403


# --- The support desk

# Every agent may open these, and they show nothing of a workspace: the search finds only what one's permissions let one
# see (below), and an app of which nothing may be seen has no list.
OF_EVERY_AGENT = {
    "admin:index", "admin:login", "admin:logout", "admin:password_change", "admin:password_change_done", "admin:jsi18n",
    "admin:app_list", "admin:view_on_site", "support_search", "",
}  # fmt: skip
KINDS = ["events", "deliveries", "attempts", "messages", "payloads"]


@pytest.fixture
def every_row(hers: World) -> World:
    """And one in every other table that the desk shows."""
    number = hers.tenant.number
    Call.objects.create(number=number, external_id="wacid.1")
    Identity.objects.create(number=number, opaque_id="hash", phone="+447700900123")
    RetentionMark.objects.create(number=number, table="events.event", below="evt_1")
    IdempotencyKey.objects.create(number=number, key=MARK, fingerprint="f", expires_at=timezone.now())
    WakeToken.objects.create(drain="test")
    PasswordReset.objects.create(email=f"{MARK}@x.example")
    Tally.objects.create(key="tally", ends_at=timezone.now())
    Group.objects.create(name=MARK)
    OrmQ.objects.create(key=MARK, payload=MARK, lock=timezone.now())
    Failure.objects.create(
        id="task", success=False, name=MARK, func=MARK, started=timezone.now(), stopped=timezone.now()
    )
    return hers


def desk_path(route: Route, world: World) -> str:
    """Of a row of the kind that the route is about, where it names one."""
    path = re.sub(r"\(\?P<\w+>[^)]*\)(/?)\$$", r"webhooks\1", route.path)
    if match := re.match(r"admin/(\w+)/(\w+)/<", path):
        row = apps.get_model(*match.groups())._default_manager.first()
        assert row is not None, f"Make a row for {route} in `every_row`."
        path = re.sub(r"<[^>]+>", str(row.pk), path)
    return "/" + re.sub(r"<[^>]+>", world.ids["events"], path)


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("route", DESK, ids=str)
class TestDesk:
    def test_it_is_for_staff(self, every_row: World, route: Route, method: str) -> None:
        path = desk_path(route, every_row)
        with unchanged(every_row):
            for client in (Client(), every_row.tenant.client):
                response = visit(client, path, method)
                assert_nothing_is_shown(response, every_row)
                if route.name != "admin:logout" and path != "/admin/login/":
                    assert response.status_code == 302
                    assert re.match(r"/(admin/)?login", response.headers["location"])

    def test_staff_without_permission_sees_and_changes_nothing(
        self, every_row: World, route: Route, method: str
    ) -> None:
        with unchanged(every_row):
            client, path = staff(), desk_path(route, every_row)
            response = visit(client, path, method)
            if response.status_code == 302:
                response = visit(client, response.headers["location"])
        assert_nothing_is_shown(response, every_row)
        if route.name not in OF_EVERY_AGENT:
            assert response.status_code in (403, 405)


@pytest.mark.parametrize("kind", [*KINDS, "webhooks", "numbers", "api-keys", "workspaces"])
def test_the_desks_search_finds_only_what_one_may_see(hers: World, kind: str) -> None:
    search = reverse("support_search")
    everything = text_of(admin_client().get(search, {"q": hers.ids[kind]}))
    assert MARK in everything
    assert_nothing_is_shown(visit(staff(), search, q=hers.ids[kind]), hers)
    assert_nothing_is_shown(
        visit(staff("view_waketoken", "view_personal_data"), search, q=hers.ids[kind]), hers
    )


@pytest.mark.parametrize("text", [f"{MARK} shop", f"{MARK}.example"])
def test_a_search_by_words_finds_only_what_one_may_see(hers: World, text: str) -> None:
    search = reverse("support_search")
    pk = hers.ids["workspaces" if "shop" in text else "webhooks"]
    assert pk in text_of(admin_client().get(search, {"q": text}))
    assert pk not in text_of(staff("view_event").get(search, {"q": text}))


@pytest.mark.parametrize("missing", ["view_event", "view_rawpayload", "view_delivery"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_journey_needs_all_its_permissions(hers: World, kind: str, missing: str) -> None:
    needed = {"view_event", "view_rawpayload", "view_delivery"}
    path = reverse("journey", args=[hers.ids[kind]])
    assert staff(*needed).get(path).status_code == 200
    refused = visit(staff(*(needed - {missing}), "view_personal_data"), path, personal="1")
    assert refused.status_code == 403
    assert_nothing_is_shown(refused, hers)


ACTIONS = [
    (model, action)
    for model, model_admin in admin.site._registry.items()
    for action in model_admin.actions or []
    if model._meta.app_label in {"accounts", "numbers", "messaging", "events", "webhooks"}
]


def test_the_walk_finds_the_actions() -> None:
    assert {
        "send_again",
        "enable",
        "disable",
        "run_payloads_again",
        "probe",
        "revoke_keys",
        "cancel_jobs",
    } <= {action for _, action in ACTIONS}


@pytest.mark.parametrize(
    "action", [*ACTIONS, (Workspace, "delete_selected"), (Membership, "delete_selected")], ids=str
)
def test_an_action_needs_the_permission_to_change(hers: World, action: tuple[type[Model], str]) -> None:
    model, name = action
    meta = model._meta
    path = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    rows = [str(pk) for pk in model._default_manager.values_list("pk", flat=True)]
    assert rows
    form = {"action": name, "_selected_action": rows, "confirmed": "1", "post": "yes"}
    looker = staff(*(f"view_{one.model_name}" for one in (model._meta for model in admin.site._registry)))
    with unchanged(hers):
        for client in (staff(), looker, hers.tenant.client, Client()):
            client.post(path, form)


def admin_client() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client
