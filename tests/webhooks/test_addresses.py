"""Which addresses may be reached: public ones, and exactly what is listed."""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.addresses import SPECIAL_NETWORKS, Address, is_allowed, is_own, refusal

DENIED = [
    # IPv4: every special range, first and last address where an off-by-one would show.
    "0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1",
    "127.255.255.255", "169.254.0.1", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.0.0.1", "192.0.0.255",
    "192.0.2.1", "192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "192.175.48.1",
    "198.18.0.0", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.254", "255.255.255.255",
    # IPv6: special ranges, and what lies outside global unicast.
    "::", "::1", "::2", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:30::1",
    "2001:1ff:ffff::1", "2001:db8::1", "2620:4f:8000::1", "3fff::1", "3fff:fff:ffff::1", "4000::1", "5f00::1",
    "1fff::1", "fc00::1", "fdff:ffff::1", "fe00::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "feff::1",
    "ff02::1", "ff0e::1",
    # Forms that carry an IPv4 address: mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP.
    "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0.0.0.0", "::127.0.0.1", "::8.8.8.8",
    "::ffff:0:127.0.0.1", "::ffff:0:8.8.8.8", "64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8",
    "64:ff9b:1::10.0.0.1", "64:ff9b:1:ffff::1", "2002:7f00:1::1", "2002:a00:1::1", "2002:808:808::1",
    "2001:0:808:808:0:0:80ff:fffe", "2a00:1450::5efe:10.0.0.1", "2a00:1450::5efe:8.8.8.8",
    "2a00:1450::200:5efe:192.168.0.1", "fe80::5efe:10.0.0.1",
    # Metadata services of clouds.
    "169.254.169.254", "169.254.170.2", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254",
    "fd20:ce::254", "::ffff:168.63.129.16", "64:ff9b::168.63.129.16",
]  # fmt: skip

PUBLIC = [
    "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "198.17.255.255", "198.20.0.0",
    "223.255.255.255", "168.63.129.15", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1",
    "3ffe::1", "::ffff:8.8.8.8",
]  # fmt: skip


def _nothing(address: Address) -> bool:
    return False


@pytest.mark.parametrize("address", DENIED)
def test_no_special_address_is_reached(address: str) -> None:
    assert not is_allowed(ip_address(address), own=_nothing)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_reached(address: str) -> None:
    assert refusal(ip_address(address), own=_nothing) == ""


@given(address=st.ip_addresses(v=4) | st.ip_addresses(v=6))
def test_what_python_knows_to_be_special_is_refused(address: Address) -> None:
    special = not address.is_global or address.is_multicast or address.is_reserved or address.is_link_local
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    assert not (special and not mapped and is_allowed(address, own=_nothing))


@pytest.mark.parametrize(("network", "meaning"), SPECIAL_NETWORKS, ids=lambda value: str(value))
def test_every_special_range_is_refused_from_end_to_end(network: object, meaning: str) -> None:
    assert isinstance(network, type(ip_network("::/0")) | type(ip_network("0.0.0.0/0")))
    assert refusal(network[0], own=_nothing)
    assert refusal(network[-1], own=_nothing)


@given(carried=st.ip_addresses(v=4))
def test_a_mapped_address_is_judged_by_what_it_carries(carried: IPv4Address) -> None:
    mapped = IPv6Address((0xFFFF << 32) + int(carried))
    assert refusal(mapped, own=_nothing) == refusal(carried, own=_nothing)


def test_a_refusal_says_why() -> None:
    assert refusal(ip_address("10.0.0.1")) == "10.0.0.1 is not a public address (private)."
    assert refusal(ip_address("169.254.169.254")) == (
        "169.254.169.254 is a metadata address of a cloud (AWS, Google Cloud, Azure and others)."
    )
    assert refusal(ip_address("64:ff9b::10.0.0.1")) == (
        "64:ff9b::a00:1 leads to another address. 10.0.0.1 is not a public address (private)."
    )


@pytest.mark.parametrize(
    ("listed", "opened"),
    [
        ("127.0.0.0/8", ["127.0.0.1", "127.9.9.9", "::ffff:127.0.0.1"]),
        ("10.1.0.0/16", ["10.1.0.1", "10.1.255.255"]),
        ("::1/128", ["::1"]),
        ("fd00::/8", ["fd12::1"]),
        ("169.254.169.254/32", ["169.254.169.254", "::ffff:169.254.169.254"]),
        ("64:ff9b::/96", ["64:ff9b::8.8.8.8"]),
    ],
)
def test_the_list_opens_what_it_names(listed: str, opened: list[str]) -> None:
    assert [
        text for text in opened if not is_allowed(ip_address(text), [ip_network(listed)], own=_nothing)
    ] == []


@pytest.mark.parametrize(
    ("listed", "closed"),
    [
        (
            "127.0.0.0/8",
            ["::1", "::127.0.0.1", "64:ff9b::127.0.0.1", "2002:7f00:1::", "::ffff:10.0.0.1", "0.0.0.0"],
        ),
        ("10.1.0.0/16", ["10.0.255.255", "10.2.0.0", "::ffff:10.2.0.0", "64:ff9b::10.1.0.1"]),
        ("::1/128", ["::", "::2", "127.0.0.1", "::ffff:127.0.0.1"]),
        # What it carries must be open too.
        ("64:ff9b::/96", ["64:ff9b::10.0.0.1", "64:ff9b::169.254.169.254", "10.0.0.1"]),
        ("2002::/16", ["2002:7f00:1::1"]),
        # A metadata service is opened by its own name only.
        ("169.254.0.0/16", ["169.254.169.254"]),
        ("100.64.0.0/10", ["100.100.100.200"]),
        ("fd00::/8", ["fd00:ec2::254"]),
        ("0.0.0.0/0", ["169.254.169.254", "168.63.129.16"]),
    ],
)
def test_the_list_opens_nothing_else(listed: str, closed: list[str]) -> None:
    assert [text for text in closed if is_allowed(ip_address(text), [ip_network(listed)], own=_nothing)] == []


def test_this_servers_own_addresses_are_refused() -> None:
    public = ip_address("8.8.8.8")
    assert refusal(public, own=lambda address: address == public) == "8.8.8.8 is this server's own address."
    assert refusal(ip_address("::ffff:8.8.8.8"), own=lambda address: address == public)


def test_an_own_address_that_is_listed_is_reached() -> None:
    public = ip_address("8.8.8.8")
    assert is_allowed(public, [ip_network("8.8.8.8/32")], own=lambda address: True)


def test_the_kernel_knows_the_own_addresses() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("127.0.0.1", 9))
        assert is_own(ip_address(probe.getsockname()[0]))
    assert not is_own(ip_address("8.8.8.8"))
    assert not is_own(ip_address("2606:4700::1111"))
