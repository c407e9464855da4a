"""A page's examples from top to bottom, as a reader would try them: in a folder, with a shell and receivers."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.docs.matching import differences, matches
from tests.docs.pages import BY_NAME, Block, Page
from tests.docs.server import Server, free_port
from tests.receivers import Received, Receivers

PATIENCE = 30
# Curl's exit status where it shall fail with a 4xx or 5xx.
REFUSED = 22
# What the pages say, where a story has its own.
SERVER, PORT, PHONE = "http://127.0.0.1:8000", "8080", "+12025550143"
IDS = re.compile(r"\b(wak|num|wh|whsec|msg|evt|dlv|job)_[A-Za-z0-9+/=_]+")
# Files that a page takes from another one.
BORROWED = {"docs/guides/deduplicate.md": [("docs/guides/signatures.md", "verify.py")]}


def eventually(check: Callable[[], list[str]]) -> list[str]:
    """What is still wrong after some seconds; [] as soon as nothing is."""
    until = time.monotonic() + PATIENCE
    while (wrong := check()) and time.monotonic() < until:
        time.sleep(0.1)
    return wrong


class Story:
    """`with Story(page, server, folder) as story: story.play(block)` for each block that is to be tried."""

    def __init__(self, page: Page, server: Server, folder: Path) -> None:
        self.page, self.server, self.folder = page, server, folder
        self.port = free_port()
        self.outputs: list[Path] = []
        self.started: list[subprocess.Popen[bytes]] = []
        self.printed = ""
        self.last: Block | None = None
        self.command = ""
        self.heard = 0
        self.requests: list[Received] = []

    def __enter__(self) -> "Story":
        self.phone = f"+1202{time.time_ns() % 10_000_000:07d}"
        number = self.server.call(
            "POST", "/v1/numbers", {"name": "Demo number", "number": self.phone, "provider": "simulator"}
        )["instance"]["id"]
        self.ids = {"wak": self.server.key, "num": number}
        self.environment = {
            "HOME": str(self.folder),
            "PATH": f"{self._curl()}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "SERVER": self.server.url, "API_KEY": self.server.key, "NUMBER": number,
        }  # fmt: skip
        if "export WEBHOOK=" not in self.page.text:
            self._create_webhook(number)
        for page, name in BORROWED.get(self.page.name, []):
            self._write(next(block for block in BY_NAME[page].blocks if block.kind == name))
        self.receivers = Receivers().__enter__()
        if not any(block.kind == "server" for block in self.page.blocks):
            self.requests = self.receivers.open(port=self.port).requests
        return self

    def __exit__(self, *exception: object) -> None:
        for process in self.started:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self.receivers.__exit__(*exception)

    def _curl(self) -> Path:
        """A folder with a curl that fails where the server refuses."""
        folder = self.folder / "bin"
        folder.mkdir()
        curl = folder / "curl"
        curl.write_text(f'#!/bin/sh\nexec {shutil.which("curl")} --fail-with-body --max-time 20 "$@"\n')
        curl.chmod(0o755)
        return folder

    def _create_webhook(self, number: str) -> None:
        body = {"url": f"http://127.0.0.1:{self.port}/", "events": ["*"], "whatsappNumberId": number}
        # One at a time, so that what arrives has an order that a page can show.
        webhook = self.server.call("POST", "/v1/webhooks", {**body, "name": "My receiver", "maxInFlight": 1})
        self.environment |= {"WEBHOOK": webhook["id"], "WEBHOOK_SECRET": webhook["secret"]}
        self.ids |= {"wh": webhook["id"], "whsec": webhook["secret"]}

    def play(self, block: Block) -> None:
        if block.is_file:
            self._write(block)
        elif block.kind == "answer":
            self._compare_answer(block)
        elif block.kind == "output":
            self._compare_output(block)
        elif block.kind == "story":
            self._compare_story(block)
        elif block.kind == "server":
            self._start(block)
        else:
            self._run(block)

    def _own(self, text: str) -> str:
        """A text of the page with this story's addresses and phone."""
        return text.replace(SERVER, self.server.url).replace(PORT, str(self.port)).replace(PHONE, self.phone)

    def _command(self, block: Block) -> str:
        return re.sub(r"\b([a-z]+)_…", lambda found: self.ids.get(found[1], found[0]), self._own(block.text))

    def _write(self, block: Block) -> None:
        (self.folder / block.kind).write_text(self._own(block.text))

    def _run(self, block: Block) -> None:
        self.last, self.command = block, self._command(block)
        self._run_command()

    def _run_command(self) -> None:
        """Runs the last command, once more with the ids that it had the first time."""
        block = self.last
        assert block is not None
        state = self.folder / ".state"
        refused = block.kind == "refused"
        script = self.command + ("" if refused else f"\nexport -p > {state}")
        before = f"source {state}\n" if state.exists() else ""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", before + script],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert done.returncode == (REFUSED if refused else 0), f"{block}: {done.stdout}{done.stderr}"
        self.printed = done.stdout
        for found in IDS.finditer(self.printed):
            self.ids[found[1]] = found[0]

    def _start(self, block: Block) -> None:
        output = self.folder / f"server-{len(self.started)}.log"
        self.outputs.append(output)
        with output.open("wb") as file:
            process = subprocess.Popen(
                ["bash", "-c", self._command(block)], cwd=self.folder, env=self.environment,
                stdout=file, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.started.append(process)
        files = [path for path in self.folder.iterdir() if path.name in block.text]
        if any(str(self.port) in path.read_text() for path in files):
            assert eventually(lambda: [] if answers(self.port) else ["not up"]) == [], output.read_text()

    def _compare_answer(self, block: Block) -> None:
        shown, asked = json.loads(self._own(block.text)), self.last
        assert asked is not None

        def compare() -> list[str]:
            wrong = differences(shown, json.loads(self.printed))
            # What only looks can be looked at again until it is there.
            if wrong and not re.search(r" -(d|X)\b", asked.text):
                self._run_command()
            return wrong

        wrong = eventually(compare) if not re.search(r" -(d|X)\b", asked.text) else compare()
        assert wrong == [], f"{block}: {self.printed}"

    def lines(self) -> list[str]:
        """What the servers and the last command printed."""
        return "\n".join([*(path.read_text() for path in self.outputs), self.printed]).splitlines()

    def _compare_output(self, block: Block) -> None:
        def missing() -> list[str]:
            return [
                line
                for line in self._own(block.text).splitlines()
                if not any(matches(line, printed) for printed in self.lines())
            ]

        assert eventually(missing) == [], f"{block}: {self.lines()}"

    def _compare_story(self, block: Block) -> None:
        shown = [json.loads(line) for line in self._own(block.text).splitlines()]
        heard: list[Any] = []

        def compare() -> list[str]:
            heard[:] = [request.json for request in self.requests[self.heard :]]
            return differences(shown, heard)

        assert eventually(compare) == [], f"{block}: {heard}"
        self.heard += len(shown)


def answers(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
