"""What a webhook, a delivery or an attempt is doing, why, and what happens next: a tone, a word and a sentence each.

Tones are ok, busy, warn, bad and idle. Pure: reads what is loaded, asks nothing.
"""

from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from webhooks.health import breaker_is_open
from webhooks.models import EVERYTHING, Attempt, Delivery, Trigger, Webhook
from webhooks.ordering import WAITS
from webhooks.outcome import ErrorClass
from webhooks.retry import MAX_ATTEMPTS
from webhooks.wording import count, span

ERROR_WORDS = {
    ErrorClass.BLOCKED: "Address refused",
    ErrorClass.DNS: "Name does not resolve",
    ErrorClass.CONNECT: "No connection",
    ErrorClass.TLS: "TLS failed",
    ErrorClass.TIMEOUT: "Timeout",
    ErrorClass.CLOSED: "Connection closed",
    ErrorClass.PROTOCOL: "Not HTTP",
    ErrorClass.CRASH: "Interrupted",
    ErrorClass.INTERNAL: "Not sent",
}


@dataclass(frozen=True)
class State:
    tone: str
    label: str
    why: str = ""
    # When it changes by itself, for a countdown.
    until: datetime | None = None

    @property
    def needs_attention(self) -> bool:
        return self.tone in {"warn", "bad"}


def webhook_state(
    webhook: Webhook, events: list[str], last: Attempt | None, now: datetime, paused_by: str = ""
) -> State:
    """`events`: the names it is subscribed to; `last`: its latest attempt, where there is one."""
    if webhook.deleted_at is not None:
        return State("idle", "Deleted")
    if not webhook.active:
        return _disabled(webhook, paused_by or "a person")
    until = webhook.resume_at if webhook.resume_at and webhook.resume_at > now else None
    if breaker_is_open(webhook):
        failures = count(webhook.consecutive_failures, "failure")
        return State("bad", "Breaker open", f"{failures} in a row; one delivery tries in", until or now)
    if webhook.consecutive_failures:
        failures = count(webhook.consecutive_failures, "failure")
        if last is not None and last.status == Attempt.Status.SENDING:
            return State("warn", "Failing", f"{failures} in a row; the next try is under way")
        cause = attempt_words(last) if last is not None else "The last attempt failed"
        if until:
            return State("warn", "Failing", f"{cause}; asked to wait another", until)
        return State("warn", "Failing", f"{cause}; {failures} in a row; what waits is tried again")
    if not events:
        return State("warn", "No events", "Its list is empty: dispatches nothing")
    return State("ok", "Active", "All events" if events == [EVERYTHING] else count(len(events), "event"))


def _disabled(webhook: Webhook, paused_by: str) -> State:
    reason = Webhook.DisabledReason(webhook.disabled_reason or Webhook.DisabledReason.PAUSED)
    if reason is Webhook.DisabledReason.PAUSED:
        return State("idle", "Paused", f"By {paused_by}; what happens meanwhile is kept")
    return State("bad", "Disabled", reason.label)


def delivery_state(delivery: Delivery, last: Attempt | None, now: datetime) -> State:
    """`last`: the delivery's latest attempt, where there is one. Its webhook is loaded."""
    match delivery.status:
        case Delivery.Status.DELIVERED:
            return State("ok", "Delivered", attempt_words(last) if last else "")
        case Delivery.Status.EXHAUSTED:
            return State("bad", "Exhausted", delivery.reason or (attempt_words(last) if last else ""))
        case Delivery.Status.HELD:
            return State("idle", "Held", delivery.reason or "The webhook is disabled.")
        case Delivery.Status.CANCELED:
            return State("idle", "Canceled", delivery.reason)
    if delivery.lease is not None:
        return State("busy", "Sending")
    if delivery.due_at is None:
        return State("busy", "Waiting", delivery.reason or WAITS)
    until = _future(next_attempt_at(delivery), now)
    if delivery.attempts_made == 0:
        return State("busy", "Pending", "", until)
    return State("bad", "Failing", attempt_words(last) if last else "", until)


def next_attempt_at(delivery: Delivery) -> datetime | None:
    """A delivery's own moment, or the end of its webhook's pause (Retry-After, an open breaker): the later of both."""
    if delivery.due_at is None:
        return None
    return max(delivery.due_at, delivery.webhook.resume_at or delivery.due_at)


def attempt_state(attempt: Attempt) -> State:
    match attempt.status:
        case Attempt.Status.SENDING:
            return State("busy", "Sending")
        case Attempt.Status.SUCCEEDED:
            return State("ok", attempt_words(attempt))
        case Attempt.Status.UNKNOWN:
            return State("warn", "Unknown", "The worker stopped while it was sending: it may have arrived.")
    return State("bad", attempt_words(attempt), attempt.error)


def attempt_words(attempt: Attempt) -> str:
    """The outcome in some words: `200 OK`, `503 Service Unavailable`, `Timeout`."""
    if attempt.status == Attempt.Status.SENDING:
        return "Sending"
    if attempt.status == Attempt.Status.UNKNOWN:
        return "Unknown"
    if attempt.status_code is not None and attempt.error_class in {ErrorClass.NONE, ErrorClass.STATUS}:
        return status_words(attempt.status_code)
    return ERROR_WORDS.get(ErrorClass(attempt.error_class), "Failed") if attempt.error_class else "Failed"


def status_words(status_code: int) -> str:
    """`503 Service Unavailable`; the number alone where HTTP has no name for it."""
    try:
        return f"{status_code} {HTTPStatus(status_code).phrase}"
    except ValueError:
        return str(status_code)


def next_step(delivery: Delivery, webhook: Webhook, now: datetime) -> str:
    """What happens to a delivery next, as a sentence."""
    match delivery.status:
        case Delivery.Status.DELIVERED:
            return "Nothing more is sent."
        case Delivery.Status.EXHAUSTED:
            return "Nothing more is sent by itself; redeliver it once the receiver is mended."
        case Delivery.Status.HELD:
            return "It waits until the webhook is enabled and recovers what it missed."
        case Delivery.Status.CANCELED:
            return "Nothing more is sent."
    if delivery.lease is not None:
        return f"{_attempt(delivery, delivery.attempts_made)} is under way."
    if delivery.due_at is None:
        return delivery.reason or WAITS
    wait = _future(delivery.due_at, now)
    if (
        webhook.resume_at is not None
        and webhook.resume_at > now
        and (wait is None or webhook.resume_at > wait)
    ):
        return f"It waits for the webhook, which is tried again in {span(webhook.resume_at - now)}."
    attempt = _attempt(delivery, delivery.attempts_made + 1)
    return f"{attempt} is due in {span(wait - now)}." if wait else f"{attempt} is due now."


def _attempt(delivery: Delivery, number: int) -> str:
    return "The test" if delivery.trigger == Trigger.TEST else f"Attempt {number} of {MAX_ATTEMPTS}"


def _future(moment: datetime | None, now: datetime) -> datetime | None:
    return moment if moment is not None and moment > now else None
