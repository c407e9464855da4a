"""How far a reliability test goes: a short form in the suite, a long one under `make reliability`."""

import os
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

LONG = os.environ.get("RELIABILITY") == "long"
T = TypeVar("T")


def scaled(short: T, long: T) -> T:
    return long if LONG else short


def say(figures: str) -> None:
    """Prints what was measured; `make reliability` shows it."""
    print(f"\n{figures}", flush=True)  # noqa: T201


def percentile(values: Sequence[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
