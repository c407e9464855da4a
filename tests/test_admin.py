"""The support desk: every table can be looked into, quickly; secrets by nobody, personal data by those who may."""

import re
from datetime import UTC, datetime

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from pytest_django.fixtures import Settings

from accounts.models import Membership, WakeToken, Workspace
from dashboard.content_security import POLICY
from events.models import Call, Place, RawPayload
from messaging.models import IdempotencyKey
from phone_numbers.models import HealthCheck, Identity, RetentionMark
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EmailChangeFactory,
    EventFactory,
    MessageFactory,
    MetaNumberFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from webhooks.models import (
    Attempt,
    Delivery,
    HourlyCount,
    RecoveryJob,
    Subscription,
    Trigger,
    Webhook,
    WebhookSecret,
)

pytestmark = pytest.mark.django_db

# Shown on the page of their webhook; in its charts; as the order of the log; and to nobody.
WITHOUT_PAGE = {Subscription, HourlyCount, Place, WebhookSecret}
OURS = {"accounts", "numbers", "messaging", "events", "webhooks"}
MODELS = [model for model in admin.site._registry if model._meta.app_label in {*OURS, "django_q", "auth"}]


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def everything(alice: Tenant) -> None:
    """A row in every table."""
    number = MetaNumberFactory(workspace=alice.workspace)
    event = EventFactory(number=number, raw_payload=RawPayloadFactory(number=number))
    AttemptFactory(delivery=DeliveryFactory(event=event))
    MessageFactory(number=number)
    RecoveryJob.objects.create(webhook=WebhookFactory(number=number), kind="failed", until="dlv_z")
    Call.objects.create(number=number, external_id="wacid.1")
    HealthCheck.objects.create(number=number, trigger="manual", result="connected")
    Identity.objects.create(number=number, opaque_id="hash", phone="+447700900123")
    RetentionMark.objects.create(number=number, table="events.event", below="evt_1")
    WakeToken.objects.create(drain="test")
    EmailChangeFactory()
    IdempotencyKey.objects.create(
        number=number, key="order-1", fingerprint="f", expires_at="2030-01-01T00:00:00Z"
    )


def text_of(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200, (path, response.status_code)
    return response.content.decode()


def listing(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")  # type: ignore[attr-defined]


def page(row: object) -> str:
    meta = row._meta  # type: ignore[attr-defined]
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk])  # type: ignore[attr-defined]


def test_every_model_of_the_house_has_a_page() -> None:
    from django.apps import apps

    missing = {model for model in apps.get_models() if model._meta.app_label in OURS} - set(MODELS)
    assert missing == WITHOUT_PAGE


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_list_and_every_row_can_be_looked_at(model: type, desk: Client, everything: None) -> None:
    text_of(desk, listing(model))
    text_of(desk, listing(model), q="nothing has this id")
    text_of(desk, listing(model), q="nul\0")
    for row in model.objects.all()[:1]:  # type: ignore[attr-defined]
        text_of(desk, page(row))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_page_carries_inline_script_or_style(model: type, desk: Client, everything: None) -> None:
    paths = [reverse("admin:index"), listing(model)]
    paths += [page(row) for row in model.objects.all()[:1]]  # type: ignore[attr-defined]
    for path in paths:
        response = desk.get(path)
        text = response.content.decode()
        assert response["Content-Security-Policy"] == POLICY
        assert re.findall(r"<script(?![^>]*\bsrc=)(?![^>]*json)|<style|\sstyle=|\son[a-z]+=", text) == []


@pytest.mark.parametrize(
    "factory",
    [EventFactory, DeliveryFactory, AttemptFactory, MessageFactory, RawPayloadFactory, WebhookFactory],
)
def test_a_list_takes_the_same_queries_however_long_and_never_counts_it_all(
    factory: type, desk: Client
) -> None:
    def queries() -> list[str]:
        with CaptureQueriesContext(connection) as captured:
            text_of(desk, listing(row._meta.model))
        return [query["sql"] for query in captured]

    row = factory()
    few = len(queries())
    for _ in range(8):
        factory()
    many = queries()
    assert len(many) == few
    if factory is not WebhookFactory:
        counts = [sql for sql in many if "COUNT(" in sql]
        assert all("LIMIT" in sql for sql in counts)


@pytest.mark.parametrize("model", [Webhook, Delivery, Attempt, RawPayload])
def test_no_list_offers_to_count_by_filter(model: type, desk: Client) -> None:
    assert "Show counts" not in text_of(desk, listing(model))


def test_secrets_and_credentials_are_shown_to_nobody(desk: Client, everything: None) -> None:
    number = MetaNumberFactory(credentials={"accessToken": "very-secret-token"})
    webhook = WebhookFactory(number=number)
    key = ApiKeyFactory(workspace=number.workspace)
    text = text_of(desk, page(number)) + text_of(desk, page(webhook)) + text_of(desk, page(key))
    assert "very-secret-token" not in text
    assert number.ingest_token not in text
    assert webhook.secrets.get().secret not in text
    assert key.text not in text
    assert key.digest not in text


@pytest.mark.parametrize("name", ["event", "message", "raw payload", "answer", "answer's headers"])
def test_personal_data_is_hidden_until_asked_for_and_asking_is_logged(name: str, desk: Client) -> None:
    row = {
        "event": lambda: EventFactory(body='{"content":"private words"}'),
        "message": lambda: MessageFactory(content="private words"),
        "raw payload": lambda: RawPayloadFactory(body='{"text":"private words"}'),
        "answer": lambda: AttemptFactory(response_body="private words"),
        "answer's headers": lambda: AttemptFactory(response_headers=[["X-Echo", "private words"]]),
    }[name]()
    assert "private words" not in text_of(desk, page(row))
    assert not LogEntry.objects.exists()
    assert "private words" in text_of(desk, page(row), personal="1")
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (row.pk, "Looked at personal data.")


def test_personal_data_needs_a_permission_of_its_own() -> None:
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(user)
    event = EventFactory(body='{"content":"private words"}')
    assert "Show personal data" not in text_of(client, page(event))
    assert "private words" not in text_of(client, page(event), personal="1")
    assert not LogEntry.objects.exists()
    user.user_permissions.add(Permission.objects.get(codename="view_personal_data"))
    client.force_login(User.objects.get(pk=user.pk))
    assert "private words" in text_of(client, page(event), personal="1")


@pytest.mark.parametrize(
    ("factory", "lookup"),
    [
        (EventFactory, "body__contains"),
        (RawPayloadFactory, "body__contains"),
        (MessageFactory, "content__startswith"),
        (MessageFactory, "contact_phone"),
        (AttemptFactory, "response_body__contains"),
        (ApiKeyFactory, "digest__startswith"),
        (MetaNumberFactory, "ingest_token__startswith"),
    ],
)
def test_what_is_hidden_cannot_be_guessed_by_a_filter(factory: type, lookup: str, desk: Client) -> None:
    assert desk.get(listing(factory()._meta.model), {lookup: "a"}).status_code == 400


@pytest.mark.parametrize("by", ["pk", "correlation_id", "external_id", "contact_phone"])
def test_a_message_is_found_by_whatever_is_known_of_it(by: str, desk: Client) -> None:
    message = MessageFactory(sent=True, contact_phone="+5511987654321")
    other = MessageFactory(sent=True)
    text = text_of(desk, listing(type(message)), q=getattr(message, by))
    assert message.pk in text
    assert other.pk not in text


def test_a_number_is_found_by_its_phone_as_people_write_it(desk: Client) -> None:
    number = MetaNumberFactory(phone="+5511988881020")
    assert number.pk in text_of(desk, listing(type(number)), q="+55 11 98888-1020")


def test_the_journey_of_an_event_is_found_by_its_id(desk: Client) -> None:
    payload = RawPayloadFactory()
    attempt = AttemptFactory(
        delivery=DeliveryFactory(event=EventFactory(number=payload.number, raw_payload=payload))
    )
    event = attempt.delivery.event
    assert payload.pk in text_of(desk, listing(RawPayload), q=event.pk)
    assert attempt.delivery.pk in text_of(desk, listing(Delivery), q=event.pk)
    assert attempt.pk in text_of(desk, listing(Attempt), q=attempt.delivery.pk)
    assert attempt.pk in text_of(desk, page(attempt.delivery))


@pytest.mark.parametrize(
    "by", ["phone", "wamid", "correlation", "message", "event", "payload", "delivery", "attempt"]
)
def test_one_search_finds_the_whole_journey_over_all_workspaces(by: str, desk: Client) -> None:
    message = MessageFactory(sent=True, contact_phone="+5511977770142")
    payload = RawPayloadFactory(number=message.number)
    event = EventFactory(number=message.number, message_id=message.pk, raw_payload=payload)
    attempt = AttemptFactory(delivery=DeliveryFactory(event=event), status="failed", error_class="timeout")
    other = DeliveryFactory()
    text = {
        "phone": "+55 11 97777-0142", "wamid": message.external_id, "correlation": message.correlation_id,
        "message": message.pk, "event": event.pk, "payload": payload.pk,
        "delivery": attempt.delivery.pk, "attempt": attempt.pk,
    }[by]  # fmt: skip
    found = text_of(desk, reverse("support_search"), q=text)
    assert page(event) in found
    assert page(payload) in found
    assert page(attempt.delivery) in found
    assert page(other) not in found


@pytest.mark.parametrize("by", ["url", "id", "workspace", "number", "name"])
def test_one_search_finds_what_is_set_up(by: str, desk: Client) -> None:
    webhook = WebhookFactory(url="https://crm.example.com/hook", name="Billing of orders")
    texts = {
        "name": "of ord",
        "url": "crm.example", "id": webhook.pk, "workspace": webhook.workspace.name, "number": webhook.number.phone,
    }  # fmt: skip
    row = {"workspace": webhook.workspace, "number": webhook.number}.get(by, webhook)
    assert page(row) in text_of(desk, reverse("support_search"), q=texts[by])


def test_a_search_shows_only_what_one_may_see(alice: Tenant) -> None:
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_event"))
    client = Client()
    client.force_login(user)
    delivery = DeliveryFactory()
    found = text_of(client, reverse("support_search"), q=delivery.event_id)
    assert page(delivery.event) in found
    assert page(delivery) not in found
    assert alice.client.get(reverse("support_search")).status_code == 302


def test_a_search_for_nothing_says_so(desk: Client) -> None:
    assert "Nothing has the id" in text_of(desk, reverse("support_search"), q="evt_unknown nul\0")
    assert "A phone, an id of ours" in text_of(desk, reverse("support_search"))


def act(client: Client, action: str, *rows: object) -> str:
    """Runs an action on rows and confirms it; returns the page that follows."""
    path = listing(type(rows[0]))
    form = {"action": action, "_selected_action": [row.pk for row in rows]}  # type: ignore[attr-defined]
    question = client.post(path, form)
    assert question.status_code == 200
    assert "Yes, do it" in question.content.decode()
    return client.post(path, form | {"confirmed": "1"}, follow=True).content.decode()


def test_an_action_asks_before_it_acts(desk: Client) -> None:
    webhook = WebhookFactory()
    desk.post(listing(Webhook), {"action": "disable", "_selected_action": [webhook.pk]})
    webhook.refresh_from_db()
    assert webhook.active


def test_webhooks_are_disabled_and_enabled(desk: Client) -> None:
    webhook = WebhookFactory()
    assert "1 disabled." in act(desk, "disable", webhook)
    webhook.refresh_from_db()
    assert not webhook.active
    act(desk, "enable", webhook)
    webhook.refresh_from_db()
    assert webhook.active


def test_what_a_webhook_missed_is_recovered(desk: Client) -> None:
    webhook = WebhookFactory()
    held = DeliveryFactory(webhook=webhook, status=Delivery.Status.HELD, due_at=None)
    DeliveryFactory(webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
    form = {"action": "recover", "_selected_action": [webhook.pk]}
    assert "2 deliveries, of events since" in desk.post(listing(Webhook), form).content.decode()
    page = act(desk, "recover", webhook)
    assert "2 will be sent again" in page
    assert f"{listing(RecoveryJob)}?q={webhook.pk}" in page
    held.refresh_from_db()
    assert held.status == Delivery.Status.PENDING
    entry = LogEntry.objects.get()
    assert (entry.object_id, entry.change_message) == (webhook.pk, "Recover what these webhooks missed.")


def test_a_disabled_webhook_and_one_that_missed_nothing_recover_nothing(desk: Client) -> None:
    off = WebhookFactory(active=False)
    held = DeliveryFactory(webhook=off, status=Delivery.Status.HELD, due_at=None)
    page = act(desk, "recover", off)
    assert "Nothing will be sent again. 1 disabled: enable it first." in page
    assert "Nothing was missed." in act(desk, "recover", WebhookFactory())
    held.refresh_from_db()
    assert held.status == Delivery.Status.HELD
    assert not RecoveryJob.objects.exists()


def test_deliveries_are_sent_again(desk: Client) -> None:
    delivery = DeliveryFactory(status=Delivery.Status.EXHAUSTED, due_at=None)
    act(desk, "send_again", delivery)
    assert Delivery.objects.get(trigger=Trigger.MANUAL).event == delivery.event
    assert LogEntry.objects.get().object_id == delivery.pk


def test_deliveries_of_disabled_webhooks_are_left_out_and_counted(desk: Client) -> None:
    rows = [
        DeliveryFactory(webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
        for webhook in (WebhookFactory(), WebhookFactory(active=False), WebhookFactory(active=False))
    ]
    said = act(desk, "send_again", *rows)
    assert "1 will be sent again now. 2 will not: their webhooks are disabled or deleted." in said
    assert Delivery.objects.get(trigger=Trigger.MANUAL).event == rows[0].event
    assert "0 will be sent again now. 1 will not: its webhook is disabled or deleted." in act(
        desk, "send_again", rows[1]
    )


def test_a_number_whose_credentials_no_key_reads_answers_like_one_out_of_reach(
    desk: Client, settings: Settings
) -> None:
    settings.HASH_KEY, keys = "kept", settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = ["lost"]
    number = NumberFactory(provider="evolution", credentials={"instance": "shop"})
    settings.ENCRYPTION_KEYS = keys
    assert f"{number.phone}: no answer" in act(desk, "probe", number)


def test_a_payload_that_failed_is_run_again(desk: Client) -> None:
    payload = RawPayloadFactory(status=RawPayload.Status.FAILED, due_at=None)
    act(desk, "run_payloads_again", payload)
    payload.refresh_from_db()
    assert payload.status == RawPayload.Status.PENDING


def test_a_key_is_revoked(desk: Client) -> None:
    key = ApiKeyFactory()
    act(desk, "revoke_keys", key)
    key.refresh_from_db()
    assert key.revoked_at is not None


OFFERED = {
    "Enable webhook": WebhookFactory,
    "Disable webhook": WebhookFactory,
    "Recover what was missed": WebhookFactory,
    "Redeliver": DeliveryFactory,
    "Run again": RawPayloadFactory,
    "Revoke key": ApiKeyFactory,
    "Probe the number": MetaNumberFactory,
}


@pytest.mark.parametrize("label", OFFERED)
def test_a_rows_own_page_offers_what_can_be_done(label: str, desk: Client) -> None:
    row = OFFERED[label]()
    button = f"<button>{label}<"
    assert button in text_of(desk, page(row))
    looker = UserFactory(is_staff=True)
    looker.user_permissions.set(Permission.objects.filter(codename=f"view_{row._meta.model_name}"))
    client = Client()
    client.force_login(looker)
    assert button not in text_of(client, page(row))


def test_a_key_that_is_revoked_stays_revoked_since_then(desk: Client) -> None:
    key = ApiKeyFactory()
    key.revoke()
    assert "0 revoked." in act(desk, "revoke_keys", key)
    before = key.revoked_at
    key.refresh_from_db()
    assert key.revoked_at == before


def test_a_webhook_leads_to_its_deliveries_and_a_number_to_its_payloads(desk: Client) -> None:
    delivery = DeliveryFactory()
    payload = RawPayloadFactory(number=delivery.event.number)
    assert f"{listing(Delivery)}?q={delivery.webhook_id}" in text_of(desk, page(delivery.webhook))
    assert delivery.pk in text_of(desk, listing(Delivery), q=delivery.webhook_id)
    assert f"{listing(RawPayload)}?q={payload.number_id}" in text_of(desk, page(payload.number))
    assert payload.pk in text_of(desk, listing(RawPayload), q=payload.number_id)


def test_a_number_is_probed(desk: Client, alice: Tenant) -> None:
    assert f"{alice.number.phone}: OPEN" in act(desk, "probe", alice.number)


def test_who_may_only_look_cannot_act() -> None:
    user = UserFactory(is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_webhook"))
    client = Client()
    client.force_login(user)
    webhook = WebhookFactory()
    client.post(listing(Webhook), {"action": "disable", "_selected_action": [webhook.pk], "confirmed": "1"})
    webhook.refresh_from_db()
    assert webhook.active


def test_members_of_a_workspace_are_no_staff(alice: Tenant) -> None:
    assert alice.client.get(reverse("admin:index")).status_code == 302


def test_a_workspace_is_made_with_its_members(desk: Client) -> None:
    user = UserFactory()
    form = {
        "name": "New shop",
        "memberships-TOTAL_FORMS": "1",
        "memberships-INITIAL_FORMS": "0",
        "memberships-0-user": str(user.pk),
        "memberships-0-role": "owner",
    }
    assert desk.post(reverse("admin:accounts_workspace_add"), form).status_code == 302
    assert Workspace.objects.get().memberships.get().role == Membership.Role.OWNER


def test_times_are_in_utc_and_to_the_second(desk: Client) -> None:
    delivery = DeliveryFactory(created_at=datetime(2026, 2, 24, 10, 30, 5, tzinfo=UTC))
    page = desk.get(f"/admin/webhooks/delivery/{delivery.pk}/change/").content.decode()
    assert "24 Feb 2026 10:30:05 UTC" in page


@pytest.mark.parametrize(
    "path", ["webhook/?workspace__id=%00", "delivery/?status=%00", "webhook/%00/change/"]
)
def test_an_address_with_a_nul_is_none(path: str, desk: Client) -> None:
    assert desk.get(f"/admin/webhooks/{path}").status_code == 404
