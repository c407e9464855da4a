"""Whether an instance can send, by Evolution's word and by a second look."""

from collections.abc import Iterator
from typing import Any

import pytest

from phone_numbers.providers.base import ProbeState
from phone_numbers.providers.evolution.probing import probe
from phone_numbers.reports import DisconnectCause
from tests.evolution_server import EvolutionServer

US = "+12025550143"


@pytest.fixture
def evolution() -> Iterator[EvolutionServer]:
    with EvolutionServer() as server:
        yield server


def test_an_open_instance_that_reaches_whatsapp_is_connected(evolution: EvolutionServer) -> None:
    found = probe(evolution.credentials, US)
    assert (found.state, found.detail) == (ProbeState.CONNECTED, "open")
    assert evolution.requests[1].json == {"number": "12025550143"}


def test_an_instance_that_says_open_over_a_dead_socket_is_disconnected(evolution: EvolutionServer) -> None:
    words = ["Error updating profile name", "Error: Connection Closed"]
    evolution.answer("/chat/fetchBusinessProfile", 500, {"status": 500, "response": {"message": words}})
    found = probe(evolution.credentials, US)
    assert found.state is ProbeState.DISCONNECTED
    assert "Connection Closed" in found.detail


@pytest.mark.parametrize(("status", "words"), [(404, "Cannot POST"), (500, "item-not-found"), (400, "no")])
def test_a_second_look_that_sees_nothing_leaves_open_standing(
    evolution: EvolutionServer, status: int, words: str
) -> None:
    evolution.answer("/chat/fetchBusinessProfile", status, {"response": {"message": [words]}})
    assert probe(evolution.credentials, US).state is ProbeState.CONNECTED


def test_a_second_look_that_breaks_off_settles_nothing(evolution: EvolutionServer) -> None:
    evolution.answer("/chat/fetchBusinessProfile", drop=True)
    assert probe(evolution.credentials, US).state is ProbeState.UNKNOWN


@pytest.mark.parametrize("state", ["close", "connecting"])
def test_anything_but_open_cannot_send(evolution: EvolutionServer, state: str) -> None:
    evolution.state = state
    found = probe(evolution.credentials, US)
    assert (found.state, found.detail, found.cause) == (ProbeState.DISCONNECTED, state, None)


@pytest.mark.parametrize(
    ("code", "cause"),
    [(401, DisconnectCause.LOGGED_OUT), (403, DisconnectCause.BANNED), (428, None), (None, None)],
)
def test_a_closed_instance_is_asked_why(
    evolution: EvolutionServer, code: Any, cause: DisconnectCause | None
) -> None:
    evolution.state = "close"
    row = {"name": "shop-main", "connectionStatus": "close", "disconnectionReasonCode": code}
    evolution.answer("/instance/fetchInstances", 200, [{"name": "other"}, row])
    assert probe(evolution.credentials, US).cause is cause


def test_the_reason_of_an_earlier_disconnect_does_not_count(evolution: EvolutionServer) -> None:
    evolution.state = "connecting"
    row = {"name": "shop-main", "connectionStatus": "connecting", "disconnectionReasonCode": 401}
    evolution.answer("/instance/fetchInstances", 200, [row])
    assert probe(evolution.credentials, US).cause is None


def test_an_instance_that_is_gone_is_deleted(evolution: EvolutionServer) -> None:
    found = probe(evolution.credentials | {"instance": "gone"}, US)
    assert (found.state, found.cause) == (ProbeState.DISCONNECTED, DisconnectCause.DELETED)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"response": {"message": ["Cannot GET /instance"]}}),
        (401, {}),
        (500, {}),
        (502, b"<html>"),
        (200, b"?"),
        (200, []),
    ],
)
def test_an_answer_that_tells_no_state_settles_nothing(
    evolution: EvolutionServer, status: int, body: Any
) -> None:
    evolution.answer("/instance/connectionState", status, body)
    assert probe(evolution.credentials, US).state is ProbeState.UNKNOWN


def test_a_gateway_that_is_not_there_settles_nothing(evolution: EvolutionServer) -> None:
    credentials = evolution.credentials | {"baseUrl": "http://127.0.0.1:9"}
    found = probe(credentials, US)
    assert (found.state, found.detail) == (ProbeState.UNKNOWN, "The gateway could not be reached.")
