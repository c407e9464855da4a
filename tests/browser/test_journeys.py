"""What people come for, done in a real browser."""

import re
from datetime import UTC, datetime

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer
from standardwebhooks import Webhook as Verifier

from accounts.models import Membership
from accounts.wake import wake
from events.models import Event
from messaging.models import Message
from phone_numbers.models import Number
from tests.browser.conftest import PASSWORD, LogIn, NewContext
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, MembershipFactory, MessageFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from tests.reliability.cluster import Cluster
from webhooks.fanout import DELIVER, fan_out
from webhooks.models import Webhook

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def happen(*numbers: Number) -> None:
    """An event of each number, told to whoever listens; the worker is woken."""
    with transaction.atomic():
        fan_out([EventFactory(number=number) for number in numbers])


def test_one_signs_in_and_out(new_context: NewContext, alice: Tenant, live_server: LiveServer) -> None:
    page = new_context().new_page()
    page.goto("/messages")
    page.fill("[name=username]", alice.user.username)
    page.fill("[name=password]", "wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not match")
    page.fill("[name=username]", alice.user.email)
    page.fill("[name=password]", PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.wait_for_url(live_server.url + "/messages")
    page.get_by_role("button", name="Log out").click()
    page.goto("/messages")
    page.wait_for_url("**/login?next=/messages")


def test_a_webhook_with_three_events_is_created_and_tried(
    page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
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
    expect(page.locator("h1")).to_contain_text("Delivered", timeout=20_000)
    expect(page.locator("#request")).to_contain_text("webhook-signature")
    (request,) = receiver.requests
    assert request.headers["webhook-event"] == "message.sent"
    assert Webhook.objects.get().events == ["message.delivered", "message.reply", "message.sent"]


def test_a_test_event_is_sent_and_seen(
    page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Send test event").click()
    page.select_option("#t-event", "message.reply")
    page.locator("#test").get_by_role("button", name="Send").click()
    page.wait_for_url("**/deliveries/*")
    expect(page.locator("h1")).to_contain_text("Delivered", timeout=20_000)
    expect(page.locator("#response")).to_be_visible()
    assert [request.headers["webhook-event"] for request in receiver.requests] == ["message.reply"]


def test_a_broken_endpoint_says_when_it_is_tried_again_and_is_redelivered_once_mended(
    page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    # Fifth try: the next is an hour away, so that what is seen cannot be the schedule's own.
    receiver.reply = Reply(503, body=b'{"error":"maintenance"}')
    event = EventFactory(number=alice.number)
    DeliveryFactory(event=event, webhook=webhook, attempts_made=4)
    wake(DELIVER)
    page.goto("/")
    attention = page.locator("#attention")
    expect(attention).to_contain_text("Failing", timeout=20_000)
    attention.get_by_role("link", name="Orders", exact=True).click()
    page.get_by_role("link", name="message.sent").last.click()
    expect(page.locator("h1")).to_contain_text("Failing")
    expect(page.locator("main")).to_contain_text("503 Service Unavailable")
    expect(page.locator("#response")).to_contain_text("maintenance")
    expect(page.locator("#attempts time[data-until]").first).to_have_text(re.compile(r"^(1 h 0\d|5\d) m"))
    receiver.reply = Reply(200)
    page.keyboard.press("r")
    expect(page.locator("h1")).to_contain_text("Delivered", timeout=20_000)
    assert [request.headers["webhook-id"] for request in receiver.requests] == [event.pk] * 2


def test_a_secret_is_rotated_and_both_sign(
    page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    old = webhook.secrets.get().secret
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Rotate").click()
    page.locator("#rotate").get_by_role("button", name="Rotate").click()
    page.wait_for_url("**/secret")
    expect(page.locator("#secret-old")).to_have_text(old)
    expect(page.locator("#secret-new")).to_have_text(re.compile("^whsec_"))
    new = page.locator("#secret-new").inner_text()
    happen(alice.number)
    receiver.wait_for(1, timeout=20)
    for secret in (old, new):
        Verifier(secret).verify(receiver.requests[0].body, receiver.requests[0].headers)


def test_what_a_disabled_webhook_missed_is_recovered_with_progress(
    page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url, max_in_flight=1)
    receiver.replies = [Reply(410)]
    receiver.reply = Reply(200, delay=0.5)
    happen(alice.number)
    page.goto(f"/webhooks/{webhook.pk}")
    receiver.wait_for(1, timeout=20)
    assert reloaded(page, "Disabled")
    happen(*[alice.number] * 5)
    page.reload()
    expect(page.locator("main")).to_contain_text("deliveries are held")
    page.get_by_role("button", name=re.compile("Enable and recover [56]")).click()
    job = page.locator("#job")
    expect(page.locator("h1")).to_contain_text("Recovering")
    expect(job).to_contain_text(re.compile(r"Recovering [56] missed"))
    expect(job).to_contain_text(re.compile(r"[1-4] done"), timeout=20_000)
    expect(job).to_contain_text("Recovered.", timeout=20_000)
    assert "Active" in page.locator("#state").inner_text(), "at the same moment"
    assert "nothing waits" in page.locator("#figures").inner_text()
    expect(page.locator("#next")).to_be_hidden()


def test_a_recovery_is_stopped(page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url, max_in_flight=1)
    receiver.reply = Reply(200, delay=1)
    page.goto(f"/webhooks/{webhook.pk}")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("h1")).to_contain_text("Paused")
    happen(*[alice.number] * 8)
    page.reload()
    page.get_by_role("button", name="Enable and recover 8").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#job")).to_contain_text("Recovery stopped.")
    assert len(receiver.requests) < 8


def reloaded(page: Page, words: str) -> bool:
    """Reloads the page until its heading says something; its own polling is not what is tried here."""
    for _ in range(40):
        if words in page.locator("h1").inner_text():
            return True
        page.wait_for_timeout(250)
        page.reload()
    return False


def test_a_message_is_found_by_its_wamid(page: Page, alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True)
    for _ in range(3):
        MessageFactory(number=alice.number, sent=True)
    page.keyboard.press("Control+k")
    page.keyboard.type(message.external_id)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/messages/{message.pk}")


@pytest.mark.parametrize(
    ("button", "event"),
    [
        ("Inbound text", "message.received"),
        ("Quoted reply", "message.reply"),
        ("Reaction", "message.received"),
        ("Group message", "message.group"),
        ("Failed send", "message.failed"),
    ],
)
def test_what_is_simulated_with_one_click_is_watched_in_the_live_tail(
    button: str, event: str, page: Page, alice: Tenant, receiver: Receiver, cluster: Cluster
) -> None:
    WebhookFactory(number=alice.number, url=receiver.url, name="CRM", events=[event])
    MessageFactory(number=alice.number, sent=True, contact_phone="+12025550199")
    page.get_by_role("link", name="Make a webhook arrive").click()
    page.wait_for_url("**#simulate")
    page.locator("#simulate").get_by_role("button", name=button).click()
    page.get_by_role("link", name="Watch it arrive in the live tail").click()
    rows = page.locator("#live-rows tr")
    expect(rows.filter(has_text=event).filter(has_text="1 delivered")).to_be_visible(timeout=20_000)
    expect(rows.filter(has_text="CRM").filter(has_text="200 OK")).to_be_visible(timeout=20_000)
    page.keyboard.press("p")
    expect(page.locator("#live-state")).to_have_text("Paused: newer rows are held")
    before = rows.count()
    happen(alice.number)
    page.wait_for_timeout(3000)
    assert rows.count() == before
    page.keyboard.press("p")
    expect(page.locator("#live-rows")).to_contain_text("message.sent", timeout=20_000)


def test_a_flap_is_suppressed_before_ones_eyes(page: Page, alice: Tenant, cluster: Cluster) -> None:
    page.goto(f"/numbers/{alice.number.pk}")
    page.get_by_role("button", name="Flap").click()
    expect(page.locator("#health")).to_contain_text("confirmation check", timeout=20_000)
    expect(page.locator("#health")).to_contain_text("Connected")
    assert not Event.objects.filter(type="number.disconnected").exists()


def test_a_number_is_purged_before_ones_eyes(page: Page, alice: Tenant, cluster: Cluster) -> None:
    for _ in range(300):
        EventFactory(number=alice.number)
    page.goto(f"/numbers/{alice.number.pk}")
    page.get_by_role("button", name="Remove…").click()
    page.locator("#remove").get_by_role("button", name="Remove").click()
    page.get_by_text("1 removed").click()
    page.get_by_role("button", name="Purge…").click()
    page.locator("dialog:popover-open").get_by_role("button", name="Purge").click()
    expect(page.locator("#purge")).to_contain_text("Erasing")
    expect(page.locator("#purge")).to_contain_text("Nothing is left of this number.", timeout=20_000)
    assert not Number.objects.exists()


def test_new_events_are_announced_and_not_inserted(page: Page, alice: Tenant) -> None:
    EventFactory(number=alice.number)
    page.goto("/events")
    for _ in range(2):
        EventFactory(number=alice.number)
    page.get_by_role("link", name="Show 2 new events").click()
    expect(page.locator("#rows tbody tr")).to_have_count(3)


def test_back_shows_the_page_and_its_filters_as_they_were(page: Page, alice: Tenant) -> None:
    EventFactory(number=alice.number, type="message.sent")
    page.goto("/events")
    kind, rows = page.locator("select[name=type]"), page.locator("#rows tbody tr")
    kind.select_option("message.sent")
    expect(page).to_have_url(re.compile("type=message.sent"))
    kind.select_option("message.read")
    expect(page.locator("#rows")).to_contain_text("Nothing matches these filters")
    page.go_back()
    expect(rows).to_have_count(1)
    expect(kind).to_have_value("message.sent")
    # No copy of a page, with phones and texts, stays behind in the tab.
    assert page.evaluate("() => sessionStorage.getItem('htmx-history-cache')") is None
    page.go_back()
    expect(rows).to_have_count(1)
    expect(kind).to_have_value("")
    expect(page.get_by_role("heading", name="Events", exact=True)).to_be_visible()


def test_a_page_whose_session_has_ended_leads_to_the_login(page: Page, live_server: LiveServer) -> None:
    page.goto("/live?show=problems")
    page.context.clear_cookies()
    page.wait_for_url(f"{live_server.url}/login?next=/live%3Fshow%3Dproblems")
    expect(page.get_by_role("heading")).to_have_text("Log in")


def test_whoever_clicks_again_while_it_is_sent_sends_once(page: Page, alice: Tenant) -> None:
    page.goto("/messages")
    page.get_by_role("button", name="Send message").click()
    page.fill("#s-to", "+12025550100")
    page.fill("#s-text", "Hello")
    send = page.locator("#send button.primary")
    # The network is slow: the page is still there when it is clicked again.
    network = page.context.new_cdp_session(page)
    slow = {"offline": False, "latency": 1000, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", slow)
    send.evaluate("(button) => { button.click(); setTimeout(() => button.click(), 300); }")
    page.wait_for_url(re.compile("/messages/msg_"))
    assert Message.objects.count() == 1
    page.go_back()
    expect(page.get_by_role("button", name="Send message")).to_be_visible()


def test_a_field_that_is_refused_has_the_focus(page: Page, alice: Tenant) -> None:
    page.goto("/members")
    page.fill("#invite-emails", "ana@example")
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_role("alert")).to_contain_text("is no e-mail address")
    expect(page.locator("#invite-emails")).to_be_focused()
    expect(page.locator("#invite-emails")).to_be_in_viewport()


def test_the_live_tail_says_that_its_server_is_away(page: Page, alice: Tenant) -> None:
    page.goto("/live")
    state = page.locator("#live-state")
    page.route("**/live/rows*", lambda route: route.fulfill(status=502))
    expect(state).to_have_text("No connection: resumes by itself")
    page.unroute("**/live/rows*")
    expect(state).to_have_text("Connected")


def test_times_are_the_viewers_and_utc_is_in_the_title(log_in: LogIn, alice: Tenant) -> None:
    event = EventFactory(number=alice.number, created_at=datetime(2026, 3, 1, 2, 30, tzinfo=UTC))
    page = log_in(alice.user, timezone_id="America/Sao_Paulo")
    page.goto(f"/events/{event.pk}")
    shown = page.locator("time[datetime='2026-03-01T02:30:00.000Z']")
    expect(shown).to_contain_text("28 Feb")
    expect(shown).to_contain_text("23:30:00")
    expect(shown).to_have_attribute("title", "2026-03-01T02:30:00.000Z")


def test_a_phone_is_written_for_people_and_copied_as_e164(log_in: LogIn, alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, sent=True, contact_phone="+5511977770142")
    page = log_in(alice.user, permissions=["clipboard-read", "clipboard-write"])
    page.goto(f"/messages/{message.pk}")
    phone = page.locator("h1 [data-phone]")
    expect(phone).to_have_text("+55 11 97777-0142")
    phone.evaluate("(one) => getSelection().selectAllChildren(one)")
    page.keyboard.press("Control+c")
    assert page.evaluate("() => navigator.clipboard.readText()") == "+5511977770142"
    page.get_by_role("button", name=f"Copy {message.pk}").click()
    expect(page.locator(".toasts")).to_have_text("Copied")
    assert page.evaluate("() => navigator.clipboard.readText()") == message.pk


def test_the_chosen_theme_stays(page: Page) -> None:
    page.locator("label:has([name=theme][value=dark])").click()
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_read_only_member_finds_nothing_to_change(log_in: LogIn, alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    reader = log_in(MembershipFactory(workspace=alice.workspace, role=Membership.Role.READ_ONLY).user)
    reader.goto("/webhooks")
    expect(reader.get_by_role("link", name="Create webhook")).to_have_count(0)
    reader.goto(f"/webhooks/{webhook.pk}")
    for name in ("Pause", "Rotate", "Send test event", "Delete…"):
        expect(reader.get_by_role("button", name=name)).to_have_count(0)
    # What no button offers is refused too.
    token = reader.locator("[name=csrfmiddlewaretoken]").first.input_value()
    for act in ("pause", "rotate", "delete", "edit"):
        answer = reader.request.post(
            f"/webhooks/{webhook.pk}/{act}",
            form={"csrfmiddlewaretoken": token},
            headers={"referer": reader.url},
        )
        assert (act, answer.status) == (act, 403)
    webhook.refresh_from_db()
    assert webhook.active
    assert webhook.deleted_at is None


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
