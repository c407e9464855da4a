"""What a journey's page says: exact UTC, payloads for reading, states."""

from datetime import UTC, datetime

from django import template

from dashboard import painting
from events.models import RawPayload
from webhooks.exchange import shown
from webhooks.models import Attempt
from webhooks.states import State, attempt_state

register = template.Library()

PAYLOAD_TONES: dict[str, str] = {
    RawPayload.Status.FAILED: "bad",
    RawPayload.Status.UNROUTABLE: "bad",
    RawPayload.Status.PENDING: "busy",
    RawPayload.Status.NORMALIZED: "ok",
    RawPayload.Status.IGNORED: "idle",
}


@register.filter
def utc(value: datetime) -> str:
    return f"{value.astimezone(UTC):%-d %b %Y %H:%M:%S} UTC"


@register.filter
def plain(text: str | None) -> str:
    """A personal text; JSON indented; a sentence in place of what a relay-only number has on its way."""
    return painting.pretty(shown(text)) if text else ""


@register.filter
def payload_tone(status: str) -> str:
    return PAYLOAD_TONES.get(status, "idle")


@register.filter
def attempt_outcome(attempt: Attempt) -> State:
    return attempt_state(attempt)
