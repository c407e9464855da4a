"""The one module that opens connections to customers: requests in, outcomes out, nothing raised.

All sends of a process are in one event loop (aiohttp, docs/decisions/0003), where a slow receiver costs a slot and not
a thread. What a receiver can do to us is limited: a deadline over everything, 16 KiB of its body, 100 headers, no
redirects, cookies, proxies or decompression. No connection is opened to an address that webhooks.addresses refuses.
"""

import asyncio
import atexit
import contextlib
import logging
import os
import socket
import ssl
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_address
from queue import Empty, SimpleQueue
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.client_reqrep import ClientRequest
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace
from django.conf import settings
from yarl import URL

from webhooks.addresses import refusal
from webhooks.outcome import ErrorClass, Outcome
from webhooks.targets import check_url
from webhooks.trail import Refused, Trail, current_trail

logger = logging.getLogger(__name__)

# Seconds over DNS, connecting, TLS, headers and body together; and over connecting and TLS alone.
DEADLINE = 15.0
CONNECT_LIMIT = 5.0
MAX_BODY = 16 * 1024
MAX_HEADERS = 100
MAX_HEADER_LINE = 8190
# What is submitted beyond this waits for a slot; its deadline begins when it has one.
MAX_IN_FLIGHT = 512
# With more sockets than this open, a connection is closed after its answer instead of kept for the next send.
MAX_OPEN_SOCKETS = 768
KEEP_ALIVE = 15.0
# Sent with every request that does not have the header itself.
ADDED_HEADERS = {"accept": "*/*", "accept-encoding": "identity", "user-agent": "whatsapp-webhooks"}

# A name to its addresses, as text. Blocks; raises OSError for a name that has none.
Resolve = Callable[[str], Sequence[str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One POST. The body is sent as it is; only ADDED_HEADERS, `host` and `content-length` are added."""

    url: str
    headers: dict[str, str]
    body: bytes


def resolve(name: str) -> list[str]:
    """The addresses that the system's resolver has for a name, in its order of preference."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def tls_context(authorities: str | None = None) -> ssl.SSLContext:
    """TLS 1.2 or later, certificate and name always verified, against the system's authorities and those of the PEM
    file `authorities`. It takes 20 ms to make, so a transport has one for all connections.
    """
    context = _TimedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    if authorities is not None:
        context.load_verify_locations(authorities)
    context.set_alpn_protocols(["http/1.1"])
    return context


class Transport:
    """Sends in an event loop of its own thread, so that its callers stay synchronous.

    Any thread may submit, one collects. The thread starts with the first send; an instance does not survive a fork.
    """

    def __init__(
        self,
        *,
        resolve: Resolve = resolve,
        tls: ssl.SSLContext | None = None,
        deadline: float = DEADLINE,
        connect_limit: float = CONNECT_LIMIT,
        max_open_sockets: int = MAX_OPEN_SOCKETS,
    ) -> None:
        self._new_loop = partial(
            _Loop,
            resolve=resolve,
            tls=tls,
            deadline=deadline,
            connect_limit=connect_limit,
            max_open_sockets=max_open_sockets,
        )
        self._lock = threading.Lock()
        self._finished: SimpleQueue[list[tuple[Any, Outcome]]] = SimpleQueue()
        self._ready: deque[tuple[Any, Outcome]] = deque()
        self._submitted = 0
        self._collected = 0
        self._loop: _Loop | None = None

    def submit(self, request: Request, tag: Any) -> None:
        """Send soon; the outcome comes out of `collect` with this tag. Never blocks."""
        with self._lock:
            if self._loop is None:
                self._loop = self._new_loop(self._finished)
            self._submitted += 1
            self._loop.submit(request, tag)

    def collect(self, timeout: float, at_most: int) -> list[tuple[Any, Outcome]]:
        """Up to `at_most` finished sends: waits up to `timeout` seconds for the first, and takes what else is there.

        Answers at once where nothing is in flight.
        """
        with contextlib.suppress(Empty):
            if self.in_flight and not self._ready and at_most > 0:
                self._ready.extend(self._finished.get(timeout=max(timeout, 0)))
            while len(self._ready) < at_most:
                self._ready.extend(self._finished.get_nowait())
        finished = [self._ready.popleft() for _ in range(min(at_most, len(self._ready)))]
        self._collected += len(finished)
        return finished

    @property
    def in_flight(self) -> int:
        """Sends that were submitted and not yet collected."""
        return self._submitted - self._collected

    def close(self) -> None:
        """Break off what is in flight, which then has no outcome, and end the thread. A later send starts anew."""
        with self._lock:
            if self._loop is not None:
                self._loop.close()
            self._loop = None
            self._finished = SimpleQueue()
            self._ready.clear()
            self._submitted = self._collected = 0


class _Loop:
    """The thread, its event loop and its two sessions. Only `submit` and `close` are called from outside the thread."""

    def __init__(
        self,
        finished: SimpleQueue[list[tuple[Any, Outcome]]],
        *,
        resolve: Resolve,
        tls: ssl.SSLContext | None,
        deadline: float,
        connect_limit: float,
        max_open_sockets: int,
    ) -> None:
        self._finished = finished
        self._resolve = resolve
        self._tls = tls or tls_context()
        self._deadline = deadline
        self._connect_limit = connect_limit
        self._max_open_sockets = max_open_sockets
        # Both threads hand over in batches: a wake-up of the other one costs more than what it is told.
        self._waiting: deque[tuple[Request, Any]] = deque()
        self._woken = False
        self._ended: list[tuple[Any, Outcome]] = []
        self._sends: set[asyncio.Task[None]] = set()
        self._sockets: set[socket.socket] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="webhooks-transport", daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result()

    def submit(self, request: Request, tag: Any) -> None:
        self._waiting.append((request, tag))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._wake)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        self._session = self._new_session(force_close=False)
        # For the second try of a send whose kept connection turned out to be closed.
        self._fresh_session = self._new_session(force_close=True)

    def _new_session(self, *, force_close: bool) -> aiohttp.ClientSession:
        connector = _GuardedConnector(
            lambda: len(self._sockets) > self._max_open_sockets,
            resolver=_JudgingResolver(self._resolve),
            socket_factory=self._new_socket,
            ssl=self._tls,
            limit=0,
            force_close=force_close,
            keepalive_timeout=None if force_close else KEEP_ALIVE,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=ADDED_HEADERS,
            skip_auto_headers=["content-type"],
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            auto_decompress=False,
            trust_env=False,
            read_bufsize=MAX_BODY,
            max_line_size=MAX_HEADER_LINE,
            max_field_size=MAX_HEADER_LINE,
            max_headers=MAX_HEADERS,
        )

    async def _stop(self) -> None:
        self._waiting.clear()
        for send in self._sends:
            send.cancel()
        await asyncio.gather(*self._sends, return_exceptions=True)
        await self._session.close()
        await self._fresh_session.close()

    def _wake(self) -> None:
        # First, so that what is submitted from now on wakes again.
        self._woken = False
        self._fill()

    def _fill(self) -> None:
        while self._waiting and len(self._sends) < MAX_IN_FLIGHT:
            send = self._loop.create_task(self._carry_out(*self._waiting.popleft()))
            self._sends.add(send)
            send.add_done_callback(self._end)

    def _end(self, send: asyncio.Task[None]) -> None:
        self._sends.discard(send)
        if self._waiting:
            self._fill()

    async def _carry_out(self, request: Request, tag: Any) -> None:
        try:
            outcome = await self._send(request)
        except Exception:
            # Without an outcome the send would be in flight for ever.
            logger.exception("A send could not be concluded.")
            outcome = Outcome(error_class=ErrorClass.INTERNAL, error="The request could not be sent.")
        if not self._ended:
            self._loop.call_soon(self._hand_over)
        self._ended.append((tag, outcome))

    def _hand_over(self) -> None:
        ended, self._ended = self._ended, []
        self._finished.put(ended)

    async def _send(self, request: Request) -> Outcome:
        trail = Trail(self._deadline, self._connect_limit)
        current_trail.set(trail)
        try:
            async with asyncio.timeout_at(trail.deadline) as trail.timeout:
                trail.url = URL(check_url(request.url), encoded=True)
                try:
                    await self._exchange(self._session, request, trail)
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
                    if not trail.reused or trail.status is not None:
                        raise
                    # The receiver had closed the kept connection, as it may at any time. aiohttp tries again by itself
                    # only what is idempotent; receivers deduplicate on webhook-id, so a POST may be repeated too.
                    await self._exchange(self._fresh_session, request, trail)
        except Exception as error:
            return trail.failed(error)
        return trail.answered()

    async def _exchange(self, session: aiohttp.ClientSession, request: Request, trail: Trail) -> None:
        async with session.post(
            trail.url, data=request.body, headers=request.headers, allow_redirects=False
        ) as response:
            trail.answer_began = time.monotonic()
            trail.status = response.status
            trail.headers = response.raw_headers
            while len(trail.body) < MAX_BODY:
                chunk = await response.content.read(MAX_BODY - len(trail.body))
                if not chunk:
                    break
                trail.body += chunk
            if not response.content.at_eof():
                response.close()

    def _new_socket(self, info: AddrInfoType) -> socket.socket:
        """Has the last word on every address, literals included, which no resolver sees."""
        family, kind, protocol, _, (host, *_) = info
        trail = current_trail.get()
        trail.start_connecting_to(str(host))
        try:
            _judge(str(host))
        except Refused as refused:
            trail.refused = refused
            raise
        return _CountedSocket(family, kind, protocol, self._sockets)


class _GuardedConnector(aiohttp.TCPConnector):
    """Notes how far a send has got in connecting, judges the peer that it came to, and keeps no connection once there
    are too many.
    """

    def __init__(self, is_crowded: Callable[[], bool], **options: Any) -> None:
        super().__init__(**options)
        self._is_crowded = is_crowded

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        trail = current_trail.get()
        trail.start_connecting()
        connection = await super().connect(req, traces, timeout)
        if self._is_crowded() and connection.protocol is not None:
            connection.protocol.force_close()
        peer = connection.transport and connection.transport.get_extra_info("peername")
        trail.finish_connecting(str(peer[0]) if peer else trail.peer)
        if not trail.reused and peer:
            try:
                _judge(str(peer[0]))
            except Refused as refused:
                trail.refused = refused
                connection.close()
                raise
        return connection


class _CountedSocket(socket.socket):
    """Is in the set `opened` until it is closed. A weak set would count closed ones until they are collected."""

    def __init__(self, family: int, kind: int, protocol: int, opened: set[socket.socket]) -> None:
        super().__init__(family, kind, protocol)
        self._opened = opened
        opened.add(self)

    def close(self) -> None:
        self._opened.discard(self)
        super().close()


class _JudgingResolver(AbstractResolver):
    """Answers with judged addresses only: where one of a name's addresses is refused, all of them are.

    Each look-up has a thread of its own, because the system's resolver cannot be interrupted, and a pool would be full
    of those that hang. The connector shares a look-up among the sends that wait for the same name.
    """

    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        addresses = await self._addresses(host)
        if not addresses:
            raise OSError(f"{host} has no addresses.")
        for address in addresses:
            _judge(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
            for address in addresses
        ]

    async def close(self) -> None:
        """Nothing to close: the threads end with their look-ups."""

    async def _addresses(self, host: str) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        found: asyncio.Future[Sequence[str]] = loop.create_future()

        def settle(addresses: Sequence[str] | None, error: Exception | None) -> None:
            if found.done():
                return
            if addresses is None:
                found.set_exception(error or OSError())
            else:
                found.set_result(addresses)

        def look_up() -> None:
            answer: tuple[Sequence[str] | None, Exception | None]
            try:
                answer = self._resolve(host), None
            except Exception as error:
                answer = None, error
            # The loop may have been closed meanwhile.
            with contextlib.suppress(RuntimeError):
                loop.call_soon_threadsafe(settle, *answer)

        threading.Thread(target=look_up, name="webhooks-look-up", daemon=True).start()
        return await found


class _TimedContext(ssl.SSLContext):
    """Tells the trail when the handshake begins, which aiohttp does not separate from connecting."""

    def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
        current_trail.get().start_tls()
        return super().wrap_bio(*args, **options)


def _judge(address: str) -> None:
    """Raises Refused, with the reason, for an address that webhooks may not reach."""
    reason = refusal(ip_address(address), settings.WEBHOOK_ALLOWED_NETWORKS)
    if reason:
        raise Refused(f"Webhooks cannot be sent there: {reason}")


_by_process: dict[int, Transport] = {}


def transport() -> Transport:
    """This process's transport; after a fork a new one.

    The parent's stays referenced in a forked child: to finalize it there would take the parent's sockets out of the
    epoll instance that both share.
    """
    process = os.getpid()
    return _by_process.get(process) or _by_process.setdefault(process, Transport())


@atexit.register
def _close_at_exit() -> None:
    with contextlib.suppress(KeyError):
        _by_process[os.getpid()].close()
