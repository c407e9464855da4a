import re
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest
import requests
import time_machine
from django.core.cache import caches
from django.db import connection
from django.test import Client
from pytest_django.fixtures import Settings
from rest_framework.test import APIRequestFactory

from accounts import rate_limits
from accounts.rate_limits import address_of
from tests.conftest import Tenant
from tests.factories import ApiKeyFactory
from tests.web_process import Start

# Of the documentation's own network; each test its own, because counts last a minute.
ADDRESSES = (f"203.0.113.{last}" for last in count(1))
HEADERS = ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Policy", "RateLimit"]


@pytest.fixture
def address() -> str:
    return next(ADDRESSES)


@pytest.fixture
def _noon() -> Iterator[None]:
    """Early in a minute that stands still."""
    with time_machine.travel("2026-02-24T12:00:10Z", tick=False):
        yield


def call(key: str, address: str = "127.0.0.1", path: str = "/v1/event-types") -> Any:
    return Client(headers={"x-api-key": key}, REMOTE_ADDR=address, raise_request_exception=False).get(path)


# --- Calls of a key


@pytest.mark.usefixtures("_noon")
def test_every_answer_to_a_key_says_what_is_left(alice: Tenant, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 100
    for remaining, (path, status) in zip(
        (99, 98, 97),
        [("/v1/event-types", 200), ("/v1/webhooks/whk_1", 404), ("/v1/nothing", 404)],
        strict=True,
    ):
        response = call(alice.key, path=path)
        assert response.status_code == status
        assert [response[name] for name in HEADERS] == [
            "100", str(remaining), "50", '"calls";q=100;w=60', f'"calls";r={remaining};t=50',
        ]  # fmt: skip
        assert "Retry-After" not in response


@pytest.mark.usefixtures("_noon")
def test_a_key_that_calls_too_often_waits_for_the_next_minute(alice: Tenant, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 2
    assert [call(alice.key).status_code for _ in range(4)] == [200, 200, 429, 429]
    response = call(alice.key)
    assert response.json() == {
        "error": "This key made more than 2 calls within a minute. Try again in 50 seconds.",
        "code": "RATE_LIMITED",
        "details": {"retryAfter": 50},
    }
    assert (response["Retry-After"], response["RateLimit-Remaining"]) == ("50", "0")
    with time_machine.travel("2026-02-24T12:01:00Z", tick=False):
        assert call(alice.key).status_code == 200


@pytest.mark.usefixtures("_noon")
def test_keys_have_limits_of_their_own(alice: Tenant, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 1
    other = ApiKeyFactory(workspace=alice.workspace).text
    assert [call(key).status_code for key in (alice.key, other, alice.key)] == [200, 200, 429]


def test_a_limit_of_zero_is_none(alice: Tenant, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 0
    response = call(alice.key)
    assert response.status_code == 200
    assert not [name for name in HEADERS if name in response]


@pytest.mark.usefixtures("_noon")
@pytest.mark.django_db(transaction=True)
def test_calls_at_once_are_counted_one_by_one(alice: Tenant, settings: Settings) -> None:
    settings.API_CALLS_PER_MINUTE = 5
    call(alice.key)
    start = threading.Barrier(20)

    def one(_: int) -> int:
        start.wait()
        try:
            return int(call(alice.key).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(20) as threads:
        assert Counter(threads.map(one, range(20))) == {200: 4, 429: 16}


# --- Wrong keys from an address


@pytest.mark.usefixtures("_noon")
def test_an_address_that_sends_wrong_keys_is_refused_before_a_right_one(
    alice: Tenant, settings: Settings, address: str
) -> None:
    settings.API_WRONG_KEYS_PER_MINUTE = 3
    answers = [call(f"wak_{guess:012x}_guess", address) for guess in range(5)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429, 429]
    assert [answer["RateLimit-Remaining"] for answer in answers] == ["2", "1", "0", "0", "0"]
    assert answers[0]["RateLimit-Policy"] == '"wrong-keys";q=3;w=60'
    assert (answers[3].json()["code"], answers[3]["Retry-After"]) == ("RATE_LIMITED", "50")
    assert call(alice.key, address).status_code == 429
    assert call(alice.key, next(ADDRESSES)).status_code == 200
    with time_machine.travel("2026-02-24T12:01:00Z", tick=False):
        assert call(alice.key, address).status_code == 200


@pytest.mark.usefixtures("_noon")
def test_a_key_that_was_right_there_goes_on(alice: Tenant, settings: Settings, address: str) -> None:
    settings.API_WRONG_KEYS_PER_MINUTE = 3
    assert call(alice.key, address).status_code == 200
    for guess in range(5):
        call(f"wak_{guess:012x}_guess", address)
    assert call(alice.key, address).status_code == 200
    assert call("wak_000000000009_guess", address).status_code == 429


@pytest.mark.usefixtures("_noon")
def test_right_keys_do_not_count_as_wrong_ones(alice: Tenant, settings: Settings, address: str) -> None:
    settings.API_WRONG_KEYS_PER_MINUTE = 3
    assert {call(alice.key, address).status_code for _ in range(5)} == {200}
    assert call("wak_000000000001_guess", address).status_code == 401


@pytest.mark.parametrize(
    ("proxies", "forwarded", "remote", "expected"),
    [
        (0, "198.51.100.7", "203.0.113.9", "203.0.113.9"),
        (1, "6.6.6.6, 198.51.100.7", "10.0.0.1", "198.51.100.7"),
        (1, None, "203.0.113.9", "203.0.113.9"),
        (0, None, "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        (1, "nonsense", "10.0.0.1", "nonsense"),
    ],
)
def test_the_address_of_a_caller(
    settings: Settings, proxies: int, forwarded: str | None, remote: str, expected: str
) -> None:
    settings.REST_FRAMEWORK = settings.REST_FRAMEWORK | {"NUM_PROXIES": proxies}
    headers = {"x-forwarded-for": forwarded} if forwarded else None
    request = APIRequestFactory().get("/v1/numbers", headers=headers, REMOTE_ADDR=remote)
    assert address_of(request) == expected


# --- Where the cache does not answer


@pytest.fixture
def _no_redis(settings: Settings) -> Iterator[None]:
    """A Redis that is not there: nobody listens at its port."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        settings.CACHES = settings.CACHES | {
            "counts": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{nobody.getsockname()[1]}/0",
            }
        }
        yield
    rate_limits._silent_until = 0.0


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_nobody_is_stopped_and_the_log_says_so_once(
    alice: Tenant, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.API_CALLS_PER_MINUTE = settings.API_WRONG_KEYS_PER_MINUTE = 1
    assert [call(alice.key).status_code for _ in range(3)] == [200, 200, 200]
    assert [call("wak_0_1").status_code for _ in range(3)] == [401, 401, 401]
    assert len(re.findall("Calls are not counted", caplog.text)) == 1


def test_all_processes_count_together_where_there_is_redis(settings: Settings) -> None:
    backend = settings.CACHES["counts"]["BACKEND"]
    assert ("RedisCache" in backend) == bool(settings.REDIS_URL)
    assert caches["counts"].key_prefix == (settings.Q_CLUSTER["name"] if settings.REDIS_URL else "")


@pytest.mark.django_db(transaction=True)
def test_the_web_processes_of_an_installation_keep_to_one_limit(
    alice: Tenant, settings: Settings, start_web: Start
) -> None:
    """Two with Redis; one without, as SQLite has it."""
    web = start_web(threads=2, workers=2 if settings.REDIS_URL else 1, API_CALLS_PER_MINUTE="10")
    # Not across the turn of a minute.
    if rate_limits._reset() < 15:
        time.sleep(rate_limits._reset() + 0.5)

    def one(_: int) -> tuple[int, str]:
        answer = requests.get(f"{web.url}/v1/numbers", headers={"x-api-key": alice.key}, timeout=30)
        return answer.status_code, answer.headers["RateLimit-Remaining"]

    with ThreadPoolExecutor(8) as threads:
        answers = Counter(threads.map(one, range(30)))
    assert answers == {(429, "0"): 20} | {(200, str(left)): 1 for left in range(10)}
