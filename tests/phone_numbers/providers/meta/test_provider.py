"""Meta's providerConfig, and what a number carries."""

from typing import Any

import pytest

from phone_numbers.providers.base import Capability, Config, ConfigError, IngestRequest
from phone_numbers.providers.meta.provider import Meta
from phone_numbers.reports import ConnectionState

META = Meta()
CONFIG = {"phoneNumberId": "106540352242922", "accessToken": "EAAG-secret", "wabaId": "102290129340398"}


def test_a_config_is_kept_with_its_secret() -> None:
    assert META.configure(CONFIG, "+12025550143") == Config(
        ref="106540352242922", credentials=CONFIG, state=ConnectionState.CONNECTED
    )


def test_the_phone_number_id_is_enough() -> None:
    config = META.configure({"phoneNumberId": " 106540352242922 "}, "+12025550143")
    assert (config.ref, config.credentials) == ("106540352242922", {"phoneNumberId": "106540352242922"})


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"phoneNumberId": None}, "phoneNumberId"),
        ({"phoneNumberId": 106540352242922}, "phoneNumberId"),
        ({"phoneNumberId": "../me"}, "phoneNumberId"),
        ({"phoneNumberId": "1?fields=x"}, "phoneNumberId"),
        ({"phoneNumberId": "+1 202 555 0143"}, "phoneNumberId"),
        ({"accessToken": "sécret"}, "accessToken"),
        ({"accessToken": "a\nsecret"}, "accessToken"),
        ({"accessToken": ""}, "accessToken"),
        ({"wabaId": 7}, "wabaId"),
        ({"wabaId": "9" * 101}, "wabaId"),
        ({"accesToken": "secret"}, "accesToken"),
    ],
)
def test_a_config_that_cannot_work_is_refused_by_the_name_of_its_key(
    change: dict[str, Any], key: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        META.configure(CONFIG | change, "+12025550143")
    assert key in str(refused.value)
    assert "secret" not in str(refused.value)


def test_an_id_may_be_a_word_of_metas_documentation() -> None:
    assert META.configure({"phoneNumberId": "<PHONE_NUMBER_ID>"}, "+12025550143").ref == "<PHONE_NUMBER_ID>"


def test_meta_has_calls_and_groups_and_no_channels() -> None:
    assert META.capabilities == {Capability.CALLS, Capability.GROUPS}


def test_a_request_without_a_signature_is_not_believed() -> None:
    assert not META.verify(IngestRequest(body=b"{}", headers={}), None)
