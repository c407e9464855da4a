"""What a page shows against what came: `…` is anything, an id is any of its kind, a moment any moment."""

import re
from typing import Any

MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def matches(shown: str, came: str) -> bool:
    if re.fullmatch(MOMENT, shown):
        return re.fullmatch(MOMENT, came) is not None
    return re.fullmatch(".*".join(map(re.escape, shown.split("…"))), came, re.DOTALL) is not None


def differences(shown: Any, came: Any, place: str = "$") -> list[str]:
    """Where an answer is not as shown: other keys, other values; of a list shown short, only its beginning is asked."""
    if isinstance(shown, dict) and isinstance(came, dict):
        keys = [
            f"{place}.{key}: only in the {where}"
            for where, one, other in (("page", shown, came), ("answer", came, shown))
            for key in one
            if key not in other
        ]
        both = [key for key in shown if key in came]
        return keys + [text for key in both for text in differences(shown[key], came[key], f"{place}.{key}")]
    if isinstance(shown, list) and isinstance(came, list):
        if len(came) < len(shown):
            return [f"{place}: {len(came)} of {len(shown)}"]
        pairs = enumerate(zip(shown, came, strict=False))
        return [text for index, pair in pairs for text in differences(*pair, f"{place}[{index}]")]
    if isinstance(shown, str) and isinstance(came, str):
        return [] if matches(shown, came) else [f"{place}: {shown!r} is {came!r}"]
    return [] if shown == came and type(shown) is type(came) else [f"{place}: {shown!r} is {came!r}"]
