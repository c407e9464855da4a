"""What `make run` runs, once for all examples: on a database of its own beside the suite's."""

import os
import random
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
import requests
from django.conf import settings
from django.db import connection

from tests.docs.pages import HOME

META_APP_SECRET = "the app secret of the docs"


@dataclass(frozen=True)
class Server:
    url: str
    key: str

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(
            method, self.url + path, json=body, headers={"x-api-key": self.key}, timeout=20
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


def free_port() -> int:
    """A free port with a free one behind it, below those that the system gives to other tests."""
    while True:
        port = random.randrange(20_000, 30_000)
        with socket.socket() as first, socket.socket() as second, suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return port


@contextmanager
def running(folder: Path) -> Iterator[Server]:
    port, queue = free_port(), f"docs-{os.getpid()}"
    with database("docs") as own:
        environment = {
            **{name: os.environ[name] for name in ("PATH", "HOME", "REDIS_URL") if name in os.environ},
            **own,
            "DATA_DIR": str(folder / "data"),
            "QUEUE_NAME": queue,
            "WEB_PORT": str(port),
            "RECEIVER_PORT": str(port + 1),
            "META_APP_SECRET": META_APP_SECRET,
        }
        with subprocess.Popen(
            [sys.executable, "scripts/run.py"], cwd=HOME, env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        ) as process:  # fmt: skip
            assert process.stdout is not None
            printed = ""
            for line in process.stdout:
                printed += line
                if "Ctrl-C stops everything" in line:
                    break
            try:
                found = re.search(r"Dashboard +(\S+)/\n(?s:.*)API key +(\S+)", printed)
                assert found is not None, printed
                yield Server(found[1], found[2])
            finally:
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=40)
                _forget(queue)


def _forget(queue: str) -> None:
    """Leaves nothing in Redis."""
    if settings.REDIS_URL:
        with redis.from_url(settings.REDIS_URL) as store:
            for key in [*store.scan_iter(f"{queue}:*"), *store.scan_iter(f"django_q:{queue}:*")]:
                store.delete(key)


@contextmanager
def database(purpose: str) -> Iterator[dict[str, str]]:
    """What the environment says of a database of its own: nothing on SQLite, whose file is in DATA_DIR."""
    if connection.vendor == "sqlite":
        yield {}
        return
    name = f"{settings.DATABASES['default']['NAME']}_{purpose}_{os.getpid()}"
    url = os.environ["DATABASE_URL"]
    create, drop = f'CREATE DATABASE "{name}"', f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'
    _administer(url, drop, create)
    try:
        yield {"DATABASE_URL": re.sub(r"/[^/]*$", f"/{name}", url)}
    finally:
        _administer(url, drop)


def _administer(url: str, *statements: str) -> None:
    import psycopg

    with psycopg.connect(re.sub(r"/[^/]*$", "/postgres", url), autocommit=True) as administration:
        for statement in statements:
            administration.execute(statement)
