"""The pages of webhooks: what they show, what can be done on them, and who may."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Membership
from events.catalog import EVENT_TYPES
from phone_numbers import registering
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MembershipFactory,
    MessageFactory,
    MetaNumberFactory,
    NumberFactory,
    UserFactory,
    WebhookFactory,
)
from webhooks import configuring, recovering
from webhooks.activating import set_active
from webhooks.forms import ALL_NUMBERS
from webhooks.models import Attempt, Delivery, RecoveryJob, Trigger, Webhook
from webhooks.replaying import send_test

pytestmark = pytest.mark.django_db

URL = "https://hooks.example.com/wa"


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


def queries_of(client: Client, path: str) -> int:
    cache.clear()
    with CaptureQueriesContext(connection) as queries:
        page(client, path)
    return len(queries)


def failed_delivery(alice: Tenant, webhook: Webhook, status: str = Delivery.Status.EXHAUSTED) -> Delivery:
    event = EventFactory(number=alice.number)
    delivery = DeliveryFactory(event=event, webhook=webhook, status=status, due_at=None, attempts_made=1)
    AttemptFactory(
        delivery=delivery, status=Attempt.Status.FAILED, status_code=503, error_class="status",
        error="503 from the receiver.", response_body='{"error":"maintenance"}',
        request_headers={"webhook-id": event.pk},
    )  # fmt: skip
    return delivery


# --- The list


def test_the_front_page_leads_to_the_webhooks(alice: Tenant) -> None:
    assert alice.client.get("/", follow=True).status_code == 200


def test_without_a_webhook_the_page_teaches_how_to_make_one(alice: Tenant) -> None:
    text = page(alice.client, "/webhooks")
    assert "Receive your first event in a minute" in text
    assert alice.number.pk in text


def test_webhooks_are_listed_by_number_those_of_the_workspace_first(alice: Tenant) -> None:
    WebhookFactory(number=alice.number, name="Orders")
    WebhookFactory(number=None, workspace=alice.workspace, name="Archive")
    text = page(alice.client, "/webhooks").split('id="list"')[1]
    assert text.index("Archive") < text.index(alice.number.phone) < text.index("Orders")


def test_the_list_says_why_a_webhook_fails(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, consecutive_failures=3, failing_since=timezone.now())
    failed_delivery(alice, webhook)
    text = page(alice.client, "/webhooks")
    assert "Failing" in text
    assert "503 Service Unavailable; 3 failures in a row" in text


def test_a_failing_webhook_that_is_being_tried_says_so(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, consecutive_failures=2, failing_since=timezone.now())
    delivery = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    AttemptFactory(delivery=delivery, status=Attempt.Status.SENDING, status_code=None)
    assert "2 failures in a row; the next try is under way" in page(alice.client, "/webhooks")


def test_a_webhook_without_events_is_said_to_dispatch_nothing(alice: Tenant) -> None:
    WebhookFactory(number=alice.number, events=[])
    assert "Its list is empty: dispatches nothing" in page(alice.client, "/webhooks")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ({"q": "crm"}, {"CRM"}),
        ({"q": "hooks.example.com"}, {"Orders"}),
        ({"number": "workspace"}, {"Archive"}),
        ({"state": "paused"}, {"Orders"}),
        ({"state": "active"}, {"CRM", "Archive"}),
        ({"state": "attention"}, set()),
        ({"state": "disabled"}, set()),
        ({"q": "nul\0"}, set()),
    ],
)
def test_the_list_is_narrowed_by_text_number_and_state(
    alice: Tenant, query: dict[str, str], shown: set[str]
) -> None:
    WebhookFactory(number=alice.number, name="CRM")
    set_active([WebhookFactory(number=alice.number, name="Orders", url=URL)], False)
    WebhookFactory(number=None, workspace=alice.workspace, name="Archive")
    text = page(alice.client, "/webhooks", **query)
    assert {name for name in ("CRM", "Orders", "Archive") if f">{name}</a>" in text} == shown


def test_the_list_takes_the_same_queries_however_many_webhooks_and_attempts(alice: Tenant) -> None:
    failed_delivery(alice, WebhookFactory(number=alice.number))
    few = queries_of(alice.client, "/webhooks")
    for _ in range(5):
        webhook = WebhookFactory(number=alice.number)
        for _ in range(30):
            failed_delivery(alice, webhook)
    assert queries_of(alice.client, "/webhooks") == few


@pytest.mark.parametrize(
    ("how_many", "said"), [(1, "1 webhook, 1 needs attention"), (2, "2 webhooks, 2 need attention")]
)
def test_what_needs_attention_is_counted_in_words(how_many: int, said: str, alice: Tenant) -> None:
    WebhookFactory.create_batch(how_many, number=alice.number, consecutive_failures=1)
    text = page(alice.client, "/webhooks")
    assert f">{said}<" in text
    assert f" {said.split(', ')[1][2:]}</span>" in text


def test_a_list_that_is_cut_says_so(alice: Tenant) -> None:
    WebhookFactory.create_batch(201, number=alice.number, events=["message.sent"])
    assert ">The first 200 webhooks<" in page(alice.client, "/webhooks")


@pytest.mark.parametrize(
    ("how_many", "waits", "canceled"),
    [
        (1, "1 delivery waits, nothing is lost", "1 pending delivery is canceled"),
        (2, "2 deliveries wait, nothing is lost", "2 pending deliveries are canceled"),
    ],
)
def test_what_waits_is_counted_in_words(how_many: int, waits: str, canceled: str, alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, consecutive_failures=1)
    DeliveryFactory.create_batch(how_many, webhook=webhook)
    text = page(alice.client, f"/webhooks/{webhook.pk}")
    assert waits in text
    assert canceled in text


def test_htmx_gets_the_rows_alone(alice: Tenant) -> None:
    WebhookFactory(number=alice.number, name="Orders")
    text = alice.client.get("/webhooks", headers={"HX-Request": "true"}).content.decode()
    assert "Orders" in text
    assert "<html" not in text


# --- Create, change, delete


def test_a_webhook_of_a_number_that_was_removed_meanwhile_is_not_made_one_of_all_numbers(
    alice: Tenant,
) -> None:
    NumberFactory(workspace=alice.workspace)
    registering.remove([alice.number])
    form = {"number": alice.number.pk, "name": "CRM", "url": URL, "events": ["message.sent"]}
    response = alice.client.post("/webhooks/new", form)
    assert response.status_code == 400
    text = response.content.decode()
    assert "This number was removed" in text
    assert re.findall(r'<option value="(\w*)" selected>', text) == [""]
    assert 'value="CRM"' in text


def test_a_webhook_is_created_with_its_events_and_a_secret(alice: Tenant) -> None:
    form = {"number": alice.number.pk, "name": "CRM", "url": URL, "events": ["message.sent", "message.reply"]}
    response = alice.client.post("/webhooks/new", form)
    webhook = Webhook.objects.get()
    assert response["location"] == f"/webhooks/{webhook.pk}"
    assert (webhook.workspace, webhook.number, webhook.name, webhook.url) == (
        alice.workspace, alice.number, "CRM", URL,
    )  # fmt: skip
    assert webhook.events == ["message.reply", "message.sent"]
    assert webhook.secrets.get().secret in page(alice.client, f"/webhooks/{webhook.pk}/secret")


def test_a_webhook_for_all_numbers_belongs_to_none(alice: Tenant) -> None:
    alice.client.post("/webhooks/new", {"number": "all", "name": "Archive", "url": URL, "events": ["*"]})
    assert Webhook.objects.get().number is None


def test_a_webhook_can_be_created_and_tried_in_one_go(alice: Tenant) -> None:
    form = {"number": alice.number.pk, "name": "CRM", "url": URL, "events": ["message.reply"], "then": "test"}
    response = alice.client.post("/webhooks/new", form)
    delivery = Delivery.objects.get()
    assert (delivery.trigger, delivery.event.type) == (Trigger.TEST, "message.reply")
    assert response["location"] == f"/deliveries/{delivery.pk}"


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"url": "ftp://example.com"}, "The URL must begin with https:// or http://."),
        ({"url": "https://10.0.0.5/hook"}, "Webhooks cannot be sent there"),
        ({"url": ""}, "This field is required."),
        ({"name": ""}, "This field is required."),
        ({"number": "num_unknown"}, ""),
        ({"events": ["message.unknown"]}, "message.unknown is not one of the available choices"),
    ],
)
def test_a_form_with_a_mistake_says_which_and_keeps_what_was_typed(
    alice: Tenant, wrong: dict[str, str], sentence: str
) -> None:
    form = {"number": alice.number.pk, "name": "Typed", "url": URL, "events": ["message.sent"]} | wrong
    response = alice.client.post("/webhooks/new", form)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert form["name"] in response.content.decode()
    assert not Webhook.objects.exists()


def test_a_number_of_another_workspace_cannot_be_chosen(alice: Tenant, bob: Tenant) -> None:
    form = {"number": bob.number.pk, "name": "CRM", "url": URL, "events": ["*"]}
    assert alice.client.post("/webhooks/new", form).status_code == 400
    assert not Webhook.objects.exists()


def test_events_that_the_provider_cannot_emit_are_shown_and_cannot_be_ticked(alice: Tenant) -> None:
    meta = MetaNumberFactory(workspace=alice.workspace)
    text = page(alice.client, "/webhooks/picker", number=meta.pk)
    option = re.search(r'value="message.newsletter"([^>]*)>.*?<small>(.*?)</small>', text)
    assert option is not None
    assert "disabled" in option[1]
    assert option[2].endswith("cannot emit it.")
    assert 'value="call.ended">' in text


def test_a_webhook_of_one_number_is_not_offered_what_it_cannot_hear(alice: Tenant) -> None:
    text = page(alice.client, "/webhooks/picker", number=alice.number.pk)
    option = re.search(r'value="number.created"([^>]*)>.*?<small>(.*?)</small>', text)
    assert option is not None
    assert "disabled" in option[1]
    assert option[2] == "Only a webhook of all numbers can hear it."
    assert f"{len(EVENT_TYPES) - text.count(' disabled>')} events can come" in text
    assert " disabled>" not in page(alice.client, "/webhooks/picker", number=ALL_NUMBERS)


def test_how_long_deliveries_are_kept_is_what_the_settings_say(alice: Tenant, settings: Any) -> None:
    settings.KEEP_DELIVERIES, settings.KEEP_ATTEMPTS = timedelta(days=77), timedelta(days=11)
    webhook = WebhookFactory(number=alice.number)
    text = page(alice.client, f"/webhooks/{webhook.pk}")
    assert "kept for 77 days, their attempts for 11" in text


@pytest.mark.parametrize(
    ("events", "sample"),
    [(["message.failed", "message.sent", "call.ended"], "message.sent"), (["*"], "message.received")],
)
def test_a_sample_is_the_same_wherever_it_is_asked_for(events: list[str], sample: str, alice: Tenant) -> None:
    form = {"number": ALL_NUMBERS, "name": "CRM", "url": URL, "events": events, "then": "test"}
    alice.client.post("/webhooks/new", form)
    assert Delivery.objects.get().event.type == sample
    webhook = Webhook.objects.get()
    alice.api.post(f"/v1/webhooks/{webhook.pk}/test", {}, content_type="application/json")
    assert [delivery.event.type for delivery in Delivery.objects.all()] == [sample, sample]
    dialog = page(alice.client, f"/webhooks/{webhook.pk}").split('id="t-event"')[1].split("</select>")[0]
    chosen = re.search(r"<option selected>(.*?)<", dialog)
    assert chosen is not None
    assert chosen[1] == sample


def test_the_picker_keeps_what_was_ticked(alice: Tenant) -> None:
    text = page(alice.client, "/webhooks/picker", number=alice.number.pk, events="message.read")
    assert 'value="message.read" checked' in text


@pytest.mark.parametrize(
    ("url", "tone"), [(URL, "ok"), ("http://hooks.example.com/", "warn"), ("https://127.1.1.1:22/", "bad")]
)
def test_the_url_field_says_whether_an_address_can_be_used(alice: Tenant, url: str, tone: str) -> None:
    text = alice.client.post("/webhooks/check-url", {"url": url}).content.decode()
    assert f'data-tone="{tone}"' in text


def test_a_webhook_is_changed(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, events=["message.sent"])
    assert 'value="message.sent" checked' in page(alice.client, f"/webhooks/{webhook.pk}/edit")
    form = {"name": "New name", "url": URL, "events": ["message.read"]}
    assert alice.client.post(f"/webhooks/{webhook.pk}/edit", form).status_code == 302
    webhook = Webhook.objects.get()
    assert (webhook.name, webhook.url, webhook.events) == ("New name", URL, ["message.read"])


def test_a_change_with_a_mistake_changes_nothing(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, name="Orders")
    form = {"name": "New name", "url": "nonsense", "events": []}
    assert alice.client.post(f"/webhooks/{webhook.pk}/edit", form).status_code == 400
    assert Webhook.objects.get().name == "Orders"


def test_a_deleted_webhook_is_gone(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    assert alice.client.post(f"/webhooks/{webhook.pk}/delete")["location"] == "/webhooks"
    assert alice.client.get(f"/webhooks/{webhook.pk}").status_code == 404


# --- A webhook


def test_a_webhook_is_paused_and_enabled(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    alice.client.post(f"/webhooks/{webhook.pk}/pause")
    assert "Paused" in page(alice.client, f"/webhooks/{webhook.pk}")
    alice.client.post(f"/webhooks/{webhook.pk}/enable")
    webhook.refresh_from_db()
    assert webhook.active


@pytest.mark.parametrize("reason", [Webhook.DisabledReason.PAUSED, Webhook.DisabledReason.GONE])
def test_a_webhook_that_is_off_is_enabled_in_one_place_with_both_choices(alice: Tenant, reason: str) -> None:
    """The better one first; where nothing is held there is nothing to choose."""
    webhook = WebhookFactory(number=alice.number)
    path, enable = f"/webhooks/{webhook.pk}", f'action="/webhooks/{webhook.pk}/enable"'
    set_active([webhook], False, Webhook.DisabledReason(reason))
    text = page(alice.client, path)
    assert text.count(enable) == 1
    assert "Nothing is held so far." in text
    # What would be refused is not offered.
    assert "Send test event</button>" not in text
    assert "Recover…</button>" not in text
    failed_delivery(alice, webhook, Delivery.Status.HELD)
    text = page(alice.client, path)
    assert text.count(enable) == 1
    choices = re.findall(r"<button[^>]*>([^<]*)</button>", text.split(enable)[1].split("</form>")[0])
    assert choices == ["Enable and recover 1", "Enable only"]
    assert "1 delivery is held: what waited then, and what has happened since." in text


def test_enabling_can_recover_what_was_missed(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    set_active([webhook], False, Webhook.DisabledReason.GONE)
    missed = failed_delivery(alice, webhook, Delivery.Status.HELD)
    assert "Enable and recover 1" in page(alice.client, f"/webhooks/{webhook.pk}")
    alice.client.post(f"/webhooks/{webhook.pk}/enable", {"recover": "1"})
    missed.refresh_from_db()
    assert missed.status == Delivery.Status.PENDING


def test_the_dialog_offers_to_recover_from_before_the_first_failure(alice: Tenant) -> None:
    webhook = WebhookFactory(
        number=alice.number, failing_since=datetime(2026, 11, 25, 8, 2, tzinfo=UTC), consecutive_failures=1
    )
    assert 'value="2026-11-25T07:57"' in page(alice.client, f"/webhooks/{webhook.pk}")


def test_recovering_since_a_moment_takes_what_was_given_up(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    missed = failed_delivery(alice, webhook)
    since = (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    alice.client.post(f"/webhooks/{webhook.pk}/recover", {"since": since})
    missed.refresh_from_db()
    assert missed.status == Delivery.Status.PENDING


@pytest.mark.parametrize("waits", [True, False])
def test_a_recovery_of_nothing_is_refused_with_a_sentence(alice: Tenant, waits: bool) -> None:
    webhook = WebhookFactory(number=alice.number)
    if waits:
        DeliveryFactory(event__number=alice.number, webhook=webhook)
    response = alice.client.post(
        f"/webhooks/{webhook.pk}/recover", {"since": "2020-01-01T00:00"}, follow=True
    )
    text = response.content.decode()
    assert "Nothing was missed since then." in text
    assert ("1 delivery waits and is sent by itself, now." in text) is waits
    assert not RecoveryJob.objects.exists()


def test_a_job_with_nothing_to_do_is_not_shown(alice: Tenant) -> None:
    """The API answers one, with 0."""
    webhook = WebhookFactory(number=alice.number)
    recovering.start(webhook, recovering.Kind.FAILED, timezone.now())
    assert 'id="job"' not in page(alice.client, f"/webhooks/{webhook.pk}")


def test_a_recovery_says_beforehand_how_much_it_would_send(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    failed_delivery(alice, webhook)
    path = f"/webhooks/{webhook.pk}/recover/preview"
    since = {"since": (timezone.now() - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")}
    assert alice.client.post(path, since).content == b"1 delivery would be sent."
    assert alice.client.post(path, {"since": "2090-01-01T00:00"}).content == b"Nothing was missed."
    assert alice.client.post(path, {"since": ""}).content == b""


@pytest.mark.parametrize(
    ("waiting", "resumes", "said"),
    [
        (2, 15, "2 deliveries wait and are sent by themselves, the next in 15 s."),
        (1, 15, "1 delivery waits and is sent by itself, in 15 s."),
        (2, None, "2 deliveries wait and are sent by themselves, the next now."),
    ],
)
def test_a_recovery_says_beforehand_what_waits_without_it(
    alice: Tenant, waiting: int, resumes: int | None, said: str
) -> None:
    now = timezone.now()
    webhook = WebhookFactory(
        number=alice.number, resume_at=now + timedelta(seconds=resumes) if resumes else None
    )
    for _ in range(waiting):
        DeliveryFactory(event__number=alice.number, webhook=webhook, due_at=now)
    path = f"/webhooks/{webhook.pk}/recover/preview"
    with time_machine.travel(now, tick=False):
        answer = alice.client.post(path, {"since": "2020-01-01T00:00"})
    assert answer.content.decode() == f"Nothing was missed. {said}"


def test_an_open_page_of_a_webhook_that_was_deleted_is_loaded_anew(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    path = f"/webhooks/{webhook.pk}/now"
    assert "HX-Refresh" not in alice.client.get(path)
    configuring.delete_webhooks([webhook])
    for tenant in (alice, bob):
        response = tenant.client.get(path)
        assert (response.status_code, response["HX-Refresh"]) == (404, "true")


def test_a_recovery_shows_its_progress_until_it_is_over_and_the_rest_agrees(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    missed = failed_delivery(alice, webhook)
    recovering.start(webhook, recovering.Kind.FAILED, timezone.now() - timedelta(hours=1))
    path = f"/webhooks/{webhook.pk}"
    for text in (page(alice.client, path), page(alice.client, f"{path}/now")):
        assert "Recovering 1 missed delivery, oldest first." in text
        assert "1 waits." in text
        assert "Recovering</span>" in text
        assert "<dt>Pending</dt><dd>1<" in text
        assert 'id="next" aria' in text
        assert f'hx-get="{path}/now" hx-trigger="every 1s"' in text
    Delivery.objects.filter(pk=missed.pk).update(status=Delivery.Status.DELIVERED, due_at=None)
    text = page(alice.client, f"{path}/now")
    assert "1 delivered" in text
    assert "Active</span>" in text
    assert "<dt>Pending</dt><dd>0<" in text
    assert 'id="next" hidden' in text
    assert f'hx-get="{path}/now" hx-trigger="every 3s"' in text


def test_what_becomes_of_a_failing_webhook_is_seen_without_a_reload(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, consecutive_failures=12, openings=1)
    path = f"/webhooks/{webhook.pk}"
    assert 'role="alert"' in page(alice.client, path)
    text = page(alice.client, f"{path}/now")
    assert "Breaker open: 12 failures in a row" in text
    assert 'role="alert"' not in text, "read out once"
    Webhook.objects.update(consecutive_failures=0)
    assert "Active</span>" in page(alice.client, f"{path}/now")


def test_what_changes_on_a_webhooks_page_is_the_members_alone(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    assert bob.client.get(f"/webhooks/{webhook.pk}/now").status_code == 404
    assert alice.client.post(f"/webhooks/{webhook.pk}/now").status_code == 405


def test_a_webhook_that_is_on_again_says_what_is_still_held(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    address = f"/webhooks/{webhook.pk}"
    assert "Nothing sends them by itself" not in page(alice.client, address)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook, status="held", due_at=None)
    assert "1 delivery is held." in page(alice.client, address)


def test_what_is_next_waits_as_long_as_its_webhook_does(alice: Tenant) -> None:
    resumes = timezone.now() + timedelta(minutes=7)
    webhook = WebhookFactory(number=alice.number, resume_at=resumes)
    soon = timezone.now() + timedelta(minutes=1)
    delivery = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook, due_at=soon)
    for address in (f"/webhooks/{webhook.pk}", f"/deliveries/{delivery.pk}"):
        countdowns = re.findall(r'data-until="([^"]+)"', page(alice.client, address))
        assert {moment[:19] for moment in countdowns} == {resumes.isoformat()[:19]}, address


def test_a_recovery_is_stopped_and_what_was_not_sent_is_held(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    missed = failed_delivery(alice, webhook)
    job = recovering.start(webhook, recovering.Kind.FAILED, timezone.now() - timedelta(hours=1))
    alice.client.post(f"/jobs/{job.pk}/cancel")
    missed.refresh_from_db()
    assert missed.status == Delivery.Status.HELD
    again = alice.client.post(f"/jobs/{job.pk}/cancel", follow=True)
    assert "The recovery was over already." in again.content.decode()


def test_a_strangers_recovery_does_not_exist(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    job = recovering.start(webhook, recovering.Kind.FAILED, timezone.now())
    assert bob.client.post(f"/jobs/{job.pk}/cancel").status_code == 404
    assert bob.client.post(f"/webhooks/{webhook.pk}/recover/preview").status_code == 404


def test_recovering_needs_a_moment(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    response = alice.client.post(f"/webhooks/{webhook.pk}/recover", {"since": "yesterday"}, follow=True)
    assert "Say since when" in response.content.decode()


ON_RECORD = {
    "pause": ({}, "Paused the webhook CRM."),
    "enable": ({}, "Enabled the webhook CRM."),
    "enable and recover": ({"recover": "1"}, "Enabled the webhook CRM and recovered what it missed."),
    "rotate": ({}, "Rotated the secret of the webhook CRM."),
    "delete": ({}, "Deleted the webhook CRM."),
    "edit": (
        {"name": "CRM", "url": URL, "events": ["message.reply"]},
        "Changed the webhook CRM: URL, events.",
    ),
}


@pytest.mark.parametrize("act", ON_RECORD)
def test_what_is_done_to_a_webhook_is_on_record(act: str, alice: Tenant) -> None:
    form, sentence = ON_RECORD[act]
    webhook = WebhookFactory(number=alice.number, name="CRM")
    failed_delivery(alice, webhook, Delivery.Status.HELD)
    alice.client.post(f"/webhooks/{webhook.pk}/{act.split()[0]}", form)
    assert sentence in page(alice.client, "/members")
    assert LogEntry.objects.get(object_id=webhook.pk).change_message == sentence


def test_a_webhook_that_is_created_is_on_record(alice: Tenant) -> None:
    alice.client.post("/webhooks/new", {"number": ALL_NUMBERS, "name": "CRM", "url": URL, "events": ["*"]})
    assert "Created the webhook CRM." in page(alice.client, "/members")


def test_a_form_that_changes_nothing_is_not_on_record(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, name="CRM", url=URL)
    form = {"name": "CRM", "url": URL, "events": ["*"]}
    assert alice.client.post(f"/webhooks/{webhook.pk}/edit", form).status_code == 302
    assert not LogEntry.objects.exists()


def test_a_paused_webhook_says_who_paused_it_last(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    path = f"/webhooks/{webhook.pk}"
    alice.client.post(f"{path}/pause")
    assert "By alice@example.com; what happens meanwhile is kept" in page(alice.client, path)
    alice.client.post(f"{path}/enable")
    set_active([webhook], False)
    assert "By a person; what happens meanwhile is kept" in page(alice.client, path)


def test_a_webhook_that_the_support_desk_disabled_says_so(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    desk = Client()
    desk.force_login(UserFactory(is_staff=True, is_superuser=True))
    form = {"action": "disable", "_selected_action": [webhook.pk], "confirmed": "1"}
    desk.post("/admin/webhooks/webhook/", form)
    assert "By the support desk; what" in page(alice.client, f"/webhooks/{webhook.pk}")


def test_a_rotated_secret_is_shown_beside_the_old_one(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    old = webhook.secrets.get().secret
    response = alice.client.post(f"/webhooks/{webhook.pk}/rotate", follow=True)
    new = webhook.secrets.get(expires_at=None).secret
    assert new != old
    assert new in response.content.decode()
    assert old in response.content.decode()


def test_a_test_event_leads_to_its_delivery(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    response = alice.client.post(f"/webhooks/{webhook.pk}/test", {"event": "number.connected"})
    assert response["location"] == f"/deliveries/{Delivery.objects.get().pk}"
    assert "Pending" in page(alice.client, response["location"])


def test_a_workspace_without_numbers_keeps_its_webhook_and_learns_why_no_test_was_sent(alice: Tenant) -> None:
    alice.number.delete()
    form = {"number": ALL_NUMBERS, "name": "CRM", "url": URL, "events": ["number.created"], "then": "test"}
    response = alice.client.post("/webhooks/new", form, follow=True)
    assert Webhook.objects.get().name == "CRM"
    assert "The workspace has no number yet" in response.content.decode()


def test_a_test_of_no_event_is_refused_with_a_sentence(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    response = alice.client.post(f"/webhooks/{webhook.pk}/test", {"event": "message.unknown"}, follow=True)
    assert "There is no event" in response.content.decode()


def test_a_test_of_a_paused_webhook_is_refused_with_a_sentence(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, active=False, disabled_reason="paused")
    response = alice.client.post(f"/webhooks/{webhook.pk}/test", {"event": "message.sent"}, follow=True)
    assert response.redirect_chain == [(f"/webhooks/{webhook.pk}", 302)]
    assert "The webhook is disabled. Enable it, then send the test." in response.content.decode()
    assert not Delivery.objects.exists()


def test_what_is_ticked_is_sent_again(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    chosen, other = failed_delivery(alice, webhook), failed_delivery(alice, webhook)
    alice.client.post(f"/webhooks/{webhook.pk}/redeliver", {"delivery": [chosen.pk]})
    assert Delivery.objects.filter(trigger=Trigger.MANUAL).get().event == chosen.event
    assert other.event.deliveries.count() == 1


@pytest.mark.parametrize("by", ["pk", "event_id", "message", "correlation", "wamid", "phone"])
def test_a_delivery_is_found_by_whatever_is_known_of_it(alice: Tenant, by: str) -> None:
    webhook = WebhookFactory(number=alice.number)
    message = MessageFactory(number=alice.number, sent=True, contact_phone="+5511987654321")
    wanted = DeliveryFactory(event=EventFactory(number=alice.number, message_id=message.pk), webhook=webhook)
    other = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    names = {
        "pk": wanted.pk, "event_id": wanted.event_id, "message": message.pk,
        "correlation": message.correlation_id, "wamid": message.external_id, "phone": "+55 11 98765-4321",
    }  # fmt: skip
    text = page(alice.client, f"/webhooks/{webhook.pk}", q=names[by])
    assert f'"/deliveries/{wanted.pk}"' in text.split('id="deliveries"')[1]
    assert f'"/deliveries/{other.pk}"' not in text.split('id="deliveries"')[1]


def test_deliveries_are_narrowed_by_status_and_paged_by_id(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    given_up = failed_delivery(alice, webhook)
    for _ in range(26):
        failed_delivery(alice, webhook, Delivery.Status.DELIVERED)
    path = f"/webhooks/{webhook.pk}"
    assert given_up.pk in page(alice.client, path, status="exhausted")
    newest = page(alice.client, path)
    assert given_up.pk not in newest
    older = re.search(r'href="\?before=(dlv_\w+)">Older', newest)
    assert older is not None
    assert given_up.pk in page(alice.client, path, before=older[1])


def test_a_webhooks_page_takes_the_same_queries_however_long_its_log(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    failed_delivery(alice, webhook)
    few = queries_of(alice.client, f"/webhooks/{webhook.pk}")
    for _ in range(60):
        failed_delivery(alice, webhook)
    assert queries_of(alice.client, f"/webhooks/{webhook.pk}") == few


# --- A delivery


def test_a_delivery_shows_what_was_sent_and_what_came_back(alice: Tenant) -> None:
    delivery = failed_delivery(alice, WebhookFactory(number=alice.number))
    text = page(alice.client, f"/deliveries/{delivery.pk}")
    assert "503 Service Unavailable" in text
    assert "maintenance" in text
    assert f"webhook-id: {delivery.event_id}" in text
    assert "redeliver it once the receiver is mended" in text


def test_a_test_is_no_attempt_of_nine(alice: Tenant) -> None:
    delivery = send_test(WebhookFactory(number=alice.number), "message.sent")
    assert "The test is due now." in page(alice.client, f"/deliveries/{delivery.pk}")


def test_a_pending_delivery_says_when_it_is_tried_next(alice: Tenant) -> None:
    delivery = failed_delivery(alice, WebhookFactory(number=alice.number), Delivery.Status.PENDING)
    Delivery.objects.filter(pk=delivery.pk).update(due_at=timezone.now() + timedelta(seconds=90))
    text = page(alice.client, f"/deliveries/{delivery.pk}")
    assert re.search(r"Attempt 2 of 9 is due in 1 m (29|30) s\.", text)
    assert "data-until" in text


def test_a_delivery_is_sent_again(alice: Tenant) -> None:
    delivery = failed_delivery(alice, WebhookFactory(number=alice.number))
    response = alice.client.post(f"/deliveries/{delivery.pk}/redeliver")
    again = Delivery.objects.get(trigger=Trigger.MANUAL)
    assert response["location"] == f"/deliveries/{again.pk}"


@pytest.mark.parametrize("ticked", [True, False])
def test_what_a_paused_webhook_missed_is_not_sent_again_before_it_is_enabled(
    alice: Tenant, ticked: bool
) -> None:
    webhook = WebhookFactory(number=alice.number, active=False, disabled_reason="paused")
    delivery = failed_delivery(alice, webhook, Delivery.Status.HELD)
    page_of_it = f"/webhooks/{webhook.pk}" if ticked else f"/deliveries/{delivery.pk}"
    response = alice.client.post(f"{page_of_it}/redeliver", {"delivery": [delivery.pk]}, follow=True)
    assert response.redirect_chain == [(page_of_it, 302)]
    assert "The webhook is disabled. Enable it, then send again." in response.content.decode()
    assert Delivery.objects.get() == delivery


def test_what_a_relay_only_number_still_has_in_flight_is_not_shown(alice: Tenant) -> None:
    alice.number.pii_mode = "RELAY_ONLY"
    alice.number.save()
    event = EventFactory(number=alice.number, body=alice.number.seal('{"secret":"words"}'))
    delivery = DeliveryFactory(event=event, webhook=WebhookFactory(number=alice.number))
    assert "words" not in page(alice.client, f"/deliveries/{delivery.pk}")


# --- Who may

PAGES = ["", "/edit", "/secret"]
ACTS = ["/delete", "/pause", "/enable", "/rotate", "/test", "/recover", "/redeliver"]


def test_anonymous_visitors_log_in_first(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    for path in ["/webhooks", "/webhooks/new", *(f"/webhooks/{webhook.pk}{end}" for end in PAGES + ACTS)]:
        response = Client().get(path)
        assert urlsplit(response["location"]).path == "/login", path


def test_a_strangers_webhooks_and_deliveries_do_not_exist(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    delivery = failed_delivery(alice, webhook)
    for end in PAGES:
        assert bob.client.get(f"/webhooks/{webhook.pk}{end}").status_code == 404
    for end in ACTS:
        assert bob.client.post(f"/webhooks/{webhook.pk}{end}").status_code == 404
    assert bob.client.get(f"/deliveries/{delivery.pk}").status_code == 404
    assert bob.client.post(f"/deliveries/{delivery.pk}/redeliver").status_code == 404
    assert webhook.name not in page(bob.client, "/webhooks")


def test_read_only_members_see_everything_and_change_nothing(alice: Tenant, reader: Client) -> None:
    webhook = WebhookFactory(number=alice.number)
    delivery = failed_delivery(alice, webhook)
    for path in ["/webhooks", f"/webhooks/{webhook.pk}", f"/deliveries/{delivery.pk}"]:
        assert 'method="post" action="/webhooks/' not in page(reader, path).replace(
            f'action="/webhooks/{webhook.pk}/redeliver" id="rows"', ""
        )
    for path in ["/webhooks/new", *(f"/webhooks/{webhook.pk}{end}" for end in [*ACTS, "/edit"])]:
        assert reader.post(path).status_code == 403, path
    assert reader.post(f"/deliveries/{delivery.pk}/redeliver").status_code == 403
    assert webhook.secrets.get().secret not in page(reader, f"/webhooks/{webhook.pk}/secret")


def test_acts_are_posted(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    for end in ACTS:
        assert alice.client.get(f"/webhooks/{webhook.pk}{end}").status_code == 405
