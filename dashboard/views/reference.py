"""/docs: the API's reference, written on the server from GET /v1/openapi.json, where every call can be tried.

Swagger UI and Redoc need inline styles, which the Content-Security-Policy of every page forbids.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts.errors import GROUPS
from accounts.reference_api import document
from dashboard.views.event_types import entry
from events.catalog import EVENT_TYPES

Part = dict[str, Any]

# Objects within objects are shown so deep.
DEPTH = 3


@require_safe
def reference(request: HttpRequest) -> HttpResponse:
    described = document()
    context = {
        "described": described,
        "introduction": described["info"]["description"].split("\n\n"),
        "sections": sections(),
        "events": [entry(event_type) for event_type in EVENT_TYPES],
        "headers": described["webhooks"]["message.sent"]["post"]["parameters"],
        "errors": [(label, list(codes.items())) for label, codes in GROUPS.items()],
        "address": described["servers"][0]["url"],
    }
    return render(request, "dashboard/reference.html", context)


@cache
def sections() -> list[tuple[Part, list[Part]]]:
    """Every tag that has calls, with them."""
    calls = [
        _call(method, path, one) for path, ones in document()["paths"].items() for method, one in ones.items()
    ]
    found = [(tag, [call for call in calls if tag["name"] in call["tags"]]) for tag in document()["tags"]]
    return [(tag, ones) for tag, ones in found if ones]


def _call(method: str, path: str, operation: Part) -> Part:
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    parameters = [_parameter(one) for one in operation.get("parameters", [])]
    examples = list(_examples(body, operation["operationId"])) if body else []
    answers = {status: _resolved(one) for status, one in operation["responses"].items()}
    return {
        "id": operation["operationId"],
        "method": method.upper(),
        "path": path,
        "summary": operation["summary"],
        "description": operation["description"],
        "tags": operation["tags"],
        "needs_key": bool(operation.get("security")),
        "parameters": parameters,
        "fields": list(_fields(body["schema"])) if body else [],
        "examples": examples,
        "answers": [
            _answer(status, one, operation["operationId"])
            for status, one in answers.items()
            if status[0] == "2"
        ],
        "refusals": [
            (status, list(one["content"]["application/json"]["examples"]))
            for status, one in answers.items()
            if status[0] != "2"
        ],
        "curl": _curl(method, path, parameters, examples, needs_key=bool(operation.get("security"))),
    }


def _parameter(parameter: Part) -> Part:
    example = next((one["value"] for one in parameter.get("examples", {}).values()), "")
    return {
        "name": parameter["name"],
        "place": parameter["in"],
        "required": parameter.get("required", False),
        "type": _type(parameter["schema"]),
        "choices": _resolved(parameter["schema"]).get("enum", []),
        "description": parameter.get("description", ""),
        "example": example,
    }


def _answer(status: str, answer: Part, id: str) -> Part:
    content = answer.get("content", {}).get("application/json")
    return {
        "status": status,
        "description": answer["description"],
        "examples": list(_examples(content, f"{id}-{status}")) if content else [],
    }


def _examples(content: Part, id: str) -> Iterator[Part]:
    for number, (name, example) in enumerate(content["examples"].items()):
        text = json.dumps(example["value"], indent=2, ensure_ascii=False)
        yield {
            "title": example.get("summary", name),
            "text": text,
            "ident": f"{id}-{number}".replace("_", "-"),
        }


def _fields(schema: Part, prefix: str = "", depth: int = DEPTH) -> Iterator[Part]:
    schema = _resolved(schema)
    for name, field in schema.get("properties", {}).items():
        yield {
            "name": prefix + name,
            "type": _type(field),
            "required": name in schema.get("required", []),
            "description": _resolved(field).get("description", "") or field.get("description", ""),
        }
        if depth > 1:
            yield from _fields(field, f"{prefix}{name}.", depth - 1)


def _type(schema: Part) -> str:
    schema = _resolved(schema)
    if "enum" in schema:
        return ", ".join("null" if value is None else str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if several := schema.get("oneOf") or schema.get("anyOf"):
        return " or ".join(map(_type, several))
    kinds = schema.get("type", "any")
    if "array" in kinds:
        items = _type(schema["items"])
        return f"array of {items if len(items) < 60 else 'names'}" + (" or null" if "null" in kinds else "")
    if schema.get("format") == "date-time":
        kinds = [
            "moment" if kind == "string" else kind for kind in ([kinds] if isinstance(kinds, str) else kinds)
        ]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _resolved(part: Part) -> Part:
    while "$ref" in part or len(part.get("allOf", [])) == 1:
        if "$ref" not in part:
            part = part["allOf"][0]
            continue
        found: Part = document()
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _curl(method: str, path: str, parameters: list[Part], examples: list[Part], *, needs_key: bool) -> str:
    lines = [f"curl -X {method.upper()}" if method not in ("get", "post") else "curl"]
    for parameter in parameters:
        if parameter["place"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", quote(parameter["example"], safe=""))
    lines[0] += f' "$SERVER{path}"'
    if method == "post" and not examples:
        lines[0] = lines[0].replace("curl", "curl -X POST")
    if needs_key:
        lines.append('-H "x-api-key: $API_KEY"')
    lines += [
        f'-H "{parameter["name"]}: {parameter["example"]}"'
        for parameter in parameters
        if parameter["place"] == "header" and parameter["required"]
    ]
    if examples:
        body = json.dumps(json.loads(examples[0]["text"]), ensure_ascii=False)
        lines += ["-H 'content-type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)
