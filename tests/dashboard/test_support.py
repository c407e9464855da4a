"""The support desk: its search over all workspaces (more in tests/test_admin.py), and the journey of an event."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.encryption import Sealed
from events.models import Call, RawPayload
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    InvitationFactory,
    MessageFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from webhooks.models import Attempt, Delivery, Trigger, Webhook

pytestmark = pytest.mark.django_db

CONTACT = "+5511977770142"


@pytest.fixture
def desk() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    return client


def agent(*permissions: str) -> Client:
    """Somebody of the staff who may do this, and nothing else."""
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def found(client: Client, text: str) -> str:
    response = client.get(reverse("support_search"), {"q": text})
    assert response.status_code == 200
    return response.content.decode()


def journey(client: Client, id: str, **query: str) -> str:
    response = client.get(reverse("journey", args=[id]), query)
    assert response.status_code == 200
    return response.content.decode()


def failed_attempt(tenant: Tenant) -> Attempt:
    """A reply that a webhook answered with 503, once and for all."""
    message = MessageFactory(number=tenant.number, inbound=True, contact_phone=CONTACT)
    event = EventFactory(
        number=tenant.number,
        type="message.reply",
        message_id=message.pk,
        raw_payload=RawPayloadFactory(number=tenant.number, status=RawPayload.Status.NORMALIZED, due_at=None),
    )
    delivery = DeliveryFactory(event=event, status=Delivery.Status.EXHAUSTED, due_at=None, attempts_made=1)
    return AttemptFactory(
        delivery=delivery, status=Attempt.Status.FAILED, status_code=503, error_class="status"
    )


def test_payloads_that_failed_are_shown_beside_a_contacts_messages(desk: Client, alice: Tenant) -> None:
    MessageFactory(number=alice.number, inbound=True, contact_phone=CONTACT)
    failed = RawPayloadFactory(number=alice.number, status="failed", reason="No such field.", due_at=None)
    text = found(desk, CONTACT)
    assert failed.pk in text
    assert "No such field." in text


NAMES: dict[str, Callable[[Attempt], str]] = {
    "id of an attempt": lambda attempt: attempt.pk,
    "id of a delivery": lambda attempt: attempt.delivery_id,
    "id of an event": lambda attempt: attempt.delivery.event_id,
    "id of a message": lambda attempt: attempt.delivery.event.message_id,
    "id of a payload": lambda attempt: attempt.delivery.event.raw_payload_id,
}


@pytest.mark.parametrize("name", NAMES)
def test_every_id_on_the_way_leads_to_the_same_journey(name: str, desk: Client, alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    id = NAMES[name](attempt)
    of = id if name == "id of a message" else attempt.delivery_id
    assert f'href="{reverse("journey", args=[of])}"' in found(desk, id)
    assert attempt.pk in journey(desk, of)


def words_of(page: str) -> str:
    """What a page says, as one line without its tags."""
    return " ".join(re.sub(r"<[^>]*>", "", page).split())


@pytest.mark.parametrize("by", ["phone", "message"])
def test_a_contacts_messages_are_shown_each_with_what_became_of_it(
    by: str, desk: Client, alice: Tenant
) -> None:
    attempt = failed_attempt(alice)
    event, first = attempt.delivery.event, attempt.delivery.webhook
    Webhook.objects.filter(pk=first.pk).update(name="Billing")
    other = WebhookFactory(number=alice.number, name="CRM")
    DeliveryFactory(event=event, webhook=other, status=Delivery.Status.DELIVERED, due_at=None)
    text = found(desk, CONTACT if by == "phone" else event.message_id)
    assert "1 exhausted (Billing: 503 Service Unavailable), 1 delivered (CRM)" in words_of(text)
    assert 'data-tone="bad">1 exhausted<' in text
    assert text.count(">Journey<") == 1
    assert reverse("journey", args=[event.message_id]) in text
    assert reverse("admin:webhooks_delivery_change", args=[attempt.delivery_id]) in text


def test_a_contacts_messages_come_newest_first_and_each_with_its_own_events(
    desk: Client, alice: Tenant
) -> None:
    old, new = failed_attempt(alice).delivery.event, failed_attempt(alice).delivery.event
    quiet = MessageFactory(number=alice.number, inbound=True, contact_phone=CONTACT)
    text = found(desk, CONTACT)
    places = [text.index(id) for id in (quiet.pk, new.message_id, new.pk, old.message_id, old.pk)]
    assert places == sorted(places)
    assert text.count("No event came of it") == 1


def test_many_webhooks_of_one_outcome_are_counted_and_three_are_named(desk: Client, alice: Tenant) -> None:
    event = failed_attempt(alice).delivery.event
    for _ in range(5):
        webhook = WebhookFactory(number=alice.number, name="Copy")
        DeliveryFactory(event=event, webhook=webhook, status=Delivery.Status.DELIVERED, due_at=None)
    assert "5 delivered (Copy; Copy; Copy and 2 more)" in words_of(found(desk, CONTACT))


def test_who_may_not_look_at_deliveries_is_told_of_none(alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    text = found(agent("view_message", "view_event"), CONTACT)
    assert attempt.delivery.event_id in text
    assert "exhausted" not in text
    assert attempt.delivery_id not in text
    assert attempt.delivery.event.raw_payload_id not in text


def test_an_id_that_two_workspaces_gave_finds_both(desk: Client, alice: Tenant, bob: Tenant) -> None:
    theirs = [MessageFactory(number=one.number, correlation_id="order-1") for one in (alice, bob)]
    text = found(desk, "order-1")
    assert all(message.pk in text for message in theirs)


def test_keys_users_and_calls_are_found(desk: Client, bob: Tenant) -> None:
    key = ApiKeyFactory(workspace=bob.workspace, name="Shop backend")
    Call.objects.create(number=bob.number, external_id="wacid.77")
    names = {
        key.text: "Shop backend",
        key.prefix: "Shop backend",
        f"wak_{key.prefix}": "Shop backend",
        key.pk: "Shop backend",
        "Bob@example.com": "bob: owner of",
        "wacid.77": reverse("admin:events_call_changelist"),
    }
    for text, expected in names.items():
        assert expected in found(desk, text)


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "open until"),
        ({"expires_at": timezone.now()}, "expired"),
        ({"accepted_at": timezone.now()}, "accepted"),
        ({"withdrawn_at": timezone.now()}, "withdrawn"),
        ({"sent_at": None}, "could not be sent"),
        ({"sent_at": None, "due_at": timezone.now()}, "was not sent yet"),
    ],
)
def test_an_invitation_is_found_with_what_became_of_it(
    desk: Client, alice: Tenant, state: dict[str, Any], words: str
) -> None:
    InvitationFactory(workspace=alice.workspace, email="joe@example.com", **state)
    assert words in found(desk, "Joe@example.com")


@pytest.mark.parametrize("written", ["\u202a{}\u202c", "\u200e{}", '"{}"', "“{}”", "<{}>", "\0{} "])
def test_what_a_copied_text_brings_along_is_not_searched_for(
    written: str, desk: Client, alice: Tenant
) -> None:
    message = MessageFactory(number=alice.number, inbound=True, contact_phone=CONTACT)
    listing = reverse("admin:messaging_message_changelist")
    for name in (message.pk, CONTACT):
        text = written.format(name)
        assert message.pk in found(desk, text)
        assert message.pk in desk.get(listing, {"q": text}).content.decode()
    numbers = desk.get(reverse("admin:numbers_number_changelist"), {"q": written.format(alice.number.phone)})
    assert alice.number.pk in numbers.content.decode()


@pytest.mark.parametrize("text", ["\0", "+447700900999", "%", "_", "evt_", "wak_", "wak__", "é" * 400])
def test_no_text_breaks_the_search(text: str, desk: Client, alice: Tenant) -> None:
    found(desk, text)


def test_the_search_takes_the_same_queries_however_many_messages(desk: Client, alice: Tenant) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            found(desk, CONTACT)
        return len(captured)

    failed_attempt(alice)
    few = queries()
    for _ in range(6):
        failed_attempt(alice)
    assert queries() == few


def test_a_journey_shows_payload_event_webhooks_and_attempts(desk: Client, alice: Tenant) -> None:
    deaf = WebhookFactory(number=alice.number, name="Archive", events=["call.ended"])
    attempt = failed_attempt(alice)
    text = journey(desk, attempt.delivery.event.message_id)
    for expected in [
        attempt.delivery.event.raw_payload_id, attempt.delivery.event_id, attempt.delivery_id, attempt.pk,
        "503 Service Unavailable", "Exhausted", deaf.name, "Not subscribed",
    ]:  # fmt: skip
        assert expected in text


def test_a_journey_folds_away_the_webhooks_of_other_numbers(desk: Client, alice: Tenant) -> None:
    event = EventFactory(number=alice.number)
    other = WebhookFactory(number=NumberFactory(workspace=alice.workspace))
    text = desk.get(f"/admin/journey/{event.pk}").content.decode()
    assert "1 webhook of other numbers" in text
    assert other.pk in text
    assert "The workspace has no webhook." not in text


def test_a_message_without_an_event_says_that_nobody_was_told(desk: Client, alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, inbound=True)
    assert "No event came of it" in journey(desk, message.pk)


def test_a_payload_that_failed_is_a_journey_too(desk: Client, alice: Tenant) -> None:
    failed = RawPayloadFactory(number=alice.number, status="failed", reason="No such field.", due_at=None)
    text = journey(desk, failed.pk)
    assert "No such field." in text
    assert "Run again" in text


@pytest.mark.parametrize("id", ["evt_00000000000000000000000000", "wh_1", "nonsense", "msg_", "pay_0"])
def test_an_id_of_nothing_is_not_found(id: str, desk: Client) -> None:
    assert desk.get(reverse("journey", args=[id])).status_code == 404


def test_the_row_pages_of_the_admin_lead_to_the_journey(desk: Client, alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    page = desk.get(reverse("admin:webhooks_delivery_change", args=[attempt.delivery_id])).content.decode()
    assert reverse("journey", args=[attempt.delivery_id]) in page


def test_personal_data_is_hidden_until_asked_for_and_asking_is_logged(desk: Client, alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    id = attempt.delivery.event_id
    hidden = journey(desk, id)
    assert "Yes please" not in hidden
    assert CONTACT not in hidden
    assert not LogEntry.objects.exists()
    shown = journey(desk, id, personal="1")
    assert "Yes please" in shown
    assert CONTACT in shown
    looked = {entry.object_id for entry in LogEntry.objects.filter(change_message="Looked at personal data.")}
    assert {id, attempt.delivery.event.message_id} <= looked


def test_a_look_by_way_of_the_lists_is_logged_under_the_rows_own_id(desk: Client, alice: Tenant) -> None:
    event = EventFactory(number=alice.number)
    desk.get(reverse("admin:events_event_change", args=[quote(event.pk)]), {"personal": "1"})
    assert LogEntry.objects.get().object_id == event.pk


def test_personal_data_needs_a_permission_of_its_own(alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    reader = agent("view_event", "view_rawpayload", "view_delivery", "view_message")
    text = journey(reader, attempt.delivery.event_id, personal="1")
    assert "Yes please" not in text
    assert "Show personal data" not in text
    assert not LogEntry.objects.exists()


def test_what_a_relay_only_number_has_on_its_way_is_not_shown(desk: Client, alice: Tenant) -> None:
    event = EventFactory(number=alice.number, body=Sealed('{"data":{"content":"private words"}}'))
    text = journey(desk, event.pk, personal="1")
    assert "private words" not in text
    assert "Relay only" in text


def test_a_journey_needs_the_permission_to_look_at_all_its_parts(alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    path = reverse("journey", args=[attempt.delivery_id])
    assert agent("view_event").get(path).status_code == 403


def test_a_journey_offers_to_recover_where_something_is_held_and_the_webhook_is_on(
    desk: Client, alice: Tenant
) -> None:
    delivery = failed_attempt(alice).delivery
    offer = "<button>Recover what was missed<"
    assert offer in journey(desk, delivery.pk)
    delivery.webhook.active = False
    delivery.webhook.save()
    assert offer not in journey(desk, delivery.pk)


def test_who_may_only_look_is_offered_no_act(alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    reader = agent("view_event", "view_rawpayload", "view_delivery", "view_message")
    assert "<button>" not in journey(reader, attempt.delivery_id)


def test_an_act_asks_and_returns_to_the_journey(desk: Client, alice: Tenant) -> None:
    attempt = failed_attempt(alice)
    back = reverse("journey", args=[attempt.delivery_id])
    assert f'name="back" value="{back}"' in journey(desk, attempt.delivery_id)
    form = {"action": "send_again", "_selected_action": [attempt.delivery_id], "back": back}
    path = reverse("admin:webhooks_delivery_changelist")
    assert f'name="back" value="{back}"' in desk.post(path, form).content.decode()
    assert not Delivery.objects.filter(trigger=Trigger.MANUAL).exists()
    done = desk.post(path, form | {"confirmed": "1"})
    assert (done.status_code, done["Location"]) == (302, back)
    assert Delivery.objects.filter(trigger=Trigger.MANUAL).exists()


@pytest.mark.parametrize("back", ["https://evil.example.com/", "//evil.example.com", "javascript:alert(1)"])
def test_an_act_leads_nowhere_else(back: str, desk: Client, alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    path = reverse("admin:webhooks_webhook_changelist")
    form = {"action": "disable", "_selected_action": [webhook.pk], "back": back, "confirmed": "1"}
    assert desk.post(path, form)["Location"].startswith(path)


@pytest.mark.parametrize("path", ["/admin/search", "/admin/journey/evt_1"])
def test_the_desk_is_for_staff(path: str, alice: Tenant) -> None:
    for client in (Client(), alice.client):
        response = client.get(path)
        assert response.status_code == 302
        assert reverse("admin:login") in response["Location"]


def test_a_journey_is_only_looked_at(desk: Client) -> None:
    assert desk.post("/admin/journey/evt_1").status_code == 405
