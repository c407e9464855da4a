"""What inbound messages are: one row each, and which message of ours they answer."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import Max, QuerySet
from django.utils import timezone

from messaging.arrivals import Arrival
from messaging.changes import MessageChange, MessageChangeKind
from messaging.models import LEASE_PREFIX, Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key
from phone_numbers.reports import InboundMessage

# How long a message of ours counts as what an inbound one without a quote is about.
CORRELATED_FOR = timedelta(hours=24)
# How far a provider's clock may be behind ours.
CLOCK_TOLERANCE = timedelta(minutes=1)


def receive(arrivals: Sequence[Arrival[InboundMessage]]) -> list[MessageChange]:
    """Stores inbound messages, each once however often it arrives; inside the caller's transaction.

    Returns the changes of those that are new, in the order of the reports, to be announced by the caller.
    """
    if not arrivals:
        return []
    rows = [(arrival, message_of(arrival)) for arrival in arrivals]
    # Sorted, so that two drains never wait for each other's rows. A message that is stored already keeps its row.
    Message.objects.bulk_create(
        sorted(
            (message for _, message in rows),
            key=lambda message: (message.number_id, message.external_id or ""),
        ),
        ignore_conflicts=True,
    )
    stored = set(
        Message.objects.filter(pk__in=[message.pk for _, message in rows]).values_list("pk", flat=True)
    )
    new = [(arrival, message) for arrival, message in rows if message.pk in stored]
    answered = _answered(new)
    newest = _newest_outbound(
        [(arrival, message) for arrival, message in new if arrival.report.quote is None]
    )
    return [
        change_of(
            arrival,
            message,
            answered.get(_quoted(arrival)),
            newest.get(message.pk),
        )
        for arrival, message in new
    ]


def too_early(arrivals: Sequence[Arrival[InboundMessage]]) -> list[Arrival[InboundMessage]]:
    """Returns those that quote a message which nobody knows, while one to the same chat is being sent just now.

    WhatsApp's id of that one comes with the answer to the send: only then can be told what is quoted.
    """
    quoting = {_quoted(arrival): arrival for arrival in arrivals if _may_quote_us(arrival.report)}
    if not quoting:
        return []
    known = Message.objects.filter(
        number__in={number_id for number_id, _ in quoting},
        external_id__in={external_id for _, external_id in quoting},
    ).values_list("number_id", "external_id")
    unknown = [arrival for place, arrival in quoting.items() if place not in set(known)]
    if not unknown:
        return []
    in_flight = Message.objects.outbound().filter(
        number__in={arrival.number.pk for arrival in unknown},
        status=Message.Status.QUEUED,
        external_id=None,
        due_at__gt=timezone.now(),
        lease__startswith=LEASE_PREFIX,
    )
    chats = {(message.number_id, message.conversation) for message in in_flight}
    return [arrival for arrival in unknown if (arrival.number.pk, _chat(arrival.report)) in chats]


def _may_quote_us(report: InboundMessage) -> bool:
    return report.quote is not None and report.quote.ours is not False


def _chat(report: InboundMessage) -> str:
    sender = report.sender
    return (report.group_id or report.newsletter_id or contact_key(sender.phone, sender.opaque_id))[:64]


def message_of(arrival: Arrival[InboundMessage]) -> Message:
    """Returns the row of an inbound message, unsaved."""
    report, number = arrival.report, arrival.number
    media = report.media
    return Message(
        workspace_id=number.workspace_id,
        number=number,
        direction=Message.Direction.INBOUND,
        status=Message.Status.RECEIVED,
        origin="WHATSAPP",
        external_id=report.message_id,
        contact_phone=number.seal(report.sender.phone) or "",
        contact_opaque_id=number.seal(report.sender.opaque_id) or "",
        contact_name=number.seal(report.sender.name),
        contact_key=contact_key(report.sender.phone, report.sender.opaque_id),
        group_id=report.group_id or "",
        group_name=number.seal(report.group_name),
        newsletter_id=report.newsletter_id or "",
        newsletter_name=number.seal(report.newsletter_name),
        type=report.type,
        content=number.seal(report.content),
        media_link=number.seal(media.link) if media else None,
        media_type=media.mime_type[:200] if media and media.mime_type else None,
        media_caption=number.seal(media.caption) if media else None,
        media_filename=number.seal(media.filename) if media else None,
        quoted_external_id=report.quote.message_id if report.quote else None,
        created_at=arrival.at,
    )


def _quoted(arrival: Arrival[InboundMessage]) -> tuple[str, str]:
    quote = arrival.report.quote
    return arrival.number.pk, quote.message_id if quote else ""


def _answered(rows: Sequence[tuple[Arrival[InboundMessage], Message]]) -> dict[tuple[str, str], Message]:
    """Returns the messages of ours that are quoted, by (number id, external id)."""
    wanted = {_quoted(arrival) for arrival, _ in rows if arrival.report.quote}
    if not wanted:
        return {}
    messages = Message.objects.outbound().filter(
        number__in={number_id for number_id, _ in wanted},
        external_id__in={external_id for _, external_id in wanted},
    )
    return {(message.number_id, message.external_id or ""): message for message in messages}


def _newest_outbound(rows: Sequence[tuple[Arrival[InboundMessage], Message]]) -> dict[str, Message]:
    """Returns the newest message of ours to the sender of each, by the id of the inbound message."""
    direct = [
        message
        for _, message in rows
        if message.contact_key and not message.group_id and not message.newsletter_id
    ]
    if not direct:
        return {}
    moments = [message.created_at for message in direct]
    newest = (
        _outbound_between(min(moments), max(moments))
        .filter(
            number__in={message.number_id for message in direct},
            contact_key__in={message.contact_key for message in direct},
        )
        .values("number", "contact_key")
        .annotate(newest=Max("pk"))
        .values_list("newest", flat=True)
    )
    by_contact = {
        (message.number_id, message.contact_key): message
        for message in Message.objects.filter(pk__in=list(newest))
    }
    found = {}
    for message in direct:
        ours = by_contact.get((message.number_id, message.contact_key))
        if ours is not None and ours.created_at > message.created_at + CLOCK_TOLERANCE:
            # It was sent after this one came, and before others of the set did.
            ours = (
                _outbound_between(message.created_at, message.created_at)
                .filter(number=message.number_id, contact_key=message.contact_key)
                .order_by("-pk")
                .first()
            )
        if ours is not None:
            found[message.pk] = ours
    return found


def _outbound_between(first: datetime, last: datetime) -> QuerySet[Message]:
    """What went out to a contact that inbound messages of these moments can be about."""
    return (
        Message.objects.outbound()
        .filter(created_at__gte=first - CORRELATED_FOR, created_at__lte=last + CLOCK_TOLERANCE)
        .exclude(status__in=[Message.Status.FAILED, Message.Status.CANCELED])
    )


def change_of(
    arrival: Arrival[InboundMessage], message: Message, answered: Message | None, newest: Message | None
) -> MessageChange:
    """Says what the arrival of `message` means: `answered` is what it quotes, `newest` our last one to its sender."""
    report = arrival.report
    is_reaction = report.type == "reaction"
    if report.newsletter_id:
        kind = MessageChangeKind.NEWSLETTER
    elif report.group_id:
        kind = MessageChangeKind.GROUP
    elif report.quote and not is_reaction and (answered or report.quote.ours):
        kind = MessageChangeKind.REPLY
    else:
        kind = MessageChangeKind.RECEIVED
    correlated = answered or (newest if report.quote is None and _is_about(message, newest) else None)
    return MessageChange(
        kind=kind,
        message=message,
        at=arrival.at,
        answered=answered,
        quoted_content=_quoted_content(arrival.number, report, answered),
        correlation_id=correlated.correlation_id if correlated else "",
        raw_payload_id=arrival.raw_payload_id,
    )


def _is_about(message: Message, newest: Message | None) -> bool:
    if newest is None:
        return False
    age = message.created_at - newest.created_at
    return -CLOCK_TOLERANCE <= age < CORRELATED_FOR


def _quoted_content(number: Number, report: InboundMessage, answered: Message | None) -> str | None:
    """The quoted text: from our own store, else what the provider repeats of a message that it says is ours."""
    if answered is not None:
        return "" if number.keeps_nothing else answered.content or answered.media_caption
    if report.quote and report.quote.ours:
        return "" if number.keeps_nothing else report.quote.content
    return None
