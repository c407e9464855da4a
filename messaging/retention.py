"""What is personal in a message, and how it is blanked (docs/retention.md)."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Case, Q, QuerySet, Value, When
from django.utils import timezone

from messaging.models import Message
from phone_numbers.retention import ERASED, Table

# Each personal field and what is left of it. A content that was there is empty, one that was not stays NULL.
PERSONAL: dict[str, Any] = {
    "contact_phone": "",
    "contact_opaque_id": "",
    "contact_name": None,
    "group_name": None,
    "newsletter_name": None,
    "content": Case(When(content=None, then=Value(None)), default=Value("")),
    "media_link": None,
    "media_caption": None,
    "media_filename": None,
    "error": Case(When(error="", then=Value("")), default=Value(ERASED)),
}


def blank(messages: QuerySet[Message]) -> int:
    """Empties the personal fields of messages; ids, statuses and timestamps stay."""
    return messages.filter(blanked_at=None).update(**PERSONAL, blanked_at=timezone.now())


def in_use(messages: QuerySet[Message]) -> QuerySet[Message]:
    """The messages that are still to be sent. Nobody reads of a message in this table what its event says."""
    return messages.filter(Q(due_at__isnull=False) | Q(lease__isnull=False))


def forget(messages: Iterable[Message]) -> None:
    """Blanks those that their numbers do not keep, as soon as nothing is left to be sent of them.

    Called when everybody who was to hear of the messages has been told, in the same transaction.
    """
    settled = [message.pk for message in messages if message.number.keeps_nothing and message.due_at is None]
    if settled:
        blank(Message.objects.filter(pk__in=settled, due_at=None))


# A message that is in use has not failed yet, so its error is never to be sealed.
SEALABLE = tuple(field for field in PERSONAL if field != "error")
MESSAGES = Table(model=Message, personal=SEALABLE, blank=blank, in_use=in_use)
