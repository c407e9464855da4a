"""The link of an invitation: for one address, once, for some days; each way that it cannot be taken up has its page."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from accounts import joining
from accounts.models import Invitation, Membership
from tests.accounts.test_members import at_once
from tests.conftest import Tenant
from tests.factories import InvitationFactory, MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db

NEW = {"name": "Joe", "password": "a green bicycle"}


def link(invitation: Any) -> str:
    return f"/join/{invitation.token}"


def text(response: Any) -> str:
    return str(response.content.decode())


def client_of(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def test_who_is_new_sets_name_and_password_and_is_in(alice: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace, email="joe@example.com", role="read_only")
    client = Client()
    assert "joe@example.com" in text(client.get(link(invitation)))
    joined = client.post(link(invitation), NEW, follow=True)
    assert joined.redirect_chain == [("/", 302)]
    assert "Welcome to Alice&#x27;s shop." in text(joined)
    membership = Membership.objects.get(user__email="joe@example.com")
    assert (membership.workspace, membership.role) == (alice.workspace, "read_only")
    assert membership.user.first_name == "Joe"
    other = Client()
    assert (
        other.post("/login", {"username": "joe@example.com", "password": NEW["password"]}).status_code == 302
    )


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"password": "short"}, "at least 8 characters"),
        ({"password": "password123"}, "too common"),
        ({"password": "joseph@x"}, "too similar"),
        ({"password": "73650917"}, "entirely numeric"),
        ({"password": ""}, "This field is required."),
        ({"name": ""}, "This field is required."),
        ({"name": "see http://evil.example"}, "A name has no line breaks"),
        ({"name": "J" * 101}, "at most 100 characters"),
    ],
)
def test_what_cannot_be_taken_is_said_and_the_rest_kept(form: dict[str, str], sentence: str) -> None:
    invitation = InvitationFactory(email="joseph@x.example")
    response = Client().post(link(invitation), {"name": "Joe Doe", "password": "a green bicycle"} | form)
    assert response.status_code == 400
    assert sentence in text(response)
    assert "name" in form or 'value="Joe Doe"' in text(response)
    assert "a green bicycle" not in text(response)
    assert not User.objects.exists()
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_who_has_a_user_logs_in_and_joins(alice: Tenant, bob: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace, email="bob@example.com")
    client = Client()
    asked = client.get(link(invitation))
    assert f"/login?next={link(invitation)}" in text(asked)
    assert client.post(link(invitation), NEW).status_code == 200
    login = client.post(
        f"/login?next={link(invitation)}", {"username": "bob", "password": "correct horse"}, follow=True
    )
    assert "Join Alice&#x27;s shop" in text(login)
    assert "Welcome" in text(client.post(link(invitation), follow=True))
    assert Membership.objects.get(workspace=alice.workspace, user=bob.user).role == "member"
    assert User.objects.filter(email="bob@example.com").count() == 1


def test_the_workspace_that_was_joined_is_the_one_that_is_shown(alice: Tenant, bob: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace, email="bob@example.com")
    bob.client.post(link(invitation))
    assert alice.number.pk in text(bob.client.get("/numbers"))


def test_looking_at_a_link_changes_nothing(bob: Tenant) -> None:
    invitation = InvitationFactory(email="bob@example.com")
    for client in (Client(), bob.client):
        assert client.get(link(invitation)).status_code == 200
        assert client.head(link(invitation)).status_code == 200
    invitation.refresh_from_db()
    assert invitation.accepted_at is None


def test_somebody_elses_invitation_says_whose_it_is(alice: Tenant, bob: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace, email="joe@example.com")
    for response in (bob.client.get(link(invitation)), bob.client.post(link(invitation))):
        assert response.status_code == 403
        assert "for somebody else" in text(response)
        assert "joe@example.com" in text(response)
        assert f"/logout?next={link(invitation)}" in text(response)
    assert not Membership.objects.filter(workspace=alice.workspace, user=bob.user).exists()
    out = bob.client.post(f"/logout?next={link(invitation)}", follow=True)
    assert "Your name" in text(out)


@pytest.mark.parametrize(
    ("state", "status", "sentence"),
    [
        ({"expires_at": timezone.now() - timedelta(seconds=1)}, 410, "has expired"),
        ({"withdrawn_at": timezone.now()}, 410, "was withdrawn"),
        ({"accepted_at": timezone.now()}, 410, "is taken up"),
    ],
)
def test_late_withdrawn_and_used_each_have_a_page(state: dict[str, Any], status: int, sentence: str) -> None:
    invitation = InvitationFactory(**state)
    for response in (Client().get(link(invitation)), Client().post(link(invitation), NEW)):
        assert response.status_code == status
        assert sentence in text(response)
    assert not User.objects.exists()


@pytest.mark.parametrize("token", ["x", "a" * 43, "é", "a b", "%00", "0" * 2000])
def test_a_link_that_nobody_was_sent_says_so(token: str) -> None:
    response = Client().get(f"/join/{token}")
    assert response.status_code == 404
    assert "This link does not work" in text(response)


def test_twice_by_the_same_says_that_they_are_in(bob: Tenant) -> None:
    invitation = InvitationFactory(email="bob@example.com")
    bob.client.post(link(invitation))
    again = bob.client.post(link(invitation))
    assert again.status_code == 410
    assert "You have joined" in text(again)


@pytest.mark.parametrize(
    "change", [{"expires_at": timezone.now()}, {"digest": None}, {"withdrawn_at": timezone.now()}]
)
def test_what_became_void_while_the_page_was_open_is_not_taken_up(
    bob: Tenant, change: dict[str, Any]
) -> None:
    invitation = InvitationFactory(email="bob@example.com")
    Invitation.objects.update(**change)
    with pytest.raises(joining.Void):
        joining.accept(invitation, bob.user)


def test_who_is_a_member_by_then_keeps_their_role(alice: Tenant) -> None:
    joe = MembershipFactory(workspace=alice.workspace, role="owner", user__username="joe").user
    invitation = InvitationFactory(workspace=alice.workspace, email="joe@example.com", role="read_only")
    client_of(joe).post(link(invitation))
    assert Membership.objects.get(workspace=alice.workspace, user=joe).role == "owner"


def test_who_was_switched_off_is_not_made_anew() -> None:
    UserFactory(username="old", is_active=False)
    invitation = InvitationFactory(email="old@example.com")
    assert Client().post(link(invitation), NEW).status_code == 200
    assert User.objects.count() == 1


def test_a_name_that_is_taken_is_no_obstacle() -> None:
    UserFactory(username="joe@example.com", email="another@example.com")
    invitation = InvitationFactory(email="joe@example.com")
    assert Client().post(link(invitation), NEW).status_code == 302
    assert User.objects.get(email="joe@example.com").check_password(NEW["password"])


def test_an_address_longer_than_a_user_name_can_be(db: None) -> None:
    email = "a" * 60 + "@" + "b" * 60 + "." + "c" * 60 + ".example"
    assert Client().post(link(InvitationFactory(email=email)), NEW).status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_link_that_is_opened_twice_at_once_makes_one_member() -> None:
    invitation: Invitation = InvitationFactory(email="joe@example.com")
    outcomes = at_once(*[lambda: joining.accept_as_new(invitation, "Joe", "a green bicycle")] * 3)
    assert [type(outcome) for outcome in outcomes if outcome] == [joining.Void] * 2
    assert User.objects.count() == Membership.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_address_that_two_workspaces_invite_makes_one_user() -> None:
    invitations = [InvitationFactory(email="joe@example.com") for _ in range(2)]
    at_once(*[lambda one=one: joining.accept_as_new(one, "Joe", "a green bicycle") for one in invitations])
    assert User.objects.count() == 1


def test_the_page_is_kept_by_no_cache() -> None:
    assert "no-store" in Client().get(link(InvitationFactory()))["Cache-Control"]


def test_other_methods_are_refused() -> None:
    assert Client().delete(link(InvitationFactory())).status_code == 405
