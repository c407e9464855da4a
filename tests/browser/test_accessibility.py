"""Every sight by axe, light and dark, wide and narrow; under the policy; the Webhooks page and the form by keyboard."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project
from django.test.signals import template_rendered
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from dashboard.content_security import POLICY
from tests.browser.conftest import LogIn, NewContext, look_at, sessions_of
from tests.browser.sights import Sight, sights
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    InvitationFactory,
    MessageFactory,
    WebhookFactory,
)
from webhooks.models import Attempt

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True), pytest.mark.timeout(600)]

AXE = (Path(__file__).parent / "axe.min.js").read_text()
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture
def there(settings: Any, transactional_db: None) -> list[Sight]:
    settings.ROOT_URLCONF = "tests.browser.sights"
    return sights()


def violations(page: Page) -> list[str]:
    page.evaluate(AXE)
    found = page.evaluate("() => axe.run(document, {resultTypes: ['violations']})")["violations"]
    return [f"{page.url} {one['id']}: {node['html'][:120]}" for one in found for node in one["nodes"]]


@pytest.mark.once
@pytest.mark.parametrize("viewport", [WIDE, PHONE], ids=["wide", "phone"])
def test_axe_finds_nothing_on_any_page(
    viewport: dict[str, int], new_context: NewContext, live_server: LiveServer, there: list[Sight]
) -> None:
    # For axe itself, which is put into the page, the policy is set aside: the next test looks at that.
    context = new_context(viewport=viewport, reduced_motion="reduce", bypass_csp=True)
    page, sessions = context.new_page(), sessions_of(there)
    found, wide = [], []
    for sight in there:
        page.emulate_media(color_scheme="light")
        look_at(page, live_server.url, sight, sessions)
        found += [f"{sight.name}, light: {one}" for one in violations(page)]
        page.emulate_media(color_scheme="dark")
        found += [f"{sight.name}, dark: {one}" for one in violations(page)]
        if page.evaluate("() => document.documentElement.scrollWidth > innerWidth"):
            wide.append(sight.name)
    assert found == []
    assert wide == []


def test_what_was_searched_for_is_replaced_by_typing(log_in: LogIn, alice: Tenant) -> None:
    page = log_in(alice.user)
    page.goto("/events?q=nothing")
    page.keyboard.press("/")
    page.keyboard.type("evt_1")
    assert page.locator("main input[type=search]").input_value() == "evt_1"


@pytest.mark.parametrize("width", [390, 1024, 1280, 1440])
def test_messages_with_long_names_and_ids_fit_the_window(width: int, log_in: LogIn, alice: Tenant) -> None:
    alice.number.name = "Customer service and repairs, south-western branch"
    alice.number.save()
    long = "order-2026-11-25-000000001042-customer-service"
    MessageFactory(number=alice.number, sent=True, correlation_id=long, content="word " * 60)
    MessageFactory(number=alice.number, inbound=True, group_name="All of the neighbours " * 4)
    page = log_in(alice.user, viewport={"width": width, "height": 900})
    page.goto("/messages")
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1280])
def test_names_and_addresses_of_one_long_word_fit_the_window(
    width: int, log_in: LogIn, alice: Tenant
) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitän" * 2
    alice.workspace.name = alice.number.name = long
    alice.workspace.save()
    alice.number.save()
    url = "https://example.com/" + "a" * 300
    webhook = WebhookFactory(number=alice.number, name=long[:80], url=url, consecutive_failures=3)
    message = MessageFactory(number=alice.number, sent=True)
    event = EventFactory(number=alice.number, message_id=message.pk)
    delivery = DeliveryFactory(webhook=webhook, event=event)
    InvitationFactory(workspace=alice.workspace, email="a" * 60 + "@" + "b" * 60 + ".example.com")
    page = log_in(alice.user, viewport={"width": width, "height": 900})
    rows = [f"/numbers/{alice.number.pk}", f"/webhooks/{webhook.pk}", f"/deliveries/{delivery.pk}"]
    rows += [f"/messages/{message.pk}", f"/events/{event.pk}"]
    wide = []
    for path in [
        "/",
        "/numbers",
        "/webhooks",
        "/events",
        "/messages",
        "/live",
        "/members",
        "/profile",
        *rows,
    ]:
        page.goto(path)
        if page.evaluate("() => document.documentElement.scrollWidth") > width:
            wide.append(path)
    assert wide == []


@pytest.mark.once
def test_every_page_stands_under_the_policy_and_breaks_nothing_of_it(
    new_context: NewContext, live_server: LiveServer, there: list[Sight]
) -> None:
    page, sessions = new_context().new_page(), sessions_of(there)
    policies: list[tuple[str, str]] = []
    page.on(
        "response",
        lambda response: (
            policies.append((response.url, response.headers.get("content-security-policy", "")))
            if response.request.is_navigation_request()
            else None
        ),
    )
    for sight in there:
        look_at(page, live_server.url, sight, sessions)
        page.wait_for_load_state("networkidle")
    assert "unsafe" not in POLICY
    assert [(url, policy) for url, policy in policies if policy != POLICY] == []
    assert len(policies) == len(there)


def test_no_page_is_forgotten(client: Any, there: list[Sight]) -> None:
    """Each template of a page is among the sights."""
    rendered = set()

    def note(template: Any, **kwargs: Any) -> None:
        rendered.add(template.name)

    template_rendered.connect(note)
    client.raise_request_exception = False
    for sight in there:
        client.logout()
        if sight.user is not None:
            client.force_login(sight.user)
        client.get(sight.path)
    template_rendered.disconnect(note)
    folder = Path(project.BASE_DIR) / "templates"
    pages = {
        str(path.relative_to(folder))
        for path in folder.rglob("*.html")
        if '{% extends "base.html" %}' in path.read_text()
    }
    assert pages - rendered == set()


@pytest.mark.parametrize("path", ["/webhooks", "/webhooks/new", "/webhooks/{webhook}"])
def test_everything_on_a_page_is_reached_by_keyboard_and_visibly(
    path: str, page: Page, alice: Tenant
) -> None:
    webhook = WebhookFactory(number=alice.number, consecutive_failures=3)
    delivery = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    AttemptFactory(delivery=delivery, status=Attempt.Status.FAILED, status_code=503, error_class="status")
    page.goto(path.format(webhook=webhook.pk))
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


def test_a_webhook_is_made_and_found_by_keyboard_alone(page: Page, alice: Tenant) -> None:
    def tab_to(selector: str) -> None:
        for _ in range(80):
            page.keyboard.press("Tab")
            if page.evaluate("(selector) => document.activeElement.matches(selector)", selector):
                return
        raise AssertionError(f"{selector} was not reached")

    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/webhooks")
    page.keyboard.press("c")
    page.wait_for_url("**/webhooks/new")
    tab_to("#name")
    page.keyboard.type("By keyboard")
    tab_to("#url")
    page.keyboard.type("https://hooks.example.com/")
    for event in ("message.sent", "message.reply", "number.disconnected"):
        tab_to(f"input[value='{event}']")
        page.keyboard.press("Space")
    tab_to("form.stack button.primary")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/webhooks/wh_\w+$"))
    page.keyboard.press("g")
    page.keyboard.press("w")
    page.wait_for_url("**/webhooks")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/webhooks/wh_\w+$"))
    assert page.locator("h1").inner_text().startswith("By keyboard")


def test_a_question_mark_opens_the_list_of_keys_and_escape_closes_it(page: Page) -> None:
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()
    page.keyboard.press("Escape")
    assert not page.locator("#keys").is_visible()
    page.goto("/events")
    page.keyboard.press("/")
    page.keyboard.type("?")
    assert page.locator("main input[type=search]").input_value() == "?"
    assert not page.locator("#keys").is_visible()
