"""Rewriting everything that is encrypted under the newest key of the ring, so that older ones can be dropped."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cryptography.fernet import InvalidToken
from django.apps import apps
from django.db import models, transaction
from django.db.models import Value
from django.db.models.functions import Cast

from accounts.encryption import MARK, EncryptedTextField, SealableTextField, is_newest, rotate

CHUNK = 500


@dataclass
class Rekeyed:
    """What became of one column: how many values were rewritten, and the ids of those that no key can read."""

    column: str
    rewritten: int = 0
    unreadable: list[Any] = field(default_factory=list)


def rekey() -> Iterator[Rekeyed]:
    """Rewrites every encrypted column, a chunk of rows at a time, and yields what became of each.

    Can be stopped and run again at any time, beside a server that works: a value that changes meanwhile is left as it
    was written, which is under the newest key.
    """
    for model in apps.get_models():
        for column in model._meta.local_concrete_fields:
            if isinstance(column, EncryptedTextField | SealableTextField):
                yield _rekey(model, column)


def _rekey(model: type[models.Model], column: models.Field[Any, Any]) -> Rekeyed:
    done = Rekeyed(f"{model._meta.label}.{column.name}")
    mark = MARK if isinstance(column, SealableTextField) else ""
    # Cast, so that the stored text is read and not what it decrypts to.
    stored = model._base_manager.annotate(stored=Cast(column.name, models.TextField())).order_by("pk")
    stored = stored.filter(stored__startswith=mark) if mark else stored.exclude(stored="")
    last: Any = None
    while True:
        rest = stored if last is None else stored.filter(pk__gt=last)
        rows = list(rest.values_list("pk", "stored")[:CHUNK])
        changed = [(pk, text, token) for pk, text in rows if (token := _renewed(done, pk, text, mark))]
        if changed:
            with transaction.atomic():
                for pk, text, token in changed:
                    new = Value(mark + token, output_field=models.TextField())
                    done.rewritten += stored.filter(pk=pk, stored=text).update(**{column.name: new})
        if len(rows) < CHUNK:
            return done
        last = rows[-1][0]


def _renewed(done: Rekeyed, pk: Any, text: str | None, mark: str) -> str:
    """The same secret under the newest key; "" where it is already, or cannot be read."""
    token = (text or "").removeprefix(mark)
    if not token or is_newest(token):
        return ""
    try:
        return rotate(token)
    except InvalidToken:
        done.unreadable.append(pk)
        return ""
