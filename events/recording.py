"""The event log: what happened is recorded once, in the transaction that made it happen."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from events.bodies import Body, to_text
from events.models import Event
from events.placing import keep_place
from events.signals import events_recorded
from phone_numbers.models import Number


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An event before it is recorded. `dedupe_key` is what makes it the same event: unique per number."""

    number: Number
    body: Body
    created_at: datetime
    dedupe_key: str
    message_id: str = ""
    conversation: str = ""
    raw_payload_id: str | None = None


def record(drafts: Sequence[Draft]) -> list[Event]:
    """Records those that were not recorded before and announces them, in their order; returns them.

    Runs inside the caller's transaction: a state change, its events and their deliveries exist together or not at all.
    """
    if not drafts:
        return []
    rows = [
        Event(
            workspace_id=draft.number.workspace_id,
            number=draft.number,
            type=draft.body["event"],
            body=draft.number.seal(to_text(draft.body)) or "",
            created_at=draft.created_at,
            dedupe_key=draft.dedupe_key,
            message_id=draft.message_id,
            conversation=draft.conversation,
            raw_payload_id=draft.raw_payload_id,
        )
        for draft in drafts
    ]
    # Sorted, so that two drains never wait for each other's keys; whoever comes second writes nothing.
    Event.objects.bulk_create(
        sorted(rows, key=lambda event: (event.number_id, event.dedupe_key)), ignore_conflicts=True
    )
    stored = set(Event.objects.filter(pk__in=[event.pk for event in rows]).values_list("pk", flat=True))
    recorded = [event for event in rows if event.pk in stored]
    if recorded:
        events_recorded.send(sender=Event, events=recorded)
        keep_place(recorded)
    return recorded
