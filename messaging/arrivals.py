"""A report on its way up: which number it is for, which payload it came in, and when."""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from phone_numbers.models import Number

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class Arrival(Generic[R_co]):
    """`at`: the report's own time, or the receipt's where the payload tells none."""

    number: Number
    report: R_co
    at: datetime
    raw_payload_id: str | None = None
