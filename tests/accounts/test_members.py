"""Members: invited, given roles, removed; a workspace always keeps an owner; what was done is on record."""

import re
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.admin.models import LogEntry
from django.core import mail
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import inviting, members, tasks
from accounts.models import Invitation, Membership
from tests.conftest import Tenant
from tests.factories import InvitationFactory, MembershipFactory, UserFactory, WebhookFactory

pytestmark = pytest.mark.django_db

Role = Membership.Role


def said(client: Client, path: str, **form: str) -> str:
    """The page that follows a POST."""
    return client.post(path, form, follow=True).content.decode()


def invite(client: Client, emails: str, role: str = "member") -> Any:
    return client.post("/members/invite", {"emails": emails, "role": role})


def page(client: Client) -> str:
    response = client.get("/members")
    assert response.status_code == 200
    return response.content.decode()


def at_once(*acts: Callable[[], Any]) -> list[Exception | None]:
    """Runs acts at the same time; returns what each raised."""
    start = threading.Barrier(len(acts))
    outcomes: list[Exception | None] = []

    def run(act: Callable[[], Any]) -> None:
        start.wait()
        try:
            act()
            outcomes.append(None)
        except Exception as problem:
            outcomes.append(problem)
        connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def recorded() -> list[tuple[str, str]]:
    entries = LogEntry.objects.order_by("pk").select_related("user")
    return [(entry.user.get_username(), entry.change_message) for entry in entries]


# --- Inviting


def test_the_invited_get_an_email_with_a_link(alice: Tenant, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hooks.example.com"
    assert invite(alice.client, "Joe@Example.com", "read_only").status_code == 302
    tasks.mail()
    (message,) = mail.outbox
    assert message.to == ["joe@example.com"]
    assert message.subject == "Alice's shop invites you"
    assert re.search(r"^https://hooks\.example\.com/join/[\w-]{43}$", message.body, re.MULTILINE)
    assert "to read only" in message.body


def test_only_the_hash_of_a_token_is_kept(alice: Tenant) -> None:
    invite(alice.client, "joe@example.com")
    tasks.mail()
    token = re.findall(r"/join/([\w-]+)", mail.outbox[0].body)[0]
    values = Invitation.objects.values().get()
    assert token not in str(values)
    assert inviting.Invitation.objects.get().digest


@pytest.mark.parametrize(
    "text",
    [
        "a@x.example, b@x.example",
        "a@x.example\nb@x.example\n",
        " <a@x.example>;b@x.example a@x.example",
    ],
)
def test_several_are_invited_at_once(alice: Tenant, text: str) -> None:
    invite(alice.client, text)
    tasks.mail()
    assert sorted(message.to[0] for message in mail.outbox) == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "Say whom to invite"),
        (" ,; ", "Say whom to invite"),
        ("nonsense", "“nonsense” is no e-mail address."),
        ("joe@example.com, a b@, x@y", "“a” is no e-mail address."),
        ("alice@example.com", "alice@example.com is a member already."),
        ("ALICE@example.com, joe@example.com", "alice@example.com is a member already."),
        ("waits@example.com", "waits@example.com is invited already"),
        (" ".join(f"user-{n}@example.com" for n in range(51)), "These are 51 addresses; 50 can be invited"),
        ("x" * 250 + "@example.com", "is no e-mail address"),
        ("a\0@example.com\r\nBcc: b@example.com", "“bcc:” is no e-mail address."),
    ],
)
def test_one_that_cannot_be_invited_keeps_all_and_says_why(alice: Tenant, text: str, sentence: str) -> None:
    InvitationFactory(workspace=alice.workspace, email="waits@example.com")
    response = invite(alice.client, text)
    assert response.status_code == 400
    assert sentence in response.content.decode()
    assert "joe@example.com" not in text or "joe@example.com" in response.content.decode()
    assert Invitation.objects.count() == 1


def test_a_role_that_does_not_exist_invites_nobody(alice: Tenant) -> None:
    assert invite(alice.client, "joe@example.com", "admin").status_code == 400
    assert not Invitation.objects.exists()


def test_an_expired_invitation_gives_way(alice: Tenant) -> None:
    old = InvitationFactory(workspace=alice.workspace, email="joe@example.com", expires_at=timezone.now())
    assert invite(alice.client, "joe@example.com").status_code == 302
    old.refresh_from_db()
    assert old.withdrawn_at is not None


def test_who_has_a_user_is_answered_like_who_has_none(alice: Tenant, bob: Tenant) -> None:
    for email in ("bob@example.com", "new@example.com"):
        assert f"{email} will get an e-mail" in said(
            alice.client, "/members/invite", emails=email, role="member"
        )
    tasks.mail()
    first, second = [message.body.split("Take it up")[0] for message in mail.outbox]
    assert first == second
    assert not Membership.objects.filter(workspace=alice.workspace, user=bob.user).exists()


def test_a_workspace_may_send_only_so_many_an_hour(alice: Tenant, bob: Tenant, settings: Any) -> None:
    settings.INVITATIONS_PER_HOUR = 3
    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert invite(alice.client, "a@x.example b@x.example").status_code == 302
        refused = invite(alice.client, "c@x.example d@x.example")
        assert refused.status_code == 429
        assert "3 invitations an hour" in refused.content.decode()
        assert invite(bob.client, "c@x.example").status_code == 302
        assert invite(alice.client, "c@x.example").status_code == 302
        clock.shift(timedelta(hours=1))
        assert invite(alice.client, "d@x.example").status_code == 302


def test_nobodys_mailbox_is_flooded_from_many_workspaces() -> None:
    owners = [MembershipFactory().user for _ in range(inviting.PER_ADDRESS.times + 1)]
    answers = []
    for owner in owners:
        client = Client()
        client.force_login(owner)
        answers.append(invite(client, "joe@example.com").status_code)
    assert answers == [302] * inviting.PER_ADDRESS.times + [429]


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_invite_the_same_in_the_same_moment_send_one_email(alice: Tenant) -> None:
    outcomes = at_once(
        lambda: inviting.invite(alice.workspace, alice.user, ["joe@example.com"], Role.MEMBER),
        lambda: inviting.invite(alice.workspace, alice.user, ["joe@example.com"], Role.OWNER),
    )
    assert [type(outcome) for outcome in outcomes if outcome] == [inviting.NotInvited]
    assert Invitation.objects.count() == 1


# --- The list of invitations


def test_an_email_that_is_sent_again_makes_the_link_before_void(alice: Tenant) -> None:
    invite(alice.client, "joe@example.com")
    tasks.mail()
    invitation = Invitation.objects.get()
    alice.client.post(f"/invitations/{invitation.pk}/resend")
    # Already before the second e-mail is sent.
    assert Client().get(re.findall(r"/join/[\w-]+", mail.outbox[0].body)[0]).status_code == 404
    tasks.mail()
    first, second = [re.findall(r"/join/[\w-]+", message.body)[0] for message in mail.outbox]
    assert Client().get(first).status_code == 404
    assert Client().get(second).status_code == 200


def test_sending_again_begins_the_days_anew(alice: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace, expires_at=timezone.now() - timedelta(days=1))
    alice.client.post(f"/invitations/{invitation.pk}/resend")
    invitation.refresh_from_db()
    assert invitation.expires_at > timezone.now() + timedelta(days=6.9)


def test_an_email_cannot_be_sent_again_without_end(alice: Tenant) -> None:
    invitation = InvitationFactory(workspace=alice.workspace)
    path = f"/invitations/{invitation.pk}/resend"
    answers = [alice.client.post(path).status_code for _ in range(inviting.PER_ADDRESS.times + 1)]
    assert answers[-2:] == [302, 429]


def test_a_withdrawn_invitation_is_gone_from_the_list_and_sends_nothing(alice: Tenant) -> None:
    invite(alice.client, "joe@example.com")
    invitation = Invitation.objects.get()
    alice.client.post(f"/invitations/{invitation.pk}/withdraw")
    tasks.mail()
    assert mail.outbox == []
    assert f"/invitations/{invitation.pk}/" not in page(alice.client)
    assert alice.client.post(f"/invitations/{invitation.pk}/resend").status_code == 404


@pytest.mark.parametrize(
    ("state", "word"),
    [
        ({}, "E-mail sent"),
        ({"sent_at": None, "due_at": timezone.now()}, "E-mail is being sent"),
        ({"sent_at": None, "due_at": timezone.now(), "tries": 2}, "E-mail is tried again"),
        ({"sent_at": None}, "E-mail could not be sent"),
        ({"expires_at": timezone.now() - timedelta(hours=1)}, "Expired"),
    ],
)
def test_the_list_says_what_became_of_each_email(alice: Tenant, state: dict[str, Any], word: str) -> None:
    InvitationFactory(workspace=alice.workspace, **state)
    assert word in page(alice.client)


# --- Roles, removing, leaving


def test_an_owner_changes_roles_and_removes(alice: Tenant) -> None:
    joe = MembershipFactory(workspace=alice.workspace, role=Role.MEMBER, user__username="joe")
    assert "joe@example.com is now read-only" in said(
        alice.client, f"/members/{joe.pk}/role", role="read_only"
    )
    joe.refresh_from_db()
    assert joe.role == Role.READ_ONLY
    assert "is no member any more" in said(alice.client, f"/members/{joe.pk}/remove")
    assert not Membership.objects.filter(pk=joe.pk).exists()


def test_who_is_removed_sees_nothing_from_then_on(alice: Tenant) -> None:
    joe = MembershipFactory(workspace=alice.workspace)
    client = Client()
    client.force_login(joe.user)
    assert client.get("/numbers").status_code == 200
    alice.client.post(f"/members/{joe.pk}/remove")
    assert client.get("/numbers").status_code == 403


@pytest.mark.parametrize("act", ["role", "remove", "leave"])
def test_the_last_owner_stays(alice: Tenant, act: str) -> None:
    mine = Membership.objects.get(user=alice.user)
    MembershipFactory(workspace=alice.workspace, role=Role.MEMBER)
    MembershipFactory(workspace=alice.workspace, role=Role.OWNER, user__is_active=False)
    path = f"/workspaces/{alice.workspace.pk}/leave" if act == "leave" else f"/members/{mine.pk}/{act}"
    assert "A workspace needs an owner" in said(alice.client, path, role="member")
    mine.refresh_from_db()
    assert mine.role == Role.OWNER
    assert recorded() == []


def test_an_owner_may_go_once_there_is_another(alice: Tenant) -> None:
    MembershipFactory(workspace=alice.workspace, role=Role.OWNER)
    assert "You have left" in said(alice.client, f"/workspaces/{alice.workspace.pk}/leave")
    assert alice.client.get("/numbers").status_code == 403


@pytest.mark.parametrize("role", [Role.MEMBER, Role.READ_ONLY])
def test_everybody_may_leave(alice: Tenant, role: str) -> None:
    joe = MembershipFactory(workspace=alice.workspace, role=role).user
    client = Client()
    client.force_login(joe)
    assert "You have left" in said(client, f"/workspaces/{alice.workspace.pk}/leave")


def test_nobody_leaves_what_they_do_not_belong_to(alice: Tenant, bob: Tenant) -> None:
    assert bob.client.post(f"/workspaces/{alice.workspace.pk}/leave").status_code == 404


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_remove_each_other_leave_one(alice: Tenant) -> None:
    mine = Membership.objects.get(user=alice.user)
    other = MembershipFactory(workspace=alice.workspace)
    outcomes = at_once(
        lambda: members.remove(alice.workspace, [mine], other.user),
        lambda: members.remove(alice.workspace, [other], alice.user),
    )
    assert [type(outcome) for outcome in outcomes if outcome] == [members.LastOwner]
    assert Membership.objects.filter(workspace=alice.workspace, role=Role.OWNER).count() == 1


def test_all_of_a_list_or_none(alice: Tenant) -> None:
    others = [MembershipFactory(workspace=alice.workspace, role=Role.MEMBER) for _ in range(2)]
    mine = Membership.objects.get(user=alice.user)
    with pytest.raises(members.LastOwner):
        members.remove(alice.workspace, [*others, mine], alice.user)
    assert alice.workspace.memberships.count() == 3
    members.change_roles(alice.workspace, others, Role.OWNER, alice.user)
    members.remove(alice.workspace, [mine, others[0]], alice.user)
    assert alice.workspace.memberships.get().user == others[1].user


# --- What is on record, and what the page shows to whom


def test_what_was_done_is_on_record(alice: Tenant) -> None:
    invite(alice.client, "joe@example.com")
    invitation = Invitation.objects.get()
    alice.client.post(f"/invitations/{invitation.pk}/resend")
    joe = UserFactory(username="joe")
    tasks.mail()
    client = Client()
    client.force_login(joe)
    client.post(re.findall(r"/join/[\w-]+", mail.outbox[0].body)[0])
    membership = Membership.objects.get(user=joe)
    alice.client.post(f"/members/{membership.pk}/role", {"role": "owner"})
    alice.client.post(f"/members/{membership.pk}/remove")
    assert recorded() == [
        ("alice", "Invited joe@example.com as member."),
        ("alice", "Sent the invitation of joe@example.com again."),
        ("joe", "Accepted the invitation of joe@example.com as member."),
        ("alice", "Changed joe@example.com from member to owner."),
        ("alice", "Removed joe@example.com."),
    ]
    assert all(message in page(alice.client) for _, message in recorded())


def test_who_looks_at_secrets_makes_keys_or_erases_is_on_record(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    alice.client.get(f"/webhooks/{webhook.pk}/secret")
    alice.client.post("/api-keys", {"name": "Shop", "number": ""})
    key = alice.workspace.api_keys.get(name="Shop")
    alice.client.post(f"/api-keys/{key.pk}/revoke")
    alice.client.post(f"/numbers/{alice.number.pk}/retention", {"mode": "RELAY_ONLY"})
    alice.client.post(f"/numbers/{alice.number.pk}/remove")
    alice.client.post(f"/numbers/{alice.number.pk}/purge")
    assert [message.split(" (")[0] for _, message in recorded()] == [
        "Looked at the secret of the webhook Orders.",
        "Created the API key Shop",
        "Revoked the API key Shop",
        f"Set the retention of {alice.number.phone} to “relay only”.",
        f"Erased the number {alice.number.phone}.",
    ]


def test_another_workspaces_history_is_its_own(alice: Tenant, bob: Tenant) -> None:
    invite(alice.client, "joe@example.com")
    assert "Invited joe@example.com" not in page(bob.client)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.READ_ONLY])
def test_who_is_no_owner_sees_the_list_and_nothing_to_press(alice: Tenant, role: str) -> None:
    InvitationFactory(workspace=alice.workspace, email="joe@example.com")
    client = Client()
    client.force_login(MembershipFactory(workspace=alice.workspace, role=role).user)
    text = page(client)
    assert "alice@example.com" in text
    assert "joe@example.com" in text
    assert "<button" not in text.split('<main id="main">')[1].split("</main>")[0]


def test_the_page_takes_the_same_queries_however_many_they_are(alice: Tenant) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(alice.client)
        return len(captured)

    def more() -> None:
        MembershipFactory(workspace=alice.workspace)
        InvitationFactory(workspace=alice.workspace, invited_by=alice.user)
        members.change_roles(
            alice.workspace, [MembershipFactory(workspace=alice.workspace)], Role.MEMBER, alice.user
        )

    more()
    page(alice.client)
    few = queries()
    for _ in range(5):
        more()
    assert queries() == few
