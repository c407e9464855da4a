"""What is personal in raw payloads and in the bodies of events, and how it is blanked (docs/retention.md)."""

from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils import timezone

from events.bodies import Body, to_text
from events.models import Event, RawPayload
from phone_numbers.retention import ERASED, Table

# In `data` of message.*: each personal field and what is left of it. Of `from` and `to` the contact's is personal.
IN_MESSAGES: dict[str, Any] = {
    "content": "",
    "contentReplied": "",
    "mediaLink": "",
    "mediaCaption": "",
    "mediaFilename": "",
    "participantName": None,
    "participantId": "",
    "groupName": None,
    "newsletterName": None,
    "error": ERASED,
}
# In Meta's envelope of `calls` everything is personal that is not known to be an id, a status or a time.
KEPT_OF_ENVELOPES = {
    "object", "field", "messaging_product", "display_phone_number", "phone_number_id", "id", "event", "type",
    "direction", "status", "timestamp", "start_time", "end_time", "duration", "code", "sdp_type",
}  # fmt: skip
BODIES_AT_ONCE = 100


def blank_payloads(payloads: QuerySet[RawPayload]) -> int:
    """Empties raw payloads: nothing in one is known to be impersonal."""
    return payloads.filter(blanked_at=None).update(body="", blanked_at=timezone.now())


def payloads_in_use(payloads: QuerySet[RawPayload]) -> QuerySet[RawPayload]:
    """Those that are still to be normalized; and for some days those that failed, so that they can be run again."""
    patience = timezone.now() - settings.KEEP_HELD
    return payloads.filter(
        Q(due_at__isnull=False) | Q(status=RawPayload.Status.FAILED, received_at__gt=patience)
    )


def blank_events(events: QuerySet[Event]) -> int:
    """Empties the personal fields in the bodies of events; ids, statuses and timestamps stay.

    A body that cannot be read is left as it is stored, for the day on which its key is back.
    """
    stored = events.filter(blanked_at=None).only("body", "blanked_at")
    rows = [event for event in stored if event.is_readable]
    now = timezone.now()
    for event in rows:
        event.body, event.blanked_at = to_text(blanked(event.payload)), now
    Event.objects.bulk_update(rows, ["body", "blanked_at"], batch_size=BODIES_AT_ONCE)
    return len(rows)


def blanked(body: Body) -> Body:
    """Returns a v3 body without what is personal in it; it still fits the schema of its event."""
    name = body["event"]
    if name == "calls":
        return body | {"data": _blanked_envelope(body["data"])}
    if name.startswith("call."):
        return body | {"to" if body.get("direction") == "OUTBOUND" else "from": ""}
    if not name.startswith("message."):
        # number.*: the phone is the customer's own.
        return body
    data = body["data"]
    theirs = "to" if data.get("fromMe") else "from"
    left = {field: value for field, value in IN_MESSAGES.items() if data.get(field) is not None}
    if str(data.get(theirs, "")).startswith("+"):
        left[theirs] = ""
    return body | {"data": data | left}


def _blanked_envelope(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {inner: _blanked_envelope(part, inner) for inner, part in value.items()}
    if isinstance(value, list):
        return [_blanked_envelope(part, key) for part in value]
    if key in KEPT_OF_ENVELOPES or value is None or isinstance(value, bool):
        return value
    return "" if isinstance(value, str) else 0


PAYLOADS = Table(model=RawPayload, personal=("body",), blank=blank_payloads, in_use=payloads_in_use)
