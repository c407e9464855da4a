"""Ids that people can read, sort and paste: `evt_01m838d6mmp2bg09w1awhmfgrr`."""

from datetime import datetime
from typing import Any

from django.db import models
from ulid import ULID


def new_id(prefix: str) -> str:
    """Returns `{prefix}_{ulid}`: 26 lowercase characters that sort by creation time, also within a millisecond."""
    return f"{prefix}_{str(ULID()).lower()}"


def first_id(prefix: str, moment: datetime) -> str:
    """Returns the lowest id of the millisecond of `moment`: what was made before has `pk__lt` it, on the index."""
    milliseconds = int(moment.timestamp() * 1000)
    return f"{prefix}_{str(ULID.from_bytes(milliseconds.to_bytes(6, 'big') + bytes(10))).lower()}"


class IdField(models.CharField[str, str]):
    """A primary key made by `new_id`; the same id in the database, the API, the pages and the logs."""

    def __init__(self, prefix: str = "", **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs |= {"primary_key": True, "max_length": 40, "editable": False, "default": self.make}
        super().__init__(**kwargs)

    def make(self) -> str:
        return new_id(self.prefix)

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        for key in ("primary_key", "max_length", "editable", "default"):
            kwargs.pop(key, None)
        return name, path, args, {"prefix": self.prefix, **kwargs}
