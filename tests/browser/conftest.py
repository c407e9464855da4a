"""A real Chromium before the real pages, with the drains running beside them.

Where no Chromium is found, the browser tests are skipped and say so; .ci/run installs one and lets none be skipped.
"""

import os
import shutil
import threading
from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pytest_django.live_server_helper import LiveServer

from events.tasks import normalize
from messaging.tasks import send_due
from phone_numbers.tasks import check_health
from tests.conftest import Tenant
from webhooks.tasks import deliver, recover

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PASSWORD = "correct horse"

LogIn = Callable[[User], Page]


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
            for drain in (normalize, send_due, check_health, recover, deliver):
                drain()
        connections.close_all()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


@pytest.fixture
def log_in(browser: Browser, live_server: LiveServer) -> Iterator[LogIn]:
    """Logs a user of the factories in, and gives their page.

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

    def log_in(user: User) -> Page:
        context = browser.new_context(base_url=live_server.url, viewport={"width": 1280, "height": 900})
        context.set_default_timeout(10_000)
        contexts.append(context)
        context.on("page", observe)
        page = context.new_page()
        page.goto("/login")
        page.fill("[name=username]", user.username)
        page.fill("[name=password]", PASSWORD)
        page.click("button.primary")
        page.wait_for_url(live_server.url + "/")
        return page

    yield log_in
    for context in contexts:
        context.close()
    # A refused or missing page is one that a test asked for; the browser notes it as an error.
    assert [
        problem for problem in problems if "the server responded with a status of 40" not in problem
    ] == []


@pytest.fixture
def page(log_in: LogIn, alice: Tenant) -> Page:
    """Alice's."""
    return log_in(alice.user)
