"""Every page × (anonymous, stranger, read-only, member, owner), generated from the URL resolver; and docs/members.md,
which says the same, row by row."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import Membership
from tests.conftest import Tenant
from tests.factories import MembershipFactory
from tests.routes import Route, routes

pytestmark = pytest.mark.django_db

Role = Membership.Role
# Highest first, as the table of docs/members.md has them.
ROLES = [Role.OWNER, Role.MEMBER, Role.READ_ONLY]
PAGES = [route for route in routes() if route.is_page]
CHANGING = [route for route in PAGES if "POST" in route.callback.page_methods]  # type: ignore[attr-defined]
OF_A_WORKSPACE = [route for route in CHANGING if route.callback.page_role is not None]  # type: ignore[attr-defined]
DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "members.md"


def address(route: Route) -> str:
    """Of something that nobody has: who may not act is refused before anything is looked for."""
    return reverse(route.name, args=["1"] * len(route.parameters))


def documented() -> dict[str, list[str]]:
    """What docs/members.md says of each page: yes or no, for each of ROLES."""
    rows = re.findall(
        r"^\| [^|]+ \| (\w+) \| (\w+) \| (\w+) \| ([^|]+) \|$", DOCUMENT.read_text(), re.MULTILINE
    )
    said: dict[str, list[str]] = {}
    for *answers, pages in rows:
        for name in re.findall(r"`(\w+)`", pages):
            assert name not in said, f"{name} stands in two rows"
            said[name] = answers
    return said


def test_the_walk_finds_the_pages() -> None:
    names = {route.name for route in PAGES}
    assert {"overview", "webhooks", "number_purge", "member_invite", "workspace_leave", "job_cancel"} <= names


def test_the_document_knows_every_page_that_changes_something() -> None:
    assert sorted(documented()) == sorted(route.name for route in OF_A_WORKSPACE)


@pytest.mark.parametrize("route", OF_A_WORKSPACE, ids=str)
def test_the_document_says_what_the_page_does(route: Route) -> None:
    may = [Membership(role=role).may(route.callback.page_role) for role in ROLES]  # type: ignore[attr-defined]
    assert documented()[route.name] == ["yes" if one else "no" for one in may]


@pytest.mark.parametrize("route", CHANGING, ids=str)
@pytest.mark.parametrize("role", [*ROLES, "stranger", "anonymous"])
def test_who_may_post(role: str, route: Route, alice: Tenant, charlie: Any) -> None:
    client = Client()
    if role == "stranger":
        client.force_login(charlie)
    elif role != "anonymous":
        client.force_login(MembershipFactory(workspace=alice.workspace, role=role).user)
    response = client.post(address(route))
    needed = route.callback.page_role  # type: ignore[attr-defined]
    if role == "anonymous":
        assert response["Location"].startswith("/login?next=")
    elif needed is None:
        assert response.status_code != 403
    elif role == "stranger" or not Membership(role=role).may(needed):
        assert response.status_code == 403
    else:
        assert response.status_code != 403


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_who_is_refused_is_told_why(route: Route, alice: Tenant) -> None:
    client = Client()
    client.force_login(MembershipFactory(workspace=alice.workspace, role=Role.READ_ONLY).user)
    response = client.post(address(route))
    if response.status_code == 403:
        assert re.search(r"Only an owner of|can read but not change", response.content.decode())


@pytest.mark.parametrize("route", PAGES, ids=str)
@pytest.mark.parametrize("role", ROLES)
def test_every_role_sees_every_page(role: str, route: Route, alice: Tenant) -> None:
    client = Client()
    client.force_login(MembershipFactory(workspace=alice.workspace, role=role).user)
    assert client.get(address(route)).status_code in (200, 204, 286, 302, 404, 405)


@pytest.mark.parametrize("route", CHANGING, ids=str)
def test_no_page_is_posted_to_from_elsewhere(route: Route, alice: Tenant) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice.user)
    response = client.post(address(route))
    assert response.status_code == 403
    assert "This form is out of date" in response.content.decode()


@pytest.mark.parametrize("route", PAGES, ids=str)
def test_no_page_is_framed(route: Route, alice: Tenant) -> None:
    response = alice.client.get(address(route))
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
