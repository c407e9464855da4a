"""Takes the pictures for `make screenshots`; not a test by name, so that the suite does not collect it.

Each sight in light, dark and on a phone, into the folder that SCREENSHOTS names; and the README's three.
"""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from tests.browser.conftest import look_at, sessions_of
from tests.browser.sights import desk, sights
from tests.showcase import showcase

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(1800)]

FOLDER = Path(os.environ.get("SCREENSHOTS", "var/screenshots"))
IMAGES = Path("docs/images")
LOOKS: dict[str, dict[str, Any]] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {
        "color_scheme": "light", "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True,
    },
}  # fmt: skip
CLIP: Any = {"x": 0, "y": 0, "width": 1280, "height": 660}
IN_README = ("overview", "webhook_failing", "event")


def test_pictures(browser: Browser, live_server: LiveServer, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.browser.sights"
    FOLDER.mkdir(parents=True, exist_ok=True)
    IMAGES.mkdir(parents=True, exist_ok=True)
    day = showcase()
    there = sights(day) + desk(day)
    sessions = sessions_of(there)
    wanted = os.environ.get("ONLY", "").split(",")
    for look, options in LOOKS.items():
        context = browser.new_context(base_url=live_server.url, reduced_motion="reduce", **options)
        page = context.new_page()
        viewport: Any = options["viewport"]
        for sight in there:
            if wanted != [""] and sight.name not in wanted:
                continue
            look_at(page, live_server.url, sight, sessions)
            if look == "light" and sight.name in IN_README:
                image = page.screenshot(path=IMAGES / f"{sight.name}.png", clip=CLIP)
                assert len(image) < 150_000, sight.name
            if not (sight.click or sight.press):
                # As tall as the page, so that what is sticky reaches its end.
                height = page.evaluate("() => document.documentElement.scrollHeight")
                page.set_viewport_size(viewport | {"height": height})
            page.screenshot(path=FOLDER / f"{sight.name}-{look}.png")
            page.set_viewport_size(viewport)
        context.close()
