"""What a real web process writes into its log."""

import pytest
import requests

from tests.factories import NumberFactory
from tests.web_process import Start

pytestmark = pytest.mark.django_db(transaction=True)


def test_no_token_of_an_address_is_written(start_web: Start) -> None:
    token = NumberFactory(provider="evolution").ingest_token
    web = start_web()
    assert requests.post(f"{web.url}/ingest/evolution/{token}", data="{", timeout=10).status_code == 400
    for path in ["/join/SECRET", "/password-reset/MQ/SECRET", "/nothing/here"]:
        assert requests.get(web.url + path, timeout=10).status_code in (200, 404)
    printed = web.printed()
    assert token not in printed
    assert "SECRET" not in printed
    assert "Bad Request: /ingest/evolution/…" in printed
    assert "Not Found: /nothing/here" in printed
