"""The reference of the API, with its calls tried. The fixture of the page finds console errors and foreign requests."""

import pytest
from playwright.sync_api import Page, expect

from messaging.models import Message
from tests.conftest import Tenant

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def open_form(page: Page, call: str) -> None:
    page.goto(f"/docs#{call}")
    page.locator(f"#{call} details[data-try] > summary").click()


def test_a_message_is_sent_from_the_reference(page: Page, alice: Tenant) -> None:
    open_form(page, "send_message")
    page.fill("#key", alice.key)
    form = page.locator("#send_message form")
    form.get_by_label("x-whatsapp-number-id").fill(alice.number.pk)
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output")).to_contain_text("202")
    expect(form.locator("output")).to_contain_text("ratelimit-remaining: 5999")
    expect(form.locator("output")).to_contain_text('"status": "QUEUED"')
    assert Message.objects.get().correlation_id == "order-1042"


def test_a_path_and_a_query_are_filled_in(page: Page, alice: Tenant) -> None:
    open_form(page, "get_number")
    page.fill("#key", alice.key)
    form = page.locator("#get_number form")
    form.get_by_label("id", exact=True).fill(alice.number.pk)
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output")).to_contain_text(f'"id": "{alice.number.pk}"')

    page.locator("#list_messages details[data-try] > summary").click()
    form = page.locator("#list_messages form")
    form.get_by_label("limit").fill("0")
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output")).to_contain_text("INVALID_LIMIT")


def test_a_refusal_leads_to_its_meaning(page: Page, alice: Tenant) -> None:
    open_form(page, "list_numbers")
    form = page.locator("#list_numbers form")
    form.get_by_role("button", name="Send").click()
    expect(form.locator("output")).to_contain_text("API_KEY_INVALID")
    page.locator("#list_numbers details:not([data-try]) > summary").click()
    page.locator('#list_numbers a[href="#error-API_KEY_INVALID"]').click()
    expect(page.locator("#error-API_KEY_INVALID")).to_be_in_viewport()
