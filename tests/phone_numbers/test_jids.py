"""Whom an address names, and what is never taken for a phone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_numbers.jids import (
    JidKind,
    Party,
    contact,
    display_name,
    identities,
    listed_identities,
    parse_jid,
)
from phone_numbers.phones import E164


@pytest.mark.parametrize(
    "text",
    [
        "447700900123@s.whatsapp.net",
        "447700900123@c.us",
        "447700900123:31@s.whatsapp.net",
        "447700900123_1:31@s.whatsapp.net",
        "447700900123.0:52@s.whatsapp.net",
        "447700900123_1@c.us",
        "447700900123@hosted",
        "447700900123@S.WhatsApp.net",
        " 447700900123@c.us ",
    ],
)
def test_device_agent_and_server_do_not_change_the_phone(text: str) -> None:
    jid = parse_jid(text)
    assert jid is not None
    assert (jid.phone, jid.lid, str(jid)) == ("+447700900123", "", "447700900123@s.whatsapp.net")


def test_whatsapp_webs_own_object_is_a_jid_too() -> None:
    jid = parse_jid({"server": "c.us", "user": "447700900123", "_serialized": "447700900123@c.us"})
    assert jid is not None
    assert jid.phone == "+447700900123"


@pytest.mark.parametrize("text", ["38200000000187@lid", "38200000000187:4@lid", "38200000000187@hosted.lid"])
def test_a_lid_is_never_a_phone(text: str) -> None:
    jid = parse_jid(text)
    assert jid is not None
    assert (jid.phone, jid.lid) == ("", "38200000000187@lid")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("120363404880000143@g.us", JidKind.GROUP),
        ("447700900123-1410000000@g.us", JidKind.GROUP),
        ("120363417340000222@newsletter", JidKind.NEWSLETTER),
        ("status@broadcast", JidKind.BROADCAST),
        ("1234567890@elsewhere", JidKind.OTHER),
        ("0@s.whatsapp.net", JidKind.PHONE),
    ],
)
def test_what_is_no_person_has_no_phone(text: str, kind: JidKind) -> None:
    jid = parse_jid(text)
    assert jid is not None
    assert (jid.kind, jid.phone, jid.lid) == (kind, "", "")


@pytest.mark.parametrize(
    "value", ["", "Evolution API", "@c.us", ":3@c.us", None, 5, [], {}, {"user": "1"}, "9" * 500 + "@c.us"]
)
def test_what_is_no_jid_is_none(value: object) -> None:
    assert parse_jid(value) is None


@given(
    st.text(max_size=40),
    st.sampled_from(["s.whatsapp.net", "c.us", "lid", "g.us", "newsletter", "hosted", "x"]),
)
def test_a_phone_is_e164_or_nothing_whatever_the_jid(user: str, server: str) -> None:
    jid = parse_jid(f"{user}@{server}")
    assert jid is None or jid.phone == "" or E164.fullmatch(jid.phone)
    if server in ("lid", "g.us", "newsletter") and jid is not None and "@" not in user:
        assert jid.phone == ""


def test_a_contact_is_made_of_all_its_addresses() -> None:
    found = contact([None, parse_jid("38200000000187:2@lid"), parse_jid("447700900123@c.us")], "Ada")
    assert (found.phone, found.opaque_id, found.name) == ("+447700900123", "38200000000187@lid", "Ada")


def test_a_pair_of_lid_and_phone_is_learned_either_way_round() -> None:
    forth = identities([("38200000000187@lid", "447700900123:4@s.whatsapp.net")])
    back = identities([("447700900123@c.us", "38200000000187@lid")])
    assert forth == back
    assert (forth[0].opaque_id, forth[0].phone) == ("38200000000187@lid", "+447700900123")


@pytest.mark.parametrize(
    "pair", [("1111111111@c.us", "2222222222@c.us"), ("3@lid", "4@lid"), ("3@lid", "g@g.us"), (None, 5)]
)
def test_other_pairs_teach_nothing(pair: tuple[object, object]) -> None:
    assert identities([pair]) == []


def test_the_digits_of_a_lid_in_place_of_a_phone_teach_nothing() -> None:
    entries = [
        {"jid": "38200000000187@lid", "phoneNumber": "38200000000187"},
        {"jid": "38200000000188@lid", "phoneNumber": "447700900123@s.whatsapp.net"},
    ]
    assert [(one.opaque_id, one.phone) for one in listed_identities(entries)] == [
        ("38200000000188@lid", "+447700900123")
    ]


@pytest.mark.parametrize(
    "name", ["", None, "447700900123", "447700900123@s.whatsapp.net", "38200000000187@lid"]
)
def test_an_address_is_no_name(name: object) -> None:
    assert display_name(name, [parse_jid("447700900123@c.us")]) is None


def test_a_name_with_an_at_sign_is_a_name() -> None:
    assert display_name("Ada @ Work", []) == "Ada @ Work"


def test_brazils_ninth_digit_does_not_make_another_person() -> None:
    jid = parse_jid("551190000123@c.us")
    assert jid is not None
    assert not Party.of([], "+5511900000123").is_at(parse_jid("551190000124@c.us") or jid)
    mobile = parse_jid("551198765432@c.us") or jid
    assert Party.of([], "+5511998765432").is_at(parse_jid("5511998765432@c.us") or jid)
    assert Party.of([mobile]).is_known_like(jid)
