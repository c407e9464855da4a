"""Making a workspace, and naming it."""

from typing import Any

import pytest
from django.test import Client

from accounts import workspaces
from accounts.auditing import history_of
from accounts.models import Workspace
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
