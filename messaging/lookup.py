"""Finding the message that somebody means."""

from messaging.models import Message, MessageQuerySet
from phone_numbers.models import NumberQuerySet


def find(messages: MessageQuerySet, numbers: NumberQuerySet, name: str) -> Message | None:
    """Returns the one of `messages` with this id, correlationId or WhatsApp id; the newest of several.

    `numbers` are those that the messages belong to. Of what one of them sent another, it is the sent message.
    """
    if message := messages.filter(pk=name).first():
        return message
    if message := messages.filter(correlation_id=name).order_by("-pk").first():
        return message
    # By number and direction, because that is how the index of WhatsApp's ids begins.
    known = messages.filter(number__in=numbers.order_by(), external_id=name).order_by("-pk")
    return known.outbound().first() or known.inbound().first()
