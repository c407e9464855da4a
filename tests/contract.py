"""What is true of everything that the suite delivers: the public client's strict parser accepts the body, and the
reference library accepts the signature. The receivers' fixture checks it of every request that a test has made arrive.
"""

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db.models.signals import post_save
from pilot_status.webhooks import parse_customer_webhook
from standardwebhooks import Webhook as Verifier

from tests.receivers import Received
from webhooks.models import WebhookSecret

_secrets: set[str] = set()


def _remember(instance: WebhookSecret, **kwargs: Any) -> None:
    _secrets.add(instance.secret)


post_save.connect(_remember, sender=WebhookSecret)


def check(requests: Iterable[Received]) -> None:
    """Raises for a delivery that a receiver built on the public libraries would refuse."""
    for request in requests:
        if "webhook-event" not in request.headers:
            continue
        body = json.loads(request.body)
        # The client knows every event but the raw envelope of Meta's calls, which it passes through.
        parsed = parse_customer_webhook(
            body, unknown_events="return" if body["event"] == "calls" else "raise"
        )
        assert parsed is body or parsed["raw"] is body  # type: ignore[typeddict-item]
        assert any(is_signed(request, secret) for secret in _secrets), f"nobody signed {body}"


def is_signed(request: Received, secret: str) -> bool:
    """Whether the reference library makes one of the request's signatures; its `verify` would ask today's clock."""
    moment = datetime.fromtimestamp(int(request.headers["webhook-timestamp"]), tz=UTC)
    signature = Verifier(secret).sign(request.headers["webhook-id"], moment, request.body.decode())
    return signature in request.headers["webhook-signature"].split(" ")
