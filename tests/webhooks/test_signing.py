"""Signatures are those of the Standard Webhooks reference library."""

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as ReferenceWebhook
from standardwebhooks import WebhookVerificationError

from webhooks.signing import new_secret, sign

NOW = int(datetime.now(UTC).timestamp())


@pytest.fixture(autouse=True, scope="module")
def _now() -> Iterator[None]:
    """The reference library asks the clock; the suite may run longer than its tolerance of five minutes."""
    with time_machine.travel(NOW, tick=False):
        yield


def _headers(signature: str, webhook_id: str = "evt_1", timestamp: int = NOW) -> dict[str, str]:
    return {"webhook-id": webhook_id, "webhook-timestamp": str(timestamp), "webhook-signature": signature}


def _verify(secret: str, body: bytes, headers: dict[str, str]) -> None:
    ReferenceWebhook(secret).verify(body, headers)


@given(text=st.text(), webhook_id=st.from_regex(r"evt_[0-9A-Z]{26}", fullmatch=True))
def test_every_signature_is_the_reference_librarys(text: str, webhook_id: str) -> None:
    secret = new_secret()
    expected = ReferenceWebhook(secret).sign(webhook_id, datetime.fromtimestamp(NOW, UTC), text)
    assert sign([secret], webhook_id, NOW, text.encode()) == expected


@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\')))
def test_the_reference_library_verifies_every_body(text: str) -> None:
    secret = new_secret()
    body = b'{"event": "' + text.encode() + b'"}'
    _verify(secret, body, _headers(sign([secret], "evt_1", NOW, body)))


def test_during_a_rotation_both_secrets_verify() -> None:
    old, new = new_secret(), new_secret()
    headers = _headers(sign([new, old], "evt_1", NOW, b"{}"))
    _verify(new, b"{}", headers)
    _verify(old, b"{}", headers)


def test_a_strange_secret_does_not_verify() -> None:
    headers = _headers(sign([new_secret()], "evt_1", NOW, b"{}"))
    with pytest.raises(WebhookVerificationError):
        _verify(new_secret(), b"{}", headers)


@pytest.mark.parametrize(
    ("webhook_id", "timestamp", "body"),
    [("evt_2", NOW, b"{}"), ("evt_1", NOW + 1, b"{}"), ("evt_1", NOW, b"{} ")],
    ids=["another id", "another time", "another body"],
)
def test_a_signature_holds_for_nothing_else(webhook_id: str, timestamp: int, body: bytes) -> None:
    secret = new_secret()
    headers = _headers(sign([secret], "evt_1", NOW, b"{}"), webhook_id, timestamp)
    with pytest.raises(WebhookVerificationError):
        _verify(secret, body, headers)


def test_a_secret_is_24_random_bytes() -> None:
    secret = new_secret()
    assert secret.startswith("whsec_")
    assert len(base64.b64decode(secret.removeprefix("whsec_"))) == 24
    assert secret != new_secret()


def test_a_secret_that_is_not_base64_is_an_error() -> None:
    with pytest.raises(ValueError):
        sign(["whsec_not base64!"], "evt_1", NOW, b"{}")
