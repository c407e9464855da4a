"""Real receivers on loopback: they record every request, and answer as a test has told them to.

Raw sockets, because half of what a receiver can do wrong no HTTP server library lets one do.
"""

import asyncio
import contextlib
import json
import multiprocessing
import multiprocessing.queues
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec


@dataclass(frozen=True)
class Received:
    """One request, whole. Header names are in lower case; `at` is of the monotonic clock.

    `connection` counts the receiver's connections: requests with the same number came over the same one.
    """

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What to answer. `raw` replaces everything, `delay` (seconds) comes first, then what `then` says:

    keep, the connection stays open for the next request; close, it is closed after the answer; hang, nothing is sent
    and the connection stays; silence, it is closed without an answer; reset, the same with a TCP reset; drip, the
    body leaves a byte every `pace` seconds; endless, the body never ends; cut, the connection closes in the middle of
    the body.
    """

    status: int = 200
    headers: Iterable[tuple[str, str]] = ()
    body: bytes = b""
    delay: float = 0
    raw: bytes | None = None
    then: str = "keep"
    pace: float = 0.05

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        lines = [f"HTTP/1.1 {self.status} Scripted", *(f"{name}: {value}" for name, value in self.headers)]
        if self.then == "endless":
            lines.append("transfer-encoding: chunked")
        else:
            lines.append(f"content-length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + (
            b"" if self.then == "endless" else self.body
        )


OK = Reply()


@dataclass
class Receiver:
    """A receiver at `url`. `reply` is its answer to everything, `replies` are used up first, one per request.

    `reply` may be a function of the request. `requests` is everything that arrived so far.
    """

    port: int = 0
    scheme: str = "http"
    host: str = "127.0.0.1"
    reply: Reply | Callable[[Received], Reply] = OK
    replies: list[Reply] = field(default_factory=list)
    requests: list[Received] = field(default_factory=list)
    connections: int = 0

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}/hook"

    def wait_for(self, count: int, timeout: float = 10) -> list[Received]:
        """The requests, as soon as there are so many of them; fails after `timeout` seconds."""
        until = time.monotonic() + timeout
        while len(self.requests) < count:
            assert time.monotonic() < until, (
                f"{len(self.requests)} of {count} requests arrived within {timeout} s"
            )
            time.sleep(0.005)
        return list(self.requests)


@contextlib.contextmanager
def elsewhere(replies: Sequence[Reply]) -> Iterator[list[str]]:
    """Receivers in a process of their own, which costs this one nothing; yields the URL of each."""
    context = multiprocessing.get_context("spawn")
    urls: multiprocessing.queues.Queue[list[str]] = context.Queue()
    process = context.Process(target=_answer_elsewhere, args=(replies, urls), daemon=True)
    process.start()
    try:
        yield urls.get(timeout=30)
    finally:
        process.kill()
        process.join()


def _answer_elsewhere(replies: Sequence[Reply], urls: Any) -> None:
    with Receivers() as receivers:
        urls.put([receivers.open(reply).url for reply in replies])
        time.sleep(3600)


class Receivers:
    """Any number of receivers in one thread. `with Receivers() as receivers: receivers.open()`."""

    def __enter__(self) -> Self:
        self._loop = asyncio.new_event_loop()
        # Handshakes that fail are what the tests are about.
        self._loop.set_exception_handler(lambda loop, context: None)
        self._servers: list[asyncio.Server] = []
        self.opened: list[Receiver] = []
        self._open: set[asyncio.StreamWriter] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receivers", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def open(
        self,
        reply: Reply | Callable[[Received], Reply] = OK,
        *,
        tls: ssl.SSLContext | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> Receiver:
        receiver = Receiver(
            reply=reply, scheme="https" if tls else "http", host=f"[{host}]" if ":" in host else host
        )

        async def serve() -> None:
            server = await asyncio.start_server(
                lambda reader, writer: self._serve(receiver, reader, writer),
                host,
                port,
                ssl=tls,
                backlog=1024,
            )
            self._servers.append(server)
            receiver.port = server.sockets[0].getsockname()[1]

        asyncio.run_coroutine_threadsafe(serve(), self._loop).result(timeout=10)
        self.opened.append(receiver)
        return receiver

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for writer in list(self._open):
            writer.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(
        self, receiver: Receiver, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        receiver.connections += 1
        connection = receiver.connections
        self._open.add(writer)
        writer.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A cancelled handler would be reported by asyncio's own callback.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            while await self._answer(receiver, connection, reader, writer):
                pass
        self._open.discard(writer)
        writer.close()

    async def _answer(
        self, receiver: Receiver, connection: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection stays open."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        request = Received(method, path, headers, body, time.monotonic(), connection)
        receiver.requests.append(request)
        if receiver.replies:
            reply = receiver.replies.pop(0)
        else:
            reply = receiver.reply(request) if callable(receiver.reply) else receiver.reply
        await asyncio.sleep(reply.delay)
        return await self._play(reply, writer)

    async def _play(self, reply: Reply, writer: asyncio.StreamWriter) -> bool:
        answer = reply.encoded()
        match reply.then:
            case "hang":
                await asyncio.sleep(3600)
            case "silence":
                return False
            case "reset":
                raw = writer.transport.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                writer.transport.abort()
                return False
            case "drip":
                head, _, body = answer.partition(b"\r\n\r\n")
                writer.write(head + b"\r\n\r\n")
                for byte in body:
                    await asyncio.sleep(reply.pace)
                    writer.write(bytes([byte]))
                    await writer.drain()
            case "endless":
                writer.write(answer)
                chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
                while True:
                    writer.write(chunk)
                    await writer.drain()
            case "cut":
                writer.write(answer[: -(len(reply.body) // 2 or 1)])
                await writer.drain()
                return False
            case _:
                writer.write(answer)
                await writer.drain()
        return reply.then != "close"


class Authority:
    """A certificate authority of the tests' own. `file` is its certificate, for those who are to trust it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Authority of the tests")])
        self.file = str(folder / "authority.pem")
        certificate = (
            self._builder(self._name, self._key, timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        Path(self.file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def server_context(
        self, *names: str, valid_for: timedelta = timedelta(days=1), self_signed: bool = False
    ) -> ssl.SSLContext:
        """TLS of a server with a certificate for these host names and addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, names[0])])
        certificate = (
            self._builder(subject, key, valid_for, issuer=subject if self_signed else self._name)
            .add_extension(
                x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False
            )
            .sign(key if self_signed else self._key, hashes.SHA256())
        )
        file = self._folder / f"{certificate.serial_number}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        valid_for: timedelta,
        issuer: x509.Name | None = None,
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer or subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(now + valid_for)
        )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


@pytest.fixture
def receivers() -> Iterator[Receivers]:
    """Opens as many receivers as a test wants: `receivers.open(Reply(status=503))`."""
    from tests import contract

    with Receivers() as opened:
        yield opened
        contract.check(request for receiver in opened.opened for request in receiver.requests)


@pytest.fixture
def receiver(receivers: Receivers) -> Receiver:
    """A receiver that answers 200 until it is told otherwise."""
    return receivers.open()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Signs certificates for receivers; nothing trusts it by itself."""
    return Authority(tmp_path_factory.mktemp("certificates"))
