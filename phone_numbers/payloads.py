"""Reading JSON that strangers wrote: every reader answers with the asked type or with nothing, and never raises."""

import json
import math
import re
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# WhatsApp began in 2009; an earlier moment, or one after 2100, is some other number.
_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
# Of the year 9892: a datetime ends with 9999.
_LAST_MILLISECOND = 2.5e14
# Neither PostgreSQL nor UTF-8 can hold these.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_DIGITS = re.compile(r"[0-9]{1,19}")
MAX_ID_LENGTH = 300
# Far above what any provider nests, and far below where writing JSON again would end in a RecursionError.
MAX_DEPTH = 200


def load(body: str | bytes) -> dict[str, Any]:
    """Returns the JSON object in a body; raises ValueError for anything else."""
    try:
        value = json.loads(body)
    except RecursionError:
        raise ValueError("The JSON is nested too deeply.") from None
    if not isinstance(value, dict):
        raise ValueError("The JSON is not an object.")
    if _is_deeper_than(MAX_DEPTH, value):
        raise ValueError("The JSON is nested too deeply.")
    return value


def _is_deeper_than(depth: int, value: Any) -> bool:
    level = [value]
    for _ in range(depth):
        level = [
            child
            for parent in level
            for child in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def record(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def records(value: Any) -> list[dict[str, Any]]:
    """Returns the objects in a list; a lone object counts as a list of one."""
    if isinstance(value, dict):
        return [value]
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def text(value: Any) -> str:
    """Returns a string without what cannot be stored (NUL, lone surrogates); "" for anything else."""
    return _UNSTORABLE.sub("", value) if isinstance(value, str) else ""


def identifier(value: Any) -> str:
    """Returns an id; "" where there is none or it is too long to be one."""
    found = text(value).strip()
    return found if len(found) <= MAX_ID_LENGTH else ""


def moment(value: Any) -> datetime | None:
    """Reads a time in UTC: seconds, milliseconds, a string of either, ISO 8601 with an offset, or a protobuf Long.

    A Long is `{"low": …, "high": …, "unsigned": …}`, two signed halves of 64 bits.
    """
    if isinstance(value, dict):
        low, high = value.get("low"), value.get("high")
        if not isinstance(low, int) or not isinstance(high, int) or abs(high) > 0xFFFFFFFF:
            return None
        value = (high << 32) + (low & 0xFFFFFFFF)
    if isinstance(value, str):
        return moment(int(value)) if _DIGITS.fullmatch(value) else _plausible(_from_iso(value))
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < _LAST_MILLISECOND:
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return _plausible(_EPOCH + (timedelta(milliseconds=value) if value >= 1e11 else timedelta(seconds=value)))


def _from_iso(value: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found if found.tzinfo is not None else None


def _plausible(found: datetime | None) -> datetime | None:
    try:
        return found.astimezone(UTC) if found is not None and _EARLIEST <= found < _LATEST else None
    except OverflowError:
        return None
