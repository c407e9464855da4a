"""A long past, made by the database itself: rows like one that is there, a million of them in some statements."""

import os
from collections.abc import Mapping
from datetime import datetime

from django.db import connection
from django.db.models import Model

from accounts.ids import first_id

_SERIES = {
    "postgresql": "generate_series({first}, {last}) AS series(n)",
    "sqlite": (
        "(WITH RECURSIVE series(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM series WHERE n < {last})"
        " SELECT n FROM series) AS series"
    ),
}


def multiply(row: Model, first: int, last: int, columns: Mapping[str, str]) -> None:
    """Inserts copies of a row, one for each n from `first` to `last`; `columns` are SQL of n where they differ."""
    table = row._meta.db_table
    with connection.cursor() as cursor:
        names = [column.name for column in connection.introspection.get_table_description(cursor, table)]
        if "id" not in columns:
            names.remove("id")
        values = ", ".join(columns.get(name, f'copied."{name}"') for name in names)
        listed = ", ".join(f'"{name}"' for name in names)
        series = _SERIES[connection.vendor].format(first=first, last=last)
        cursor.execute(
            f"INSERT INTO {table} ({listed})"
            f" SELECT {values} FROM {table} AS copied, {series} WHERE copied.id = '{row.pk}'"
        )


def id_of(prefix: str, moment: datetime) -> str:
    """SQL of n: an id as if it had been made at a moment, the same n the same id."""
    made_at = first_id(prefix, moment)[: len(prefix) + 11]
    return f"'{made_at}000000' || (1000000000 + n)"


def one_of(values: list[str], divided: int = 1) -> str:
    """SQL of n: the values in turn; each `divided` times in a row."""
    cases = " ".join(f"WHEN {i} THEN '{value}'" for i, value in enumerate(values))
    return f"(CASE (n / {divided}) % {len(values)} {cases} END)"


def at(moment: datetime) -> str:
    return f"'{connection.ops.adapt_datetimefield_value(moment)}'"


def analyze() -> None:
    """What autovacuum and the checkpointer do within minutes of such an insert."""
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
        if connection.vendor == "postgresql" and os.environ.get("RELIABILITY") == "long":
            # Otherwise gigabytes are written out while the first pages are measured.
            cursor.execute("CHECKPOINT")
