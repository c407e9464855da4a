"""A real Chromium before the real pages, with a real worker beside them.

Where no Chromium is found, the browser tests are skipped and say so; .ci/run installs one and lets none be skipped.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from accounts.tasks import mail
from events.tasks import normalize
from messaging.tasks import send_due
from phone_numbers.tasks import check_health
from tests.browser.sights import Sight
from tests.conftest import Tenant
from tests.reliability.cluster import Cluster
from webhooks.tasks import deliver, erase, recover

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "correct horse"

LogIn = Callable[..., Page]
NewContext = Callable[..., BrowserContext]


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Not longer than the browser tests last: Playwright's loop would be in the way of others' loops."""
    if CHROMIUM is None:
        pytest.skip("no Chromium is installed here (Debian: apt-get install chromium)")
    # Playwright's loop runs in the thread of the tests, which also speak to the database.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """The drains, again and again, as a worker runs them."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            for drain in (mail, normalize, send_due, check_health, recover, deliver, erase):
                drain()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def cluster(process_environment: dict[str, str]) -> Iterator[Cluster]:
    """A real `manage.py qcluster` beside the server."""
    with Cluster({**process_environment, "LOG_LEVEL": "ERROR"}) as cluster:
        yield cluster


@pytest.fixture
def new_context(browser: Browser, live_server: LiveServer) -> Iterator[NewContext]:
    """Makes contexts at the live server, with whatever options.

    Afterwards: nothing was written to a console as an error, and nothing was asked of another origin.
    """
    contexts: list[BrowserContext] = []
    problems: list[str] = []

    def observe(page: Page) -> None:
        page.on("pageerror", lambda error: problems.append(f"{page.url}: {error}"))
        page.on(
            "console",
            lambda message: (
                problems.append(f"{page.url}: {message.text}") if message.type == "error" else None
            ),
        )
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((live_server.url, "data:"))
                else problems.append(f"{page.url} asked for {request.url}")
            ),
        )

    def new_context(**options: Any) -> BrowserContext:
        options = {"viewport": {"width": 1280, "height": 900}} | options
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        context.on("page", observe)
        contexts.append(context)
        return context

    yield new_context
    for context in contexts:
        context.close()
    # A refused, missing or broken page is one that a test asked for; the browser notes it as an error.
    asked_for = ("responded with a status of 4", "responded with a status of 5", "Response Status Error Code")
    assert [problem for problem in problems if not any(words in problem for words in asked_for)] == []


@pytest.fixture
def log_in(new_context: NewContext, live_server: LiveServer) -> LogIn:
    """Logs a user of the factories in, and gives their page."""

    def log_in(user: User, **options: Any) -> Page:
        page = new_context(**options).new_page()
        page.goto("/login")
        page.fill("[name=username]", user.username)
        page.fill("[name=password]", PASSWORD)
        page.click("button.primary")
        page.wait_for_url(live_server.url + "/")
        return page

    return log_in


def sessions_of(sights: Iterable[Sight]) -> dict[int, str]:
    """A session for each user who looks at something, by the user's id."""
    keys = {}
    for user in {sight.user for sight in sights if sight.user is not None}:
        client = Client()
        client.force_login(user)
        keys[user.pk] = client.cookies[settings.SESSION_COOKIE_NAME].value
    return keys


def look_at(page: Page, base: str, sight: Sight, sessions: dict[int, str]) -> None:
    """Goes to a page as the one who looks at it, and opens what is to be seen open."""
    context = page.context
    context.clear_cookies()
    if sight.user is not None:
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": sessions[sight.user.pk], "url": base}
        context.add_cookies([cookie])  # type: ignore[list-item]
    page.goto(base + sight.path)
    if sight.click:
        page.locator(sight.click).first.click()
    if sight.press:
        page.keyboard.press(sight.press)


@pytest.fixture
def page(log_in: LogIn, alice: Tenant) -> Page:
    """Alice's."""
    return log_in(alice.user)
