"""The support desk in a real browser: from the admin's front page to the answer, and every page of it by axe."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from events.models import RawPayload
from tests.browser.conftest import LogIn
from tests.browser.test_accessibility import violations
from tests.conftest import Tenant
from tests.factories import (
    ApiKeyFactory,
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
)
from webhooks.models import Attempt, Delivery, Trigger

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

CONTACT = "+5511977770142"


@pytest.fixture
def lost_reply(alice: Tenant) -> Delivery:
    """A contact's reply that Alice's receiver refused until it was given up."""
    message = MessageFactory(number=alice.number, inbound=True, contact_phone=CONTACT)
    payload = RawPayloadFactory(number=alice.number, status=RawPayload.Status.NORMALIZED, due_at=None)
    event = EventFactory(
        number=alice.number, type="message.reply", message_id=message.pk, raw_payload=payload
    )
    webhook = WebhookFactory(number=alice.number, name="Billing")
    WebhookFactory(number=alice.number, name="Archive", active=False, disabled_reason="gone")
    delivery = DeliveryFactory(
        event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None, attempts_made=1
    )
    AttemptFactory(
        delivery=delivery,
        status=Attempt.Status.FAILED,
        status_code=503,
        error_class="status",
        error="503 from the receiver.",
    )
    return delivery


@pytest.fixture
def desk(log_in: LogIn, lost_reply: Delivery) -> Page:
    """An agent's, at the front page of the admin."""
    page = log_in(UserFactory(is_staff=True, is_superuser=True))
    page.goto("/admin/")
    return page


def test_why_a_reply_never_arrived_is_two_steps_away(desk: Page, lost_reply: Delivery) -> None:
    desk.keyboard.press("/")
    desk.keyboard.type("+55 11 97777-0142")
    desk.keyboard.press("Enter")
    desk.get_by_role("link", name=f"Journey of {lost_reply.event.message_id}").click()
    expect(desk.locator(f"#{lost_reply.pk}")).to_contain_text("Exhausted")
    expect(desk.locator("#content")).to_contain_text("503 from the receiver.")


def test_what_was_searched_for_is_replaced_by_typing(desk: Page) -> None:
    desk.goto("/admin/search?q=nothing")
    desk.keyboard.press("/")
    desk.keyboard.type("evt_1")
    expect(desk.locator("#support-q")).to_have_value("evt_1")


def test_what_is_found_is_mended_on_the_same_page(desk: Page, lost_reply: Delivery) -> None:
    desk.goto(f"/admin/journey/{lost_reply.event_id}")
    desk.get_by_role("button", name=f"Redeliver {lost_reply.pk}").click()
    desk.get_by_role("button", name="Yes, do it").click()
    expect(desk.locator(".messagelist")).to_have_text("1 will be sent again now.")
    desk.wait_for_url(f"**/admin/journey/{lost_reply.event_id}")
    assert Delivery.objects.filter(trigger=Trigger.MANUAL).exists()


def mend(desk: Page, button: str, path: str = "") -> str:
    """Goes there, presses the button, says yes; returns what the desk says was done."""
    if path:
        desk.goto(path)
    desk.get_by_role("button", name=button).click()
    desk.get_by_role("button", name="Yes, do it").click()
    return desk.locator(".messagelist").inner_text()


def test_every_act_of_the_desk_works_where_it_is_offered(
    desk: Page, lost_reply: Delivery, alice: Tenant
) -> None:
    webhook, journey = lost_reply.webhook, f"/admin/journey/{lost_reply.event_id}"
    failed = RawPayloadFactory(number=alice.number, status="failed", reason="No such field.", due_at=None)
    key = ApiKeyFactory(workspace=alice.workspace, name="Shop backend")
    assert "1 disabled." in mend(desk, f"Disable webhook {webhook.pk}", journey)
    assert "1 enabled." in mend(desk, f"Enable webhook {webhook.pk}")
    assert f"{alice.number.phone}: OPEN" in mend(desk, f"Probe the number {alice.number.pk}")
    assert "1 will be normalized again." in mend(desk, "Run again", f"/admin/journey/{failed.pk}")
    desk.fill("#support-q", key.text)
    desk.keyboard.press("Enter")
    desk.get_by_role("link", name=key.pk).click()
    assert "1 revoked." in mend(desk, f"Revoke key {key.pk}")
    key.refresh_from_db()
    assert key.revoked_at is not None
    webhook.refresh_from_db()
    assert webhook.active


def test_each_look_at_personal_data_is_on_record(desk: Page, lost_reply: Delivery) -> None:
    desk.goto(f"/admin/journey/{lost_reply.event_id}")
    expect(desk.locator("#content")).not_to_contain_text("Yes please")
    desk.get_by_role("link", name="Show personal data (is logged)").click()
    expect(desk.locator("#content")).to_contain_text("Yes please")
    desk.goto(f"/admin/messaging/message/{lost_reply.event.message_id}/history/")
    expect(desk.locator("#content")).to_contain_text("Looked at personal data.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_at_the_desk(
    scheme: str, desk: Page, browser: Browser, live_server: LiveServer, lost_reply: Delivery
) -> None:
    context = browser.new_context(
        base_url=live_server.url,
        storage_state=desk.context.storage_state(),
        color_scheme=scheme,  # type: ignore[arg-type]
        # For axe itself, which is put into the page.
        bypass_csp=True,
    )
    found = []
    page = context.new_page()
    for path in [
        "/admin/",
        f"/admin/search?q=%2B{CONTACT[1:]}",
        "/admin/search?q=nothing",
        f"/admin/journey/{lost_reply.event_id}?personal=1",
        "/admin/webhooks/delivery/",
        f"/admin/webhooks/delivery/{lost_reply.pk}/change/",
        f"/admin/webhooks/webhook/{lost_reply.webhook_id}/change/",
    ]:
        page.goto(path)
        found += violations(page)
    # Django's own table of related rows has headers without a text.
    found = [violation for violation in found if "empty-table-header" not in violation]
    context.close()
    assert found == []
