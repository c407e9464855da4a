"""What every API view shares: the error shape, the JSON parser, the cursor pagination.

An error is `{"error": "sentence", "code": "UPPER_SNAKE", "details": {…}}`.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import exceptions, parsers, status
from rest_framework.request import Request
from rest_framework.response import Response

CODES = {
    exceptions.NotAuthenticated: (
        "UNAUTHORIZED",
        "Send an API key in the x-api-key header, or as a Bearer token.",
    ),
    exceptions.AuthenticationFailed: ("API_KEY_INVALID", None),
    exceptions.PermissionDenied: ("FORBIDDEN", None),
    exceptions.NotFound: ("NOT_FOUND", None),
    exceptions.MethodNotAllowed: ("METHOD_NOT_ALLOWED", None),
    exceptions.ParseError: ("INVALID_JSON", None),
    exceptions.UnsupportedMediaType: (
        "UNSUPPORTED_MEDIA_TYPE",
        "Send the body as content-type: application/json.",
    ),
    exceptions.NotAcceptable: ("NOT_ACCEPTABLE", None),
    exceptions.Throttled: ("RATE_LIMITED", None),
}


class ApiError(Exception):
    """A refusal that the caller can understand and mend."""

    def __init__(
        self, status_code: int, code: str, sentence: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(sentence)
        self.status_code, self.code, self.sentence, self.details = (
            status_code,
            code,
            sentence,
            dict(details or {}),
        )


def error(status_code: int, code: str, sentence: str, details: Mapping[str, Any] | None = None) -> Response:
    return Response({"error": sentence, "code": code, "details": dict(details or {})}, status=status_code)


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's EXCEPTION_HANDLER: turns every refusal into the one error shape."""
    # Not above: DRF's views import this module by its dotted name while they are being imported themselves.
    from rest_framework.views import set_rollback

    if isinstance(exception, Http404):
        exception = exceptions.NotFound("There is nothing at this address that your key may see.")
    elif isinstance(exception, PermissionDenied):
        exception = exceptions.PermissionDenied(*exception.args)
    if isinstance(exception, ApiError):
        set_rollback()
        return error(exception.status_code, exception.code, exception.sentence, exception.details)
    if not isinstance(exception, exceptions.APIException):
        return None
    set_rollback()
    if isinstance(exception, exceptions.ValidationError):
        details = exception.detail if isinstance(exception.detail, dict) else {"body": exception.detail}
        return error(
            status.HTTP_400_BAD_REQUEST, "INVALID_REQUEST", _first_sentence(details), {"fields": details}
        )
    code, sentence = next(
        (CODES[cls] for cls in type(exception).__mro__ if cls in CODES),
        ("ERROR", None),
    )
    response = error(exception.status_code, code, sentence or str(exception.detail))
    if isinstance(exception, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        response["WWW-Authenticate"] = "Bearer"
    wait = getattr(exception, "wait", None)
    if wait is not None:
        response["Retry-After"] = str(max(1, round(wait)))
    return response


def _first_sentence(details: Any, path: str = "") -> str:
    """The first complaint of a nested DRF detail, with the path of its field: `events: Unknown event …`."""
    if isinstance(details, dict):
        for key, value in details.items():
            name = "" if key in ("non_field_errors", "body") else str(key)
            return _first_sentence(value, f"{path}.{name}".strip(".") if name else path)
    if isinstance(details, list) and details:
        return _first_sentence(next((item for item in details if item), ""), path)
    return f"{path}: {details}" if path else str(details)


class JSONParser(parsers.JSONParser):
    """Strict JSON without what no database can store: NaN, lone surrogates, NUL characters."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            data = json.loads(stream.read().decode("utf-8"), parse_constant=_refuse_constant)
            json.dumps(data, ensure_ascii=False).encode("utf-8")
        except (ValueError, RecursionError) as problem:
            raise exceptions.ParseError(f"The body is not valid JSON: {problem}") from problem
        if "\\u0000" in json.dumps(data):
            raise exceptions.ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        return data


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


MAX_LIMIT = 100


def limit_of(request: Request, default: int = 50) -> int:
    text = request.query_params.get("limit", str(default))
    if not text.isascii() or not text.isdigit() or len(text) > 9 or not 1 <= int(text) <= MAX_LIMIT:
        raise ApiError(400, "INVALID_LIMIT", f"limit is a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def encode_cursor(value: str) -> str:
    return base64.urlsafe_b64encode(value.encode()).decode().rstrip("=")


def decode_cursor(text: str) -> str:
    try:
        value = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
        if not value or not value.isprintable():
            raise ValueError(value)
        return value
    except (binascii.Error, ValueError) as problem:
        raise ApiError(400, "INVALID_CURSOR", "cursor is not one that this list gave out.") from problem


Row = TypeVar("Row", bound=Model)


def page(request: Request, rows: QuerySet[Row], answer: Callable[[Row], Any]) -> Response:
    """Newest first: `{"data": […], "nextCursor": …}`; keyset on the id, so a page costs the same at any depth."""
    limit = limit_of(request)
    if cursor := request.query_params.get("cursor"):
        rows = rows.filter(pk__lt=decode_cursor(cursor))
    found = list(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Response(
        {"data": [answer(row) for row in found], "nextCursor": encode_cursor(found[-1].pk) if more else None}
    )
