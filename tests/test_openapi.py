"""GET /v1/openapi.json is valid, says everything, and its examples work."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from accounts.reference_api import document
from events.catalog import EVENT_TYPES
from messaging import api_examples as messages
from phone_numbers import api_examples as numbers
from phone_numbers.registering import remove
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MessageFactory,
    NumberFactory,
    WebhookFactory,
)
from webhooks import api_examples as webhooks
from webhooks.models import Delivery, RecoveryJob

DOCUMENT = json.loads(json.dumps(document()))
REGISTRY = Registry().with_resource("urn:document", DRAFT202012.create_resource(DOCUMENT))

Operation = dict[str, Any]


def operations() -> Iterator[tuple[str, str, Operation]]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found = DOCUMENT
    for step in part["$ref"].removeprefix("#/").split("/"):
        found = found[step]
    return resolved(found)


def complaints(schema: dict[str, Any], value: Any) -> list[str]:
    absolute = json.loads(json.dumps(schema).replace('"#/', '"urn:document#/'))
    validator = Draft202012Validator(
        absolute, registry=REGISTRY, format_checker=Draft202012Validator.FORMAT_CHECKER
    )
    return [f"{list(error.path)}: {error.message[:200]}" for error in validator.iter_errors(value)]


every_operation = pytest.mark.parametrize(
    ("method", "path", "operation"),
    list(operations()),
    ids=[one["operationId"] for _, _, one in operations()],
)


# --- The description itself


def test_it_is_valid() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(DOCUMENT).iter_errors()] == []


def test_a_field_of_choices_is_described_once() -> None:
    assert "* `" not in json.dumps(DOCUMENT)


def test_it_is_served_to_everybody(client: Client) -> None:
    response = client.get("/v1/openapi.json")
    assert (response.status_code, response["content-type"]) == (200, "application/json")
    assert response.json() == DOCUMENT


def routes(patterns: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern) and route.startswith("v1/"):
            view = pattern.callback.view_class  # type: ignore[attr-defined]
            for method in ("get", "post", "put", "patch", "delete"):
                if hasattr(view, method):
                    path = route.replace("<str:", "{").replace("<path:", "{").replace(">", "}")
                    yield method, f"/{path}"


def test_every_route_is_in_it() -> None:
    assert {(method, path) for method, path, _ in operations()} == set(routes(get_resolver().url_patterns))


def test_every_event_is_in_it_with_its_schema_and_the_headers_of_a_delivery() -> None:
    assert set(DOCUMENT["webhooks"]) == {event_type.name for event_type in EVENT_TYPES}
    for event_type in EVENT_TYPES:
        operation = DOCUMENT["webhooks"][event_type.name]["post"]
        assert [parameter["name"] for parameter in operation["parameters"]] == [
            "webhook-id", "webhook-timestamp", "webhook-signature", "webhook-event", "webhook-attempt",
        ]  # fmt: skip
        for parameter in operation["parameters"]:
            assert complaints(parameter["schema"], parameter["example"]) == []
        body = operation["requestBody"]["content"]["application/json"]
        assert body["schema"].items() <= event_type.schema.items()
        assert body["examples"][event_type.name]["value"] == event_type.example


# --- Every call


@every_operation
def test_a_call_is_described_in_words(method: str, path: str, operation: Operation) -> None:
    assert operation["summary"]
    assert operation["description"].endswith((".", ")"))
    assert [tag for tag in operation["tags"] if tag not in {tag["name"] for tag in DOCUMENT["tags"]}] == []
    for parameter in operation.get("parameters", []):
        assert parameter["in"] != "path" or parameter["examples"]


@every_operation
def test_a_call_has_examples_that_fit_their_schemas(method: str, path: str, operation: Operation) -> None:
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    bodies += [resolved(response) for status, response in operation["responses"].items() if status != "204"]
    for body in bodies:
        content = body["content"]["application/json"]
        assert content["examples"]
        for name, example in content["examples"].items():
            assert complaints(content["schema"], resolved(example)["value"]) == [], name


@every_operation
def test_a_call_says_how_it_is_refused_and_what_is_left(method: str, path: str, operation: Operation) -> None:
    if path == "/v1/openapi.json":
        assert operation.get("security", []) == []
        return
    assert operation["security"] == [{"apiKey": []}, {"bearer": []}]
    assert {"401", "429", "500", "503"} <= set(operation["responses"])
    if "requestBody" in operation:
        assert {"400", "413", "415"} <= set(operation["responses"])
    if "{" in path:
        assert "404" in operation["responses"]
    for status, response in operation["responses"].items():
        headers = resolved(response)["headers"]
        assert {"RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit"} <= set(headers)
        assert ("Retry-After" in headers) == (status in {"429", "503"})


# --- The examples, tried


def calls() -> Iterator[Any]:
    """Every call with each example of its body."""
    for method, path, operation in operations():
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, example in body.get("examples", {"": {"value": None}}).items():
            yield pytest.param(
                method, path, operation, example["value"], id=f"{operation['operationId']} {name}".strip()
            )


@pytest.fixture
def _the_shop(alice: Tenant) -> None:
    """Alice's workspace, with rows of the ids that the examples name."""
    alice.number.delete()
    number = NumberFactory(workspace=alice.workspace, id=numbers.ID, phone=numbers.PHONE)
    MessageFactory(number=number, id=messages.ID, due_at=datetime.now(UTC))
    webhook = WebhookFactory(number=number, id=webhooks.ID)
    event = EventFactory(number=number, id=webhooks.EVENT_ID)
    delivery = DeliveryFactory(
        id=webhooks.DELIVERY_ID, event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None
    )
    AttemptFactory(delivery=delivery)
    RecoveryJob.objects.create(
        id=webhooks.JOB_ID, webhook=webhook, kind="failed", since=datetime(2026, 2, 24, tzinfo=UTC), total=1
    )


def value_of(parameter: dict[str, Any]) -> Any:
    return next(iter(parameter["examples"].values()))["value"]


@pytest.mark.usefixtures("_the_shop")
@pytest.mark.parametrize(("method", "path", "operation", "body"), list(calls()))
def test_an_example_works(alice: Tenant, method: str, path: str, operation: Operation, body: Any) -> None:
    if operation["operationId"] == "restore_number":
        remove(list(alice.workspace.numbers.all()))
    headers = {}
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", value_of(parameter))
        elif parameter["in"] == "header" and "examples" in parameter:
            headers[parameter["name"]] = value_of(parameter)
    sent = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
    response = getattr(alice.api, method)(path, headers=headers, **sent)

    assert 200 <= response.status_code < 300, response.content
    described = operation["responses"][str(response.status_code)]
    if response.status_code == 204:
        assert response.content == b""
    else:
        assert complaints(described["content"]["application/json"]["schema"], response.json()) == []
    for name, header in described.get("headers", {}).items():
        assert name in response or not resolved(header).get("required")
        if name in response and resolved(header)["schema"].get("type") == "integer":
            assert complaints(resolved(header)["schema"], int(response[name])) == []
