import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from accounts.models import ApiKey, Workspace
from phone_numbers.models import Number
from tests.conftest import Tenant
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


def _seed(*arguments: str) -> dict[str, str]:
    output = StringIO()
    call_command("seed_demo", "--json", *arguments, stdout=output)
    assert output.getvalue().count("\n") == 1
    answer: dict[str, str] = json.loads(output.getvalue())
    return answer


def test_the_demo_lets_one_in() -> None:
    demo = _seed()
    assert set(demo) == {"workspaceId", "numberId", "phone", "apiKey", "dashboardUser", "dashboardPassword"}
    key = ApiKey.find(demo["apiKey"])
    assert key is not None
    assert (key.workspace_id, key.number_id) == (demo["workspaceId"], "")
    assert Client().login(username=demo["dashboardUser"], password=demo["dashboardPassword"])


def test_its_number_is_a_connected_simulator_number() -> None:
    demo = _seed()
    number = Number.objects.get(pk=demo["numberId"])
    assert (number.provider, number.state, number.phone) == ("simulator", "OPEN", demo["phone"])
    assert number.workspace_id == demo["workspaceId"]


def test_a_second_call_says_the_same_and_adds_nothing() -> None:
    first = _seed("--receiver-url", "http://127.0.0.1:8001/hook")
    assert _seed("--receiver-url", "http://127.0.0.1:8001/hook") == first
    assert (Workspace.objects.count(), Number.objects.count(), ApiKey.objects.count()) == (1, 1, 1)


def test_a_demo_key_that_was_revoked_stays_revoked() -> None:
    first = _seed()
    key = ApiKey.find(first["apiKey"])
    assert key is not None
    key.revoke()
    second = _seed()
    assert ApiKey.find(first["apiKey"]) is None
    assert ApiKey.find(second["apiKey"]) is not None


def test_the_demo_webhook_follows_the_receiver() -> None:
    _seed("--receiver-url", "http://127.0.0.1:8001/hook")
    demo = _seed("--receiver-url", "http://127.0.0.1:8003/hook")
    webhook = Webhook.objects.get()
    assert (webhook.pk, webhook.url) == (demo["webhookId"], "http://127.0.0.1:8003/hook")
    assert webhook.events == ["*"]
    assert webhook.secrets.get().secret == demo["webhookSecret"]


def test_there_is_no_demo_where_demo_is_off(settings: Settings) -> None:
    settings.DEMO = False
    with pytest.raises(CommandError, match="DEMO"):
        _seed()
    assert not Workspace.objects.exists()


def test_the_demo_user_sees_the_admin_only_in_development(settings: Settings) -> None:
    settings.DEBUG = False
    demo = _seed()
    client = Client()
    client.login(username=demo["dashboardUser"], password=demo["dashboardPassword"])
    assert client.get("/admin/").status_code == 302


def test_the_phone_that_a_new_workspace_is_shown_is_not_the_demos(alice: Tenant) -> None:
    alice.number.delete()
    demo = _seed()
    text = alice.client.get("/numbers").content.decode()
    phones = set(re.findall(r"\+\d{11}", text))
    assert phones
    assert demo["phone"] not in phones


@pytest.mark.parametrize(
    "url", ["nonsense", "http://169.254.169.254/", "http://user:word@127.0.0.1:8001/hook"]
)
@pytest.mark.parametrize("before", [(), ("--receiver-url", "http://127.0.0.1:8001/hook")])
def test_a_receiver_that_no_webhook_may_have_is_refused_and_changes_nothing(
    before: tuple[str, ...], url: str
) -> None:
    _seed(*before)
    rows = list(Webhook.objects.values())
    with pytest.raises(CommandError, match=r"^--receiver-url: .+\.$"):
        _seed("--receiver-url", url)
    assert list(Webhook.objects.values()) == rows


def test_a_receiver_that_no_webhook_may_have_leaves_no_demo_behind() -> None:
    with pytest.raises(CommandError):
        _seed("--receiver-url", "nonsense")
    assert not Workspace.objects.exists()
