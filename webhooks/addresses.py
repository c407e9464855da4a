"""Which IP addresses a webhook may reach. Addresses are judged, never the text of a URL.

Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890 and its updates), and the metadata
addresses that cloud providers document. `ipaddress.is_global` does not do: on Python 3.11 it is true for multicast,
NAT64, 6to4 and fec0::/10.
"""

import socket
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network

# Opened by nothing but an entry for the very address: a private network that is listed may well contain one.
METADATA_ADDRESSES = {
    ip_address("169.254.169.254"): "AWS, Google Cloud, Azure and others",
    ip_address("169.254.170.2"): "AWS, for containers",
    ip_address("fd00:ec2::254"): "AWS",
    ip_address("fd20:ce::254"): "Google Cloud",
    ip_address("168.63.129.16"): "Azure",
    ip_address("100.100.100.200"): "Alibaba Cloud",
    ip_address("192.0.0.192"): "Oracle Cloud",
}

SPECIAL_NETWORKS: list[tuple[Network, str]] = [
    (ip_network(network), meaning)
    for network, meaning in [
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared by the customers of a provider"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "for documentation"),
        ("192.31.196.0/24", "for AS112"),
        ("192.52.193.0/24", "for multicast tunnels"),
        ("192.88.99.0/24", "for 6to4 relays"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "for AS112"),
        ("198.18.0.0/15", "for benchmarks"),
        ("198.51.100.0/24", "for documentation"),
        ("203.0.113.0/24", "for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "the unspecified address"),
        ("::1/128", "loopback"),
        ("::/96", "an IPv4-compatible address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "for discarding"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "for documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "for AS112"),
        ("3fff::/20", "for documentation"),
        ("5f00::/16", "for segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    ]
]
GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")
# The third quarter of an ISATAP address, with its "universal" bit clear and set (RFC 5214, 6.1).
ISATAP = {0x00005EFE, 0x02005EFE}


def is_own(address: Address) -> bool:
    """Whether it belongs to an interface of this machine. Remembered for up to a minute."""
    return _can_be_bound(address, int(time.monotonic() // 60))


def is_allowed(
    address: Address, allowed_networks: Iterable[Network] = (), own: Callable[[Address], bool] = is_own
) -> bool:
    """Whether a webhook may reach it: see `refusal`."""
    return not refusal(address, allowed_networks, own)


def refusal(
    address: Address, allowed_networks: Iterable[Network] = (), own: Callable[[Address], bool] = is_own
) -> str:
    """Why a webhook may not reach this address, as a sentence; "" where it may.

    A form that carries an IPv4 address is judged by what it carries: IPv4-mapped forms as if written plainly, and the
    others are refused unless both they and the carried address are listed or public.
    """
    if isinstance(address, IPv6Address):
        if address.scope_id is not None:
            address = IPv6Address(int(address))
        if address.ipv4_mapped is not None:
            return refusal(address.ipv4_mapped, allowed_networks, own)
        for carried in _carried(address):
            reason = refusal(carried, allowed_networks, own)
            if reason:
                return f"{address} leads to another address. {reason}"
    allowed = [network for network in allowed_networks if address in network]
    if address in METADATA_ADDRESSES:
        if any(network.num_addresses == 1 for network in allowed):
            return ""
        return f"{address} is a metadata address of a cloud ({METADATA_ADDRESSES[address]})."
    if allowed:
        return ""
    for network, meaning in SPECIAL_NETWORKS:
        if address in network:
            return f"{address} is not a public address ({meaning})."
    if isinstance(address, IPv6Address):
        if address not in GLOBAL_UNICAST:
            return f"{address} is not a public address (outside {GLOBAL_UNICAST})."
        if _is_isatap(address):
            return f"{address} is not a public address (ISATAP)."
    if own(address):
        return f"{address} is this server's own address."
    return ""


def _carried(address: IPv6Address) -> list[IPv4Address]:
    """The IPv4 addresses that packets to this one would be handed on to."""
    if address in NAT64 or _is_isatap(address):
        return [IPv4Address(int(address) & 0xFFFFFFFF)]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    return []


def _is_isatap(address: IPv6Address) -> bool:
    return int(address) >> 32 & 0xFFFFFFFF in ISATAP


@lru_cache(maxsize=4096)
def _can_be_bound(address: Address, minute: int) -> bool:
    """Asked of the kernel, which knows every alias: a socket binds to own addresses only."""
    if not _binds(address):
        return False
    # Where any address can be bound (ip_nonlocal_bind), the answer says nothing.
    return not _binds(ip_address("192.0.2.1" if address.version == 4 else "2001:db8::1"))


def _binds(address: Address) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((str(address), 0))
    except OSError:
        return False
    return True
