"""Personal data: blanked in every table as soon as its number's mode says so and nobody waits for it any more.

Relay-only numbers are blanked where things end (`settle` here, `forget` in messaging, normalization in events). The
job below does the rest: what grows old under STORE_X_DAYS, what was stored before a mode was switched, and whatever
ended in a way that nobody hooked into. It goes by number and table, a chunk of ids at a time (docs/retention.md).
"""

import itertools
import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from accounts.encryption import Sealed
from accounts.ids import first_id
from accounts.wake import wake
from events.models import Event
from events.retention import PAYLOADS, blank_events
from messaging.retention import MESSAGES
from phone_numbers.models import Number, RetentionMark
from phone_numbers.retention import BLANK, Table, blank_before, forget_identities
from webhooks.models import Attempt, Delivery
from webhooks.outcome import ErrorClass, Outcome

logger = logging.getLogger(__name__)

CHUNK = 500
EVERY = timedelta(hours=1)
LEASE = timedelta(minutes=10)
# Ids are made before their rows are committed. A mark keeps this far behind, so that it passes no row unseen.
COMMITTED_AFTER = timedelta(minutes=5)
# A progress line is logged after so many chunks.
CHUNKS_PER_LINE = 100

# Of an answer's headers, what is kept for a relay-only number; the others can repeat what was sent.
HARMLESS_HEADERS = {"content-type", "content-length", "date", "retry-after", "connection"}
# The sentence of a broken answer quotes it.
BROKEN_ANSWER = "The answer is not HTTP as we accept it"


def events_in_use(events: QuerySet[Event]) -> QuerySet[Event]:
    """Those that somebody is still to be told of; and for some days those that are held for a disabled webhook."""
    patience = timezone.now() - settings.KEEP_HELD
    return events.filter(
        Exists(
            Delivery.objects.filter(
                Q(status=Delivery.Status.PENDING) | Q(status=Delivery.Status.HELD, created_at__gt=patience),
                event=OuterRef("pk"),
            )
        )
    )


def blank(events: QuerySet[Event]) -> int:
    """Empties the personal fields of events, and what receivers answered to them."""
    ids = list(
        events.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
    )
    deliveries = Delivery.objects.filter(event__in=ids)
    deliveries.filter(reason__contains=BROKEN_ANSWER).update(reason=f"{BROKEN_ANSWER}.")
    Attempt.objects.filter(delivery__in=deliveries).update(
        response_body="",
        response_headers=[],
        error=Case(
            When(error_class=ErrorClass.PROTOCOL, then=Value(f"{BROKEN_ANSWER}.")), default=F("error")
        ),
    )
    return blank_events(Event.objects.filter(pk__in=ids))


EVENTS = Table(model=Event, personal=("body",), blank=blank, in_use=events_in_use)
TABLES = [MESSAGES, PAYLOADS, EVENTS]


def settle(events: Sequence[Event]) -> None:
    """Blanks those of `events` that are only relayed and that nobody is to be told of any more.

    Runs inside the transaction that recorded them or concluded a delivery of theirs. Locks them first: of two drains
    that conclude the last two deliveries of an event, the second sees what the first has done.
    """
    relayed = [event.pk for event in events if isinstance(event.body, Sealed)]
    if not relayed:
        return
    rows = Event.objects.filter(pk__in=relayed)
    locked = set(
        rows.order_by("pk").select_for_update(of=("self",), no_key=True).values_list("pk", flat=True)
    )
    waited_for = set(events_in_use(rows).values_list("pk", flat=True))
    blank(Event.objects.filter(pk__in=locked - waited_for))


def discreet(event: Event, outcome: Outcome) -> Outcome:
    """Returns what may be recorded of an answer: of a relayed event nothing that is readable and may repeat it."""
    if not isinstance(event.body, Sealed):
        return outcome
    return replace(
        outcome,
        response_body=Sealed(outcome.response_body),
        response_headers=[
            (name, value) for name, value in outcome.response_headers if name.lower() in HARMLESS_HEADERS
        ],
        error=f"{BROKEN_ANSWER}." if outcome.error_class is ErrorClass.PROTOCOL else outcome.error,
    )


def next_number_due_at() -> datetime | None:
    """Now, where a number is due for blanking; None otherwise: the sweep finds the others when they are."""
    now = timezone.now()
    return now if Number.objects.filter(retention_due_at__lte=now).exists() else None


def plan() -> None:
    """Makes due every number whose mode calls for blanking and that was never planned."""
    modes = [Number.PiiMode.RELAY_ONLY, Number.PiiMode.STORE_X_DAYS]
    if Number.objects.filter(pii_mode__in=modes, retention_due_at=None).update(
        retention_due_at=timezone.now()
    ):
        wake(BLANK)


class Blanking:
    """One run of the job. `step` blanks a chunk; `finish` gives back the number that was not finished."""

    def __init__(self) -> None:
        self._number: Number | None = None
        self._chunks: Iterator[int] = iter(())

    def step(self) -> int:
        """Returns how much was looked at; 0: no number is due."""
        size = next(self._chunks, 0)
        if size or self._take() is None:
            return size
        return next(self._chunks, 0) + 1

    def finish(self) -> None:
        if self._number is not None:
            _due(self._number, timezone.now())

    def _take(self) -> Number | None:
        now = timezone.now()
        with transaction.atomic():
            number = (
                Number.objects.filter(retention_due_at__lte=now)
                .order_by("retention_due_at")
                .select_for_update(skip_locked=True, no_key=True)
                .first()
            )
            if number is not None:
                number.retention_due_at = now + LEASE
                number.save(update_fields=["retention_due_at"])
        self._number = number
        self._chunks = self._look_through(number) if number is not None else iter(())
        return number

    def _look_through(self, number: Number) -> Iterator[int]:
        before = blank_before(number, timezone.now())
        if before is not None:
            forget_identities(number, before)
            for table in TABLES:
                yield from _look_through(number, table, before)
        self._number = None
        _due(number, None if before is None else timezone.now() + EVERY)


def _due(number: Number, at: datetime | None) -> None:
    """Plans a number's next turn, unless its mode was changed meanwhile, which has planned one."""
    Number.objects.filter(pk=number.pk, retention_due_at=number.retention_due_at).update(retention_due_at=at)


def _look_through(number: Number, table: Table, before: datetime) -> Iterator[int]:
    """Blanks a number's rows of one table; yields the size of each full chunk that it looked at."""
    prefix = table.id_prefix
    mark, _ = RetentionMark.objects.get_or_create(number=number, table=table.name)
    rows = table.rows().filter(number=number, blanked_at=None, pk__lt=first_id(prefix, before))
    # Everything below is blanked once the chunks are through.
    below = first_id(prefix, min(before, timezone.now() - COMMITTED_AFTER))
    place = Q(pk__gte=mark.below)
    total = 0
    for count in itertools.count(1):
        with transaction.atomic():
            chunk = rows.filter(place).order_by("pk").select_for_update(of=("self",), no_key=True)
            ids = list(chunk.values_list("pk", flat=True)[:CHUNK])
            waited_for = set(table.in_use(table.rows().filter(pk__in=ids)).values_list("pk", flat=True))
            total += table.blank(table.rows().filter(pk__in=[pk for pk in ids if pk not in waited_for]))
            if number.keeps_nothing and waited_for:
                table.seal(table.rows().filter(pk__in=waited_for))
            # Those that are in use, and those that cannot be read.
            left = table.rows().filter(pk__in=ids, blanked_at=None).order_by("pk")
            below = min([below, *left.values_list("pk", flat=True)[:1]])
            is_last = len(ids) < CHUNK
            _advance(mark, below if is_last else min(below, ids[-1]))
        if total and (is_last or count % CHUNKS_PER_LINE == 0):
            logger.info("Personal data of %s: %s rows of %s blanked", number.pk, total, table.name)
        if is_last:
            return
        place = Q(pk__gt=ids[-1])
        yield len(ids)


def _advance(mark: RetentionMark, below: str) -> None:
    if below > mark.below:
        mark.below = below
        mark.save(update_fields=["below"])
