"""Whether a session can send, by WAHA's word and by its engine's."""

from collections.abc import Iterator
from typing import Any

import pytest

from phone_numbers.providers.base import ProbeState
from phone_numbers.providers.waha.probing import probe
from phone_numbers.reports import DisconnectCause
from tests.waha_server import WahaServer


@pytest.fixture
def waha() -> Iterator[WahaServer]:
    with WahaServer() as server:
        yield server


@pytest.mark.parametrize(
    "engine",
    [
        {},
        {"engine": "NOWEB"},
        {"engine": "WEBJS", "state": "CONNECTED"},
        {
            "engine": "GOWS",
            "grpc": {"client": "READY", "stream": "READY"},
            "gows": {"found": True, "connected": True},
        },
        {"engine": "GOWS", "grpc": {"client": "IDLE"}},
    ],
)
def test_a_working_session_is_connected(waha: WahaServer, engine: dict[str, Any]) -> None:
    waha.engine = engine
    found = probe(waha.credentials)
    assert (found.state, found.detail) == (ProbeState.CONNECTED, "WORKING")
    assert len(waha.requests) == 1


@pytest.mark.parametrize(
    "engine",
    [
        {"engine": "WEBJS", "state": "UNPAIRED"},
        {"engine": "WEBJS", "state": "CONFLICT"},
        {"engine": "GOWS", "gows": {"found": True, "connected": False}},
        {"engine": "GOWS", "gows": {"found": False}},
        {"engine": "GOWS", "gows": {"error": {"code": 14}}},
        {"engine": "GOWS", "grpc": {"client": "TRANSIENT_FAILURE"}},
    ],
)
def test_a_session_that_says_working_over_a_dead_engine_is_disconnected(
    waha: WahaServer, engine: dict[str, Any]
) -> None:
    waha.engine = engine
    found = probe(waha.credentials)
    assert found.state is ProbeState.DISCONNECTED
    assert found.detail.startswith("WORKING, but ")


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("SCAN_QR_CODE", DisconnectCause.LOGGED_OUT),
        ("FAILED", None),
        ("STOPPED", None),
        ("STARTING", None),
        ("PASSKEY_REQUIRED", None),
    ],
)
def test_any_other_session_cannot_send(waha: WahaServer, status: str, cause: DisconnectCause | None) -> None:
    waha.status = status
    found = probe(waha.credentials)
    assert (found.state, found.detail, found.cause) == (ProbeState.DISCONNECTED, status, cause)


def test_a_session_that_is_gone_is_deleted(waha: WahaServer) -> None:
    found = probe(waha.credentials | {"session": "gone"})
    assert (found.state, found.cause) == (ProbeState.DISCONNECTED, DisconnectCause.DELETED)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, {"message": "Cannot GET /api/sessions/shop-main", "error": "Not Found"}),
        (401, {}),
        (500, {}),
        (502, b"<html>"),
        (200, b"?"),
        (200, []),
    ],
)
def test_an_answer_that_tells_no_status_settles_nothing(waha: WahaServer, status: int, body: Any) -> None:
    waha.answer("/api/sessions/", status, body)
    assert probe(waha.credentials).state is ProbeState.UNKNOWN


def test_a_gateway_that_is_not_there_settles_nothing(waha: WahaServer) -> None:
    found = probe(waha.credentials | {"baseUrl": "http://127.0.0.1:9"})
    assert (found.state, found.detail) == (ProbeState.UNKNOWN, "The gateway could not be reached.")
