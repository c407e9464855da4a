"""Logging in: by name or address, without telling who exists, and not by guessing."""

import re
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import User
from django.test import Client, RequestFactory

from accounts import guessing
from accounts.rate_limits import address_of
from tests.factories import MembershipFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def ana() -> User:
    return MembershipFactory(user__username="ana").user


def log_in(name: str = "ana", password: str = "wrong", address: str = "203.0.113.7", **query: str) -> Any:
    """What the page answers to a stranger's browser."""
    form = {"username": name, "password": password}
    return Client(REMOTE_ADDR=address).post("/login", form, query_params=query)


def without_token(response: Any) -> str:
    return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", response.content.decode())


@pytest.mark.parametrize("name", ["ana", "ana@example.com", "ANA@example.com"])
def test_by_name_or_by_address(ana: User, name: str) -> None:
    assert log_in(name, "correct horse").status_code == 302


def test_a_name_that_exists_is_answered_like_one_that_does_not(ana: User) -> None:
    UserFactory(username="old", is_active=False)
    texts = {without_token(log_in(name)).replace(name, "") for name in ("ana", "old", "nobody")}
    assert len(texts) == 1
    assert all("do not match" in text for text in texts)


def test_who_guesses_a_password_is_made_to_wait(ana: User) -> None:
    answers = [log_in().status_code for _ in range(guessing.HERE.times + 2)]
    assert answers == [200] * guessing.HERE.times + [429] * 2
    refused = log_in(password="correct horse")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 900
    assert "Too many attempts" in refused.content.decode()


def test_the_wait_ends(ana: User) -> None:
    with time_machine.travel("2026-03-01T10:00:00Z", tick=False) as clock:
        for _ in range(9):
            log_in()
        clock.shift(guessing.HERE.per)
        assert log_in(password="correct horse").status_code == 302


def test_who_guesses_elsewhere_does_not_keep_the_owner_out(ana: User) -> None:
    for _ in range(9):
        log_in(address="198.51.100.1")
    assert log_in(password="correct horse", address="203.0.113.7").status_code == 302


def test_case_and_spaces_make_no_new_name(ana: User) -> None:
    for name in ["ana", "ANA", " ana", "Ana ", "aNa"]:
        log_in(name)
    assert log_in("anA").status_code == 429


def test_who_mistypes_and_then_succeeds_starts_afresh(ana: User) -> None:
    for _ in range(3):
        for _ in range(guessing.HERE.times - 1):
            assert log_in().status_code == 200
        assert log_in(password="correct horse").status_code == 302


def test_one_address_may_not_try_every_name(ana: User) -> None:
    answers = [log_in(f"user-{n}").status_code for n in range(guessing.ADDRESS.times + 1)]
    assert answers[-2:] == [200, 429]
    assert log_in("user-1", address="198.51.100.9").status_code == 200


def test_many_addresses_may_not_try_one_name_without_end(ana: User) -> None:
    answers = [
        log_in(address=f"10.0.{n // 250}.{n % 250}").status_code for n in range(guessing.NAME.times + 1)
    ]
    assert answers[-2:] == [200, 429]


def test_who_is_logged_in_is_sent_on(ana: User) -> None:
    client = Client()
    client.force_login(ana)
    assert client.get("/login")["Location"] == "/"


@pytest.mark.parametrize(
    "wanted",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "https:evil"],
)
def test_a_login_leads_to_this_server_only(ana: User, wanted: str) -> None:
    assert log_in(password="correct horse", next=wanted)["Location"] == "/"


def test_a_login_leads_to_what_was_asked_for(ana: User) -> None:
    assert log_in(password="correct horse", next="/numbers?x=1")["Location"] == "/numbers?x=1"


def test_whoever_is_logged_in_is_not_sent_from_the_login_to_the_login(ana: User) -> None:
    client = Client()
    client.force_login(ana)
    assert client.get("/login", {"next": "/login"})["Location"] == "/"


@pytest.mark.parametrize(("method", "reloads"), [("get", True), ("post", False)])
def test_a_part_of_a_page_is_never_the_login(method: str, reloads: bool) -> None:
    response = Client().generic(method, "/webhooks/check-url", headers={"HX-Request": "true"})
    assert response.status_code == 401
    assert ("HX-Refresh" in response) is reloads


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example"])
def test_a_logout_leads_to_this_server_only(ana: User, wanted: str) -> None:
    client = Client()
    client.force_login(ana)
    assert client.post("/logout", query_params={"next": wanted})["Location"] == "/login"


def test_a_logout_is_no_get(ana: User) -> None:
    client = Client()
    client.force_login(ana)
    assert client.get("/logout").status_code == 405
    assert client.get("/profile").status_code == 200
    client.post("/logout")
    assert client.get("/profile").status_code == 302


def test_the_admin_has_no_door_of_its_own(ana: User) -> None:
    assert Client().get("/admin/", follow=True).redirect_chain[-1][0] == "/login?next=/admin/"
    member = Client()
    member.force_login(ana)
    assert member.get("/admin/", follow=True).status_code == 403
    assert member.post("/admin/login/", {"username": "root", "password": "x"}).status_code == 403
    staff = Client()
    staff.force_login(UserFactory(is_staff=True, is_superuser=True))
    assert staff.get("/admin/login/")["Location"] == "/admin/"
    for wanted in ("https://evil.example/", "//evil.example", "/admin/login/?next=/admin/"):
        assert staff.get("/admin/login/", {"next": wanted})["Location"] == "/admin/"


def change_in_the_admin(client: Client, old: str) -> int:
    form = {"old_password": old, "new_password1": "a long bicycle", "new_password2": "a long bicycle"}
    return int(client.post("/admin/password_change/", form).status_code)


@pytest.fixture
def staff() -> Client:
    client = Client()
    client.force_login(UserFactory(username="root", is_staff=True, is_superuser=True))
    return client


def test_a_stolen_session_cannot_guess_the_password_in_the_admin(staff: Client) -> None:
    answers = [change_in_the_admin(staff, "wrong") for _ in range(guessing.HERE.times + 1)]
    assert answers == [200] * guessing.HERE.times + [429]
    assert change_in_the_admin(staff, "correct horse") == 429
    assert staff.get("/admin/password_change/").status_code == 200
    assert User.objects.get(username="root").check_password("correct horse")


def test_who_mistypes_in_the_admin_and_then_succeeds_starts_afresh(staff: Client) -> None:
    for _ in range(guessing.HERE.times - 1):
        change_in_the_admin(staff, "wrong")
    assert change_in_the_admin(staff, "correct horse") == 302
    assert [change_in_the_admin(staff, "wrong") for _ in range(2)] == [200, 200]


def test_the_password_page_of_the_admin_is_for_staff(ana: User) -> None:
    member = Client()
    member.force_login(ana)
    for client in (member, Client()):
        assert client.get("/admin/password_change/")["Location"].startswith("/admin/login/")


@pytest.mark.parametrize(
    ("behind_proxy", "remote", "forwarded", "counted"),
    [
        (False, "203.0.113.7", "1.1.1.1", "203.0.113.7"),
        (True, "10.0.0.1", "1.1.1.1, 203.0.113.7", "203.0.113.7"),
        (True, "203.0.113.7", None, "203.0.113.7"),
        (True, "10.0.0.1", "nonsense", "nonsense"),
        (False, "2001:db8:1:2:3:4:5:6", None, "2001:db8:1:2::"),
        (False, "::ffff:203.0.113.7", None, "203.0.113.7"),
    ],
)
def test_who_is_counted(
    settings: Any, behind_proxy: bool, remote: str, forwarded: str | None, counted: str
) -> None:
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "NUM_PROXIES": int(behind_proxy)}
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    assert address_of(RequestFactory(REMOTE_ADDR=remote).get("/", headers=headers)) == counted


def test_the_support_desk_is_found_without_its_last_slash() -> None:
    assert Client().get("/admin")["Location"] == "/admin/"
