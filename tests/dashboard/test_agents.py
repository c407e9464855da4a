"""Agents of the support desk: what the two groups may."""

from io import StringIO

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.test import Client

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, UserFactory, WebhookFactory

pytestmark = pytest.mark.django_db


def agent(*options: str) -> Client:
    call_command("support_agent", "ana@example.com", *options, stdout=StringIO())
    client = Client()
    client.force_login(User.objects.get(email="ana@example.com"))
    return client


def test_an_agent_looks_at_everything_and_acts_but_sees_no_personal_data(alice: Tenant) -> None:
    event = EventFactory(number=alice.number, body='{"content":"private words"}')
    webhook = WebhookFactory(number=alice.number)
    DeliveryFactory(event=event, webhook=webhook)
    client = agent()
    assert event.pk in client.get("/admin/search", {"q": event.pk}).content.decode()
    journey = client.get(f"/admin/journey/{event.pk}", {"personal": "1"}).content.decode()
    assert "Redeliver" in journey
    assert "private words" not in journey
    form = {"action": "disable", "_selected_action": [webhook.pk], "confirmed": "1"}
    client.post("/admin/webhooks/webhook/", form)
    webhook.refresh_from_db()
    assert not webhook.active


def test_an_agent_with_personal_data_sees_it(alice: Tenant) -> None:
    event = EventFactory(number=alice.number, body='{"content":"private words"}')
    client = agent("--personal-data")
    assert "private words" in client.get(f"/admin/journey/{event.pk}", {"personal": "1"}).content.decode()


@pytest.mark.parametrize("options", [[], ["--personal-data"]])
def test_an_agent_changes_no_user_no_group_and_no_workspace(options: list[str], alice: Tenant) -> None:
    client = agent(*options)
    for path in [
        f"/admin/auth/user/{alice.user.pk}/change/",
        f"/admin/accounts/workspace/{alice.workspace.pk}/change/",
        "/admin/accounts/membership/add/",
        "/admin/auth/group/add/",
    ]:
        assert client.post(path, {"name": "Mine", "is_superuser": "on"}).status_code == 403


def test_the_command_changes_the_group_and_can_be_repeated() -> None:
    agent("--personal-data")
    agent()
    user = User.objects.get(email="ana@example.com")
    assert [group.name for group in user.groups.all()] == ["Support"]
    assert user.is_staff
    assert not user.is_superuser
    assert user.has_usable_password()
    assert Group.objects.count() == 2


def test_a_user_who_is_there_is_taken_as_they_are() -> None:
    user = UserFactory(username="joe", email="ana@example.com")
    password = user.password
    agent()
    user.refresh_from_db()
    assert user.is_staff
    assert user.password == password


@pytest.mark.parametrize("name", ["nobody", "ana@example.com"])
def test_of_nobody_and_of_several_no_agent_is_made(name: str) -> None:
    UserFactory(username="ana", email="ana@example.com")
    UserFactory(username="ana2", email="ana@example.com")
    with pytest.raises(CommandError):
        call_command("support_agent", name, stdout=StringIO())
    assert not User.objects.filter(is_staff=True).exists()


@pytest.mark.parametrize("name", ["@", "ana@@example.com", "ana@example", f"{'a' * 300}@example.com"])
def test_what_is_no_address_makes_no_user(name: str) -> None:
    with pytest.raises(CommandError, match="is no e-mail address"):
        call_command("support_agent", name, stdout=StringIO())
    assert not User.objects.exists()
