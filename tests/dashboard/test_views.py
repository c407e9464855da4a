"""The pages that look across apps: what they show, what can be done on them, and who may."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import ApiKey, Membership
from dashboard.content_security import POLICY
from events.catalog import EVENT_TYPES
from events.models import Event, RawPayload
from events.retention import blank_events
from messaging.models import Message
from phone_numbers.models import HealthCheck, Number
from phone_numbers.registering import remove
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MembershipFactory,
    MessageFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from webhooks import counting, tasks
from webhooks.models import Attempt, Delivery

pytestmark = pytest.mark.django_db

PAGES = ["/", "/numbers", "/webhooks", "/events", "/messages", "/live", "/event-types", "/api-keys"]


@pytest.fixture
def reader(alice: Tenant) -> Client:
    """Somebody who may look at Alice's workspace but not change it."""
    client = Client()
    client.force_login(MembershipFactory(workspace=alice.workspace, role=Membership.Role.READ_ONLY).user)
    return client


def page(client: Client, path: str, **query: str) -> str:
    response = client.get(path, query)
    assert response.status_code == 200, (path, response.status_code)
    return response.content.decode()


def said(client: Client, path: str, **form: str) -> str:
    """The page that follows a POST."""
    return client.post(path, form, follow=True).content.decode()


def some_of_everything(tenant: Tenant) -> None:
    """A message, its event, its delivery and an attempt; a health check; a payload."""
    message = MessageFactory(number=tenant.number, sent=True)
    event = EventFactory(
        number=tenant.number, message_id=message.pk, raw_payload=RawPayloadFactory(number=tenant.number)
    )
    AttemptFactory(delivery=DeliveryFactory(event=event, webhook=WebhookFactory(number=tenant.number)))
    HealthCheck.objects.create(number=tenant.number, trigger="periodic", result="connected")


# --- Every page


@pytest.mark.parametrize("path", PAGES)
def test_a_page_shows_itself_empty_and_full(path: str, alice: Tenant) -> None:
    page(alice.client, path)
    some_of_everything(alice)
    page(alice.client, path)


@pytest.mark.parametrize("path", PAGES)
def test_no_page_carries_inline_script_or_style(path: str, alice: Tenant) -> None:
    some_of_everything(alice)
    response = alice.client.get(path)
    assert response["Content-Security-Policy"] == POLICY
    assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=", response.content.decode()) == []


@pytest.mark.parametrize(
    "path",
    [
        *PAGES,
        "/live/rows",
        "/overview/attention",
        "/overview/events",
        "/find",
        "/events/new",
        "/messages/new",
        "/numbers/try",
    ],
)
def test_anonymous_visitors_log_in_first(path: str, db: None) -> None:
    response = Client().get(path)
    assert urlsplit(response["location"]).path == "/login"


@pytest.mark.parametrize("path", PAGES)
def test_a_page_takes_the_same_queries_however_much_there_is(path: str, alice: Tenant) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(alice.client, path)
        return len(captured)

    some_of_everything(alice)
    queries()
    few = queries()
    for _ in range(4):
        some_of_everything(alice)
        NumberFactory(workspace=alice.workspace)
        ApiKey(workspace=alice.workspace, name="Another").issue()
    assert queries() == few


def test_a_user_without_a_workspace_is_told_so(charlie: object) -> None:
    client = Client()
    client.force_login(charlie)  # type: ignore[arg-type]
    response = client.get("/webhooks")
    assert response.status_code == 403
    assert "You do not belong to a workspace yet" in response.content.decode()
    assert "/admin/" not in response.content.decode()


def test_staff_without_a_workspace_learn_where_one_is_made(client: Client, db: None) -> None:
    client.force_login(UserFactory(is_staff=True))
    assert 'href="/admin/"' in client.get("/").content.decode()


def test_an_unknown_address_offers_to_look_something_up(alice: Tenant) -> None:
    response = alice.client.get("/nothing/here")
    assert response.status_code == 404
    assert 'action="/find"' in response.content.decode()


def test_members_of_two_workspaces_choose_between_them(alice: Tenant, bob: Tenant) -> None:
    MembershipFactory(user=alice.user, workspace=bob.workspace)
    webhook = WebhookFactory(number=bob.number, name="Bob's CRM")
    assert webhook.pk not in page(alice.client, "/webhooks")
    assert alice.client.post("/workspace", {"workspace": bob.workspace.pk}).status_code == 302
    assert webhook.pk in page(alice.client, "/webhooks")


def test_nobody_chooses_a_workspace_of_others(alice: Tenant, bob: Tenant) -> None:
    assert alice.client.post("/workspace", {"workspace": bob.workspace.pk}).status_code == 404


# --- Logging in


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "Alice@Example.com"])
def test_one_logs_in_by_name_or_e_mail(name: str, alice: Tenant) -> None:
    form = {"username": name, "password": "correct horse", "next": "/events"}
    assert Client().post("/login", form)["location"] == "/events"


def test_a_wrong_password_is_refused_with_a_sentence(alice: Tenant) -> None:
    response = Client().post("/login", {"username": "alice", "password": "wrong"})
    assert "The name and the password do not match." in response.content.decode()


def test_an_address_that_two_users_share_logs_nobody_in(alice: Tenant, bob: Tenant) -> None:
    bob.user.email = alice.user.email
    bob.user.save()
    response = Client().post("/login", {"username": alice.user.email, "password": "correct horse"})
    assert response.status_code == 200


def test_logging_out_ends_the_session(alice: Tenant) -> None:
    alice.client.post("/logout")
    assert alice.client.get("/webhooks").status_code == 302


# --- Overview


def test_the_overview_shows_what_needs_a_person(alice: Tenant) -> None:
    WebhookFactory(number=alice.number, name="Broken", consecutive_failures=12)
    WebhookFactory(number=alice.number, name="Healthy")
    NumberFactory(workspace=alice.workspace, name="Lost", state=Number.State.CLOSE)
    text = page(alice.client, "/overview/attention")
    assert "Broken" in text
    assert "Lost" in text
    assert "Healthy" not in text


def test_the_overview_shows_what_is_worst_first_be_it_a_webhook_or_a_number(alice: Tenant) -> None:
    WebhookFactory(number=alice.number, name="Empty", events=[])
    NumberFactory(workspace=alice.workspace, name="Lost", state=Number.State.CLOSE)
    WebhookFactory(number=alice.number, name="Broken", consecutive_failures=12)
    text = page(alice.client, "/overview/attention")
    assert text.index("Broken") < text.index("Lost") < text.index("Empty")


def test_the_overview_counts_attempts_by_outcome(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    counting.count([(webhook.pk, "failed", 16_000), (webhook.pk, "retried", 100)], timezone.now())
    text = page(alice.client, "/")
    assert "UTC: 1 after a retry, 1 failed" in text
    assert "50 %" in text


def test_a_first_try_that_failed_counts_before_its_retry_has_ended(alice: Tenant) -> None:
    pk = WebhookFactory(number=alice.number).pk
    counting.count([(pk, "first", 100)] * 132 + [(pk, "not_first", 100)] * 12, timezone.now())
    counting.count([(pk, "failed", 100)] * 5, timezone.now())
    text = page(alice.client, "/")
    assert "<dt>First try</dt><dd>91.7 %<small>12 failed at first</small>" in text
    assert "17 of 149 failed" in text
    assert "UTC: 132 at the first try, 17 failed" in text


def test_the_overview_counts_nothing_of_others(alice: Tenant, bob: Tenant) -> None:
    counting.count([(WebhookFactory(number=bob.number).pk, "failed", 100)], timezone.now())
    AttemptFactory(delivery__event__number=alice.number)
    assert "0 of 0 failed" in page(alice.client, "/")


def test_an_overview_of_nothing_teaches_the_first_steps(alice: Tenant) -> None:
    text = page(alice.client, "/")
    assert "From nothing to the first webhook" in text
    assert "/numbers/try" in text


def test_a_disabled_webhook_is_enabled_and_recovered_from_the_overview(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, active=False, disabled_reason="gone")
    delivery = DeliveryFactory(
        event=EventFactory(number=alice.number), webhook=webhook, status=Delivery.Status.HELD, due_at=None
    )
    assert f'action="/webhooks/{webhook.pk}/enable"' in page(alice.client, "/")
    said(alice.client, f"/webhooks/{webhook.pk}/enable", recover="1")
    delivery.refresh_from_db()
    assert delivery.status == Delivery.Status.PENDING


@pytest.mark.parametrize(("path", "factory"), [("events", EventFactory), ("messages", MessageFactory)])
def test_what_is_new_is_announced_and_not_inserted(
    path: str, factory: Any, alice: Tenant, bob: Tenant
) -> None:
    shown = factory(number=alice.number)
    query = {"after": shown.pk}
    assert "Show" not in page(alice.client, f"/{path}/new", **query)
    factory(number=bob.number)
    for _ in range(3):
        factory(number=alice.number)
    assert f"Show 3 new {path}" in page(alice.client, f"/{path}/new", **query)
    assert "Show" not in page(alice.client, f"/{path}/new", number="num_x", **query)
    narrow = {"type": "message.sent"} if path == "events" else {"status": "QUEUED"}
    text = page(alice.client, f"/{path}/new", **query, **narrow)
    assert "Show 3 new" in text
    assert f"/{path}?{next(iter(narrow))}=" in text
    for _ in range(97):
        factory(number=alice.number)
    assert "Show 99+ new" in page(alice.client, f"/{path}/new", **query)


def test_the_overview_names_who_waits_longest(alice: Tenant) -> None:
    for name, minutes in (("Slow", 11), ("Quick", 2)):
        DeliveryFactory(
            event=EventFactory(number=alice.number),
            webhook=WebhookFactory(number=alice.number, name=name),
            created_at=timezone.now() - timedelta(minutes=minutes),
        )
    text = page(alice.client, "/")
    assert re.search(r"11 m \d\d s</time><small><a [^>]*>Slow<", text)


@pytest.mark.parametrize("path", [*PAGES, "/profile", "/members", "/login", "/nothing"])
def test_no_page_is_kept_by_a_browser_or_a_proxy(path: str, alice: Tenant) -> None:
    assert "no-store" in alice.client.get(path)["Cache-Control"]


# --- Events


def test_an_event_explains_who_was_told_and_who_was_not(alice: Tenant) -> None:
    told = WebhookFactory(number=alice.number, name="Told")
    WebhookFactory(number=alice.number, name="Deaf", events=["message.read"])
    other = NumberFactory(workspace=alice.workspace, phone="+5511988881021")
    WebhookFactory(number=other, name="Other")
    payload = RawPayloadFactory(number=alice.number, body='{"theirs":"words"}')
    event = EventFactory(number=alice.number, raw_payload=payload)
    DeliveryFactory(event=event, webhook=told, status=Delivery.Status.DELIVERED, due_at=None)
    WebhookFactory(number=alice.number, name="Late", created_at=timezone.now() + timedelta(minutes=1))
    text = page(alice.client, f"/events/{event.pk}")
    assert "1 of 1 delivered" in text
    assert "Its list does not hold message.sent: message.read." in text
    assert "1 webhook of other numbers" in text
    assert "It belongs to +55 11 98888-1021." in text
    assert "It was created after the event." in text
    assert "theirs" in text


def test_an_event_shows_which_of_its_fields_were_blanked(alice: Tenant) -> None:
    event = EventFactory(number=alice.number)
    assert "as delivered" in page(alice.client, f"/events/{event.pk}")
    blank_events(Event.objects.all())
    text = page(alice.client, f"/events/{event.pk}")
    assert "as it is kept" in text
    assert '<span class="k">&quot;content&quot;</span>: <span class="gone">blanked</span>' in text


@pytest.mark.parametrize("event_type", [one.name for one in EVENT_TYPES])
def test_an_event_of_every_type_is_listed_and_shown(event_type: str, alice: Tenant) -> None:
    event = EventFactory(number=alice.number, type=event_type)
    assert event.pk in page(alice.client, "/events")
    assert event_type in page(alice.client, f"/events/{event.pk}")


def test_events_are_narrowed_by_type_number_and_text(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True)
    sent = EventFactory(number=alice.number, message_id=message.pk)
    read = EventFactory(number=NumberFactory(workspace=alice.workspace), type="message.read")
    for query, wanted, other in [
        ({"type": "message.read"}, read, sent),
        ({"number": alice.number.pk}, sent, read),
        ({"q": message.correlation_id}, sent, read),
        ({"q": read.pk}, read, sent),
    ]:
        text = page(alice.client, "/events", **query)
        assert wanted.pk in text
        assert other.pk not in text


def test_events_are_paged_by_id(alice: Tenant) -> None:
    oldest = EventFactory(number=alice.number)
    for _ in range(50):
        EventFactory(number=alice.number)
    newest = page(alice.client, "/events")
    assert oldest.pk not in newest
    older = re.search(r'href="\?before=(evt_\w+)">Older', newest)
    assert older is not None
    assert oldest.pk in page(alice.client, "/events", before=older[1])


def test_samples_of_tests_are_not_in_the_log(alice: Tenant) -> None:
    event = EventFactory(number=alice.number, is_test=True)
    assert event.pk not in page(alice.client, "/events")
    assert "A sample." in page(alice.client, f"/events/{event.pk}")


def test_what_is_blanked_or_sealed_is_not_shown(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    payload = RawPayloadFactory(number=alice.number, body=alice.number.seal('{"text":"private words"}'))
    body = alice.number.seal('{"event":"message.received","data":{"from":"+447700900555"}}')
    event = EventFactory(number=alice.number, type="message.received", body=body, raw_payload=payload)
    text = page(alice.client, f"/events/{event.pk}") + page(alice.client, "/events")
    assert "private words" not in text
    assert "+447700900555" not in text
    assert "Relay only" in text


# --- Messages


def test_a_message_shows_its_life_and_what_answered_it(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True, contact_phone="+5511977770142")
    event = EventFactory(number=alice.number, message_id=message.pk)
    delivery = DeliveryFactory(event=event, webhook=WebhookFactory(number=alice.number, name="CRM"))
    reply = MessageFactory(
        number=alice.number,
        inbound=True,
        content="Perfect, thank you!",
        contact_phone=message.contact_phone,
        quoted_external_id=message.external_id,
    )
    body = {"event": "message.reply", "data": {"correlationId": message.correlation_id}}
    EventFactory(number=alice.number, type="message.reply", message_id=reply.pk, body=json.dumps(body))
    text = page(alice.client, f"/messages/{message.pk}")
    assert "message.sent" in text
    assert f"/deliveries/{delivery.pk}" in text
    assert "Perfect, thank you!" in text
    assert "quotes this message" in text
    assert "+55 11 97777-0142" in text


def test_a_reply_leads_to_what_it_quotes(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True)
    reply = MessageFactory(number=alice.number, inbound=True, quoted_external_id=message.external_id)
    found = re.search(r'href="(/find[^"]+)"', page(alice.client, f"/messages/{reply.pk}"))
    assert found is not None
    assert alice.client.get(found[1])["location"] == f"/messages/{message.pk}"


def test_a_scheduled_message_says_for_when(alice: Tenant) -> None:
    at = timezone.now().replace(year=2099, month=2, day=24)
    message = MessageFactory(number=alice.number, status="QUEUED", deliver_at=at, due_at=at)
    assert "24 Feb" in page(alice.client, f"/messages/{message.pk}")


@pytest.mark.parametrize("by", ["pk", "correlation_id", "external_id", "contact_phone"])
def test_a_message_is_found_by_whatever_is_known_of_it(by: str, alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True, contact_phone="+5511977770142")
    other = MessageFactory(number=alice.number, sent=True)
    text = page(alice.client, "/messages", q=getattr(message, by))
    assert message.pk in text
    assert other.pk not in text
    assert alice.client.get("/find", {"q": getattr(message, by)})["location"] == f"/messages/{message.pk}"


def test_messages_are_narrowed_by_status_and_direction(alice: Tenant) -> None:
    sent = MessageFactory(number=alice.number, sent=True)
    inbound = MessageFactory(number=alice.number, inbound=True)
    assert inbound.pk not in page(alice.client, "/messages", status="SENT")
    assert sent.pk not in page(alice.client, "/messages", direction="inbound")


def test_a_message_is_sent_by_hand(alice: Tenant) -> None:
    form = {"number": alice.number.pk, "to": "+12025550100", "text": "Hello"}
    response = alice.client.post("/messages/send", form)
    assert response["location"] == f"/messages/{Message.objects.get().pk}"


def test_a_message_to_nobody_is_refused_with_a_sentence(alice: Tenant) -> None:
    text = said(alice.client, "/messages/send", number=alice.number.pk, to="nobody", text="Hello")
    assert 'data-tone="bad"' in text
    assert "Say from which number" in said(alice.client, "/messages/send", number="num_x", to="+1", text="")
    assert not Message.objects.exists()


# --- Numbers


def test_a_number_shows_its_checks_webhooks_and_events(alice: Tenant) -> None:
    some_of_everything(alice)
    text = page(alice.client, f"/numbers/{alice.number.pk}")
    assert "The last 1 health checks: 1 healthy" in text
    assert "message.sent" in text


def test_a_number_says_where_its_provider_is_to_post_to_its_owners(alice: Tenant, reader: Client) -> None:
    Number.objects.filter(pk=alice.number.pk).update(provider="waha")
    token = Number.objects.get(pk=alice.number.pk).ingest_token
    assert f"/ingest/waha/{token}" in page(alice.client, f"/numbers/{alice.number.pk}")
    assert token not in page(reader, f"/numbers/{alice.number.pk}")


def test_a_number_is_added(alice: Tenant) -> None:
    form = {"phone": "+1 202 555 0177", "name": "New", "provider": "simulator"}
    response = alice.client.post("/numbers/new", form)
    assert response["location"] == f"/numbers/{Number.objects.get(phone='+12025550177').pk}"


def test_a_gateways_number_is_added_with_what_it_needs(alice: Tenant) -> None:
    form = {
        "phone": "+12025550177", "name": "New", "provider": "evolution",
        "evolution-baseUrl": "http://127.0.0.1:9", "evolution-instance": "shop", "evolution-apiKey": "secret",
    }  # fmt: skip
    alice.client.post("/numbers/new", form)
    assert Number.objects.get(phone="+12025550177").provider_ref


def test_a_number_that_cannot_be_added_says_why(alice: Tenant) -> None:
    text = said(alice.client, "/numbers/new", phone=alice.number.phone, name="Twice", provider="simulator")
    assert "is registered and active already" in text


def test_a_number_is_renamed(alice: Tenant) -> None:
    said(alice.client, f"/numbers/{alice.number.pk}/rename", name="Front desk")
    alice.number.refresh_from_db()
    assert alice.number.name == "Front desk"


@pytest.mark.parametrize(
    ("mode", "days", "kept"),
    [
        ("STORE_X_DAYS", "30", ("STORE_X_DAYS", 30)),
        ("RELAY_ONLY", "", ("RELAY_ONLY", None)),
        ("STORE_X_DAYS", "", ("STORE_INDEFINITE", None)),
        ("STORE_X_DAYS", "0", ("STORE_INDEFINITE", None)),
        ("STORE_X_DAYS", "many", ("STORE_INDEFINITE", None)),
        ("NONSENSE", "", ("STORE_INDEFINITE", None)),
    ],
)
def test_the_retention_of_a_number_is_set(
    mode: str, days: str, kept: tuple[str, int | None], alice: Tenant
) -> None:
    said(alice.client, f"/numbers/{alice.number.pk}/retention", mode=mode, days=days)
    alice.number.refresh_from_db()
    assert (alice.number.pii_mode, alice.number.pii_retention_days) == kept


def test_a_number_is_checked_when_asked(alice: Tenant) -> None:
    assert "The provider says: connected." in said(alice.client, f"/numbers/{alice.number.pk}/check")


def test_a_number_is_removed_restored_and_purged(alice: Tenant) -> None:
    path = f"/numbers/{alice.number.pk}"
    assert "Remove the number first" in said(alice.client, f"{path}/purge")
    said(alice.client, f"{path}/remove")
    assert "restorable" in page(alice.client, "/numbers")
    said(alice.client, f"{path}/restore")
    alice.number.refresh_from_db()
    assert alice.number.deleted_at is None
    said(alice.client, f"{path}/remove")
    assert "Counting what there is" in said(alice.client, f"{path}/purge")
    assert "is being erased" in page(alice.client, "/numbers")
    tasks.erase()
    assert not Number.objects.filter(pk=alice.number.pk).exists()
    progress = alice.client.get(f"{path}/purge/progress")
    assert (progress.status_code, "Nothing is left" in progress.content.decode()) == (286, True)


def test_a_purge_is_stopped(alice: Tenant, bob: Tenant) -> None:
    path = f"/numbers/{alice.number.pk}"
    said(alice.client, f"{path}/remove")
    said(alice.client, f"{path}/purge")
    assert "Erasing" not in page_of(bob.client, f"{path}/purge/progress")
    assert bob.client.post(f"{path}/purge/stop").status_code == 404
    assert "the rest is kept" in said(alice.client, f"{path}/purge/stop")
    assert "nothing to stop" in said(alice.client, f"{path}/purge/stop")


def page_of(client: Client, path: str) -> str:
    return client.get(path).content.decode()


def test_the_banner_leads_to_where_a_webhook_can_be_made_to_arrive(alice: Tenant, bob: Tenant) -> None:
    assert 'href="/numbers/try"' in page(alice.client, "/")
    assert alice.client.get("/numbers/try")["location"] == f"/numbers/{alice.number.pk}#simulate"
    Number.objects.filter(pk=bob.number.pk).update(provider="meta")
    assert bob.client.get("/numbers/try")["location"] == "/numbers"


@pytest.mark.parametrize("what", ["text", "reply", "reaction", "group"])
def test_the_simulator_plays_what_somebody_writes(what: str, alice: Tenant) -> None:
    sent = MessageFactory(number=alice.number, sent=True)
    path = f"/numbers/{alice.number.pk}/simulate"
    text = said(alice.client, path, what=what, **{"from": "+12025550199", "text": "Hi"})
    assert "Watch it arrive" in text
    body = RawPayload.objects.get(number=alice.number).body
    assert (sent.external_id in body) == (what in {"reply", "reaction"})


def test_the_simulator_fails_a_send(alice: Tenant) -> None:
    text = said(
        alice.client, f"/numbers/{alice.number.pk}/simulate", what="failure", **{"from": "+12025550199"}
    )
    assert "Failed send: played." in text
    assert Message.objects.get().contact_phone == "+12025550001"


@pytest.mark.parametrize("what", ["flap", "down", "logout", "up"])
def test_the_simulator_plays_a_change_of_the_connection(what: str, alice: Tenant) -> None:
    said(alice.client, f"/numbers/{alice.number.pk}/simulate", what=what)
    alice.number.refresh_from_db()
    assert ("simulated" in alice.number.settings) == (what in {"down", "logout"})
    assert '"connection"' in RawPayload.objects.get().body


def test_what_cannot_be_played_says_why(alice: Tenant) -> None:
    path = f"/numbers/{alice.number.pk}/simulate"
    assert "has not sent a message yet" in said(alice.client, path, what="reply", **{"from": "+12025550199"})
    assert "From is a phone" in said(alice.client, path, what="text", **{"from": "me"})
    assert alice.client.post(path, {"what": "earthquake"}).status_code == 404


def test_only_the_simulators_numbers_play(alice: Tenant) -> None:
    number = NumberFactory(workspace=alice.workspace, provider="meta")
    assert 'id="simulate"' not in page(alice.client, f"/numbers/{number.pk}")
    assert alice.client.post(f"/numbers/{number.pk}/simulate", {"what": "text"}).status_code == 404


# --- Live


def test_the_tail_shows_events_and_attempts_the_newest_first(alice: Tenant) -> None:
    some_of_everything(alice)
    text = page(alice.client, "/live/rows")
    assert text.index("/deliveries/") < text.index("/events/")
    assert "/deliveries/" not in page(alice.client, "/live/rows", show="events")
    assert "/events/" not in page(alice.client, "/live/rows", show="deliveries")
    assert "Nothing in the last hour" in page(alice.client, "/live/rows", show="problems")
    assert "Nothing in the last hour" in page(alice.client, "/live/rows", q="nothing says this")


def test_the_tail_is_silent_while_nothing_is_new(alice: Tenant) -> None:
    some_of_everything(alice)
    text = page(alice.client, "/live")
    after = re.search(r"after=(\w+)&", text)
    assert after is not None
    assert alice.client.get("/live/rows", {"after": after[1]}).status_code == 204
    Attempt.objects.update(status=Attempt.Status.FAILED)
    assert alice.client.get("/live/rows", {"after": after[1]}).status_code == 200


# --- API keys and reference


def test_a_key_is_shown_once(alice: Tenant) -> None:
    response = alice.client.post("/api-keys", {"name": "Backend", "number": alice.number.pk})
    shown = re.search(r"wak_[0-9a-f]{12}_\w{20,}", response.content.decode())
    assert shown is not None
    key = ApiKey.find(shown[0])
    assert key is not None
    assert (key.name, key.number_id, key.workspace) == ("Backend", alice.number.pk, alice.workspace)
    assert shown[0] not in page(alice.client, "/api-keys")


def test_a_key_of_another_workspaces_number_cannot_be_made(alice: Tenant, bob: Tenant) -> None:
    alice.client.post("/api-keys", {"name": "Backend", "number": bob.number.pk})
    assert not ApiKey.objects.filter(number_id=bob.number.pk).exists()


def test_a_key_is_revoked(alice: Tenant) -> None:
    key = ApiKey.find(alice.key)
    assert key is not None
    alice.client.post(f"/api-keys/{key.pk}/revoke")
    assert ApiKey.find(alice.key) is None


def test_the_reference_names_every_event_and_who_emits_it(alice: Tenant) -> None:
    text = page(alice.client, "/event-types")
    for event_type in EVENT_TYPES:
        assert f'id="{event_type.name}"' in text
    assert "quotedMessageId" in text


# --- Find


def test_any_id_leads_to_its_object(alice: Tenant) -> None:
    some_of_everything(alice)
    attempt = Attempt.objects.select_related("delivery__event", "webhook").get()
    event = attempt.delivery.event
    for text, target in [
        (attempt.webhook.pk, f"/webhooks/{attempt.webhook.pk}"),
        (attempt.delivery.pk, f"/deliveries/{attempt.delivery.pk}"),
        (attempt.pk, f"/deliveries/{attempt.delivery.pk}?attempt={attempt.pk}"),
        (event.pk, f"/events/{event.pk}"),
        (event.raw_payload_id, f"/events/{event.pk}"),
        (alice.number.pk, f"/numbers/{alice.number.pk}"),
        (alice.number.phone, f"/numbers/{alice.number.pk}"),
        (event.message_id, f"/messages/{event.message_id}"),
    ]:
        assert alice.client.get("/find", {"q": text})["location"] == target


def test_several_messages_of_a_contact_are_listed(alice: Tenant) -> None:
    MessageFactory(number=alice.number, contact_phone="+447700900999")
    MessageFactory(number=alice.number, contact_phone="+447700900999")
    response = alice.client.get("/find", {"q": "+44 7700 900999"})
    assert response["location"] == "/messages?q=%2B447700900999"


def test_what_is_not_found_is_said(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=bob.number)
    for text in ["", "nothing", webhook.pk, "nul\0", bob.number.phone]:
        response = alice.client.get("/find", {"q": text}, follow=True)
        assert "Nothing in this workspace" in response.content.decode()


def test_a_message_that_came_in_was_received(alice: Tenant) -> None:
    MessageFactory(number=alice.number, inbound=True)
    text = page(alice.client, "/messages")
    assert 'data-label="Received"' in text
    assert "Accepted" not in text


def test_an_event_leads_to_its_number(alice: Tenant) -> None:
    event = EventFactory(number=alice.number)
    assert f'href="/numbers/{alice.number.pk}"' in page(alice.client, f"/events/{event.pk}")


def test_what_is_not_found_stays_in_the_field_beside_no_rows(alice: Tenant) -> None:
    event = EventFactory(number=alice.number)
    text = alice.client.get("/find", {"q": "11 97777-0142"}, follow=True).content.decode()
    assert 'value="11 97777-0142"' in text
    assert "A phone needs its country code" in text
    assert event.pk not in text


# --- Who may


def test_a_strangers_things_do_not_exist(alice: Tenant, bob: Tenant) -> None:
    some_of_everything(alice)
    event = alice.workspace.events.get()
    for path in [f"/events/{event.pk}", f"/messages/{event.message_id}", f"/numbers/{alice.number.pk}"]:
        assert bob.client.get(path).status_code == 404
    for act in ["rename", "retention", "check", "remove", "restore", "purge", "simulate"]:
        assert bob.client.post(f"/numbers/{alice.number.pk}/{act}").status_code == 404
    key = ApiKey.find(alice.key)
    assert key is not None
    assert bob.client.post(f"/api-keys/{key.pk}/revoke").status_code == 404
    for path in ["/events", "/messages", "/live/rows", "/overview/events"]:
        assert event.pk not in page(bob.client, path)


def test_read_only_members_change_nothing(alice: Tenant, reader: Client) -> None:
    paths = ["/numbers/new", "/messages/send", "/api-keys"]
    acts = ["rename", "retention", "check", "remove", "restore", "purge", "simulate"]
    for path in [*paths, *(f"/numbers/{alice.number.pk}/{act}" for act in acts)]:
        response = reader.post(path)
        assert response.status_code == 403, path
    assert "can read but not change" in response.content.decode()
    for path in [*PAGES, f"/numbers/{alice.number.pk}"]:
        page(reader, path)


def test_a_removed_number_is_neither_checked_nor_played(alice: Tenant) -> None:
    remove([alice.number])
    for act in ["check", "remove", "simulate"]:
        assert alice.client.post(f"/numbers/{alice.number.pk}/{act}").status_code == 404
    assert "Restore" in page(alice.client, f"/numbers/{alice.number.pk}")
