"""`make run`: the whole product on this machine, until Ctrl-C.

Migrates the database, makes the demo workspace, then runs three parts: the web server, the worker and the demo
receiver. Where a port is taken it takes the next free one, and says so. When one part dies, it says which and stops the
others. Each part is a process group of its own, so nothing stays behind.

WEB_PORT and RECEIVER_PORT (8000, 8001) say where to begin looking for ports.
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent
STARTS_WITHIN_SECONDS = 60
STOPS_WITHIN_SECONDS = 15


class Part:
    """One long-running process, and what it starts, with their lines prefixed."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str]) -> None:
        self.name = name
        self.process = subprocess.Popen(
            command,
            cwd=HOME,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C in the terminal reaches only this supervisor, which stops the parts in order.
            start_new_session=True,
        )
        threading.Thread(target=self._pass_on, daemon=True).start()

    def _pass_on(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            say(f"{self.name:<8} | {line.rstrip()}")

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask_to_stop(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        self.process.wait()

    def group_is_gone(self) -> bool:
        """Whether the process and all that it started have ended."""
        self.process.poll()
        try:
            os.killpg(self.process.pid, 0)
        except ProcessLookupError:
            return True
        return False

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)


class Stopped(Exception):
    """We were asked to stop."""


# Set by SIGINT, SIGTERM and SIGHUP. A handler that raised could lose a process between its start and its entry in the
# list of parts.
stopping = threading.Event()


def pause(seconds: float) -> None:
    """Sleeps; raises Stopped as soon as we are asked to stop."""
    if stopping.wait(seconds):
        raise Stopped


def say(text: str) -> None:
    # A closed terminal is no reason to leave processes behind.
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.write(text + "\n")
        sys.stdout.flush()


def free_port(wanted: int, taken: set[int]) -> int:
    """Returns the first free port of 127.0.0.1 from `wanted` on that is not in `taken`."""
    for port in range(wanted, 65536):
        with socket.socket() as candidate:
            candidate.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                candidate.bind(("127.0.0.1", port))
                if port not in taken:
                    return port
    raise SystemExit(f"There is no free port from {wanted} on.")


def choose_port(name: str, default: int, taken: set[int]) -> int:
    wanted = int(os.environ.get(name, default))
    port = free_port(wanted, taken)
    if port != wanted:
        say(f"Port {wanted} is taken; using {port} instead.")
    return port


def manage(environment: dict[str, str], *arguments: str) -> str:
    """Runs a management command to its end and returns what it printed."""
    with subprocess.Popen(
        [sys.executable, "manage.py", *arguments],
        cwd=HOME,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            while process.poll() is None:
                pause(0.02)
        except Stopped:
            process.kill()
            raise
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode != 0:
        raise SystemExit(f"manage.py {arguments[0]} failed (exit status {process.returncode}).")
    return output


def wait_until_answering(url: str, parts: list[Part]) -> None:
    # Straight to this machine, whatever proxies the environment names.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        raise_for_dead(parts)
        with contextlib.suppress(OSError), opener.open(url, timeout=5):
            return
        pause(0.1)
    raise SystemExit(f"{url} did not answer within {STARTS_WITHIN_SECONDS} s.")


def raise_for_dead(parts: list[Part]) -> None:
    for part in parts:
        if not part.is_alive():
            raise SystemExit(f"The {part.name} ended by itself (exit status {part.process.returncode}).")


def stop(parts: list[Part]) -> None:
    """Asks every part to finish what it holds, and kills what has not ended after 15 s."""
    for part in parts:
        part.ask_to_stop()
    deadline = time.monotonic() + STOPS_WITHIN_SECONDS
    while time.monotonic() < deadline and not all(part.group_is_gone() for part in parts):
        time.sleep(0.05)
    for part in parts:
        if not part.group_is_gone():
            say(f"The {part.name} did not end in time and is killed.")
            part.kill()


def announce(web: str, receiver: str, demo: dict[str, str], data_dir: str) -> None:
    message = {"whatsappNumberId": demo["numberId"], "destinationNumber": "+447700900123", "text": "Hello"}
    curl = (
        f"curl -sS {web}/v1/messages/send -H 'x-api-key: {demo['apiKey']}'"
        f" -H 'content-type: application/json' -d '{json.dumps(message)}'"
    )
    say(
        f"""
  Dashboard   {web}/
  Login       {demo["dashboardUser"]}  {demo["dashboardPassword"]}
  API key     {demo["apiKey"]}
  Number      {demo["numberId"]}  {demo["phone"]}
  Receiver    {receiver}/   shows what arrives
  Reference   {web}/docs   every call of the API; docs/README.md has the guides

  Make webhooks arrive:

{curl}

  Ctrl-C stops everything; the data stays in {data_dir}.
"""
    )


def run(parts: list[Part]) -> None:
    """Starts the parts, adding each to `parts`, and watches them; ends only by Stopped or SystemExit."""
    web_port = choose_port("WEB_PORT", 8000, set())
    receiver_port = choose_port("RECEIVER_PORT", 8001, {web_port})
    web, receiver = f"http://127.0.0.1:{web_port}", f"http://127.0.0.1:{receiver_port}"
    environment = {"PUBLIC_URL": web, "LOG_LEVEL": "WARNING", **os.environ, "PYTHONUNBUFFERED": "1"}

    manage(environment, "migrate", "--verbosity", "0")
    demo = json.loads(manage(environment, "seed_demo", "--json", "--receiver-url", f"{receiver}/hook"))

    def start(name: str, command: list[str], **more: str) -> None:
        parts.append(Part(name, [sys.executable, *command], environment | more))

    start(
        "receiver",
        ["scripts/receiver.py", "--port", str(receiver_port)],
        WEBHOOK_SECRET=demo["webhookSecret"],
    )
    start("worker", ["manage.py", "qcluster"])
    # On SQLite one thread is the fastest, because it keeps the writers from queueing for the one write lock.
    threads = "1" if environment.get("DATABASE_URL", "sqlite").startswith("sqlite") else "4"
    granian = ["-m", "granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(web_port)]
    granian += ["--workers", "1", "--blocking-threads", threads, "--log-level", "warning"]
    start("web", [*granian, "webhooks_project.wsgi:application"])

    wait_until_answering(f"{receiver}/events.json", parts)
    wait_until_answering(f"{web}/healthz", parts)
    announce(web, receiver, demo, environment.get("DATA_DIR", "var/"))
    parent = os.getppid()
    while os.getppid() == parent:
        raise_for_dead(parts)
        pause(0.2)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopping.set())
    parts: list[Part] = []
    status = 0
    try:
        run(parts)
    except Stopped:
        say("\nStopping.")
    except SystemExit as problem:
        say(f"\n{problem}")
        status = 1
    finally:
        stop(parts)
    return status


if __name__ == "__main__":
    sys.exit(main())
