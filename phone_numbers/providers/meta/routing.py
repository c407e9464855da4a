"""One POST of Meta may hold many entries, numbers and business accounts: each part goes to its own number only."""

import json
from typing import Any

from phone_numbers.payloads import identifier, load, record, records
from phone_numbers.providers.base import Part

# (phone number id, None) or (None, business account id)
Target = tuple[str | None, str | None]


def route(body: bytes) -> list[Part]:
    """Splits a payload by `metadata.phone_number_id`; what names no number goes by its business account.

    A payload that is about one number is kept as it came, byte for byte. Raises ValueError for what is no JSON object.
    """
    text = body.decode("utf-8")
    payload = load(text)
    targets: dict[Target, list[tuple[dict[str, Any], dict[str, Any]]]] = {}
    for entry in records(payload.get("entry")):
        for change in records(entry.get("changes")):
            targets.setdefault(_target(entry, change), []).append((entry, change))
    if not targets:
        return [Part(ref=None, body=text)]
    if len(targets) == 1:
        ((ref, account),) = targets
        return [Part(ref=ref, body=text, account_ref=account)]
    return [
        Part(ref=ref, body=json.dumps({**payload, "entry": _entries(changes)}), account_ref=account)
        for (ref, account), changes in targets.items()
    ]


def _target(entry: dict[str, Any], change: dict[str, Any]) -> Target:
    """The entry of what concerns a partner has the id of the partner; the account is in `waba_info`."""
    value = record(change.get("value"))
    ref = identifier(record(value.get("metadata")).get("phone_number_id"))
    if ref:
        return ref, None
    return None, identifier(record(value.get("waba_info")).get("waba_id")) or identifier(
        entry.get("id")
    ) or None


def _entries(changes: list[tuple[dict[str, Any], dict[str, Any]]]) -> list[dict[str, Any]]:
    """Puts changes back into the entries they came in, in their order."""
    entries: dict[int, dict[str, Any]] = {}
    for entry, change in changes:
        entries.setdefault(id(entry), {**entry, "changes": []})["changes"].append(change)
    return list(entries.values())
