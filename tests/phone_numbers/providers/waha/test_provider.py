"""WAHA as the platform sees it: its configuration, its proof, its door."""

import hashlib
import hmac

import pytest

from phone_numbers.models import Number
from phone_numbers.providers import get_provider
from phone_numbers.providers.base import Capability, ConfigError, IngestRequest, Part
from tests.factories import NumberFactory

WAHA = get_provider("waha")
CONFIG = {"baseUrl": "https://waha.example.com/", "session": "shop-main", "apiKey": "k-1"}
BODY = '{"event": "message", "payload": {"body": "é"}}'.encode()


def signed(body: bytes, key: str = "signing key é") -> dict[str, str]:
    return {"x-webhook-hmac": hmac.new(key.encode(), body, hashlib.sha512).hexdigest()}


def test_its_capabilities() -> None:
    assert WAHA.capabilities == {Capability.GROUPS, Capability.NEWSLETTERS}
    assert not WAHA.in_process


def test_the_reference_is_the_address_and_the_session() -> None:
    found = WAHA.configure(CONFIG | {"hmacKey": "signing"}, "+12025550143")
    assert found.ref == "https://waha.example.com#shop-main"
    assert found.credentials == {
        "baseUrl": "https://waha.example.com",
        "session": "shop-main",
        "apiKey": "k-1",
        "hmacKey": "signing",
    }
    assert "hmacKey" not in WAHA.configure(CONFIG | {"hmacKey": None}, "+12025550143").credentials


@pytest.mark.parametrize(
    "change",
    [
        {"session": None},
        {"hmacKey": ""},
        {"hmacKey": 5},
        # Without a key whatever is posted is believed.
        {"hmackey": "signing"},
        {"apiKey": None},
        {"baseUrl": "x"},
    ],
)
def test_what_cannot_work_is_refused_by_its_key(change: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(change))):
        WAHA.configure(CONFIG | change, "+12025550143")


@pytest.fixture
def signing(db: None) -> Number:
    number: Number = NumberFactory(provider="waha", credentials=CONFIG | {"hmacKey": "signing key é"})
    return number


def test_a_signature_over_the_raw_bytes_is_the_proof(signing: Number) -> None:
    assert WAHA.verify(IngestRequest(body=BODY, headers=signed(BODY)), signing)


@pytest.mark.parametrize(
    "headers",
    [{}, {"x-webhook-hmac": ""}, {"x-webhook-hmac": "é"}, signed(BODY + b" "), signed(BODY, "another key")],
)
def test_any_other_signature_is_refused(signing: Number, headers: dict[str, str]) -> None:
    assert not WAHA.verify(IngestRequest(body=BODY, headers=headers), signing)


@pytest.mark.django_db
def test_without_a_key_the_token_is_the_proof() -> None:
    request = IngestRequest(body=BODY, headers={})
    assert WAHA.verify(request, NumberFactory(provider="waha", credentials=CONFIG))
    assert not WAHA.verify(request, None)


def test_a_body_is_one_part_of_the_doors_number() -> None:
    assert WAHA.route(BODY) == [Part(ref=None, body=BODY.decode())]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff{}", b"[" * 100_000])
def test_a_body_that_is_no_object_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        WAHA.route(body)
