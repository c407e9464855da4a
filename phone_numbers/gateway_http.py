"""Speaking HTTP with a self-hosted gateway: one JSON request, one answer as a value.

A gateway's key travels in a header and nowhere else; what a gateway says back is cleared of it before anybody reads it.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from traceback import walk_tb
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, MaxRetryError, NewConnectionError

from phone_numbers.payloads import record, text
from phone_numbers.providers.base import ConfigError, SendResult, SendState

TIMEOUT = (5, 15)
MAX_ANSWER = 1024 * 1024
MAX_SENTENCE = 500
MAX_RETRY_AFTER = timedelta(hours=1)


def _new_session() -> requests.Session:
    session = requests.Session()
    # Neither netrc nor a proxy of the environment may add to, or see, what goes to a customer's gateway.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=50, pool_maxsize=16))
    return session


SESSION = _new_session()


class Failure(StrEnum):
    """How a request ended without an answer."""

    # The gateway was not reached: it has not seen the request.
    UNREACHED = "unreached"
    # The connection broke or stayed silent after the request had gone out.
    BROKEN = "broken"
    # The request could not be made at all.
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `status` is 0 where `failure` says why nothing did; `body` is the JSON, or None.

    `is_page`: it is a web page, so not the gateway's own answer but that of something in front of it.
    """

    status: int = 0
    body: Any = None
    is_page: bool = False
    sentence: str = ""
    retry_after: timedelta | None = None
    failure: Failure | None = None

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300


def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: Mapping[str, Any] | None = None,
    secrets: tuple[str, ...] = (),
    timeout: tuple[float, float] = TIMEOUT,
) -> Answer:
    """Makes one request. Never raises for what a gateway or a network can do; follows no redirect."""
    try:
        with SESSION.request(
            method, url, headers=dict(headers), json=body, timeout=timeout, allow_redirects=False, stream=True
        ) as response:
            content = response.raw.read(MAX_ANSWER, decode_content=True)
            answer = _json(content)
            return Answer(
                status=response.status_code,
                body=answer,
                is_page=content.lstrip()[:1] == b"<",
                sentence=sentence_of(answer, secrets),
                retry_after=_retry_after(response.headers.get("Retry-After", "")),
            )
    except requests.ConnectTimeout:
        return Answer(
            failure=Failure.UNREACHED, sentence="The gateway could not be reached within 5 seconds."
        )
    except (requests.ConnectionError, requests.Timeout) as error:
        return _unanswered(error)
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidHeader,
        requests.exceptions.InvalidSchema,
    ):
        return Answer(failure=Failure.IMPOSSIBLE, sentence="The gateway's address or key is not usable.")
    # urllib3's own errors and the socket's come through while the body is read.
    except (HTTPError, OSError, UnicodeError):
        return Answer(failure=Failure.BROKEN, sentence="The connection to the gateway broke.")


def refusal(answer: Answer) -> SendResult:
    """Turns an answer that is no acceptance into the result of a send.

    Not reached, 429 and 503: RETRY. Broken after the request, every other 5xx, and a web page that claims success:
    UNKNOWN, since a gateway can fail after it has sent. Everything else: REFUSED, with the gateway's sentence and its
    status as the code.
    """
    code = str(answer.status or answer.failure or "").upper()
    sentence = answer.sentence or f"The gateway answered {answer.status}."
    if answer.failure is Failure.UNREACHED or answer.status in (429, 503):
        return SendResult(
            state=SendState.RETRY, error=sentence, error_code=code, retry_after=answer.retry_after
        )
    if answer.is_success:
        sentence = "A web page came back instead of the gateway's answer; is its baseUrl right?"
        return SendResult(state=SendState.UNKNOWN, error=sentence, error_code=code)
    if answer.failure is Failure.BROKEN or answer.status >= 500:
        return SendResult(state=SendState.UNKNOWN, error=sentence, error_code=code)
    if 300 <= answer.status < 400:
        sentence = "The gateway answered with a redirect; is its baseUrl complete?"
    return SendResult(state=SendState.REFUSED, error=sentence, error_code=code)


def sentence_of(body: Any, secrets: tuple[str, ...] = ()) -> str:
    """Returns the words of a gateway's error, whatever their shape, on one line of at most 500 characters.

    Secrets are taken out before the line is cut: a cut through one would leave its beginning.

    Evolution: `{"response": {"message": […]}}`; WAHA: `{"error": …}`, `{"message": …}` or
    `{"exception": {"message": …}}`.
    """
    words = _words(body, depth=0)
    return _redacted(" ".join(" ".join(dict.fromkeys(words)).split()), secrets)[:MAX_SENTENCE]


def _words(value: Any, depth: int) -> list[str]:
    if isinstance(value, str):
        return [text(value)] if value.strip() else []
    if depth > 4:
        return []
    if isinstance(value, list):
        return [word for item in value[:5] for word in _words(item, depth + 1)]
    found = record(value)
    # A number that Evolution did not find on WhatsApp, as an answer to a send.
    if found.get("exists") is False:
        return ["The recipient is not on WhatsApp."]
    for key in ("response", "exception", "message", "details", "error"):
        if words := _words(found.get(key), depth + 1):
            return words
    return []


def gateway_url(config: Mapping[str, Any]) -> str:
    """Returns `baseUrl` in its normal form, without a slash at the end; raises ConfigError."""
    value = required(config, "baseUrl")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise ConfigError("baseUrl is not a URL.") from None
    host = (parts.hostname or "").lower()
    if parts.scheme.lower() not in ("http", "https") or not host:
        raise ConfigError("baseUrl must begin with http:// or https:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise ConfigError("baseUrl must not hold a user name or a password.")
    if parts.query or parts.fragment or any(character.isspace() for character in value):
        raise ConfigError("baseUrl must end with its path: no query, no fragment, no spaces.")
    scheme = parts.scheme.lower()
    host = f"[{host}]" if ":" in host else host
    if port is not None and port != {"http": 80, "https": 443}[scheme]:
        host = f"{host}:{port}"
    return f"{scheme}://{host}{parts.path.rstrip('/')}"


def refuse_unknown(config: Mapping[str, Any], *known: str) -> None:
    """Raises ConfigError for a key of a providerConfig that is none of `known`: a misspelt one would have no effect."""
    for key in sorted(config.keys() - set(known)):
        raise ConfigError(f"there is no key {key}. There are: {', '.join(known) or 'none'}.")


def required(config: Mapping[str, Any], key: str, default: str | None = None) -> str:
    """Returns a printable string of a providerConfig, trimmed; raises ConfigError."""
    value = config.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, str) or not value.strip():
        raise ConfigError(f"{key} is required and must be a text.")
    value = value.strip()
    if not value.isprintable() or len(value) > 1000:
        raise ConfigError(f"{key} has characters that cannot be used, or is too long.")
    return value


def secret(config: Mapping[str, Any], key: str) -> str:
    """Returns a secret that can travel in a header; raises ConfigError, which never repeats it."""
    value = required(config, key)
    if not value.isascii():
        raise ConfigError(f"{key} must be plain ASCII: it travels in a header.")
    return value


def reference(url: str, name: str) -> str:
    """Returns the reference of one instance at one gateway; raises ConfigError where it is too long to be stored."""
    found = f"{url}#{name}"
    if len(found) > 300:
        raise ConfigError(
            "baseUrl and the name of the instance are too long together (at most 299 characters)."
        )
    return found


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        return None


def _redacted(sentence: str, secrets: tuple[str, ...]) -> str:
    for one in secrets:
        if one:
            sentence = sentence.replace(one, "…")
    return sentence


def _unanswered(error: requests.RequestException) -> Answer:
    if _was_in_handshake(error):
        return Answer(
            failure=Failure.UNREACHED, sentence="No secure connection to the gateway could be made."
        )
    if isinstance(error, requests.Timeout):
        return Answer(failure=Failure.BROKEN, sentence="The gateway did not answer in time.")
    if _never_connected(error):
        return Answer(failure=Failure.UNREACHED, sentence="The gateway could not be reached.")
    return Answer(failure=Failure.BROKEN, sentence="The connection to the gateway broke.")


def _was_in_handshake(error: BaseException) -> bool:
    """Whether TLS was still being agreed on, so that nothing of the request had gone out. Its errors do not say so:
    what breaks TLS later has the same classes.
    """
    cause: BaseException | None = error
    while cause is not None:
        if any(frame.f_code.co_name == "do_handshake" for frame, _ in walk_tb(cause.__traceback__)):
            return True
        cause = cause.__context__
    return False


def _never_connected(error: requests.RequestException) -> bool:
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _retry_after(value: str) -> timedelta | None:
    try:
        if value.strip().isdecimal():
            delay = timedelta(seconds=min(int(value), 86_400))
        else:
            delay = parsedate_to_datetime(value) - datetime.now(UTC)
    except (ValueError, TypeError, OverflowError):
        return None
    return max(timedelta(0), min(delay, MAX_RETRY_AFTER))
