"""What somebody can make happen to a number of the simulator: it takes the way of a real provider's news."""

from collections.abc import Callable
from dataclasses import dataclass

from django.db import transaction

from messaging.accepting import SendRequest, accept
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.providers.base import ProbeState
from phone_numbers.providers.simulator import engine
from phone_numbers.providers.simulator.engine import Played

GROUP = "120363041234567890@g.us"
# phone_numbers/providers/simulator/engine.py: what ends in 0001 fails at once.
FAILS = "+12025550001"


class NothingToAnswer(ValueError):
    """There is no message yet that could be quoted or reacted to; the text says so."""


def inbound_text(number: Number, sender: str, text: str) -> str:
    return engine.inbound(sender, text)


def quoted_reply(number: Number, sender: str, text: str) -> str:
    message = _last_sent(number)
    return engine.inbound(
        message.contact_phone or sender,
        text,
        quoted=message.external_id or "",
        quoted_text=message.content or "",
    )


def reaction(number: Number, sender: str, text: str) -> str:
    message = _last_sent(number)
    return engine.inbound(
        message.contact_phone or sender, text[:8] or "👍", type="reaction", quoted=message.external_id or ""
    )


def failed_send(number: Number, sender: str, text: str) -> str:
    """Sends to the phone at which everything fails: what follows is told by the send itself, and nothing is played."""
    accept(number, SendRequest(destination=FAILS, text=text or "Is the shop open on Sunday?"))
    return ""


def group_message(number: Number, sender: str, text: str) -> str:
    return engine.inbound(sender, text, group_id=GROUP)


@dataclass(frozen=True)
class Happening:
    """What a button makes happen: its label, the event that comes of it, and the payload that tells us."""

    label: str
    event: str
    payload: Callable[[Number, str, str], str]


HAPPENINGS = {
    "text": Happening("Inbound text", "message.received", inbound_text),
    "reply": Happening("Quoted reply", "message.reply", quoted_reply),
    "reaction": Happening("Reaction", "message.received", reaction),
    "group": Happening("Group message", "message.group", group_message),
    "failure": Happening("Failed send", "message.failed", failed_send),
}
CONNECTIONS = {
    "flap": "Flap",
    "down": "Stay down",
    "logout": "Log out",
    "up": "Come back",
}


def happen(number: Number, what: str, sender: str, text: str) -> None:
    """`what` is a key of HAPPENINGS. Raises NothingToAnswer, and ApiError where a send is refused."""
    body = HAPPENINGS[what].payload(number, sender, text)
    if body:
        with transaction.atomic():
            engine.play([Played(number, body)])


def change_connection(number: Number, what: str) -> None:
    """`what` is a key of CONNECTIONS. A flap is a disconnect signal of a number that answers its probes."""
    healthy = what in {"flap", "up"}
    settings = {key: value for key, value in number.settings.items() if key != "simulated"}
    if not healthy:
        settings["simulated"] = str(ProbeState.DISCONNECTED)
    state = "connected" if what == "up" else "disconnected"
    with transaction.atomic():
        number.settings = settings
        number.save(update_fields=["settings"])
        engine.play([Played(number, engine.connection(state, "logged_out" if what == "logout" else ""))])


def _last_sent(number: Number) -> Message:
    message = (
        Message.objects.outbound()
        .filter(number=number, external_id__isnull=False, group_id="", newsletter_id="")
        .order_by("-pk")
        .first()
    )
    if message is None:
        raise NothingToAnswer(
            "This number has not sent a message yet that could be answered. Send one first."
        )
    return message
