"""Which URLs a webhook may have: form and policy. What a name resolves to is judged when connecting."""

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from urllib.parse import quote, urlsplit

import idna
from django.conf import settings

from webhooks.addresses import Address, refusal

MAX_LENGTH = 2000
# Below 1024 only the web's own ports: the others belong to mail, shells, file shares and name servers.
LOW_PORTS = {80, 443}
DEFAULT_PORTS = {"http": 80, "https": 443}
SAFE_IN_PATH = "/%:@!$&'()*+,;=-._~"
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")


class TargetError(ValueError):
    """The URL cannot be a webhook's; the message is a sentence for its owner."""


def check_url(url: str) -> str:
    """The URL in its normal form, in ASCII, as it is stored and sent to; its fragment is dropped.

    Raises TargetError.
    """
    normal, literal = _normalize(url, settings.WEBHOOK_REQUIRE_HTTPS)
    if literal is not None:
        reason = refusal(literal, settings.WEBHOOK_ALLOWED_NETWORKS)
        if reason:
            raise TargetError(f"Webhooks cannot be sent there: {reason}")
    return normal


@lru_cache(maxsize=4096)
def _normalize(url: str, https_only: bool) -> tuple[str, Address | None]:
    url = url.strip(" ")
    if re.search(r"[\x00-\x20\x7f\\]", url):
        raise TargetError("The URL contains spaces, control characters or backslashes.")
    try:
        url.encode()
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise TargetError("This is not a valid URL.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise TargetError("The URL must begin with https:// or http://.")
    if https_only and parts.scheme != "https":
        raise TargetError("The URL must begin with https://.")
    if "@" in parts.netloc:
        raise TargetError("The URL must not contain a user name or password.")
    if not parts.hostname:
        raise TargetError("The URL has no host.")
    if port is not None and port not in LOW_PORTS and port < 1024:
        raise TargetError(f"Port {port} is not allowed: use 80, 443, or 1024 and above.")
    host, literal = _host(parts.hostname, bracketed="[" in parts.netloc)
    if port is not None and port != DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{port}"
    normal = f"{parts.scheme}://{host}{quote(parts.path, safe=SAFE_IN_PATH) or '/'}"
    if parts.query:
        normal += "?" + quote(parts.query, safe=SAFE_IN_PATH + "?")
    if len(normal) > MAX_LENGTH:
        raise TargetError(f"The URL is longer than {MAX_LENGTH} characters.")
    return normal, literal


def _host(host: str, *, bracketed: bool) -> tuple[str, Address | None]:
    """The host as it stands in the normal form, and the address that it is, if it is one."""
    if bracketed:
        try:
            address = IPv6Address(host)
        except AddressValueError:
            address = None
        if address is None or address.scope_id is not None:
            raise TargetError(f"[{host}] is not an IPv6 address.")
        return f"[{address}]", address
    name = _ascii(host).removesuffix(".")
    labels = name.split(".")
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise TargetError(f"{host} is not a valid host name.")
    # A last label that is a number makes it an IPv4 address (WHATWG URL, "ends in a number checker"), and the system's
    # resolver reads the decimal, octal, hexadecimal and short forms.
    if not re.fullmatch(r"[0-9]+|0x[0-9a-f]*", labels[-1]):
        return name, None
    try:
        return name, IPv4Address(name)
    except AddressValueError:
        raise TargetError(
            f"{host} is not a valid host name: write an IPv4 address as four decimal numbers."
        ) from None


def _ascii(host: str) -> str:
    if host.isascii():
        return host.lower()
    try:
        return idna.encode(host, uts46=True).decode().lower()
    except idna.IDNAError:
        raise TargetError(f"{host} is not a valid host name.") from None
