"""One shape for every refusal, and one table of codes that says all there is."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts.errors import CODES, GROUPS, page
from tests.conftest import Tenant
from tests.factories import WebhookFactory

HOME = Path(__file__).resolve().parent.parent
ERRORS_PAGE = HOME / "docs" / "errors.md"
APPS = ["accounts", "phone_numbers", "messaging", "events", "webhooks", "dashboard"]


def refusals() -> Iterator[tuple[str, int, ast.expr, ast.expr]]:
    """Every `ApiError(status, code, …)` of the code: file, line, and the two."""
    for app in APPS:
        for path in sorted((HOME / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("ApiError"):
                    yield str(path.relative_to(HOME)), node.lineno, node.args[0], node.args[1]


# Built elsewhere than at an ApiError; each with the place.
COMPOSED = {
    ("accounts/api.py", "INTERNAL_ERROR"),
    ("messaging/accepting.py", "NOT_SUPPORTED_FOR_META"),
}


def test_every_code_of_the_code_is_in_the_table_with_its_status() -> None:
    wrong = []
    for file, line, status, code in refusals():
        if isinstance(code, ast.Constant) and isinstance(status, ast.Constant):
            if CODES[code.value].status != status.value:
                wrong.append(f"{file}:{line} answers {code.value} with {status.value}")
        elif not any(file == place for place, _ in COMPOSED):
            wrong.append(f"{file}:{line} makes up its code")
    assert wrong == []


def test_every_code_of_the_table_is_used_by_the_code() -> None:
    used = {code.value for _, _, _, code in refusals() if isinstance(code, ast.Constant)}
    used |= {code for place, code in COMPOSED if f'"{code}"' in (HOME / place).read_text()}
    assert sorted(CODES.keys() - used) == []


def test_a_code_stands_in_one_group() -> None:
    assert len(CODES) == sum(map(len, GROUPS.values()))


def test_the_page_of_errors_is_what_the_table_says() -> None:
    """`make reference` writes the page."""
    if os.environ.get("WRITE_REFERENCE"):
        ERRORS_PAGE.write_text(page(), encoding="utf-8")
    assert ERRORS_PAGE.read_text(encoding="utf-8") == page(), "docs/errors.md is not current: make reference"


# --- What a caller sees of each kind of mistake


def refused(response: Any, status: int, code: str) -> dict[str, Any]:
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["code"]) == (status, code), body
    assert set(body) == {"error", "code", "details"}
    assert response["content-type"] == "application/json"
    assert body["error"].endswith((".", "}.", ")."))
    return body


def test_without_a_key(client: Client, db: None) -> None:
    response = client.get("/v1/messages")
    refused(response, 401, "UNAUTHORIZED")
    assert response["www-authenticate"] == "Bearer"


def test_with_a_wrong_key(client: Client, db: None) -> None:
    refused(client.get("/v1/messages", headers={"x-api-key": "wak_a_b"}), 401, "API_KEY_INVALID")


@pytest.mark.parametrize("path", ["/v1", "/v1/", "/v1/mesages", "/v1/messages/", "/v1/numbers/num_1/nothing"])
@pytest.mark.parametrize("method", ["get", "post", "delete", "patch", "put"])
def test_an_address_that_is_none(alice: Tenant, client: Client, path: str, method: str) -> None:
    for caller in (client, alice.api):
        refused(getattr(caller, method)(path), 404, "NOT_FOUND")


def test_a_method_that_is_none(alice: Tenant) -> None:
    response = alice.api.put("/v1/messages")
    refused(response, 405, "METHOD_NOT_ALLOWED")
    assert response["allow"] == "GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        ("nonsense", "application/json", 400, "INVALID_JSON"),
        ("text=Hi", "application/x-www-form-urlencoded", 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("[]", "application/json", 400, "INVALID_REQUEST"),
        ("null", "application/json", 400, "INVALID_REQUEST"),
        (" " * (4 * 1024 * 1024 + 1), "application/json", 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_body_that_is_none(alice: Tenant, body: str, content_type: str, status: int, code: str) -> None:
    refused(alice.api.post("/v1/messages/send", body, content_type=content_type), status, code)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/v1/messages/send", {"text": "Hi", "destinationNumber": "+447700900123", "delivrAt": None}),
        ("delete", "/v1/messages/cancel", {"messageIds": ["msg_1"], "delivrAt": 1}),
        ("post", "/v1/webhooks", {"url": "https://shop.example", "events": [], "delivrAt": 1}),
        ("post", "/v1/numbers", {"name": "Shop", "number": "+447700900199", "delivrAt": 1}),
        ("post", "/v1/api-keys", {"whatsappNumberId": "num_1", "delivrAt": 1}),
    ],
)
def test_a_field_that_is_none(alice: Tenant, method: str, path: str, body: Any) -> None:
    answer = refused(
        getattr(alice.api, method)(path, body, content_type="application/json"), 400, "INVALID_REQUEST"
    )
    assert answer["error"].startswith("delivrAt: There is no such field.")
    assert set(answer["details"]["fields"]) == {"delivrAt"}


def test_a_query_that_is_too_long(alice: Tenant) -> None:
    refused(alice.api.get("/v1/events?" + "type=message.sent&" * 1001), 400, "INVALID_REQUEST")
    refused(alice.api.get("/v1/messages?" + "a=1&" * 1001), 400, "INVALID_REQUEST")


def test_what_belongs_to_somebody_else(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=bob.number)
    refused(alice.api.get(f"/v1/webhooks/{webhook.pk}"), 404, "WEBHOOK_NOT_FOUND")
    refused(alice.api.get(f"/v1/numbers/{bob.number.pk}"), 404, "NUMBER_NOT_FOUND")


def test_the_answer_is_json_whatever_is_asked_for(alice: Tenant) -> None:
    response = alice.api.get("/v1/numbers?format=xml", headers={"accept": "text/html"})
    assert (response.status_code, response["content-type"]) == (200, "application/json")


def test_a_failure_of_the_server_says_so_and_nothing_of_itself(alice: Tenant, caplog: Any) -> None:
    """The number's provider has gone from the code."""
    type(alice.number).objects.update(provider="gone")
    body = refused(alice.api.get(f"/v1/numbers/{alice.number.pk}/status"), 500, "INTERNAL_ERROR")
    assert "gone" not in str(body)
    assert f"{body['details']['errorId']}: StatusView failed: KeyError" in caplog.text


@pytest.mark.usefixtures("database_away")
@pytest.mark.parametrize("method", ["get", "post"])
def test_while_the_database_is_away(client: Client, caplog: Any, method: str) -> None:
    key = f"wak_{'a' * 12}_{'b' * 48}"
    response = getattr(client, method)("/v1/webhooks", headers={"x-api-key": key})
    body = refused(response, 503, "SERVICE_UNAVAILABLE")
    assert (response["retry-after"], body["details"]) == ("5", {"retryAfter": 5})
    (record,) = [one for one in caplog.records if one.levelname != "INFO"]
    assert (record.levelname, record.exc_info) == ("WARNING", None)
    assert record.getMessage().startswith("The database does not answer; /v1/webhooks was refused: ")
    assert "\n" not in record.getMessage()
