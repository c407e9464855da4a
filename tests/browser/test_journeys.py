"""What people come for, done in a real browser."""

import re

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership
from tests.browser.conftest import LogIn
from tests.conftest import Tenant
from tests.factories import EventFactory, MembershipFactory, MessageFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks.fanout import fan_out
from webhooks.models import Webhook

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def send_test(page: Page, webhook: Webhook) -> None:
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Send test event").click()
    page.locator("#test").get_by_role("button", name="Send").click()
    page.wait_for_url("**/deliveries/*")


def test_a_webhook_with_three_events_is_created_and_tried(
    page: Page, alice: Tenant, receiver: Receiver, worker: None
) -> None:
    page.get_by_role("link", name="Webhooks").first.click()
    page.get_by_role("link", name="Create webhook").first.click()
    page.fill("#name", "CRM")
    page.fill("#url", receiver.url)
    for event in ("message.sent", "message.delivered", "message.reply"):
        page.check(f"input[value='{event}']")
    expect(page.locator("#url-note")).to_contain_text("Not encrypted")
    page.hover("[data-event='number.connected']")
    expect(page.locator("#sample pre")).to_contain_text('"displayName"')
    page.get_by_role("button", name="Create and send a test").click()
    expect(page.locator("h1")).to_contain_text("Delivered")
    expect(page.locator("#request")).to_contain_text("webhook-signature")
    (request,) = receiver.requests
    assert request.headers["webhook-event"] == "message.delivered"
    assert Webhook.objects.get().events == ["message.delivered", "message.reply", "message.sent"]


def test_a_broken_endpoint_says_when_it_is_tried_again_and_is_redelivered_once_mended(
    page: Page, alice: Tenant, receiver: Receiver, worker: None
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    receiver.reply = Reply(503)
    fan_out([EventFactory(number=alice.number)])
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("link", name="message.sent").first.click()
    expect(page.locator("h1")).to_contain_text("Failing")
    expect(page.locator("#attempts time[data-until]").first).to_have_text(re.compile(r"\d+ s|a moment"))
    receiver.reply = Reply(200)
    page.get_by_role("button", name="Redeliver").click()
    expect(page.locator("h1")).to_contain_text("Delivered")
    expect(page.locator("h1")).to_contain_text("manual")


def test_a_secret_is_rotated(page: Page, alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    old = webhook.secrets.get().secret
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Rotate").click()
    page.locator("#rotate").get_by_role("button", name="Rotate").click()
    page.wait_for_url("**/secret")
    expect(page.locator("#secret-old")).to_have_text(old)
    expect(page.locator("#secret-new")).to_have_text(re.compile("^whsec_"))


def test_what_a_paused_webhook_missed_is_recovered_with_progress(
    page: Page, alice: Tenant, receiver: Receiver, worker: None
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1")).to_contain_text("Paused")
    for _ in range(3):
        fan_out([EventFactory(number=alice.number)])
    page.reload()
    expect(page.locator("main")).to_contain_text("3 deliveries were missed")
    page.get_by_role("button", name="Enable and recover 3").click()
    expect(page.locator("#job")).to_contain_text("3 delivered")
    assert len(receiver.requests) == 3


def test_a_message_is_found_by_its_wamid(page: Page, alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True)
    for _ in range(3):
        MessageFactory(number=alice.number, sent=True)
    page.keyboard.press("Control+k")
    page.keyboard.type(message.external_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/messages/{message.pk}")


def test_a_simulated_reply_is_watched_in_the_live_tail(
    page: Page, alice: Tenant, receiver: Receiver, worker: None
) -> None:
    WebhookFactory(number=alice.number, url=receiver.url, name="CRM")
    MessageFactory(number=alice.number, sent=True, contact_phone="+12025550199")
    page.goto("/live")
    other = page.context.new_page()
    other.goto(f"/numbers/{alice.number.pk}")
    other.select_option("#s-what", "reply")
    other.get_by_role("button", name="Play it").click()
    expect(other.locator(".toasts")).to_contain_text("Played.")
    page.bring_to_front()
    rows = page.locator("#live-rows")
    expect(rows).to_contain_text("message.reply")
    expect(rows).to_contain_text("CRM")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#live-state")).to_have_text("Paused: newer rows are held")


def test_a_flap_is_suppressed_before_ones_eyes(page: Page, alice: Tenant, worker: None) -> None:
    page.goto(f"/numbers/{alice.number.pk}")
    page.get_by_role("button", name="Flap").click()
    expect(page.locator("#health")).to_contain_text("confirmation check")


def test_a_read_only_member_finds_nothing_to_change(log_in: LogIn, alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    reader = log_in(MembershipFactory(workspace=alice.workspace, role=Membership.Role.READ_ONLY).user)
    reader.goto("/webhooks")
    expect(reader.get_by_role("link", name="Create webhook")).to_have_count(0)
    reader.goto(f"/webhooks/{webhook.pk}")
    for name in ("Pause", "Rotate", "Send test event", "Delete…"):
        expect(reader.get_by_role("button", name=name)).to_have_count(0)


def test_a_stranger_sees_that_nothing_is_there(log_in: LogIn, alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    stranger = log_in(bob.user)
    response = stranger.goto(f"/webhooks/{webhook.pk}")
    assert response is not None
    assert response.status == 404
    expect(stranger.locator("h1")).to_have_text("Nothing at this address")


def test_without_script_a_webhook_can_be_made_and_paused(
    page: Page, alice: Tenant, live_server: LiveServer
) -> None:
    browser = page.context.browser
    assert browser is not None
    context = browser.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()
    plain.goto("/webhooks/new")
    plain.fill("#name", "CRM")
    plain.fill("#url", "https://hooks.example.com/")
    plain.check("input[value='message.sent']")
    plain.get_by_role("button", name="Create webhook").click()
    plain.get_by_role("button", name="Pause").click()
    expect(plain.locator("h1")).to_contain_text("Paused")
    plain.get_by_role("button", name="Delete…").click()
    plain.locator("#delete").get_by_role("button", name="Delete").click()
    context.close()
    assert Webhook.objects.get().deleted_at is not None
