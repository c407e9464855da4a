"""Every page by axe, light and dark; the Webhooks page and the form by keyboard alone; nothing wider than a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from phone_numbers.models import HealthCheck
from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory, EventFactory, MessageFactory, WebhookFactory
from webhooks.models import Attempt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

AXE = (Path(__file__).parent / "axe.min.js").read_text()


@pytest.fixture
def paths(alice: Tenant) -> list[str]:
    """Every page, with something on it."""
    message = MessageFactory(number=alice.number, sent=True)
    event = EventFactory(number=alice.number, message_id=message.pk)
    webhook = WebhookFactory(number=alice.number, consecutive_failures=3)
    delivery = DeliveryFactory(event=event, webhook=webhook)
    AttemptFactory(delivery=delivery, status=Attempt.Status.FAILED, status_code=503, error_class="status")
    WebhookFactory(number=alice.number, active=False, disabled_reason="gone")
    HealthCheck.objects.create(number=alice.number, trigger="periodic", result="connected")
    return [
        "/", "/numbers", f"/numbers/{alice.number.pk}", "/webhooks", "/webhooks/new", f"/webhooks/{webhook.pk}",
        f"/webhooks/{webhook.pk}/edit", f"/webhooks/{webhook.pk}/secret", f"/deliveries/{delivery.pk}", "/events",
        f"/events/{event.pk}", "/messages", f"/messages/{message.pk}", "/live", "/event-types", "/api-keys",
        "/nothing",
    ]  # fmt: skip


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{page.url} {one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_page(
    scheme: str, page: Page, browser: Browser, live_server: LiveServer, paths: list[str]
) -> None:
    context = browser.new_context(
        base_url=live_server.url,
        storage_state=page.context.storage_state(),
        color_scheme=scheme,  # type: ignore[arg-type]
        reduced_motion="reduce",
        # For axe itself, which is put into the page.
        bypass_csp=True,
    )
    found = []
    looked = context.new_page()
    for path in paths:
        looked.goto(path)
        found += violations(looked)
    context.clear_cookies()
    looked.goto("/login")
    found += violations(looked)
    context.close()
    assert found == []


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/new"])
def test_everything_on_a_page_is_reached_by_keyboard_and_visibly(
    path: str, page: Page, paths: list[str]
) -> None:
    page.goto(path)
    wanted = page.evaluate(
        "() => [...document.querySelectorAll('main :is(a[href], button, input, select)')]"
        ".filter((one) => one.checkVisibility() && !one.disabled).length"
    )
    reached = set()
    for _ in range(wanted + 60):
        page.keyboard.press("Tab")
        step = page.evaluate(
            "() => { const one = document.activeElement, all = [...document.querySelectorAll('*')];"
            " return [all.indexOf(one), !!one.closest('main') && one.matches('a, button, input, select'),"
            " getComputedStyle(one).outlineStyle !== 'none'"
            " || getComputedStyle(one.closest('label') ?? one).outlineStyle !== 'none'] }"
        )
        if step[1]:
            assert step[2], page.evaluate("document.activeElement.outerHTML")
            reached.add(step[0])
    assert len(reached) == wanted


def test_no_page_is_wider_than_a_phone(page: Page, paths: list[str]) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    wide = []
    for path in paths[:-1]:
        page.goto(path)
        if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            wide.append(path)
    assert wide == []
