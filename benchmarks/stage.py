"""The whole product for a benchmark: web server, worker and receiver as real processes on loopback, data of its own."""

import contextlib
import hashlib
import hmac
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOME = Path(__file__).resolve().parent.parent
APP_SECRET = "benchmark-app-secret"


def free_port() -> int:
    with socket.socket() as candidate:
        candidate.bind(("127.0.0.1", 0))
        port: int = candidate.getsockname()[1]
        return port


class Receiver:
    """Answers 200 to everything and remembers when each webhook-id came, by the wall clock; keep-alive, one thread."""

    def __init__(self) -> None:
        self.arrivals: list[tuple[float, bytes]] = []
        self.port = free_port()
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    def _run(self) -> None:
        import asyncio

        asyncio.run(self._serve())

    async def _serve(self) -> None:
        import asyncio

        server = await asyncio.start_server(self._answer, "127.0.0.1", self.port, backlog=1024)
        await server.serve_forever()

    async def _answer(self, reader: Any, writer: Any) -> None:
        import asyncio

        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
                body = await reader.readexactly(length)
                self.arrivals.append((time.time(), body))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")


@dataclass
class Stage:
    """What runs: `url` of the web server, `phone_number_id` of a Meta number whose webhook is the receiver."""

    url: str
    receiver: Receiver
    folder: Path
    phone_number_id: str = "106540352242922"
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def signed(self, body: bytes) -> dict[str, str]:
        digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
        return {"content-type": "application/json", "x-hub-signature-256": f"sha256={digest}"}

    def text(self, key: str) -> bytes:
        """A Meta webhook with one inbound text, whose content is `key`."""
        message = {
            "from": "447700900123",
            "id": f"wamid.{key}",
            "timestamp": str(int(time.time())),
            "type": "text",
        }
        value = {
            "messaging_product": "whatsapp",
            "metadata": {"display_phone_number": "12025550143", "phone_number_id": self.phone_number_id},
            "contacts": [{"profile": {"name": "Ada"}, "wa_id": "447700900123"}],
            "messages": [{**message, "text": {"body": key}}],
        }
        entry = [{"id": "1", "changes": [{"field": "messages", "value": value}]}]
        return json.dumps({"object": "whatsapp_business_account", "entry": entry}).encode()

    def logs(self) -> dict[str, str]:
        return {path.stem: path.read_text() for path in sorted(self.folder.glob("*.log"))}


PREPARE = """
from accounts.models import Workspace
from phone_numbers.models import Number
from webhooks.models import Subscription, Webhook, WebhookSecret
import os
workspace = Workspace.objects.create(name="Benchmark")
number = Number.objects.create(workspace=workspace, name="Shop", phone="+12025550143", provider="meta",
                               provider_ref=os.environ["BENCH_NUMBER"], state="OPEN")
webhook = Webhook.objects.create(workspace=workspace, number=number, name="Sink", url=os.environ["BENCH_URL"],
                                 max_in_flight=int(os.environ.get("BENCH_CAP", "5")))
Subscription.objects.create(webhook=webhook, event="*")
WebhookSecret.objects.create(webhook=webhook, secret="whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
"""


@contextlib.contextmanager
def stage(**settings: str) -> Iterator[Stage]:
    """Starts everything on an empty database: SQLite, or the one that DATABASE_URL names, which is emptied."""
    folder = Path(tempfile.mkdtemp(prefix="webhooks-benchmark-"))
    receiver = Receiver()
    port = free_port()
    running = Stage(f"http://127.0.0.1:{port}", receiver, folder)
    environment = {
        **os.environ, "DATA_DIR": str(folder), "META_APP_SECRET": APP_SECRET, "LOG_LEVEL": "WARNING",
        "BENCH_NUMBER": running.phone_number_id, "BENCH_URL": receiver.url, "QUEUE_NAME": folder.name, **settings,
    }  # fmt: skip

    def manage(*arguments: str) -> None:
        subprocess.run([sys.executable, "manage.py", *arguments], cwd=HOME, env=environment, check=True)

    def start(name: str, *command: str) -> None:
        with (folder / f"{name}.log").open("wb") as log:
            running.processes.append(
                subprocess.Popen(
                    command,
                    cwd=HOME,
                    env=environment,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            )

    manage("migrate", "-v0")
    if "DATABASE_URL" in environment:
        manage("flush", "--no-input", "-v0")
    manage("shell", "-v0", "-c", PREPARE)
    try:
        granian = str(Path(sys.executable).parent / "granian")
        start(
            "web", granian, "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--blocking-threads", "1", "--no-access-log", "--log-level", "warning", "webhooks_project.wsgi:application",
        )  # fmt: skip
        start("worker", sys.executable, "manage.py", "qcluster")
        _wait_until_open(port)
        yield running
    finally:
        for process in running.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        time.sleep(2)
        for process in running.processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_until_open(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise SystemExit("The web server did not start.")


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
