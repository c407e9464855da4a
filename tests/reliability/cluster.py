"""A real `manage.py qcluster` for tests: started, killed in the middle of what it does, started again."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent.parent


class Cluster:
    """`with Cluster(environment) as cluster:` — a process group of its own, gone at the end whatever happened."""

    def __init__(self, environment: dict[str, str], **settings: str) -> None:
        self.environment = {
            **environment, "DRAIN_LINGER_SECONDS": "0.5", "DRAIN_HORIZON_SECONDS": "65",
            "DJANGO_SETTINGS_MODULE": "webhooks_project.settings", **settings,
        }  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.kill()

    def start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "qcluster"], cwd=ROOT, env=self.environment, start_new_session=True
        )

    def kill(self) -> None:
        """kill -9 of the whole cluster: main process, sentinel and workers."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None

    def kill_one(self, dice: random.Random) -> None:
        """kill -9 of the sentinel or one of its children: the cluster starts anew by itself."""
        found = self.processes()
        if mortal := sorted(found["sentinel"] + found["children"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(dice.choice(mortal), signal.SIGKILL)

    def stop(self) -> None:
        """SIGSTOP: nothing of it runs any more, and it does not know."""
        self._signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._signal(signal.SIGCONT)

    def processes(self) -> dict[str, list[int]]:
        """The process ids of the cluster: its `main` process, the `sentinel`, and the `children` of that."""
        assert self.process is not None
        main = self.process.pid
        listed = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,pgid=,stat="], capture_output=True, text=True, check=True
        ).stdout
        parents = {
            int(pid): int(parent)
            for pid, parent, group, state in map(str.split, listed.splitlines())
            if int(group) == main and not state.startswith("Z")
        }
        sentinel = [pid for pid, parent in parents.items() if parent == main]
        return {
            "main": [main] if main in parents else [],
            "sentinel": sentinel,
            "children": [pid for pid, parent in parents.items() if parent in sentinel],
            "orphans": [
                pid for pid, parent in parents.items() if pid != main and parent not in (main, *sentinel)
            ],
        }

    def is_complete(self) -> bool:
        """A main process, a sentinel, two workers at least, a pusher and a monitor, and nobody else."""
        found = self.processes()
        return bool(
            found["main"] and found["sentinel"] and len(found["children"]) >= 4 and not found["orphans"]
        )

    def _signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        os.killpg(self.process.pid, number)

    def terminate(self, timeout: float = 30, *, group: bool = True) -> int:
        """SIGTERM to the whole group, or to the main process alone; returns the exit code."""
        assert self.process is not None
        (os.killpg if group else os.kill)(self.process.pid, signal.SIGTERM)
        code = self.process.wait(timeout)
        self.process = None
        return code


def wait_until(condition: Callable[[], bool], timeout: float, what: str) -> None:
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f"{what}: not within {timeout} s"
        time.sleep(0.05)
