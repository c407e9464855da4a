"""`make run` as its user has it: one process that starts three, and takes them all with it."""

import contextlib
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

HOME = Path(__file__).resolve().parent.parent.parent


class Running:
    """A supervisor on free ports and a data folder of its own; `lines` is what it has printed."""

    def __init__(self, data_dir: Path, port: int) -> None:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "scripts/run.py"],
            cwd=HOME,
            env={
                **inherited,
                "DATA_DIR": str(data_dir),
                "WEB_PORT": str(port),
                "RECEIVER_PORT": str(port + 1),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self.descendants: list[int] = []

    def read_until(self, text: str) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line)
            if text in line:
                self.descendants = _descendants(self.process.pid)
                return
        raise AssertionError("".join(self.lines))

    def find(self, pattern: str) -> str:
        found = re.search(pattern, "".join(self.lines))
        assert found is not None, "".join(self.lines)
        return found[1]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        output, _ = self.process.communicate(timeout=30)
        self.lines.append(output)
        return self.process.returncode

    def survivors(self) -> list[int]:
        return [pid for pid in self.descendants if Path(f"/proc/{pid}/cmdline").exists()]


def _descendants(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [descendant for child in map(int, children) for descendant in [child, *_descendants(child)]]


def _free_ports() -> int:
    """Two neighbouring free ports, below those that the system gives to other tests; returns the first."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as first, socket.socket() as second, contextlib.suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


def _do_as_curl_would(arguments: str) -> dict[str, str]:
    """Posts what the printed line posts; the machine need not have curl."""
    url, *options = shlex.split(arguments)
    values = {
        name: [value for other, value in zip(options[::2], options[1::2], strict=True) if other == name]
        for name in ("-H", "-d")
    }
    headers = dict(header.split(": ", 1) for header in values["-H"])
    response = requests.post(url, data=values["-d"][0], headers=headers, timeout=10)
    assert response.status_code == 202, response.text
    answer: dict[str, str] = response.json()
    return answer


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(port: int | None = None) -> Running:
        started.append(Running(tmp_path / "data", port or _free_ports()))
        return started[-1]

    yield start
    for running in started:
        if running.process.poll() is None:
            running.end(signal.SIGTERM)


@pytest.mark.slow
def test_one_curl_line_makes_the_ladder_arrive_and_ctrl_c_leaves_nothing(
    start: Callable[..., Running],
) -> None:
    running = start()
    running.read_until("Ctrl-C stops everything")
    receiver = running.find(r"Receiver +(http://\S+?)/ ")
    answer = _do_as_curl_would(running.find(r"\ncurl -sS (.*)\n"))

    deadline, arrived = time.monotonic() + 20, []
    while len(arrived) < 3 and time.monotonic() < deadline:
        time.sleep(0.2)
        arrived = requests.get(f"{receiver}/events.json", timeout=10).json()[::-1]

    assert [event["event"] for event in arrived] == ["message.sent", "message.delivered", "message.read"]
    assert {event["signature"] for event in arrived} == {"valid"}
    assert {event["id"] for event in arrived} == {answer["id"]}
    assert {event["correlationId"] for event in arrived} == {answer["correlationId"]}
    assert len({event["messageId"] for event in arrived}) == 1
    assert running.end(signal.SIGINT) == 0
    assert running.survivors() == []


@pytest.mark.slow
def test_a_second_run_keeps_the_data_and_a_taken_port_is_said(start: Callable[..., Running]) -> None:
    first = start()
    first.read_until("Ctrl-C stops everything")
    key = first.find(r"API key +(\S+)")
    assert first.end(signal.SIGTERM) == 0

    port = _free_ports()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        second = start(port)
        second.read_until("Ctrl-C stops everything")
        assert f"Port {port} is taken" in "".join(second.lines)
        assert second.find(r"API key +(\S+)") == key
        assert second.end(signal.SIGINT) == 0
    assert second.survivors() == []


@pytest.mark.slow
def test_when_one_part_dies_it_says_which_and_stops_the_others(start: Callable[..., Running]) -> None:
    running = start()
    running.read_until("Ctrl-C stops everything")
    receiver = next(
        pid for pid in running.descendants if b"receiver.py" in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    os.kill(receiver, signal.SIGKILL)
    output, _ = running.process.communicate(timeout=30)
    assert "The receiver ended by itself" in output
    assert running.process.returncode == 1
    assert running.survivors() == []
