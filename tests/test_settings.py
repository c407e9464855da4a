"""Production does not start without its secrets, and everything that can be set is documented."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parent.parent
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": "a long secret of production, made up for this test 0123456789",
    "ENCRYPTION_KEYS": "another one",
    "ALLOWED_HOSTS": "webhooks.example.com",
}


def _manage(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=HOME,
        env={**inherited, "DATA_DIR": str(tmp_path / "data"), **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "ENCRYPTION_KEYS", "ALLOWED_HOSTS"])
def test_a_missing_secret_stops_the_start_by_name(name: str, tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", **{key: value for key, value in PRODUCTION.items() if key != name})
    assert result.returncode != 0
    assert result.stderr.splitlines()[-1].startswith(
        f"django.core.exceptions.ImproperlyConfigured: {name} is not set."
    )


@pytest.mark.parametrize("keys", [",", " ", " , "])
def test_encryption_keys_without_a_key_stop_the_start(keys: str, tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", **PRODUCTION | {"ENCRYPTION_KEYS": keys})
    assert result.stderr.splitlines()[-1].endswith(
        "ENCRYPTION_KEYS holds no key. Name passphrases, by comma."
    )


@pytest.mark.parametrize(
    ("name", "value"), [("REDIS_URL", "db:6379"), ("PUBLIC_URL", "webhooks.example.com")]
)
def test_an_address_without_its_scheme_stops_the_start(name: str, value: str, tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", **PRODUCTION | {name: value})
    assert result.returncode != 0
    assert f"ImproperlyConfigured: {name} must begin with" in result.stderr.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("KEEP_DELIVERIES_DAYS", "0", "must be 1 or more."),
        ("KEEP_HELD_DAYS", "-1", "must be 0 or more."),
        ("KEEP_ATTEMPTS_DAYS", "a month", "must be a whole number."),
        ("WORKERS", "-2", "must be 1 or more."),
    ],
)
def test_a_number_that_would_do_harm_stops_the_start(
    name: str, value: str, sentence: str, tmp_path: Path
) -> None:
    result = _manage(tmp_path, "check", **PRODUCTION | {name: value})
    assert result.stderr.splitlines()[-1].endswith(f"ImproperlyConfigured: {name} {sentence}")


LISTS = """
from django.conf import settings
print(settings.ALLOWED_HOSTS, settings.CSRF_TRUSTED_ORIGINS, *settings.WEBHOOK_ALLOWED_NETWORKS)
"""


def test_what_is_named_by_comma_may_have_spaces(tmp_path: Path) -> None:
    result = _manage(
        tmp_path, "shell", "--no-imports", "-c", LISTS,
        **PRODUCTION | {
            "ALLOWED_HOSTS": "a.example.com, b.example.com",
            "CSRF_TRUSTED_ORIGINS": "https://a.example.com, https://b.example.com",
            "WEBHOOK_ALLOWED_NETWORKS": "10.1.0.0/16, 10.2.0.0/16",
        },
    )  # fmt: skip
    assert result.stdout.strip() == (
        "['a.example.com', 'b.example.com'] ['https://a.example.com', 'https://b.example.com'] "
        "10.1.0.0/16 10.2.0.0/16"
    )


def test_production_passes_djangos_own_deployment_check(tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert result.returncode == 0, result.stderr


def test_a_host_pattern_is_no_public_url(tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", **PRODUCTION | {"ALLOWED_HOSTS": "*"})
    assert "PUBLIC_URL is not set" in result.stderr


def test_production_has_no_demo_and_reaches_no_private_network(tmp_path: Path) -> None:
    result = _manage(
        tmp_path,
        "shell",
        "--no-imports",
        "-c",
        "from django.conf import settings; print(settings.DEMO, settings.WEBHOOK_ALLOWED_NETWORKS)",
        **PRODUCTION,
    )
    assert result.stdout.strip() == "False []"


ASKED = """
import json
from django.conf import settings
from django.test import Client

login = Client(headers={"host": "webhooks.example.com"}).get("/login", secure=True)
token = login.cookies["csrftoken"]
print(json.dumps({
    "csrf cookie": [token["secure"], token["samesite"]],
    "session cookie": [
        settings.SESSION_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY, settings.SESSION_COOKIE_SAMESITE
    ],
    "frames": login["X-Frame-Options"],
    "https only": login["Strict-Transport-Security"],
    "sniffing": login["X-Content-Type-Options"],
    "referrer": login["Referrer-Policy"],
    "plain http": Client(headers={"host": "webhooks.example.com"}).get("/login")["Location"],
    "another host": Client(headers={"host": "evil.example"}).get("/login", secure=True).status_code,
    "a host that a proxy tells of": Client(
        headers={"host": "webhooks.example.com", "x-forwarded-host": "evil.example"}
    ).get("/nothing", secure=True).status_code,
}))
"""


def test_production_answers_browsers_strictly(tmp_path: Path) -> None:
    _manage(tmp_path, "collectstatic", "--no-input", **PRODUCTION)
    result = _manage(tmp_path, "shell", "--no-imports", "-c", ASKED, **PRODUCTION, LOG_LEVEL="CRITICAL")
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout) == {
        "csrf cookie": [True, "Lax"],
        "session cookie": [True, True, "Lax"],
        "frames": "DENY",
        "https only": "max-age=31536000",
        "sniffing": "nosniff",
        "referrer": "same-origin",
        "plain http": "https://webhooks.example.com/login",
        "another host": 400,
        "a host that a proxy tells of": 404,
    }


def test_development_needs_nothing_and_keeps_its_secrets_to_itself(tmp_path: Path) -> None:
    assert _manage(tmp_path, "check").returncode == 0
    secrets = list((tmp_path / "data").glob("development-*"))
    assert {secret.name for secret in secrets} == {"development-secret-key", "development-encryption-keys"}
    assert {secret.stat().st_mode & 0o777 for secret in secrets} == {0o600}


def test_the_level_of_the_log_may_be_written_small(tmp_path: Path) -> None:
    result = _manage(tmp_path, "check", LOG_LEVEL="warning")
    assert result.returncode == 0, result.stderr


def test_a_line_of_the_log_is_printed_once(tmp_path: Path) -> None:
    ask = "from django.test import Client; Client(headers={'host': 'localhost'}).get('/v1/nothing')"
    printed = _manage(tmp_path, "shell", "--no-imports", "-c", ask).stderr
    assert printed.count("Not Found: /v1/nothing") == 1, printed


BREAK = """
from django.test import Client, override_settings
from django.urls import path

def broken(request):
    raise ValueError(request.GET["text"])

class urls:
    urlpatterns = [path("broken", broken)]
    handler500 = "dashboard.refusals.broken_page"

with override_settings(ROOT_URLCONF=urls):
    client = Client(raise_request_exception=False, headers={"host": "webhooks.example.com"})
    print(client.get("/broken", {"text": "call me"}, secure=True).status_code)
"""


def test_a_failure_is_logged_without_what_it_quotes(tmp_path: Path) -> None:
    _manage(tmp_path, "collectstatic", "--no-input", **PRODUCTION)
    result = _manage(tmp_path, "shell", "--no-imports", "-c", BREAK, **PRODUCTION)
    assert result.stdout.strip() == "500"
    assert "/broken failed: ValueError" in result.stderr
    assert "call me" not in result.stderr


def test_a_development_secret_is_made_once(tmp_path: Path) -> None:
    _manage(tmp_path, "check")
    before = (tmp_path / "data" / "development-secret-key").read_text()
    _manage(tmp_path, "check")
    assert (tmp_path / "data" / "development-secret-key").read_text() == before


def _names_read_by_settings() -> list[str]:
    source = (HOME / "webhooks_project" / "settings.py").read_text()
    return sorted(set(re.findall(r"(?:env\.\w+|_secret|_whole)\(\s*\"([A-Z_]+)\"", source)))


def test_the_search_for_settings_finds_them() -> None:
    assert {"DATABASE_URL", "REDIS_URL", "SECRET_KEY", "METRICS_TOKEN", "EMAIL_URL"} <= set(
        _names_read_by_settings()
    )


@pytest.mark.parametrize("name", _names_read_by_settings())
def test_every_setting_is_documented(name: str) -> None:
    assert f"| `{name}` |" in (HOME / "docs" / "operations.md").read_text()


def test_no_setting_is_documented_that_does_not_exist() -> None:
    rows = re.findall(
        r"^\| `([A-Z_]+)` \|", (HOME / "docs" / "operations.md").read_text(), flags=re.MULTILINE
    )
    assert sorted(rows) == _names_read_by_settings()


# A client of somebody else's server: what it reads is not a setting of this one.
CLIENTS = {"webhooks/management/commands/listen.py"}


def test_only_the_settings_read_the_environment() -> None:
    apps = ["accounts", "phone_numbers", "messaging", "events", "webhooks", "dashboard"]
    readers = [
        str(path.relative_to(HOME))
        for app in apps
        for path in (HOME / app).rglob("*.py")
        if re.search(r"os\.environ|getenv", path.read_text())
    ]
    assert set(readers) == CLIENTS
