"""From an invitation to a new password, and to another address, with real e-mails; the invited has no JavaScript."""

import email
import re
import socket
import time
from collections.abc import Iterator
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import PASSWORD, LogIn
from tests.conftest import Tenant
from tests.factories import MembershipFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Mailbox:
    """A mail server on this machine, and all that it was given."""

    def __init__(self) -> None:
        self.letters: list[Any] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.letters.append(email.message_from_bytes(envelope.content, policy=default))
        return "250 OK"

    def link_in_letter(self, number: int) -> str:
        """The link in the e-mail that is, or will be, the so-many-eth."""
        deadline = time.monotonic() + 20
        while len(self.letters) <= number:
            assert time.monotonic() < deadline, "No e-mail came."
            time.sleep(0.05)
        return re.findall(r"^http\S+", self.letters[number].get_content(), re.MULTILINE)[0]


@pytest.fixture
def mailbox(settings: Any, live_server: LiveServer) -> Iterator[Mailbox]:
    mailbox = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(mailbox, hostname="127.0.0.1", port=port)
    controller.start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", controller.port
    settings.PUBLIC_URL = live_server.url
    yield mailbox
    controller.stop()


@pytest.fixture
def invited(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    """Somebody else's browser."""
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


def test_from_an_invitation_to_a_new_password(
    page: Page, invited: Page, mailbox: Mailbox, worker: None, alice: Tenant
) -> None:
    page.goto("/members")
    page.get_by_label("E-mail addresses").fill("joe@example.com, nonsense")
    page.get_by_label("Read-only").check()
    page.get_by_role("button", name="Send invitations").click()
    expect(page.get_by_role("alert")).to_contain_text("“nonsense” is no e-mail address.")
    page.get_by_label("E-mail addresses").fill("joe@example.com")
    page.get_by_role("button", name="Send invitations").click()
    expect(page.locator(".toasts")).to_contain_text("joe@example.com will get an e-mail")

    invited.goto(mailbox.link_in_letter(0))
    invited.get_by_label("Your name").fill("Joe")
    invited.get_by_label("Password").fill("password123")
    invited.get_by_role("button", name="Join").click()
    expect(invited.get_by_role("alert")).to_contain_text("too common")
    invited.get_by_label("Password").fill("a green bicycle")
    invited.get_by_role("button", name="Join").click()
    expect(invited.locator(".side")).to_contain_text("Alice's shop")
    invited.goto("/numbers")
    expect(invited.get_by_role("button", name="Add number")).to_have_count(0)

    page.reload()
    expect(page.get_by_role("row", name="Joe")).to_contain_text("joe@example.com")
    page.get_by_label("Role of joe@example.com").select_option("Member")
    page.get_by_role("button", name="Save the role of joe@example.com").click()
    expect(page.locator(".toasts")).to_contain_text("joe@example.com is now member.")
    invited.reload()
    expect(invited.get_by_role("button", name="Add number")).to_have_count(1)

    invited.get_by_role("button", name="Log out").click()
    invited.get_by_role("link", name="Forgot the password?").click()
    invited.get_by_label("E-mail").fill("joe@example.com")
    invited.get_by_role("button", name="Send the link").click()
    expect(invited.get_by_role("heading", level=1)).to_have_text("Look into your mailbox")
    invited.goto(mailbox.link_in_letter(1))
    invited.get_by_label("New password", exact=True).fill("a red bicycle")
    invited.get_by_label("New password again").fill("a red bicycle")
    invited.get_by_role("button", name="Set password").click()
    expect(invited.locator(".notice").first).to_contain_text("Your password is changed.")
    invited.get_by_label("User name or e-mail").fill("joe@example.com")
    invited.get_by_label("Password").fill("a red bicycle")
    invited.get_by_role("button", name="Log in").click()
    expect(invited.locator(".side")).to_contain_text("Alice's shop")


def test_another_address_is_asked_for_and_confirmed(
    invited: Page, mailbox: Mailbox, worker: None, alice: Tenant
) -> None:
    def log_in(name: str) -> None:
        invited.get_by_label("User name or e-mail").fill(name)
        invited.get_by_label("Password").fill(PASSWORD)
        invited.get_by_role("button", name="Log in").click()

    invited.goto("/profile")
    log_in("alice@example.com")
    invited.get_by_label("New address").fill("alice@new.example")
    invited.get_by_label("Your password").fill("wrong")
    invited.get_by_role("button", name="Change address").click()
    expect(invited.get_by_role("alert")).to_contain_text("This is not your password.")
    invited.get_by_label("Your password").fill(PASSWORD)
    invited.get_by_role("button", name="Change address").click()
    expect(invited.locator(".notice")).to_contain_text("An e-mail with a link goes to alice@new.example")

    invited.context.clear_cookies()
    invited.goto(mailbox.link_in_letter(0))
    log_in("alice@example.com")
    invited.get_by_role("button", name="Use this address").click()
    expect(invited.locator("header.page-head")).to_contain_text("alice@new.example")
    invited.get_by_role("button", name="Log out").click()
    log_in("alice@new.example")
    expect(invited.locator(".side")).to_contain_text("Alice's shop")


def test_who_is_logged_in_joins_with_one_click(
    page: Page, log_in: LogIn, mailbox: Mailbox, worker: None, bob: Tenant
) -> None:
    page.goto("/members")
    page.get_by_label("E-mail addresses").fill(bob.user.email)
    page.get_by_role("button", name="Send invitations").click()
    his = log_in(bob.user)
    his.goto(mailbox.link_in_letter(0))
    his.get_by_role("button", name="Join Alice's shop").click()
    expect(his.locator(".toasts")).to_contain_text("Welcome to Alice's shop.")
    page.goto(mailbox.link_in_letter(0))
    expect(page.get_by_role("heading", level=1)).to_have_text("This invitation is taken up")


def test_a_member_is_removed_after_being_asked(page: Page, alice: Tenant) -> None:
    joe = MembershipFactory(workspace=alice.workspace, user__username="joe", role="member")
    page.goto("/members")
    page.get_by_role("button", name="Remove… joe@example.com").click()
    dialog = page.get_by_role("dialog", name="Remove joe@example.com?")
    dialog.get_by_role("button", name="Cancel").click()
    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Remove… joe@example.com").click()
    dialog.get_by_role("button", name="Remove").click()
    expect(page.locator(".toasts")).to_contain_text("joe@example.com is no member any more.")
    assert not alice.workspace.memberships.filter(pk=joe.pk).exists()


def test_a_workspace_is_made_from_the_switcher_and_named_anew(page: Page, alice: Tenant) -> None:
    page.goto("/")
    page.locator(".workspace summary").click()
    page.get_by_role("link", name="New workspace…").click()
    page.get_by_label("Name").fill("Northwind")
    page.get_by_role("button", name="Create workspace").click()
    expect(page.locator(".toasts")).to_contain_text("Northwind is made, and you are its owner.")
    expect(page.locator(".workspace summary")).to_contain_text("Northwind")
    page.goto("/members")
    page.get_by_label("Name", exact=True).fill("Northwind Clinic")
    page.get_by_role("button", name="Save name").click()
    expect(page.locator(".workspace summary")).to_contain_text("Northwind Clinic")
    page.locator(".workspace summary").click()
    page.get_by_role("button", name="Alice's shop").click()
    expect(page.locator(".workspace summary")).to_contain_text("Alice's shop")
