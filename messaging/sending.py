"""The send drain: queued messages go to their provider, each once.

A message may have gone out although nobody heard so: the worker died, or the connection broke after the request. It is
not sent again (somebody would read it twice); it waits for a status, and fails with SEND_OUTCOME_UNKNOWN if none comes.
"""

import logging
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cache

from django.db import transaction
from django.utils import timezone

from accounts.encryption import Unreadable
from accounts.failures import describe
from accounts.ids import new_id
from messaging.changes import MessageChange
from messaging.models import LEASE_PREFIX, Message
from messaging.retention import forget
from messaging.signals import messages_changed
from messaging.statuses import reach
from phone_numbers.models import Number
from phone_numbers.providers.base import Outgoing, SendResult, SendState
from phone_numbers.reports import MessageStatus

logger = logging.getLogger(__name__)

BATCH = 32
# Longer than a whole batch takes at a gateway that answers nothing: four rounds of connecting and waiting.
LEASE = timedelta(minutes=2)
RECORD_EVERY = timedelta(seconds=1)
# The lease of a message that nobody sends any more, and whose send may have worked.
WAITING = "waiting"
# How long a message whose send was not heard of waits for a status before it counts as failed.
UNKNOWN_FOR = timedelta(minutes=5)
UNKNOWN_CODE = "SEND_OUTCOME_UNKNOWN"
UNKNOWN = "The provider did not confirm the message and never reported on it; it was not sent twice."
RETRY_DELAYS = [timedelta(seconds=seconds) for seconds in (2, 10, 30, 120, 600)]


def send_batch(limit: int = BATCH) -> int:
    """Sends up to `limit` due messages; returns how many were taken."""
    lease = new_id(LEASE_PREFIX.rstrip("_"))
    fresh, interrupted = _claim(limit, lease)
    silent = [message for message in interrupted if message.error_code == UNKNOWN_CODE]
    _fail(silent, lease)
    _wait_for_status([message for message in interrupted if message not in silent], lease)
    # A provider in this process needs no thread, and shares the caller's connection.
    local = [message for message in fresh if message.number.adapter.in_process]
    running = {_senders().submit(_send, message): message for message in fresh if message not in local}
    if local:
        _record([(message, _send(message)) for message in local], lease)
    while running:
        # Together what ends together, but none waits for long: statuses and replies need to find the id.
        wait(running, RECORD_EVERY.total_seconds())
        over = [future for future in running if future.done()]
        if over:
            _record([(running.pop(future), future.result()) for future in over], lease)
    return len(fresh) + len(interrupted)


def next_due_at() -> datetime | None:
    return (
        Message.objects.filter(due_at__isnull=False)
        .order_by("due_at")
        .values_list("due_at", flat=True)
        .first()
    )


def _claim(limit: int, lease: str) -> tuple[list[Message], list[Message]]:
    """Leases due messages: those to send now, and those whose send was begun and not heard of."""
    now = timezone.now()
    due = Message.objects.filter(due_at__isnull=False, due_at__lte=now)
    # Looked up outside the transaction: an idle drain must not take SQLite's one write lock fifty times a second.
    if not due.exists():
        return [], []
    with transaction.atomic():
        messages = list(
            due.select_related("number")
            .order_by("due_at", "pk")
            .select_for_update(skip_locked=True, of=("self",))[:limit]
        )
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(
            lease=lease, due_at=now + LEASE
        )
    interrupted = [message for message in messages if message.lease is not None]
    return [message for message in messages if message.lease is None], interrupted


@cache
def _senders() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=8, thread_name_prefix="send")


def _send(message: Message) -> SendResult:
    """One blocking call of the provider, outside any transaction."""
    number: Number = message.number
    try:
        # Only now: the message may have waited for others of its batch.
        if message.deliver_until and message.deliver_until < timezone.now():
            return SendResult(
                state=SendState.REFUSED,
                error="The message could not be sent before its deliverUntil.",
                error_code="EXPIRED",
            )
        if not number.is_connected:
            return SendResult(
                state=SendState.REFUSED,
                error="The number lost its connection before the message could be sent.",
                error_code="WHATSAPP_INSTANCE_NOT_CONNECTED",
            )
        if any(isinstance(text, Unreadable) for text in _personal(message)):
            return SendResult(
                state=SendState.REFUSED,
                error="The message cannot be read: its encryption key is missing.",
                error_code="MESSAGE_UNREADABLE",
            )
        return number.adapter.send(number, outgoing(message))
    except Exception as error:
        logger.error("Sending %s failed in a way nobody expected: %s", message.pk, describe(error))
        return SendResult(state=SendState.UNKNOWN)


def _personal(message: Message) -> list[str | None]:
    return [
        message.contact_phone, message.content, message.media_link, message.media_caption,
        message.media_filename,
    ]  # fmt: skip


def outgoing(message: Message) -> Outgoing:
    to_contact = not message.group_id and not message.newsletter_id
    return Outgoing(
        reference=message.pk,
        phone=message.contact_phone if to_contact else "",
        group_id=message.group_id,
        newsletter_id=message.newsletter_id,
        text=(message.media_caption if message.media_link else message.content) or "",
        media=message.media_link or "",
        media_type=message.type or "" if message.media_link else "",
        filename=message.media_filename or "",
    )


def _record(results: Sequence[tuple[Message, SendResult]], lease: str) -> None:
    """Writes what became of the sends, where the lease is still ours, and announces what it made happen."""
    now = timezone.now()
    with transaction.atomic():
        locked = {
            message.pk: message
            for message in Message.objects.filter(pk__in=[message.pk for message, _ in results])
            .select_related("number")
            .order_by("pk")
            .select_for_update(of=("self",))
        }
        taken = _taken(locked.values(), results)
        changes = []
        for sent, result in results:
            message = locked.get(sent.pk)
            if message is None:
                continue
            place = (message.number_id, result.message_id)
            # An id that another message has is none of this one's, whatever the gateway says.
            if result.message_id and message.external_id is None and place not in taken:
                message.external_id = result.message_id
                taken.add(place)
            # Who comes back late may still say how it went, as long as nobody else has.
            if message.lease in (lease, WAITING):
                changes += _conclude(message, result, now)
            message.save(
                update_fields=[
                    "external_id", "status", "sent_at", "failed_at", "error", "error_code",
                    "due_at", "lease", "send_tries",
                ]
            )  # fmt: skip
        if changes:
            messages_changed.send(sender=Message, changes=changes)
        forget(locked.values())


def _taken(
    messages: Iterable[Message], results: Sequence[tuple[Message, SendResult]]
) -> set[tuple[str, str | None]]:
    """The ids, each with its number, that WhatsApp has given to messages before."""
    known = Message.objects.outbound().filter(
        number__in={message.number_id for message in messages},
        external_id__in={result.message_id for _, result in results if result.message_id},
    )
    return set(known.values_list("number_id", "external_id"))


def _conclude(message: Message, result: SendResult, now: datetime) -> list[MessageChange]:
    message.send_tries += 1
    message.lease = message.due_at = None
    message.error = message.error_code = ""
    status = None
    match result.state:
        case SendState.ACCEPTED if result.at_server:
            status = MessageStatus.SENT
        case SendState.REFUSED:
            status = MessageStatus.FAILED
        case SendState.UNKNOWN:
            message.due_at, message.lease, message.error_code = now + UNKNOWN_FOR, WAITING, UNKNOWN_CODE
            # What a gateway says can be personal, and an error is not sealed.
            message.error = "" if message.number.keeps_nothing else result.error
        case SendState.RETRY if message.send_tries <= len(RETRY_DELAYS):
            delay = RETRY_DELAYS[message.send_tries - 1]
            message.due_at = now + max(delay, min(result.retry_after or delay, timedelta(hours=1)))
        case SendState.RETRY:
            status = MessageStatus.FAILED
    if status is None:
        return []
    return [
        MessageChange(kind=kind, message=message, at=now, correlation_id=message.correlation_id)
        for kind in reach(message, status, now, result.error, result.error_code)
    ]


def _fail(messages: Sequence[Message], lease: str) -> None:
    """Gives up those that no status came for."""
    if messages:
        _record([(message, _silence(message)) for message in messages], lease)


def _silence(message: Message) -> SendResult:
    end = f" The send ended with: {message.error}" if message.error else ""
    return SendResult(state=SendState.REFUSED, error=UNKNOWN + end, error_code=UNKNOWN_CODE)


def _wait_for_status(messages: Sequence[Message], lease: str) -> None:
    if messages:
        _record([(message, SendResult(state=SendState.UNKNOWN)) for message in messages], lease)
