"""Meta's handshake and signature."""

import hashlib
import hmac
from typing import Any

import pytest

from phone_numbers.providers.base import IngestRequest
from phone_numbers.providers.meta.verification import handshake, is_signed

BODY = b'{"object": "whatsapp_business_account"}'
QUERY = {"hub.mode": "subscribe", "hub.verify_token": "opensesame", "hub.challenge": "1158201444"}


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.META_APP_SECRET, settings.META_VERIFY_TOKEN = "app secret", "opensesame"


def signature(secret: str, body: bytes = BODY) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signed(header: str | None, body: bytes = BODY) -> bool:
    headers = {} if header is None else {"x-hub-signature-256": header}
    return is_signed(IngestRequest(body=body, headers=headers))


def test_the_handshake_answers_with_the_challenge() -> None:
    assert handshake(QUERY) == "1158201444"


@pytest.mark.parametrize(
    "change", [{"hub.verify_token": "wrong"}, {"hub.verify_token": "öffne"}, {"hub.mode": "unsubscribe"}]
)
def test_a_handshake_of_somebody_else_is_refused(change: dict[str, str]) -> None:
    assert handshake(QUERY | change) is None


def test_a_server_without_a_verify_token_shakes_no_hand(settings: Any) -> None:
    settings.META_VERIFY_TOKEN = ""
    assert handshake({**QUERY, "hub.verify_token": ""}) is None


def test_the_signature_is_over_the_raw_bytes() -> None:
    assert signed(f"sha256={signature('app secret')}")
    assert signed(f"sha256={signature('app secret').upper()}")
    assert not signed(f"sha256={signature('app secret')}", BODY + b" ")


@pytest.mark.parametrize(
    "header",
    [None, "", "sha256=", f"sha256={signature('another secret')}", signature("app secret"),
     f"sha1={signature('app secret')}", "sha256=é", f"sha256={signature('app secret')}00"],
)  # fmt: skip
def test_any_other_signature_is_refused(header: str | None) -> None:
    assert not signed(header)


def test_a_server_without_an_app_secret_believes_nobody(settings: Any) -> None:
    settings.META_APP_SECRET = ""
    assert not signed(f"sha256={signature('')}")
