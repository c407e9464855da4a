"""How often something may happen: counted in the database, so that every process counts alike.

A count begins with the first time and is forgotten when its span is over: nobody is locked out for ever.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import F
from django.utils import timezone

from accounts.encryption import keyed_hash
from accounts.models import Tally


@dataclass(frozen=True)
class Limit:
    """`times` within `per`, for each subject."""

    name: str
    times: int
    per: timedelta


class Exceeded(Exception):
    """Too often; the message is a sentence, and `wait` how long until it may happen again."""

    def __init__(self, sentence: str, wait: timedelta) -> None:
        super().__init__(sentence)
        self.wait = wait


def take(limit: Limit, subject: str, amount: int = 1) -> timedelta | None:
    """Counts `amount` and returns None; or, where that is too many, counts nothing and returns how long to wait."""
    now = timezone.now()
    tally = Tally.objects.filter(pk=_key(limit, subject))
    if amount > limit.times:
        return limit.per
    room = tally.filter(ends_at__gt=now, count__lte=limit.times - amount)
    while not room.update(count=F("count") + amount):
        if tally.filter(ends_at__lte=now).update(count=amount, ends_at=now + limit.per):
            break
        row, is_new = Tally.objects.get_or_create(
            pk=_key(limit, subject), defaults={"ends_at": now + limit.per}
        )
        # Another process may have made or emptied it since: then once more.
        if not is_new and row.ends_at > now and row.count > limit.times - amount:
            return row.ends_at - now
    return None


def give_back(limit: Limit, subject: str) -> None:
    """What was taken once did not count after all."""
    Tally.objects.filter(pk=_key(limit, subject), count__gt=0).update(count=F("count") - 1)


def forget(limit: Limit, subject: str) -> None:
    Tally.objects.filter(pk=_key(limit, subject)).delete()


def _key(limit: Limit, subject: str) -> str:
    # Hashed: names and addresses of people are not kept longer than they are needed.
    return f"{limit.name}:{keyed_hash(subject)}"
