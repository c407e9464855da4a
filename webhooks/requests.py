"""The request of an attempt: the stored bytes, the headers of contract.md 2, the signature of this moment."""

from collections.abc import Sequence
from datetime import datetime

from webhooks.models import Attempt, Webhook, WebhookSecret
from webhooks.signing import sign
from webhooks.transport import Request

USER_AGENT = "whatsapp-webhooks/1"


def request_of(attempt: Attempt, secrets: Sequence[str], now: datetime) -> Request:
    """Returns what is POSTed for an attempt whose delivery, event and webhook are loaded."""
    event = attempt.delivery.event
    body = event.body.encode()
    timestamp = int(now.timestamp())
    return Request(
        url=attempt.url,
        headers={
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": event.pk,
            "webhook-timestamp": str(timestamp),
            "webhook-signature": sign(secrets, event.pk, timestamp, body),
            "webhook-event": event.type,
            "webhook-attempt": str(attempt.number),
        },
        body=body,
    )


def secrets_of(webhook: Webhook, now: datetime) -> list[str]:
    """The secrets in force, newest first; reads what the claim has prefetched."""
    rows: list[WebhookSecret] = sorted(webhook.secrets.all(), key=lambda row: row.created_at, reverse=True)
    return [row.secret for row in rows if row.expires_at is None or row.expires_at > now]
