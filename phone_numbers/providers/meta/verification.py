"""Meta's proofs: the handshake of the subscription, and the signature on every payload.

https://developers.facebook.com/docs/graph-api/webhooks/getting-started
"""

import hashlib
import hmac
from collections.abc import Mapping

from django.conf import settings

from phone_numbers.providers.base import IngestRequest


def handshake(query: Mapping[str, str]) -> str | None:
    """Returns the challenge to answer with, or None where the verify token is not META_VERIFY_TOKEN."""
    token = settings.META_VERIFY_TOKEN
    sent = query.get("hub.verify_token", "")
    if (
        query.get("hub.mode") != "subscribe"
        or not token
        or not hmac.compare_digest(sent.encode(), token.encode())
    ):
        return None
    return query.get("hub.challenge", "")


def is_signed(request: IngestRequest) -> bool:
    """Whether `X-Hub-Signature-256` is the HMAC-SHA256 of the raw bytes under META_APP_SECRET."""
    secret = settings.META_APP_SECRET
    scheme, _, signature = request.headers.get("x-hub-signature-256", "").partition("=")
    if not secret or scheme != "sha256":
        return False
    expected = hmac.new(secret.encode(), request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.strip().lower().encode())
