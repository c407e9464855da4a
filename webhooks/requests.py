"""The request of an attempt: the stored bytes, the headers of contract.md 2, the signature of this moment."""

from collections.abc import Sequence
from datetime import datetime

from accounts.encryption import Unreadable
from webhooks.models import Attempt, Webhook, WebhookSecret
from webhooks.signing import sign
from webhooks.transport import Request

USER_AGENT = "whatsapp-webhooks/1"


class Unsendable(ValueError):
    """Why no request can be made of an attempt, as a sentence."""


def request_of(attempt: Attempt, secrets: Sequence[str], now: datetime) -> Request:
    """Returns what is POSTed for an attempt whose delivery, event and webhook are loaded. Raises Unsendable."""
    event = attempt.delivery.event
    if not secrets:
        raise Unsendable(
            "The webhook has no secret that can be read: rotate it, or restore its encryption key."
        )
    if not event.is_readable:
        raise Unsendable("The event cannot be read: its encryption key is missing.")
    body = event.body.encode()
    return Request(
        url=attempt.url,
        headers=headers_of(event.pk, event.type, attempt.number, body, secrets, now),
        body=body,
    )


def headers_of(
    event_id: str, event_type: str, attempt: int, body: bytes, secrets: Sequence[str], now: datetime
) -> dict[str, str]:
    """Returns the headers of a delivery; raises ValueError for a secret that is not base64."""
    timestamp = int(now.timestamp())
    return {
        "content-type": "application/json",
        "user-agent": USER_AGENT,
        "webhook-id": event_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, event_id, timestamp, body),
        "webhook-event": event_type,
        "webhook-attempt": str(attempt),
    }


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """The secrets in force that can be read, newest first; reads what the claim has prefetched."""
    rows: list[WebhookSecret] = sorted(webhook.secrets.all(), key=lambda row: row.created_at, reverse=True)
    in_force = [row.secret for row in rows if row.is_in_force(now)]
    return [secret for secret in in_force if not isinstance(secret, Unreadable)]
