"""The suite's own ground holds, and so does what the house is built with."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
from django.conf import settings

from accounts.models import ApiKey
from events.catalog import EVENT_TYPES
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    EventFactory,
    MessageFactory,
    MetaNumberFactory,
    RawPayloadFactory,
    WebhookFactory,
)


def test_the_suite_never_touches_an_installations_data() -> None:
    assert settings.DATA_DIR.name.startswith("webhooks-test-")
    assert settings.Q_CLUSTER["name"] == settings.DATA_DIR.name


def test_a_tenant_has_all_that_an_owner_has(alice: Tenant) -> None:
    key = ApiKey.find(alice.key)
    assert key is not None
    assert key.workspace == alice.workspace == alice.number.workspace
    assert alice.user.memberships.get().workspace == alice.workspace


def test_tenants_share_nothing(alice: Tenant, bob: Tenant, charlie: object) -> None:
    assert alice.workspace != bob.workspace
    assert alice.number.phone != bob.number.phone


@pytest.mark.django_db
def test_a_webhook_comes_with_its_subscriptions_and_a_secret() -> None:
    webhook = WebhookFactory(events=["message.sent", "call.ended"])
    assert webhook.events == ["call.ended", "message.sent"]
    assert webhook.secrets.get().secret.startswith("whsec_")


@pytest.mark.django_db
def test_an_attempt_hangs_together() -> None:
    attempt = AttemptFactory()
    assert attempt.webhook.number == attempt.delivery.event.number
    assert attempt.url == attempt.webhook.url


@pytest.mark.django_db
@pytest.mark.parametrize("event_type", [event_type.name for event_type in EVENT_TYPES])
def test_an_event_of_every_type_can_be_made(event_type: str) -> None:
    assert EventFactory(type=event_type).payload["event"] == event_type


@pytest.mark.django_db
def test_messages_and_payloads_can_be_made() -> None:
    assert MessageFactory(sent=True).external_id
    assert MessageFactory(inbound=True).contact_key
    assert MetaNumberFactory().credentials["accessToken"]
    assert RawPayloadFactory(number=None).provider == "meta"


HOME = Path(__file__).resolve().parent.parent


def _pins(file: str) -> dict[str, str]:
    lines = (HOME / file).read_text().splitlines()
    pinned = [line.split("#")[0].strip() for line in lines]
    return dict(line.split("==") for line in pinned if line and not line.startswith("-r"))


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=~ ]", name)[0]).lower()


def test_every_dependency_is_pinned_exactly() -> None:
    project = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]
    assert {_normal(name) for name in project["dependencies"]} <= _pins("requirements.txt").keys()
    pinned = _pins("requirements.txt") | _pins("requirements-dev.txt")
    assert {_normal(name) for name in project["optional-dependencies"]["dev"]} <= pinned.keys()


def test_the_pins_name_versions_and_nothing_else() -> None:
    versions = [*_pins("requirements.txt").values(), *_pins("requirements-dev.txt").values()]
    assert all(re.fullmatch(r"[0-9][0-9A-Za-z.]*", version) for version in versions)


def test_what_is_installed_is_what_is_pinned() -> None:
    from importlib.metadata import version

    pins = _pins("requirements.txt")
    checked = ["django", "django-q2", "djangorestframework", "aiohttp", "psycopg", "redis", "requests"]
    assert {name: version(name) for name in checked} == {name: pins[name] for name in checked}


def test_the_ci_script_is_valid_and_executable() -> None:
    script = HOME / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_api_schema_has_no_warning(tmp_path: Path) -> None:
    from django.core.management import call_command

    call_command("spectacular", "--fail-on-warn", "--validate", file=str(tmp_path / "openapi.yaml"))


def test_no_style_asks_for_the_size_of_a_container() -> None:
    """Inside a fieldset Chromium (156) shows nothing then of what it had parsed before a pause."""
    for sheet in (HOME / "static").glob("*.css"):
        assert not re.findall(r"container-type|@container", sheet.read_text()), sheet.name
