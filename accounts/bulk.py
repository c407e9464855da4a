"""Many rows in one statement with one parameter: the rows as JSON, which the database takes apart.

For the paths that write for every event and every attempt. Django's bulk_create and bulk_update do the same with a
parameter per value, of which preparing, adapting and parsing costs more than all the rest of a delivery
(`python -m benchmarks.drain`).
"""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from django.db import connection, models

# A field of a table, and what makes of its value one that JSON knows and that the column takes.
_Column = tuple[Any, Callable[[Any], Any]]


def insert(rows: Sequence[models.Model]) -> None:
    """Inserts new rows of one model, whose values and primary keys are all set."""
    if rows:
        table = rows[0]._meta.db_table
        columns = _columns(rows[0]._meta.concrete_fields)
        names = ", ".join(_quoted(field) for field, _ in columns)
        values = ", ".join(_value(field) for field, _ in columns)
        _execute(
            f"INSERT INTO {table} ({names}) SELECT {values} FROM {_source(columns)}",  # noqa: S608
            columns,
            rows,
        )


def update(rows: Sequence[models.Model], fields: Sequence[str]) -> None:
    """Writes some fields of rows of one model, each with values of its own."""
    if rows:
        meta = rows[0]._meta
        columns = _columns([meta.pk, *(meta.get_field(name) for name in fields)])
        changes = ", ".join(
            f"{_quoted(field)} = {_value(field)}" for field, _ in columns if not field.primary_key
        )
        key = columns[0][0]
        _execute(
            f"UPDATE {meta.db_table} SET {changes} FROM {_source(columns)}"  # noqa: S608
            f" WHERE {meta.db_table}.{_quoted(key)} = {_value(key)}",
            columns,
            rows,
        )


def _execute(statement: str, columns: Sequence[_Column], rows: Iterable[models.Model]) -> None:
    plain = [
        {field.column: convert(getattr(row, field.attname)) for field, convert in columns} for row in rows
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(plain)])


def _columns(fields: Iterable[Any]) -> list[_Column]:
    return [(field, _converter(field)) for field in fields]


def _converter(field: Any) -> Callable[[Any], Any]:
    if isinstance(field, models.JSONField):
        return _as_it_is
    if isinstance(field, models.DateTimeField):
        return _moment
    if isinstance(field, models.ForeignKey):
        return _converter(field.target_field)
    if type(field).get_prep_value in (models.CharField.get_prep_value, models.IntegerField.get_prep_value):
        # Which costs a call per value for what these tables' values are already.
        return _as_it_is
    convert: Callable[[Any], Any] = field.get_prep_value
    return convert


def _as_it_is(value: Any) -> Any:
    return value


def _moment(value: Any) -> str | None:
    return None if value is None else str(connection.ops.adapt_datetimefield_value(value))


def _source(columns: Sequence[_Column]) -> str:
    """The rows as a table `made`. PostgreSQL wants each column's type; of SQLite, `_value` takes them out by name."""
    if connection.vendor == "postgresql":
        types = ", ".join(f"{_quoted(field)} {_type(field)}" for field, _ in columns)
        return f"jsonb_to_recordset(%s) AS made({types})"
    return "json_each(%s) AS made"


def _type(field: Any) -> str:
    return str(_type(field.target_field) if field.is_relation else field.rel_db_type(connection))


def _value(field: Any) -> str:
    if connection.vendor == "postgresql":
        return f"made.{_quoted(field)}"
    return f"made.value ->> '{field.column}'"


def _quoted(field: Any) -> str:
    return connection.ops.quote_name(field.column)
