"""GET /v1/openapi.json: what drf-spectacular cannot know by itself, and the words in which the API's views say it.

A view names its refusals by code, `extensions=refusals("NUMBER_REQUIRED")`; `complete` makes answers of them, adds what
every call can be refused with, and the headers of the rate limit.
"""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from accounts.api_fields import InputSerializer
from accounts.errors import CODES

Part = dict[str, Any]

REFUSALS = "x-refusals"
OF_EVERY_CALL = ["UNAUTHORIZED", "API_KEY_INVALID", "RATE_LIMITED", "SERVICE_UNAVAILABLE", "INTERNAL_ERROR"]
WITH_WAIT = {"RATE_LIMITED", "SERVICE_UNAVAILABLE"}
OF_BODIES = ["INVALID_JSON", "INVALID_REQUEST", "PAYLOAD_TOO_LARGE", "UNSUPPORTED_MEDIA_TYPE"]
OF_PAGES = ["INVALID_LIMIT", "INVALID_CURSOR"]
# Answers that many calls refuse with.
SHARED = {
    "Unauthorized": ["UNAUTHORIZED", "API_KEY_INVALID"],
    "PayloadTooLarge": ["PAYLOAD_TOO_LARGE"],
    "UnsupportedMediaType": ["UNSUPPORTED_MEDIA_TYPE"],
    "RateLimited": ["RATE_LIMITED"],
    "ServiceUnavailable": ["SERVICE_UNAVAILABLE"],
    "InternalError": ["INTERNAL_ERROR"],
}

PAGE = [
    OpenApiParameter(
        "limit",
        {"type": "integer", "minimum": 1, "maximum": 100, "default": 50},
        description="How many to answer with at most.",
    ),
    OpenApiParameter(
        "cursor",
        {"type": "string"},
        description="The nextCursor of the page before; without it the first page.",
    ),
]

ERROR: Part = {
    "type": "object",
    "description": "Every refusal, whatever refuses.",
    "properties": {
        "error": {
            "type": "string",
            "description": "What is wrong and how to mend it, as a sentence for people.",
        },
        "code": {
            "type": "string",
            "description": "What a program branches on; it keeps its meaning and its status.",
        },
        "details": {"type": "object", "description": "What a program can use, by code; often empty."},
    },
    "required": ["error", "code", "details"],
}

_SECONDS = {"type": "integer", "minimum": 0, "maximum": 60}
HEADERS: dict[str, Part] = {
    "RateLimit-Limit": {
        "description": "Calls that the key may make in a minute. Absent where the server sets no limit.",
        "schema": {"type": "integer", "minimum": 1},
    },
    "RateLimit-Remaining": {
        "description": "How many of them are left.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "RateLimit-Reset": {"description": "Seconds until they are whole again.", "schema": _SECONDS},
    "RateLimit-Policy": {
        "description": "The limit as draft-ietf-httpapi-ratelimit-headers has it: q calls in w seconds.",
        "schema": {"type": "string"},
        "example": '"calls";q=6000;w=60',
    },
    "RateLimit": {
        "description": "The same draft's: r calls are left for t seconds.",
        "schema": {"type": "string"},
        "example": '"calls";r=5999;t=42',
    },
    "Retry-After": {"description": "Seconds to wait before the next call.", "schema": _SECONDS},
}


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "accounts.authentication.ApiKeyAuthentication"
    name = ["apiKey", "bearer"]

    def get_security_definition(self, auto_schema: Any) -> list[Part]:
        return [
            {
                "type": "apiKey",
                "in": "header",
                "name": "x-api-key",
                "description": "A key of one number, or of the whole workspace.",
            },
            {"type": "http", "scheme": "bearer", "description": "The same key as a Bearer token."},
        ]


class Schema(AutoSchema):
    """DRF's DEFAULT_SCHEMA_CLASS: a DELETE may have a body, and an InputSerializer takes no unknown field."""

    def get_request_serializer(self) -> Any:
        return None if self.method == "DELETE" else super().get_request_serializer()

    def _get_request_body(self, direction: Any = "request") -> Any:
        if self.method != "DELETE" or self.get_request_serializer() is None:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        self.method = "POST"
        try:
            return super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        finally:
            self.method = "DELETE"

    def _map_basic_serializer(self, serializer: Any, direction: Any) -> Part:
        schema: Part = super()._map_basic_serializer(serializer, direction)  # type: ignore[no-untyped-call]
        instance = serializer() if isinstance(serializer, type) else serializer
        if isinstance(instance, InputSerializer):
            schema["additionalProperties"] = False
            for name, field in instance.fields.items():
                if isinstance(field, serializers.CharField) and not field.allow_blank:
                    schema["properties"][name].setdefault("minLength", 1)
        return schema


def answer(serializer: Any, description: str, example: Any, title: str = "") -> OpenApiResponse:
    """Returns an answer with what it means and an example of it."""
    return OpenApiResponse(
        serializer,
        description,
        [OpenApiExample(title or description.rstrip("."), example)] if serializer else [],
    )


def sent(title: str, value: Any) -> OpenApiExample:
    """Returns an example of a request's body."""
    return OpenApiExample(title, value, request_only=True)


def refusals(*codes: str) -> Part:
    """Returns the extension that names what a call can be refused with, besides what every call can."""
    return {REFUSALS: list(codes)}


def id_parameter(example: str, description: str, name: str = "id") -> OpenApiParameter:
    return OpenApiParameter(
        name,
        str,
        location=OpenApiParameter.PATH,
        description=description,
        examples=[OpenApiExample("example", example)],
    )


def complete(result: Part, **kwargs: Any) -> Part:
    """drf-spectacular's POSTPROCESSING_HOOK: refusals, headers and the server's address."""
    components = result["components"]
    components["schemas"]["Error"] = ERROR
    components["headers"] = HEADERS
    components["examples"] = {
        code: {
            "summary": entry.meaning,
            "value": {"error": f"{entry.meaning} {entry.remedy}", "code": code, "details": {}},
        }
        for code, entry in CODES.items()
    }
    components["responses"] = {name: _refusal(codes) for name, codes in SHARED.items()}
    result["servers"] = [{"url": settings.PUBLIC_URL}]
    for path in result["paths"].values():
        for operation in path.values():
            _complete_operation(operation)
    return result


def _complete_operation(operation: Part) -> None:
    codes = list(operation.pop(REFUSALS, []))
    if "requestBody" in operation:
        codes += OF_BODIES
    parameters = {parameter["name"] for parameter in operation.get("parameters", [])}
    if "cursor" in parameters:
        codes += OF_PAGES
    if operation.get("security"):
        codes += OF_EVERY_CALL
        # Of two schemes in one entry both would be needed.
        operation["security"] = [{name: []} for name in operation["security"][0]]
        for response in operation["responses"].values():
            response.setdefault("headers", {}).update(_headers())
    names = {tuple(shared): name for name, shared in SHARED.items()}
    for status in sorted({CODES[code].status for code in codes}):
        of_status = tuple(dict.fromkeys(code for code in codes if CODES[code].status == status))
        operation["responses"][str(status)] = (
            {"$ref": f"#/components/responses/{names[of_status]}"}
            if of_status in names
            else _refusal(of_status)
        )


def _headers(*, with_wait: bool = False) -> Part:
    return {
        name: {"$ref": f"#/components/headers/{name}"}
        for name in HEADERS
        if with_wait or name != "Retry-After"
    }


def _refusal(codes: Sequence[str]) -> Part:
    """Returns the answer that refuses with one of these codes, which share a status."""
    known = {code: CODES[code] for code in codes}
    schema = {
        "allOf": [
            {"$ref": "#/components/schemas/Error"},
            {"type": "object", "properties": {"code": {"enum": list(known)}}},
        ]
    }
    examples = {code: {"$ref": f"#/components/examples/{code}"} for code in known}
    lines = [f"`{code}`: {entry.meaning} {entry.remedy}" for code, entry in known.items()]
    return {
        "description": "\n\n".join(lines),
        "headers": _headers(with_wait=not WITH_WAIT.isdisjoint(known)),
        "content": {"application/json": {"schema": schema, "examples": examples}},
    }
