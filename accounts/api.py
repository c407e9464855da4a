"""What every API view shares: the error shape, the JSON parser, the cursor pagination.

An error is `{"error": "sentence", "code": "UPPER_SNAKE", "details": {…}}`; accounts/errors.py lists every code.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.core.signals import got_request_exception
from django.db.models import Model, QuerySet
from django.http import Http404
from rest_framework import exceptions, negotiation, parsers, status
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.errors import CODES
from accounts.failures import report
from accounts.ids import IdField
from accounts.outages import DATABASE_AWAY, RETRY_AFTER, announce


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


def exception_handler(exception: Exception, context: dict[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER: turns whatever a call raises into the one error shape."""
    # Not above: DRF's views import this module by its dotted name while they are being imported themselves.
    from rest_framework.views import set_rollback

    set_rollback()
    refusal = _refusal(exception)
    if refusal is None:
        id = report(type(context["view"]).__name__, exception)
        got_request_exception.send(sender=type(context["view"]), request=context["request"])
        code = CODES["INTERNAL_ERROR"]
        refusal = ApiError(code.status, "INTERNAL_ERROR", f"{code.meaning} {code.remedy}", {"errorId": id})
    response = error(refusal.status_code, refusal.code, refusal.sentence, refusal.details)
    if refusal.status_code == status.HTTP_401_UNAUTHORIZED:
        response["WWW-Authenticate"] = "Bearer"
    if isinstance(exception, DATABASE_AWAY):
        announce(response, context["request"]._request, exception)
    return response


def _refusal(exception: Exception) -> ApiError | None:
    """Returns what an exception means to the caller; None for one that nobody expected."""
    if isinstance(exception, DATABASE_AWAY):
        return ApiError(
            503,
            "SERVICE_UNAVAILABLE",
            f"The server's database does not answer. Try again in {RETRY_AFTER} seconds.",
            {"retryAfter": RETRY_AFTER},
        )
    match exception:
        case ApiError():
            return exception
        case Http404() | exceptions.NotFound():
            return ApiError(404, "NOT_FOUND", "There is nothing at this address that your key may see.")
        case exceptions.NotAuthenticated():
            return ApiError(
                401, "UNAUTHORIZED", "Send an API key in the x-api-key header, or as a Bearer token."
            )
        case exceptions.MethodNotAllowed():
            return ApiError(405, "METHOD_NOT_ALLOWED", f"{exception.detail} The header Allow lists what is.")
        case exceptions.ParseError():
            return ApiError(400, "INVALID_JSON", str(exception.detail))
        case exceptions.UnsupportedMediaType():
            return ApiError(415, "UNSUPPORTED_MEDIA_TYPE", "Send the body as content-type: application/json.")
        case RequestDataTooBig():
            return ApiError(
                413, "PAYLOAD_TOO_LARGE", f"A body has at most {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes."
            )
        case TooManyFieldsSent():
            sentence = f"A query has at most {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} parameters."
            return ApiError(400, "INVALID_REQUEST", sentence, {"fields": {"query": [sentence]}})
        case exceptions.ValidationError():
            details = exception.detail if isinstance(exception.detail, dict) else {"body": exception.detail}
            return ApiError(400, "INVALID_REQUEST", _first_sentence(details), {"fields": details})
    return None


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
            raise exceptions.ParseError(f"The body is not valid JSON: {problem}.") from problem
        # As it is written in JSON, a backslash before it is a character like any other: "\\\\u0000" holds no NUL.
        if re.search(r"(?<!\\)(\\\\)*\\u0000", json.dumps(data)):
            raise exceptions.ParseError("The body holds a NUL character (\\u0000), which cannot be stored.")
        return data


class JSONNegotiation(negotiation.DefaultContentNegotiation):
    """The answer is JSON, whatever the call's Accept header or `format` asks for: there is nothing else to choose."""

    def select_renderer(self, request: Any, renderers: Any, format_suffix: Any = None) -> tuple[Any, str]:
        return renderers[0], renderers[0].media_type


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
        raise _foreign_cursor() from problem


def _foreign_cursor() -> ApiError:
    return ApiError(400, "INVALID_CURSOR", "cursor is not one that this list gave out.")


Row = TypeVar("Row", bound=Model)


def page(request: Request, rows: QuerySet[Row], answer: Callable[[Row], Any]) -> Response:
    """Newest first: `{"data": […], "nextCursor": …}`; keyset on the id, so a page costs the same at any depth."""
    limit = limit_of(request)
    if cursor := request.query_params.get("cursor"):
        last, key = decode_cursor(cursor), rows.model._meta.pk
        if isinstance(key, IdField) and not last.startswith(f"{key.prefix}_"):
            raise _foreign_cursor()
        rows = rows.filter(pk__lt=last)
    found = list(rows.order_by("-pk")[: limit + 1])
    more = len(found) > limit
    found = found[:limit]
    return Response(
        {"data": [answer(row) for row in found], "nextCursor": encode_cursor(found[-1].pk) if more else None}
    )
