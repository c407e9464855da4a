"""/docs, the reference of the API."""

import re

import pytest
from django.test import Client

from accounts.errors import CODES
from accounts.reference_api import document
from dashboard.content_security import POLICY
from events.catalog import EVENT_TYPES


@pytest.fixture
def page(client: Client, db: None) -> str:
    response = client.get("/docs")
    assert response.status_code == 200
    assert response["Content-Security-Policy"] == POLICY
    return response.content.decode()


def test_it_shows_every_call_every_event_and_every_code(page: str) -> None:
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            assert f'id="{operation["operationId"]}"' in page
            assert f"<code>{method.upper()} {path}</code>" in page
    for event_type in EVENT_TYPES:
        assert f'id="{event_type.name}"' in page
    for code in CODES:
        assert f'id="error-{code}"' in page


def test_its_links_lead_to_what_is_there(page: str) -> None:
    idents = re.findall(r' id="([^"]+)"', page)
    assert len(idents) == len(set(idents))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(idents)


def test_it_loads_nothing_from_elsewhere_and_holds_no_inline_script_or_style(page: str) -> None:
    assert re.findall(r'(?:src|href)="(?:https?:)?//', page) == []
    assert re.findall(r"<script(?! src=)|<style| style=| on\w+=\"", page) == []


def test_its_commands_hold_no_header_that_is_not_needed(page: str) -> None:
    commands = [one for one in re.findall(r"<pre[^>]*>(.*?)</pre>", page, re.DOTALL) if "curl" in one]
    assert commands
    assert [one for one in commands if "x-whatsapp-number-id" in one.lower()] == []


def test_it_changes_nothing(client: Client, db: None) -> None:
    assert client.post("/docs").status_code == 405
