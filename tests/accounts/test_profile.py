"""One's own profile, and a new password by e-mail."""

import re
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts import guessing, tasks
from accounts.models import PasswordReset
from accounts.profile_views import RESETS_FROM, RESETS_OF
from tests.conftest import Tenant
from tests.factories import MembershipFactory

pytestmark = pytest.mark.django_db

NEW = "a green bicycle"


def text(response: Any) -> str:
    return str(response.content.decode())


def ask(email: str, address: str = "203.0.113.7") -> Any:
    return Client(REMOTE_ADDR=address).post("/password-reset", {"email": email})


def link_for(email: str) -> str:
    """The link in the e-mail that somebody with this address gets."""
    ask(email)
    tasks.mail()
    return re.findall(r"^http://[^/]+(/password-reset/\S+)$", mail.outbox[-1].body, re.MULTILINE)[0]


def set_password(client: Client, link: str, password: str, again: str = "") -> Any:
    form = {"new_password1": password, "new_password2": again or password}
    return client.post(client.get(link).headers["location"], form)


# --- The profile


def test_the_profile_shows_ones_own_workspaces(alice: Tenant, bob: Tenant) -> None:
    MembershipFactory(workspace=bob.workspace, user=alice.user, role="read_only")
    page = text(alice.client.get("/profile"))
    assert "Bob&#x27;s shop" in page
    assert "Read-only" in page


def test_who_belongs_to_no_workspace_has_a_profile_too(charlie: User) -> None:
    client = Client()
    client.force_login(charlie)
    assert "You belong to no workspace" in text(client.get("/profile"))


@pytest.mark.parametrize(
    ("name", "is_taken"), [("Ana Ødegård-O'Neil", True), ("", False), ("a\nb", False), ("x@y", False)]
)
def test_a_name_is_changed(alice: Tenant, name: str, is_taken: bool) -> None:
    response = alice.client.post("/profile/name", {"name": name})
    assert response.status_code == (302 if is_taken else 400)
    alice.user.refresh_from_db()
    assert (alice.user.first_name == name) == (is_taken or name == "")


def test_a_new_password_ends_all_other_sessions(alice: Tenant) -> None:
    elsewhere = Client()
    elsewhere.post("/login", {"username": "alice", "password": "correct horse"})
    assert elsewhere.get("/profile").status_code == 200
    form = {"old_password": "correct horse", "new_password1": NEW, "new_password2": NEW}
    assert "Your password is changed" in text(alice.client.post("/profile/password", form, follow=True))
    assert elsewhere.get("/profile").status_code == 302
    assert alice.client.get("/profile").status_code == 200


@pytest.mark.parametrize(
    ("form", "sentence"),
    [
        ({"old_password": "wrong"}, "Your old password was entered incorrectly"),
        ({"new_password2": "another bicycle"}, "didn’t match"),
        ({"new_password1": "alice@example", "new_password2": "alice@example"}, "too similar"),
        ({"new_password1": "", "new_password2": ""}, "This field is required"),
    ],
)
def test_a_password_that_cannot_be_changed_says_why(
    alice: Tenant, form: dict[str, str], sentence: str
) -> None:
    whole = {"old_password": "correct horse", "new_password1": NEW, "new_password2": NEW} | form
    response = alice.client.post("/profile/password", whole)
    assert response.status_code == 400
    assert sentence in text(response)
    alice.user.refresh_from_db()
    assert alice.user.check_password("correct horse")


def test_a_stolen_session_cannot_guess_the_password(alice: Tenant) -> None:
    form = {"old_password": "wrong", "new_password1": NEW, "new_password2": NEW}
    answers = [
        alice.client.post("/profile/password", form).status_code for _ in range(guessing.HERE.times + 1)
    ]
    assert answers == [400] * guessing.HERE.times + [429]


# --- A new password by e-mail


def test_a_forgotten_password_is_set_anew(alice: Tenant, settings: Any) -> None:
    link = link_for("Alice@example.com")
    client = Client()
    done = set_password(client, link, NEW)
    assert done.headers["location"] == "/login"
    assert "Log in with it" in text(client.get("/login"))
    assert client.post("/login", {"username": "alice", "password": NEW}).status_code == 302
    assert alice.client.get("/profile").status_code == 302


def test_the_link_is_of_this_server_whatever_host_was_asked_for(alice: Tenant, settings: Any) -> None:
    settings.PUBLIC_URL, settings.ALLOWED_HOSTS = "https://hooks.example.com", ["*"]
    Client(headers={"host": "evil.example"}).post("/password-reset", {"email": "alice@example.com"})
    tasks.mail()
    assert "https://hooks.example.com/password-reset/" in mail.outbox[0].body
    assert "evil.example" not in mail.outbox[0].body


def test_a_link_works_once(alice: Tenant) -> None:
    link = link_for("alice@example.com")
    set_password(Client(), link, NEW)
    assert "This link does not work" in text(Client().get(link))


def test_a_link_works_for_a_day(alice: Tenant, settings: Any) -> None:
    link = link_for("alice@example.com")
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert "This link does not work" in text(Client().get(link))


@pytest.mark.parametrize(
    "link", ["/password-reset/x/y", "/password-reset/MQ/set-password", "/password-reset/é/-"]
)
def test_a_link_that_nobody_was_sent_says_so(link: str) -> None:
    assert "This link does not work" in text(Client().get(link))


def test_a_weak_password_is_refused(alice: Tenant) -> None:
    response = set_password(Client(), link_for("alice@example.com"), "password123")
    assert "too common" in text(response)


def test_an_address_with_a_user_is_answered_like_one_without(alice: Tenant) -> None:
    answers, queries = [], []
    for email, address in (("alice@example.com", "10.0.0.1"), ("nobody@example.com", "10.0.0.2")):
        with CaptureQueriesContext(connection) as captured:
            answers.append(ask(email, address))
        queries.append([re.sub(r"'[^']*'|_x\d+", "", query["sql"]) for query in captured])
    assert {answer.headers["location"] for answer in answers} == {"/password-reset/sent"}
    assert queries[0] == queries[1]
    assert PasswordReset.objects.count() == 2


def test_no_address_is_flooded(alice: Tenant) -> None:
    answers = [ask("alice@example.com", f"10.0.0.{n}").status_code for n in range(RESETS_OF.times + 1)]
    assert answers == [302] * RESETS_OF.times + [429]
    assert ask("nobody@example.com").status_code == 302


def test_one_client_may_not_ask_for_everybody(db: None) -> None:
    answers = [ask(f"user-{n}@example.com").status_code for n in range(RESETS_FROM.times + 1)]
    assert answers[-2:] == [302, 429]


def test_who_was_kept_out_by_others_guesses_gets_in_by_a_new_password(alice: Tenant) -> None:
    for n in range(guessing.NAME.times):
        guessing.attempt("alice", f"10.0.{n}.1")
    client = Client(REMOTE_ADDR="203.0.113.7")
    form = {"username": "alice", "password": NEW}
    assert client.post("/login", form).status_code == 429
    set_password(client, link_for("alice@example.com"), NEW)
    assert client.post("/login", form).status_code == 302


def test_nonsense_is_no_address(db: None) -> None:
    assert "Enter a valid email address" in text(ask("nonsense"))
    assert not PasswordReset.objects.exists()
