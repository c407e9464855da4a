"""When an attempt that failed is made again. Pure: the clock and the dice are the caller's."""

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

RETRY_DELAYS = [
    timedelta(seconds=5),
    timedelta(seconds=30),
    timedelta(minutes=2),
    timedelta(minutes=10),
    timedelta(hours=1),
    timedelta(hours=3),
    timedelta(hours=6),
    timedelta(hours=12),
]
MAX_ATTEMPTS = len(RETRY_DELAYS) + 1
# A delay is moved by up to this share of itself, so that what failed together does not return together.
JITTER = 0.1
MAX_RETRY_AFTER = timedelta(hours=12)


def delay_after(attempts_made: int, jitter: float) -> timedelta | None:
    """How long to wait after that many attempts, the first being 1; None after the last one.

    `jitter` is a number of [-1, 1], drawn by the caller, and moves the delay within ±10 %.
    """
    if attempts_made < 1:
        raise ValueError("There is no delay before the first attempt.")
    if attempts_made >= MAX_ATTEMPTS:
        return None
    return RETRY_DELAYS[attempts_made - 1] * (1 + JITTER * max(-1.0, min(1.0, jitter)))


def with_retry_after(delay: timedelta, retry_after: timedelta | None) -> timedelta:
    """The delay, made longer where the receiver asked for more: never earlier than asked, at most 12 h for its sake."""
    if retry_after is None:
        return delay
    return max(delay, min(retry_after, MAX_RETRY_AFTER))


def parse_retry_after(text: str, now: datetime) -> timedelta | None:
    """What a `Retry-After` header asks for: RFC 9110, 10.2.3, seconds or a date in any of the three forms of 5.6.7.

    A moment that has passed is zero. None for what is neither. `now` is aware. The answer is not clamped, except that
    spans which no timedelta holds are the longest one.
    """
    text = text.strip(" \t")
    if re.fullmatch(r"[0-9]{1,400}", text):
        try:
            return timedelta(seconds=int(text))
        except OverflowError:
            return timedelta.max
    moment = _parse_date(text, now)
    return None if moment is None else max(timedelta(0), moment - now)


def _parse_date(text: str, now: datetime) -> datetime | None:
    if len(text) > 60 or not re.match(r"[A-Za-z]{3,9},? ", text):
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    # asctime() names no zone; in HTTP every date is in UTC.
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
    # RFC 850 has two digits for the year: one more than 50 years ahead is the past one with the same digits.
    if re.match(r"[A-Za-z]+, [0-9]{2}-[A-Za-z]{3}-[0-9]{2} ", text):
        century = now.year - now.year % 100
        year = century + moment.year % 100
        try:
            moment = moment.replace(year=year - 100 if year > now.year + 50 else year)
        except ValueError:
            return None
    return moment
