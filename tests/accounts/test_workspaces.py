"""Making a workspace, and naming it."""

import re
from typing import Any

import pytest
from django.test import Client

from accounts import workspaces
from accounts.auditing import history_of
from accounts.models import ApiKey, Invitation, Membership, Workspace
from accounts.workspaces import NEW_WORKSPACES
from tests.conftest import Tenant
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

MAKE, RENAME = "/workspaces/new", "/workspace/rename"


def text(response: Any) -> str:
    return str(response.content.decode())


def test_who_makes_a_workspace_owns_it_and_looks_at_it(alice: Tenant) -> None:
    assert alice.client.post(MAKE, {"name": " Northwind  "})["location"] == "/"
    made = Workspace.objects.get(name="Northwind")
    (member,) = made.memberships.all()
    assert (member.user, member.is_owner) == (alice.user, True)
    assert history_of(made).get().change_message == "Made the workspace Northwind."
    page = text(alice.client.get("/webhooks"))
    assert "Northwind" in page
    assert alice.number.name not in text(alice.client.get("/numbers"))


def test_an_owner_renames_the_workspace(alice: Tenant, bob: Tenant) -> None:
    assert alice.client.post(RENAME, {"name": "Aurora"})["location"] == "/members"
    alice.workspace.refresh_from_db()
    bob.workspace.refresh_from_db()
    assert (alice.workspace.name, bob.workspace.name) == ("Aurora", "Bob's shop")
    assert history_of(alice.workspace)[0].change_message == "Renamed Alice's shop to Aurora."


def test_the_same_name_changes_nothing(alice: Tenant) -> None:
    alice.client.post(RENAME, {"name": alice.workspace.name})
    assert not history_of(alice.workspace).exists()


@pytest.mark.parametrize("path", [MAKE, RENAME])
@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "Give the workspace a name."),
        ("  ", "Give the workspace a name."),
        ("x" * 101, "at most 100 characters"),
        ("a\nb", "no line breaks"),
        ("a\x00b", "Null characters are not allowed."),
        ("<b>", "no line breaks"),
        ("see http://x.example", "no line breaks"),
    ],
)
def test_a_bad_name_is_refused_with_a_sentence(path: str, name: str, sentence: str, alice: Tenant) -> None:
    response = alice.client.post(path, {"name": name})
    assert response.status_code == 400
    assert sentence in text(response)
    assert 'aria-invalid="true"' in text(response)
    assert list(Workspace.objects.values_list("name", flat=True)) == ["Alice's shop"]


@pytest.mark.parametrize("role", ["member", "read_only"])
def test_who_owns_nothing_makes_none_and_is_not_offered_it(role: str, alice: Tenant) -> None:
    client = Client()
    client.force_login(MembershipFactory(workspace=alice.workspace, role=role).user)
    assert MAKE not in text(client.get("/"))
    assert "Create workspace" not in text(client.get(MAKE))
    assert client.post(MAKE, {"name": "Mine"}).status_code == 403
    assert client.post(RENAME, {"name": "Mine"}).status_code == 403
    assert Workspace.objects.count() == 1


def test_too_many_are_refused(alice: Tenant) -> None:
    for _ in range(NEW_WORKSPACES.times):
        workspaces.create("Again", alice.user)
    response = alice.client.post(MAKE, {"name": "Once more"})
    assert response.status_code == 429
    assert "too many workspaces" in text(response)
    assert not Workspace.objects.filter(name="Once more").exists()


# --- Two tabs, two workspaces


@pytest.fixture
def other(alice: Tenant) -> Workspace:
    """Another workspace of Alice's, which she has chosen in another tab since."""
    workspace = MembershipFactory(user=alice.user, workspace__name="Northwind").workspace
    alice.client.post("/workspace", {"workspace": workspace.pk})
    return workspace


def hidden(page: str) -> str:
    """The workspace that the forms of a page say they are of."""
    (found,) = set(re.findall(r'name="in_workspace" value="(\w+)"', page))
    return str(found)


@pytest.mark.parametrize("path", ["/members", "/api-keys", "/numbers", "/messages", "/webhooks/new"])
def test_a_form_says_of_which_workspace_it_is(path: str, alice: Tenant) -> None:
    assert hidden(text(alice.client.get(path))) == alice.workspace.pk


def test_a_form_is_for_the_workspace_in_which_it_was_shown(alice: Tenant, other: Workspace) -> None:
    mine = {"in_workspace": alice.workspace.pk}
    alice.client.post("/members/invite", {"emails": "ana@example.com", "role": "owner", **mine})
    assert Invitation.objects.get().workspace == alice.workspace
    alice.client.post("/workspace", {"workspace": other.pk})
    alice.client.post("/api-keys", {"name": "CRM", **mine})
    assert ApiKey.objects.get(name="CRM").workspace == alice.workspace
    # What comes of it is shown.
    assert hidden(text(alice.client.get("/members"))) == alice.workspace.pk


def test_the_parts_of_a_page_stay_in_its_workspace(alice: Tenant, other: Workspace) -> None:
    of_the_page = {"HX-Request": "true", "X-Workspace": alice.workspace.pk}
    assert alice.number.pk in text(alice.client.get("/numbers", headers=of_the_page))
    assert f'"X-Workspace": "{other.pk}"' in text(alice.client.get("/numbers")).replace("&quot;", '"')


def test_what_one_has_left_is_neither_shown_nor_changed(alice: Tenant, other: Workspace) -> None:
    Membership.objects.filter(user=alice.user, workspace=alice.workspace).delete()
    of_the_page = {"HX-Request": "true", "X-Workspace": alice.workspace.pk}
    response = alice.client.get("/numbers", headers=of_the_page)
    assert (response["HX-Refresh"], response.content) == ("true", b"")
    response = alice.client.post(RENAME, {"name": "Aurora", "in_workspace": alice.workspace.pk})
    assert response.status_code == 403
    assert not Workspace.objects.filter(name="Aurora").exists()


def test_a_role_is_that_in_the_workspace_of_the_form(alice: Tenant, other: Workspace) -> None:
    Membership.objects.filter(user=alice.user, workspace=alice.workspace).update(role="read_only")
    assert alice.client.post(RENAME, {"name": "A", "in_workspace": alice.workspace.pk}).status_code == 403
