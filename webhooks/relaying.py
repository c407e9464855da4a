"""The events of a workspace on a developer's machine: read by GET /v1/events, posted there signed as deliveries are.

One event at a time, in the order of the log. A target that is down is waited for; one that answers, but not with 2xx,
has TRIES tries.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import requests

from events.bodies import to_text
from webhooks.requests import headers_of

# Between two tries, and between two calls of an API that does not answer; the last is repeated.
DELAYS = [1.0, 2.0, 5.0, 10.0]
TRIES = 3
# Between two calls at the end of the log.
PAUSE = 1.0
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 15.0


class RelayError(Exception):
    """Why nothing can be relayed, as a sentence for whoever started it."""


class NoAnswer(Exception):
    """The API does not answer at the moment; `wait` is what it asks for, in seconds."""

    def __init__(self, sentence: str, wait: float = 0) -> None:
        super().__init__(sentence)
        self.wait = wait


@dataclass(frozen=True)
class Page:
    events: list[dict[str, Any]]
    cursor: str
    has_more: bool


@dataclass(frozen=True)
class Try:
    """One POST to the target. `status` is None where it did not answer; then `error` says why, in a word or two."""

    at: datetime
    event_id: str
    event_type: str
    attempt: int
    status: int | None
    error: str
    milliseconds: float
    # Seconds until the next try of the same event; None: it is done with.
    retry_in: float | None

    @property
    def succeeded(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True)
class Notice:
    """Something that is not a try, as a sentence."""

    sentence: str


@dataclass(frozen=True)
class Reached:
    """Everything up to this cursor, or event, is done with."""

    cursor: str


News = Try | Notice | Reached


def checked_url(url: str, what: str) -> str:
    """Returns an http(s) URL as it is; raises RelayError for anything else."""
    try:
        parts = urlsplit(url)
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        is_http = False
    if not is_http:
        raise RelayError(
            f"{what} must be an http or https URL, such as http://127.0.0.1:3000/hook; not {url!r}."
        )
    return url


class Log:
    """The log of events behind an API's address, as far as the key and the filters let one see it."""

    def __init__(self, api: str, key: str, types: Sequence[str] = (), number_id: str = "") -> None:
        self.url = checked_url(api, "The API's address").rstrip("/") + "/v1/events"
        self._query: dict[str, Any] = {"limit": 100}
        if types:
            self._query["type"] = ",".join(types)
        if number_id:
            self._query["numberId"] = number_id
        if not key.isascii() or not key.isprintable():
            raise RelayError("The API key holds characters that no key has.")
        self._session = requests.Session()
        self._session.headers["x-api-key"] = key

    def page(self, **start: str) -> Page:
        """Returns what stands behind `after` or `since`. Raises NoAnswer, or RelayError where waiting mends nothing."""
        try:
            response = self._session.get(
                self.url,
                params=self._query | start,
                timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
                allow_redirects=False,
            )
        except requests.RequestException as problem:
            raise NoAnswer(f"{self.url} does not answer ({type(problem).__name__}).") from problem
        answer = _json(response)
        said = str(answer.get("error") or f"It answers {response.status_code}.")
        if response.status_code == 429 or response.status_code >= 500:
            asked = response.headers.get("retry-after", "")
            raise NoAnswer(f"{self.url}: {said}", float(asked) if asked.isdigit() else 0)
        if response.status_code in (401, 403):
            raise RelayError(f"The API refuses the key: {said}")
        if response.status_code != 200:
            raise RelayError(f"{self.url}: {said}")
        try:
            return Page(list(answer["data"]), str(answer["nextCursor"]), bool(answer["hasMore"]))
        except KeyError:
            raise RelayError(f"{self.url} is not the API of this server.") from None


class Target:
    """Where events are posted to. Straight to it, whatever proxies the environment names."""

    def __init__(self, url: str, secret: str) -> None:
        self.url = checked_url(url, "The target")
        self._secret = secret
        try:
            headers_of("evt", "", 1, b"", [secret], datetime.now(UTC))
        except ValueError:
            raise RelayError("The secret is not one of a webhook: whsec_ and base64.") from None
        self._session = requests.Session()
        self._session.trust_env = False

    def post(self, event: dict[str, Any], attempt: int) -> Try:
        """Posts an event as the API answered it, as the attempt of that number."""
        now, began = datetime.now(UTC), time.monotonic()
        if event["body"] is None:
            return Try(now, event["id"], event["type"], attempt, None, "its key is lost", 0.0, None)
        body = to_text(event["body"]).encode()
        headers = headers_of(event["id"], event["type"], attempt, body, [self._secret], now)
        status, error = None, ""
        try:
            with self._session.post(
                self.url, body, headers=headers, timeout=(CONNECT_SECONDS, ANSWER_SECONDS), stream=True,
                allow_redirects=False,
            ) as response:  # fmt: skip
                status = response.status_code
        except requests.ReadTimeout:
            error = "no answer in time"
        except requests.RequestException:
            error = "not reachable"
        milliseconds = (time.monotonic() - began) * 1000
        retry_in: float | None = None
        if error == "not reachable" or (not (status and 200 <= status < 300) and attempt < TRIES):
            retry_in = _delay(attempt)
        return Try(now, event["id"], event["type"], attempt, status, error, milliseconds, retry_in)


def relay(
    log: Log, target: Target, start: dict[str, str], sleep: Callable[[float], None] = time.sleep
) -> Iterator[News]:
    """Posts events as they come, for ever, and yields what happens.

    `start` is {"after": …}, {"since": …}, or {} for the beginning. Raises RelayError, as it does where the API does not
    answer the first call.
    """
    try:
        page = log.page(**start)
    except NoAnswer as problem:
        raise RelayError(f"{problem} Is this the right address, and does the server run?") from problem
    while True:
        for event in page.events:
            yield from _deliver(target, event, sleep)
            yield Reached(event["id"])
        yield Reached(page.cursor)
        if not page.has_more:
            sleep(PAUSE)
        page = yield from _next(log, page.cursor, sleep)


def _deliver(target: Target, event: dict[str, Any], sleep: Callable[[float], None]) -> Iterator[News]:
    attempt = 1
    while True:
        tried = target.post(event, attempt)
        yield tried
        if tried.retry_in is None:
            return
        sleep(tried.retry_in)
        attempt += 1


def _next(log: Log, cursor: str, sleep: Callable[[float], None]) -> Any:
    """A generator that yields notices and returns the page behind the cursor."""
    failures = 0
    while True:
        try:
            return log.page(after=cursor)
        except NoAnswer as problem:
            failures += 1
            wait = problem.wait or _delay(failures)
            yield Notice(f"{problem} Trying again in {wait:.0f} s.")
            sleep(wait)


def _delay(failures: int) -> float:
    return DELAYS[min(failures, len(DELAYS)) - 1]


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}
