"""The simulated WhatsApp: what it posts back after a send, and what somebody can make it do.

It posts to the same inbox as a real provider, so nothing downstream can tell. The last four digits of the destination
decide (contract.md 4): …0001 fails at once, …0002 is delivered but never read, …0003 stays queued for 30 s, …0004
answers with a reply that quotes the message; anything else is sent, delivered and read within 2 s.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from accounts.ids import new_id
from phone_numbers.providers.base import Outgoing
from phone_numbers.signals import payloads_played

if TYPE_CHECKING:
    from phone_numbers.models import Number

SENT_AFTER = timedelta(seconds=0.2)
DELIVERED_AFTER = timedelta(seconds=0.7)
READ_AFTER = timedelta(seconds=1.4)
REPLY_AFTER = timedelta(seconds=1.8)
STUCK_FOR = timedelta(seconds=30)

FAILURE = {"code": 131026, "message": "The recipient cannot receive this message."}


@dataclass(frozen=True)
class Played:
    """One payload of the simulated WhatsApp for `number`, and how much later it arrives."""

    number: "Number"
    body: str
    after: timedelta = timedelta(0)


def play(played: Sequence[Played]) -> None:
    payloads_played.send(sender=Played, payloads=list(played))


def lifecycle(number: "Number", outgoing: Outgoing, message_id: str) -> list[Played]:
    """Returns what WhatsApp will report of a message that was just sent."""

    def status(name: str, after: timedelta, **more: Any) -> Played:
        return Played(
            number,
            json.dumps(
                {
                    "type": "status",
                    "messageId": message_id,
                    "reference": outgoing.reference,
                    "status": name,
                    "to": outgoing.phone,
                    "groupId": outgoing.group_id,
                    **more,
                }
            ),
            after,
        )

    ending = outgoing.phone[-4:]
    if ending == "0001":
        return [status("failed", SENT_AFTER, error=FAILURE)]
    start = STUCK_FOR if ending == "0003" else timedelta(0)
    story = [
        status("sent", start + SENT_AFTER),
        status("delivered", start + DELIVERED_AFTER),
    ]
    if ending != "0002" and not outgoing.newsletter_id:
        story.append(status("read", start + READ_AFTER))
    if ending == "0004":
        reply = inbound(outgoing.phone, "Yes, thank you.", quoted=message_id, quoted_text=outgoing.text)
        story.append(Played(number, reply, start + REPLY_AFTER))
    return story


def inbound(
    sender: str,
    text: str,
    *,
    name: str = "Ada (simulated)",
    type: str = "text",
    quoted: str = "",
    quoted_text: str = "",
    group_id: str = "",
) -> str:
    """Returns the payload of a message that somebody writes to the number.

    `sender` is E.164. With `type="reaction"` the text is the emoji and `quoted` its target.
    """
    return json.dumps(
        {
            "type": "message",
            "messageId": new_message_id(),
            "from": sender,
            "name": name,
            "messageType": type,
            "text": text,
            "quoted": {"messageId": quoted, "fromMe": type != "reaction", "text": quoted_text}
            if quoted
            else None,
            "groupId": group_id,
            "groupName": "Neighbours (simulated)" if group_id else "",
        }
    )


def connection(state: str, cause: str = "") -> str:
    """Returns the payload of a change of the connection: `connected`, `connecting` or `disconnected`."""
    return json.dumps({"type": "connection", "state": state, "cause": cause})


def new_message_id() -> str:
    return f"sim.{new_id('wamid').removeprefix('wamid_').upper()}"
