"""How long personal data of numbers is kept (contract.md 1, docs/retention.md), as far as this floor knows it.

A table is blanked the same way in every mode; the modes differ only in which rows it is time for (`blank_before`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

from django.db.models import Model, QuerySet
from django.utils import timezone

from accounts.encryption import Sealed
from accounts.ids import IdField
from accounts.wake import wake
from phone_numbers.models import Identity, Number

BLANK = "webhooks.tasks.blank"
# What stands where the sentence of a failure quoted somebody.
ERASED = "The provider's words were erased with the personal data of the message."


@dataclass(frozen=True)
class Table:
    """One table's whole answer to what is personal in it.

    `personal` names the fields. `blank` takes rows, empties those fields, and returns how many rows it was.
    `in_use` narrows rows to those whose personal fields somebody still needs.
    """

    model: type[Model]
    personal: tuple[str, ...]
    blank: Callable[[QuerySet[Any]], int]
    in_use: Callable[[QuerySet[Any]], QuerySet[Any]]

    @property
    def name(self) -> str:
        return self.model._meta.label_lower

    @property
    def id_prefix(self) -> str:
        return cast(IdField, self.model._meta.pk).prefix

    def rows(self) -> QuerySet[Any]:
        return self.model._default_manager.all()

    def seal(self, rows: QuerySet[Any]) -> int:
        """Encrypts the personal fields of rows that are in use; returns how many rows needed it."""
        changed = [row for row in rows.select_for_update(of=("self",), no_key=True) if self._seal(row)]
        self.model._default_manager.bulk_update(changed, self.personal)
        return len(changed)

    def _seal(self, row: Model) -> bool:
        plain: Mapping[str, str] = {
            field: value
            for field in self.personal
            if (value := getattr(row, field)) and not isinstance(value, Sealed)
        }
        for field, value in plain.items():
            setattr(row, field, Sealed(value))
        return bool(plain)


def apply_mode(number: Number) -> None:
    """Applies a number's mode to what is stored already, soon after the transaction that changed the mode commits."""
    stores_everything = number.pii_mode == Number.PiiMode.STORE_INDEFINITE
    number.retention_due_at = None if stores_everything else timezone.now()
    number.save(update_fields=["retention_due_at"])
    if not stores_everything:
        wake(BLANK)


def blank_before(number: Number, now: datetime) -> datetime | None:
    """The moment before which what was stored of a number is to be blanked; None: nothing is."""
    match number.pii_mode:
        case Number.PiiMode.RELAY_ONLY:
            return now
        case Number.PiiMode.STORE_X_DAYS:
            return now - timedelta(days=number.pii_retention_days or 0)
    return None


def forget_identities(number: Number, before: datetime) -> int:
    """Deletes what was learned of contacts before a moment: without the phone nothing of it is left."""
    return Identity.objects.filter(number=number, learned_at__lt=before).delete()[0]
