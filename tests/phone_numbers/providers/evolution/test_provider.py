"""Evolution as the platform sees it: its configuration, its proof, its door."""

import json
from typing import Any

import pytest

from phone_numbers.providers import get_provider
from phone_numbers.providers.base import Capability, ConfigError, IngestRequest, Part
from tests.factories import NumberFactory

EVOLUTION = get_provider("evolution")
CONFIG = {"baseUrl": "https://evo.example.com", "instance": "shop-main", "apiKey": "k-1"}


def test_its_capabilities() -> None:
    assert EVOLUTION.capabilities == {Capability.GROUPS, Capability.NEWSLETTERS}
    assert not EVOLUTION.in_process


@pytest.mark.parametrize(
    ("url", "normal"),
    [
        ("https://evo.example.com", "https://evo.example.com"),
        ("  HTTPS://Evo.Example.com:443/ ", "https://evo.example.com"),
        ("http://10.0.0.5:8080/evo/", "http://10.0.0.5:8080/evo"),
        ("http://[::1]:80", "http://[::1]"),
    ],
)
def test_the_reference_is_the_address_in_its_normal_form_and_the_instance(url: str, normal: str) -> None:
    found = EVOLUTION.configure(CONFIG | {"baseUrl": url}, "+12025550143")
    assert found.ref == f"{normal}#shop-main"
    assert found.credentials == {"baseUrl": normal, "instance": "shop-main", "apiKey": "k-1"}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"baseUrl": None}, "baseUrl"),
        ({"baseUrl": "evo.example.com"}, "http"),
        ({"baseUrl": "ftp://evo.example.com"}, "http"),
        ({"baseUrl": "https://"}, "host"),
        ({"baseUrl": "https://evo:99999999"}, "URL"),
        ({"baseUrl": "https://user:word@evo.example.com"}, "password"),
        ({"baseUrl": "https://evo.example.com/?a=1"}, "query"),
        ({"baseUrl": "https://evo.example.com/a b"}, "spaces"),
        ({"baseUrl": ["x"]}, "baseUrl"),
        ({"instance": ""}, "instance"),
        ({"instance": 5}, "instance"),
        ({"instance": "x" * 290}, "too long"),
        ({"apiKey": " "}, "apiKey"),
        ({"apiKey": "top\nsecret"}, "apiKey"),
        ({"apiKey": "sécret"}, "apiKey"),
        ({"hmacKey": "secret"}, "hmacKey"),
    ],
)
def test_what_cannot_work_is_refused_in_words_that_repeat_no_secret(
    change: dict[str, Any], word: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        EVOLUTION.configure(CONFIG | change, "+12025550143")
    assert word in str(refused.value)
    assert "secret" not in str(refused.value)
    assert "word@" not in str(refused.value)


@pytest.mark.django_db
def test_the_token_that_found_the_number_is_the_proof() -> None:
    request = IngestRequest(body=b"{}", headers={})
    assert EVOLUTION.verify(request, NumberFactory(provider="evolution"))
    assert not EVOLUTION.verify(request, None)


def test_a_body_is_one_part_of_the_doors_number() -> None:
    body = json.dumps({"event": "x", "data": "é"}, ensure_ascii=False)
    assert EVOLUTION.route(body.encode()) == [Part(ref=None, body=body)]


@pytest.mark.parametrize("body", [b"", b"[]", b"nonsense", b"\xff{}", b"[" * 100_000, b"{" * 10])
def test_a_body_that_is_no_object_is_a_value_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        EVOLUTION.route(body)


@pytest.mark.django_db
def test_a_number_carries_what_sending_and_parsing_need() -> None:
    number = NumberFactory(provider="evolution", phone="+12025550143", credentials=CONFIG)
    (report,) = number.adapter.parse('{"event": "qrcode.updated", "data": {}}', number)
    assert report.reason == "Pairing makes no event until it succeeds."  # type: ignore[union-attr]
