"""Payloads as no provider sends them: real ones, of which something was cut, doubled, retyped, buried, blown up or
misspelled. The same seed makes the same payloads.
"""

import copy
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.phone_numbers.providers.corpus import CORPUS_DIR
from tests.phone_numbers.providers.evolution import payloads as evolution
from tests.phone_numbers.providers.meta import payloads as meta
from tests.phone_numbers.providers.payload_mutations import paths
from tests.phone_numbers.providers.waha import payloads as waha

Payload = dict[str, Any]
OWN = {"meta": meta.EVERY_KIND, "evolution": evolution.EVERY_KIND, "waha": waha.EVERY_KIND}

# Characters of a text that was blown up.
LARGEST = 2_000_000

STRANGE = [
    None, True, False, 0, -1, 1.5, 10**18, 10**400, -(10**30), 1e308, float("nan"), float("inf"), [], {}, [None], [[]],
    {"": ""}, {"id": {"id": "x"}}, "", " ", "0", "null", "\x00", "a\x00b", "\ud800", "\udfff\ud800", "\ufeff", "\u202e",
    "ⓐ", "٤٤٧٧٠٠٩٠٠١٢٣", "🏴\U000e0067", "Z" + "\u0301" * 300, "+447700900123", "00447700900123", "447700900123",
    "+0", "+" + "9" * 40, "9" * 500, "12025550143:12@s.whatsapp.net", "447700900123@c.us", "447700900123.0:5@lid",
    "5@lid", "@", "@lid", "status@broadcast", "1@broadcast", "120363404880000143@g.us", "x@newsletter", "a@b@c.us",
    "true_447700900123@c.us_3EB0OURS1", "true_x@g.us_1", "false__", "wamid.OURS1", "2026-02-31T25:00:00Z", "1e3",
    "99999999999999999999", {"low": 2**31, "high": -1, "unsigned": False}, {"low": "1", "high": None},
]  # fmt: skip


def base_payloads(provider: str) -> list[Payload]:
    """Every payload of the corpus, where there is one, and every kind that the suite has itself."""
    files = sorted(Path(CORPUS_DIR / provider).glob("*.json"))
    return [*OWN[provider], *(json.loads(file.read_text(encoding="utf-8")) for file in files)]


def mutate(payload: Payload, dice: random.Random) -> bytes:
    """Returns the bytes of the payload with one to four things wrong."""
    mutant: Any = copy.deepcopy(payload)
    for change in dice.choices(ON_VALUES, k=dice.randint(1, 4)):
        mutant = change(mutant, dice)
        # Buried or blown up once is enough: the next change would have to walk through all of it.
        if change in (_bury, _blow_up):
            break
    body = json.dumps(mutant, ensure_ascii=dice.random() < 0.5).encode("utf-8", "surrogatepass")
    return dice.choice(ON_BYTES)(body, dice) if dice.random() < 0.1 else body


def _changed(payload: Any, dice: random.Random, change: Callable[[Any], Any]) -> Any:
    """Puts something else in the place of one value."""
    path = dice.choice(paths(payload))
    if not path:
        return change(payload)
    parent = payload
    for step in path[:-1]:
        parent = parent[step]
    parent[path[-1]] = change(parent[path[-1]])
    return payload


def _cut(payload: Any, dice: random.Random) -> Any:
    path = dice.choice(paths(payload))
    if not path:
        return payload
    parent = payload
    for step in path[:-1]:
        parent = parent[step]
    del parent[path[-1]]
    return payload


def _double(payload: Any, dice: random.Random) -> Any:
    def twice(value: Any) -> Any:
        if isinstance(value, list):
            return value + copy.deepcopy(value)
        return value * 2 if isinstance(value, str | int) else [value, copy.deepcopy(value)]

    return _changed(payload, dice, twice)


def _retype(payload: Any, dice: random.Random) -> Any:
    def other(value: Any) -> Any:
        kinds = [
            str(value),
            [value],
            {"value": value},
            bool(value),
            None,
            len(str(value)),
            dice.choice(STRANGE),
        ]
        return dice.choice(kinds)

    return _changed(payload, dice, other)


def _exchange(payload: Any, dice: random.Random) -> Any:
    return _changed(payload, dice, lambda value: copy.deepcopy(dice.choice(STRANGE)))


def _move(payload: Any, dice: random.Random) -> Any:
    """A part of the payload turns up somewhere else in it."""
    found = payload
    for step in dice.choice(paths(payload)):
        found = found[step]
    part = copy.deepcopy(found)
    return _changed(payload, dice, lambda value: part)


def _bury(payload: Any, dice: random.Random) -> Any:
    depth, key = (
        dice.choice([2, 20, 100, 190, 250]),
        dice.choice(["message", "quotedMessage", "contextInfo", "entry"]),
    )

    def buried(value: Any) -> Any:
        for _ in range(depth):
            value = {key: value} if dice.random() < 0.7 else [value]
        return value

    return _changed(payload, dice, buried)


def _blow_up(payload: Any, dice: random.Random) -> Any:
    def blown(value: Any) -> Any:
        if isinstance(value, str):
            return (value or "x") * min(dice.choice([50, 500, 20_000]), LARGEST // max(len(value), 1))
        if isinstance(value, list):
            return value * dice.choice([3, 40])
        return 10 ** dice.choice([12, 40, 1000]) if isinstance(value, int) else value

    return _changed(payload, dice, blown)


def _misspell(payload: Any, dice: random.Random) -> Any:
    def spoiled(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        place = dice.randint(0, len(value))
        return (
            value[:place]
            + dice.choice(["\x00", "\ud83d", "\udc4d", "\u200f", "\ufffe", "é", "@", ":1", "_", "+"])
            + value[place:]
        )

    return _changed(payload, dice, spoiled)


ON_VALUES = [
    _cut,
    _cut,
    _double,
    _retype,
    _retype,
    _exchange,
    _exchange,
    _move,
    _bury,
    _blow_up,
    _misspell,
    _misspell,
]


def _truncated(body: bytes, dice: random.Random) -> bytes:
    return body[: dice.randint(0, len(body))]


def _twice(body: bytes, dice: random.Random) -> bytes:
    return body + body


def _flipped(body: bytes, dice: random.Random) -> bytes:
    place = dice.randint(0, max(len(body) - 1, 0))
    return body[:place] + bytes([dice.randint(0, 255)]) + body[place + 1 :]


def _nested(body: bytes, dice: random.Random) -> bytes:
    depth = dice.choice([500, 5_000, 100_000])
    return b'{"entry":' + b"[" * depth + body + b"]" * depth + b"}"


def _enormous(body: bytes, dice: random.Random) -> bytes:
    return b'{"padding": "' + b"x" * dice.choice([1_000_000, 3_200_000]) + b'", ' + body[1:]


# Each but the last often; what is larger than any payload may be, now and then.
ON_BYTES = [_truncated, _twice, _flipped, _nested] * 8 + [_enormous]
