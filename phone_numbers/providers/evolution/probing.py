"""Whether an instance at Evolution can send now.

`connectionState` is what Evolution remembers of the last change of state; it goes on saying `open` after the socket
to WhatsApp has died (https://github.com/EvolutionAPI/evolution-api/issues/2403). So an `open` gets a second look that
has to travel over that socket: our own business profile. It is the one cheap question that is neither answered from a
cache, as `whatsappNumbers` is from the second time on, nor swallows the error, as the profile picture does.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from phone_numbers import gateway_http
from phone_numbers.gateway_http import Answer
from phone_numbers.payloads import record, records, text
from phone_numbers.providers.base import ProbeResult, ProbeState
from phone_numbers.providers.evolution.parsing import CAUSES
from phone_numbers.providers.evolution.sending import SOCKET_IS_DOWN, call
from phone_numbers.reports import DisconnectCause

# A probe is two calls at most, and is waited for 15 seconds.
TIMEOUT = (3, 4)


def probe(credentials: Mapping[str, Any], phone: str) -> ProbeResult:
    """Asks for the state, looks twice at an `open`, and asks why at anything else."""
    answer = call(credentials, "GET", "/instance/connectionState", timeout=TIMEOUT)
    if answer.status == 404 and "does not exist" in answer.sentence:
        return ProbeResult(
            state=ProbeState.DISCONNECTED,
            detail=answer.sentence[:300],
            cause=DisconnectCause.DELETED,
            error_code="404",
        )
    if not answer.is_success:
        return _unknown(answer)
    found = record(answer.body)
    state = text(record(found.get("instance")).get("state")) or text(found.get("state"))
    if not state:
        return ProbeResult(state=ProbeState.UNKNOWN, detail="Evolution told no state of the instance.")
    if state.lower() == "open":
        return _second_look(credentials, phone)
    cause, code = _why(credentials)
    return ProbeResult(state=ProbeState.DISCONNECTED, detail=state[:100], cause=cause, error_code=code)


def _second_look(credentials: Mapping[str, Any], phone: str) -> ProbeResult:
    """An answer that does not speak of a dead socket leaves the `open` standing: older versions lack the call."""
    number = {"number": phone.removeprefix("+")}
    answer = call(credentials, "POST", "/chat/fetchBusinessProfile", number, TIMEOUT)
    if answer.failure is not None:
        return ProbeResult(state=ProbeState.UNKNOWN, detail=f"open, but: {answer.sentence}")
    if answer.status >= 400 and SOCKET_IS_DOWN.search(answer.sentence):
        return ProbeResult(
            state=ProbeState.DISCONNECTED,
            detail=f"open, but: {answer.sentence}"[:300],
            error_code=str(answer.status),
        )
    return ProbeResult(state=ProbeState.CONNECTED, detail="open")


def _why(credentials: Mapping[str, Any]) -> tuple[DisconnectCause | None, str]:
    """Reads the reason of the last disconnect, which stays on record after a reconnect: asked for only when down."""
    name = str(credentials.get("instance", ""))
    api_key = str(credentials.get("apiKey", ""))
    answer = gateway_http.ask(
        "GET",
        f"{credentials.get('baseUrl', '')}/instance/fetchInstances?instanceName={quote(name, safe='')}",
        headers={"apikey": api_key},
        secrets=(api_key,),
        timeout=TIMEOUT,
    )
    for found in records(answer.body):
        if text(found.get("name")) == name and text(found.get("connectionStatus")) == "close":
            code = str(found.get("disconnectionReasonCode") or "")[:20]
            return CAUSES.get(code), code
    return None, ""


def _unknown(answer: Answer) -> ProbeResult:
    code = str(answer.status or "")
    if answer.status in (401, 403):
        return ProbeResult(state=ProbeState.UNKNOWN, detail="Evolution refused the apiKey.", error_code=code)
    return ProbeResult(
        state=ProbeState.UNKNOWN,
        detail=answer.sentence or f"Evolution answered {answer.status}.",
        error_code=code,
    )
