"""The web process of docs/operations.md, a real granian on the test's database."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.server import free_port

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class WebProcess:
    url: str
    log: Path

    def printed(self) -> str:
        return self.log.read_text()


# Threads of each of its workers, further workers, and settings by name.
Start = Callable[..., WebProcess]


@contextmanager
def serving(environment: dict[str, str], log: Path, threads: int, workers: int) -> Iterator[WebProcess]:
    web = WebProcess(f"http://127.0.0.1:{(port := free_port())}", log)
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port),
        "--workers", str(workers), "--blocking-threads", str(threads), "--log-level", "info",
        "webhooks_project.wsgi:application",
    ]  # fmt: skip
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=output, stderr=output, start_new_session=True
        )
        try:
            until = time.monotonic() + 60
            while True:
                assert process.poll() is None, web.printed()
                assert time.monotonic() < until, f"not up within a minute: {web.printed()}"
                # All of them: one that is still starting takes no call, and hangs where it is told to stop.
                if web.printed().count("Started worker-") == workers:
                    with (
                        contextlib.suppress(OSError),
                        urllib.request.urlopen(f"{web.url}/healthz", timeout=5),
                    ):
                        break
                time.sleep(0.1)
            yield web
        finally:
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest.fixture
def start_web(process_environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Starts web processes, which end with the test: `start_web(threads=4, workers=2, API_CALLS_PER_MINUTE="5")`."""
    with ExitStack() as started:

        def start(threads: int = 1, workers: int = 1, **settings: str) -> WebProcess:
            # In Redis the wrong keys that one test sends count for the next one's processes, too.
            environment = process_environment | {"API_WRONG_KEYS_PER_MINUTE": "0"} | settings
            environment |= {"DJANGO_SETTINGS_MODULE": "webhooks_project.settings"}
            log = tmp_path / f"web-{len(list(tmp_path.glob('web-*.log')))}.log"
            return started.enter_context(serving(environment, log, threads, workers))

        yield start
