"""What is not there, or not for whoever asks: the same pages in development as in production, one line in the log."""

import logging
import re

import pytest
from django.contrib.auth.models import User
from django.db import InterfaceError
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from accounts.failures import report
from dashboard.refusals import broken_page
from tests.conftest import Tenant
from tests.factories import MembershipFactory


@pytest.mark.django_db
@pytest.mark.parametrize("debug", [True, False])
@pytest.mark.parametrize(
    "path", ["/nothing", "/nothing/at/all/", "/no%0Athing", "/webhooks/wh_none", "/admin/nothing/"]
)
def test_a_dead_link_leads_to_our_own_page(settings: Settings, path: str, debug: bool) -> None:
    settings.DEBUG = debug
    client = Client()
    client.force_login(MembershipFactory(user__is_staff=True, user__is_superuser=True).user)
    response = client.get(path)
    assert response.status_code == 404
    assert "Nothing at this address" in response.content.decode()


@pytest.mark.django_db
def test_a_stranger_to_the_server_sees_it_too(settings: Settings) -> None:
    settings.DEBUG = True
    response = Client().post("/nothing", {"a": "b"})
    assert (response.status_code, "Nothing at this address" in response.content.decode()) == (404, True)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "back"),
    [("/members/invite", "/members"), ("/messages/send", "/messages"), ("/invitations/inv_1/resend", "/")],
)
def test_an_address_that_is_only_posted_to_says_so_and_leads_back(
    path: str, back: str, alice: Tenant
) -> None:
    response = alice.client.get(path)
    assert (response.status_code, response["Allow"]) == (405, "POST")
    assert "Nothing to look at here" in response.content.decode()
    assert f'href="{back}"' in response.content.decode()


def test_a_refusal_is_one_calm_line(charlie: User, caplog: pytest.LogCaptureFixture) -> None:
    client = Client()
    client.force_login(charlie)
    with caplog.at_level(logging.INFO, "django"):
        response = client.get("/webhooks")
    assert (response.status_code, "do not belong to a workspace" in response.content.decode()) == (403, True)
    (record,) = [record for record in caplog.records if record.name.startswith("django")]
    assert (record.levelname, record.getMessage(), record.exc_info) == (
        "WARNING",
        "Forbidden: /webhooks",
        None,
    )


def test_a_broken_page_names_its_line_in_the_log(
    alice: Tenant, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.views.events.numbers_of", lambda workspace: 1 / 0)
    alice.client.raise_request_exception = False
    response = alice.client.get("/events")
    text = response.content.decode()
    assert (response.status_code, "This page broke, deliveries did not" in text) == (500, True)
    (id,) = re.findall(r"err_\w{26}", text)
    assert f"{id}: /events failed: ZeroDivisionError" in caplog.text


def test_an_address_writes_no_line_of_its_own_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    report("/nothing\nCRITICAL forged", ZeroDivisionError())
    assert "/nothing\\nCRITICAL forged failed" in caplog.text


@pytest.mark.django_db
def test_a_host_that_is_not_ours_is_one_line_that_names_it(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ALLOWED_HOSTS = ["webhooks.example"]
    response = Client(raise_request_exception=False).get("/login", headers={"host": "elsewhere.example"})
    assert response.status_code == 400
    (record,) = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert ("elsewhere.example" in record.getMessage(), record.exc_info) == (True, None)


def test_too_many_fields_are_one_line_too(alice: Tenant, caplog: pytest.LogCaptureFixture) -> None:
    assert alice.client.get("/messages?" + "q=1&" * 2000).status_code == 400
    (record,) = [record for record in caplog.records if record.name.startswith("django.security")]
    assert (record.name, record.exc_info) == ("django.security.TooManyFieldsSent", None)


@pytest.mark.parametrize("debug", [True, False])
def test_while_the_database_is_away_every_page_says_so_in_one_calm_line(
    database_away: None, settings: Settings, caplog: pytest.LogCaptureFixture, debug: bool
) -> None:
    settings.DEBUG = debug
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32
    response = client.get("/webhooks/wh_1")
    text = response.content.decode()
    assert (response.status_code, "The database does not answer" in text) == (503, True)
    assert response["retry-after"] == "5"
    (record,) = [one for one in caplog.records if one.levelname != "INFO"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert "; /webhooks/wh_1 was refused: " in record.getMessage()


def test_what_fails_outside_of_a_view_says_so_too(rf: RequestFactory) -> None:
    try:
        raise InterfaceError("connection already closed")
    except InterfaceError:
        response = broken_page(rf.get("/webhooks"))
    assert (response.status_code, response["retry-after"]) == (503, "5")
