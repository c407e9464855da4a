"""A provider whose probes answer what a test has written down; it speaks "HTTP", so it is asked in a thread."""

from collections.abc import Callable

import pytest

from phone_numbers.models import Number
from phone_numbers.providers import REGISTRY
from phone_numbers.providers.base import ProbeResult, ProbeState
from phone_numbers.providers.simulator.provider import Simulator
from phone_numbers.reports import DisconnectCause

Answer = Callable[[Number], ProbeResult]

CONNECTED = ProbeResult(state=ProbeState.CONNECTED, detail="open")
CLOSED = ProbeResult(state=ProbeState.DISCONNECTED, detail="close", error_code="428")
LOGGED_OUT = ProbeResult(
    state=ProbeState.DISCONNECTED, detail="close", cause=DisconnectCause.LOGGED_OUT, error_code="401"
)
NO_ANSWER = ProbeResult(state=ProbeState.UNKNOWN, detail="No route to the gateway.")


class Scripted(Simulator):
    """`script` is used up first, one result a probe; then `answer` is asked. `probed` lists whom it was asked about."""

    name = "scripted"
    label = "Scripted"
    in_process = False
    script: list[ProbeResult] = []
    answer: Answer = staticmethod(lambda number: CONNECTED)
    probed: list[str] = []

    def probe(self, number: Number) -> ProbeResult:
        Scripted.probed.append(number.pk)
        return Scripted.script.pop(0) if Scripted.script else Scripted.answer(number)


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> type[Scripted]:
    """The registry with one line more: numbers of the provider `scripted` are probed by this script."""
    monkeypatch.setitem(REGISTRY, "scripted", f"{__name__}.Scripted")
    Scripted.script, Scripted.probed = [], []
    Scripted.answer = staticmethod(lambda number: CONNECTED)
    return Scripted
