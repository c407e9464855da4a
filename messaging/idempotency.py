"""Idempotency-Key: a send that is repeated with its key is answered again, and not sent again.

The key, the message and the answer are one transaction. So a run that fails or dies leaves nothing behind, and a second
run with the same key waits for the first: on PostgreSQL at the key's unique index, on SQLite at the write lock.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from accounts.api import ApiError
from accounts.encryption import keyed_hash
from messaging.models import IdempotencyKey
from phone_numbers.models import Number

REMEMBERED_FOR = timedelta(hours=24)
# How long a call waits for another one with the same key before it is told IDEMPOTENCY_KEY_IN_USE.
PATIENCE = timedelta(seconds=2)
MAX_LENGTH = 255

Answer = dict[str, Any]


def checked_key(text: str | None) -> str | None:
    """Returns the header's value, or None where there is none. Raises ApiError 400 IDEMPOTENCY_KEY_INVALID."""
    if text is None:
        return None
    if not 1 <= len(text) <= MAX_LENGTH or not text.isascii() or not text.isprintable():
        raise ApiError(
            400,
            "IDEMPOTENCY_KEY_INVALID",
            f"Idempotency-Key is 1 to {MAX_LENGTH} printable ASCII characters.",
        )
    return text


def fingerprint(body: Any) -> str:
    """Returns what two requests share exactly when their bodies are the same JSON value."""
    return keyed_hash(json.dumps(body, sort_keys=True, separators=(",", ":")))


def once(number: Number, key: str, body: Any, act: Callable[[], Mapping[str, Any]]) -> tuple[Answer, bool]:
    """Returns the answer of `act` and False; or what it answered to this key before, and True.

    An `act` that raises is not remembered. Raises ApiError: 409 IDEMPOTENCY_KEY_REUSED, IDEMPOTENCY_KEY_IN_USE.
    """
    try:
        with transaction.atomic():
            _limit_the_wait()
            return _once(number, key, fingerprint(body), act)
    except OperationalError as problem:
        if not _is_about_a_lock(problem):
            raise
        raise ApiError(
            409,
            "IDEMPOTENCY_KEY_IN_USE",
            "Another call with this Idempotency-Key is still running. Repeat this one in a moment, with the same key.",
        ) from problem


def _once(
    number: Number, key: str, body_fingerprint: str, act: Callable[[], Mapping[str, Any]]
) -> tuple[Answer, bool]:
    now = timezone.now()
    row, is_new = IdempotencyKey.objects.select_for_update().get_or_create(
        number=number,
        key=key,
        defaults={"fingerprint": body_fingerprint, "created_at": now, "expires_at": now + REMEMBERED_FOR},
    )
    if not is_new and row.expires_at > now:
        if row.fingerprint != body_fingerprint:
            raise ApiError(
                409,
                "IDEMPOTENCY_KEY_REUSED",
                "This Idempotency-Key was used for another message. Use a new key for each message.",
            )
        return json.loads(row.response), True
    answer = dict(act())
    row.fingerprint, row.response = body_fingerprint, json.dumps(answer)
    row.created_at, row.expires_at = now, now + REMEMBERED_FOR
    row.save()
    return answer, False


def _limit_the_wait() -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {int(PATIENCE.total_seconds() * 1000)}")


def _is_about_a_lock(problem: OperationalError) -> bool:
    """PostgreSQL's lock_not_available, and SQLite's SQLITE_BUSY."""
    return getattr(problem.__cause__, "sqlstate", "") == "55P03" or "database is locked" in str(problem)
