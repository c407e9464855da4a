"""What status reports do to the messages they are about."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Q

from messaging.arrivals import Arrival
from messaging.changes import MessageChange, MessageChangeKind
from messaging.ladder import climb
from messaging.models import Message
from phone_numbers.reports import MessageStatus, StatusReport

FIELDS = [
    "external_id", "status", "sent_at", "delivered_at", "read_at", "failed_at",
    "error", "error_code", "due_at", "lease",
]  # fmt: skip


def advance(
    arrivals: Sequence[Arrival[StatusReport]],
) -> tuple[list[MessageChange], list[Arrival[StatusReport]]]:
    """Moves messages up their ladders, in the order of the reports; inside the caller's transaction.

    Returns the changes, to be announced by the caller, and the reports whose message is not known (yet).
    """
    if not arrivals:
        return [], []
    by_id, by_external_id = _locked_messages(arrivals)
    before = {message.pk: _values(message) for message in by_id.values()}
    changes: list[MessageChange] = []
    unmatched: list[Arrival[StatusReport]] = []
    touched: dict[str, Message] = {}
    for arrival in arrivals:
        report, number_id = arrival.report, arrival.number.pk
        message = by_id.get((number_id, report.reference or "")) or by_external_id.get(
            (number_id, report.message_id or "")
        )
        if message is None:
            unmatched.append(arrival)
            continue
        message.number = arrival.number
        if message.blanked_at is not None and not message.group_id and not message.newsletter_id:
            # For the event only: what the message no longer knows, the report says again.
            message.contact_phone = report.recipient.phone
        place = (number_id, report.message_id or "")
        # An id that another message has is none of this one's.
        if report.message_id and message.external_id is None and place not in by_external_id:
            message.external_id = report.message_id
            by_external_id[place] = message
            touched[message.pk] = message
        for change in reach(message, report.status, arrival.at, report.error, report.error_code):
            touched[message.pk] = message
            changes.append(
                MessageChange(
                    kind=change,
                    message=message,
                    at=arrival.at,
                    group_id=report.group_id or "",
                    correlation_id=message.correlation_id,
                    raw_payload_id=arrival.raw_payload_id,
                )
            )
    if touched:
        # Each field costs as much as everything else here, and of most of them nothing is new.
        changed = {
            field
            for message in touched.values()
            for field, old, new in zip(FIELDS, before[message.pk], _values(message), strict=True)
            if old != new
        }
        Message.objects.bulk_update(list(touched.values()), sorted(changed))
    return changes, unmatched


def _values(message: Message) -> list[Any]:
    return [getattr(message, field) for field in FIELDS]


def reach(
    message: Message,
    status: MessageStatus,
    at: datetime,
    error: str | None = None,
    error_code: str | None = None,
) -> list[MessageChangeKind]:
    """Climbs one message to a status, unsaved; returns the rungs that are new, lowest first."""
    if message.status == Message.Status.CANCELED:
        return []
    reached = [rung for rung in MessageStatus if message.reached_at(rung) is not None]
    rungs = climb(reached, status)
    for rung in rungs:
        setattr(message, f"{rung}_at", at)
        message.status = rung.upper()
    if rungs:
        # Whatever the send drain still meant to do with it is settled.
        message.due_at = message.lease = None
        failed = status is MessageStatus.FAILED
        message.error = (error or "WhatsApp reported the failure without a reason.") if failed else ""
        message.error_code = (error_code or "")[:100] if failed else ""
    return [MessageChangeKind(rung) for rung in rungs]


def _locked_messages(
    arrivals: Sequence[Arrival[StatusReport]],
) -> tuple[dict[tuple[str, str], Message], dict[tuple[str, str], Message]]:
    references = {arrival.report.reference for arrival in arrivals if arrival.report.reference}
    external_ids = {arrival.report.message_id for arrival in arrivals if arrival.report.message_id}
    # Ordered, so that two drains never wait for each other's rows.
    messages = (
        Message.objects.outbound()
        .filter(
            Q(pk__in=references) | Q(external_id__in=external_ids),
            number__in={arrival.number.pk for arrival in arrivals},
        )
        .order_by("pk")
        .select_for_update()
    )
    by_id = {(message.number_id, message.pk): message for message in messages}
    by_external_id = {
        (message.number_id, message.external_id): message
        for message in by_id.values()
        if message.external_id is not None
    }
    return by_id, by_external_id
