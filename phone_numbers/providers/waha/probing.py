"""Whether a session at WAHA can send now. https://waha.devlike.pro/docs/how-to/sessions/#get-session

A session can say WORKING while its engine has lost WhatsApp (https://github.com/devlikeapro/waha/issues/137). The
same answer tells the engine's own state under `engine`, so the second look costs no second request: WEBJS and WPP
`state`, GOWS `gows.connected` and the state of the channel to its process. NOWEB tells nothing there.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from phone_numbers.payloads import record, text
from phone_numbers.providers.base import ProbeResult, ProbeState
from phone_numbers.providers.waha.parsing import CAUSES, STATES
from phone_numbers.providers.waha.sending import call
from phone_numbers.reports import ConnectionState, DisconnectCause

# A probe is one call, and is waited for 15 seconds.
TIMEOUT = (5, 9)


def probe(credentials: Mapping[str, Any]) -> ProbeResult:
    path = f"/api/sessions/{quote(str(credentials.get('session', '')), safe='')}"
    answer = call(credentials, "GET", path, timeout=TIMEOUT)
    # A server without this path is no WAHA, or WAHA somewhere else: it repeats the path, which speaks of sessions too.
    if answer.status == 404 and "session" in answer.sentence.lower() and path not in answer.sentence:
        return ProbeResult(
            state=ProbeState.DISCONNECTED,
            detail=answer.sentence[:300],
            cause=DisconnectCause.DELETED,
            error_code="404",
        )
    code = str(answer.status or "")
    if answer.status in (401, 403):
        return ProbeResult(state=ProbeState.UNKNOWN, detail="WAHA refused the apiKey.", error_code=code)
    word = text(record(answer.body).get("status"))
    if not answer.is_success or not word:
        sentence = answer.sentence or f"WAHA answered {answer.status}."
        return ProbeResult(
            state=ProbeState.UNKNOWN, detail=sentence, error_code=code if code != "200" else ""
        )
    if STATES.get(word) is not ConnectionState.CONNECTED:
        return ProbeResult(
            state=ProbeState.DISCONNECTED, detail=word[:100], cause=CAUSES.get(word), error_code=word[:100]
        )
    trouble = engine_trouble(record(record(answer.body).get("engine")))
    if trouble:
        return ProbeResult(state=ProbeState.DISCONNECTED, detail=f"WORKING, but {trouble}"[:300])
    return ProbeResult(state=ProbeState.CONNECTED, detail="WORKING")


def engine_trouble(engine: dict[str, Any]) -> str:
    """Returns what the engine says against a session that claims to work; "" where it says nothing."""
    state = text(engine.get("state"))
    if state and state != "CONNECTED":
        return f"WhatsApp Web is {state}"
    gows = record(engine.get("gows"))
    if gows.get("error"):
        return "the engine does not answer"
    if gows.get("found") is False or gows.get("connected") is False:
        return "the engine is not connected to WhatsApp"
    if text(record(engine.get("grpc")).get("client")) in ("TRANSIENT_FAILURE", "SHUTDOWN", "NO_CLIENT"):
        return "the engine is not running"
    return ""
