"""How many calls a key may make in a minute, and how many wrong keys an address may send.

Both count in fixed windows: one atomic increment per call, in a cache that all web processes share where REDIS_URL is
set. A token bucket would be smoother, but needs a read and a write as one step, which Django's cache does not offer;
what a window lets through at its turn, twice the limit at worst, does no harm over a minute. DRF's own throttles keep
the moments of all calls in one value that two processes overwrite for each other.

A cache that does not answer stops nobody: the call goes on uncounted, and the log says so.
"""

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from redis.exceptions import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from accounts.api import ApiError
from accounts.models import ApiKey

logger = logging.getLogger(__name__)

WINDOW = 60
# How long an address may use a key that was right there, whatever wrong ones its neighbours send.
REMEMBERED_FOR = 3600
# After a failure of the cache calls do not wait for it again for so long.
PAUSE = 5.0


@dataclass(frozen=True)
class Quota:
    """What is left of a limit: `policy` is its name, `reset` the seconds until it is whole again."""

    policy: str
    limit: int
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        """The three fields that most clients read, and the two of draft-ietf-httpapi-ratelimit-headers-11."""
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f'"{self.policy}";q={self.limit};w={WINDOW}',
            "RateLimit": f'"{self.policy}";r={self.remaining};t={self.reset}',
        }


class KeyThrottle(BaseThrottle):
    """DRF's throttle of every call that comes with a key: API_CALLS_PER_MINUTE."""

    def allow_request(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            quota, used = _spend("calls", request.auth.pk, settings.API_CALLS_PER_MINUTE)
            announce(request, quota)
            if quota and used > quota.limit:
                raise rate_limited(f"This key made more than {quota.limit} calls within a minute.", quota)
        return True


class Client:
    """Whoever calls from `address` with the key `text`, which may be wrong: API_WRONG_KEYS_PER_MINUTE.

    An address that has sent too many is refused before its key is looked up, so that a right guess shows no more than a
    wrong one. A key that was right at the address before still is: one forgotten script does not shut its office out.
    """

    def __init__(self, request: Request, text: str) -> None:
        self.request, self.limit = request, settings.API_WRONG_KEYS_PER_MINUTE
        self.address = address_of(request)
        self.known_as = f"known:{hashlib.sha256(f'{self.address} {text}'.encode()).hexdigest()}"
        self.is_known = True

    def may_try(self) -> None:
        """Raises ApiError 429 RATE_LIMITED where wrong keys came from here, and this one was never right."""
        if not self.limit:
            return
        name = _window("wrong-keys", self.address)
        found = _ask(lambda: caches["counts"].get_many([name, self.known_as]))
        if found is None:
            return
        self.is_known = self.known_as in found
        if found.get(name, 0) >= self.limit and not self.is_known:
            quota = Quota("wrong-keys", self.limit, 0, _reset())
            announce(self.request, quota)
            raise rate_limited("Too many wrong API keys came from your address.", quota)

    def was_wrong(self) -> None:
        quota, _ = _spend("wrong-keys", self.address, self.limit)
        announce(self.request, quota)

    def was_right(self) -> None:
        if not self.is_known:
            _ask(lambda: caches["counts"].set(self.known_as, 1, REMEMBERED_FOR))


class RateLimitMiddleware:
    """Puts the quota of a call into the headers of its answer, whatever that is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        quota: Quota | None = getattr(request, "quota", None)
        if quota:
            for name, value in quota.headers.items():
                response.headers[name] = value
            if response.status_code == 429:
                response.headers["Retry-After"] = str(quota.reset)
        return response


def announce(request: Request, quota: Quota | None) -> None:
    """Has RateLimitMiddleware say it."""
    request._request.quota = quota  # type: ignore[attr-defined]


def rate_limited(sentence: str, quota: Quota) -> ApiError:
    return ApiError(
        429, "RATE_LIMITED", f"{sentence} Try again in {quota.reset} seconds.", {"retryAfter": quota.reset}
    )


def address_of(request: Request | HttpRequest) -> str:
    """Where a call comes from, as the proxy says (BEHIND_PROXY); of IPv6 the network, which is one customer's."""
    text = BaseThrottle().get_ident(request)  # type: ignore[arg-type]
    try:
        address = ip_address(text)
    except ValueError:
        return str(text)
    if isinstance(address, IPv6Address):
        # ::ffff:192.0.2.1 is how a socket of both families writes an address of IPv4.
        return str(address.ipv4_mapped or IPv6Address(int(address) >> 64 << 64))
    return str(address)


def _spend(policy: str, who: str, limit: int) -> tuple[Quota | None, int]:
    """Counts one; returns what is left, and how many were counted. None: there is no limit, or nobody counts."""
    used = _ask(lambda: _increment(_window(policy, who))) if limit else None
    if used is None:
        return None, 0
    return Quota(policy, limit, max(0, limit - used), _reset()), used


def _increment(name: str) -> int:
    counts = caches["counts"]
    try:
        return counts.incr(name)
    except ValueError:
        # The first of its window, or one of several at once.
        return 1 if counts.add(name, 1, 2 * WINDOW) else counts.incr(name)


def _window(policy: str, who: str) -> str:
    return f"{policy}:{who}:{int(time.time()) // WINDOW}"


def _reset() -> int:
    return WINDOW - int(time.time()) % WINDOW


Answer = TypeVar("Answer")
_silent_until = 0.0


def _ask(question: Callable[[], Answer]) -> Answer | None:
    """What the cache answers; None where it does not."""
    global _silent_until
    if time.monotonic() < _silent_until:
        return None
    try:
        return question()
    except (RedisError, OSError) as problem:
        _silent_until = time.monotonic() + PAUSE
        logger.warning(
            "Calls are not counted, because the cache does not answer (%s).", type(problem).__name__
        )
        return None
