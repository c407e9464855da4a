import pytest
from hypothesis import given
from hypothesis import strategies as st

from phone_numbers.phones import E164, contact_key, in_print, match_form, same_phone, to_e164


@pytest.mark.parametrize(
    "text",
    ["+1 631-555-8151", "16315558151", "0016315558151", "+1 (631) 555.8151", "+1 631\u2011555\u20118151"],
)
def test_a_number_is_the_same_however_it_is_written(text: str) -> None:
    assert to_e164(text) == "+16315558151"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "+",
        "shop",
        "0631555815",
        "+0631555815",
        "12345",
        "1234567890123456",
        "+44 7700 900123 x5",
        "120363404880000143@g.us",
        "447700900123@s.whatsapp.net",
        "447700900123:7",
        "١٦٣١٥٥٥٨١٥١",
        "+1631555 8151\n+447700900123",
    ],
)
def test_what_is_no_number_is_nothing(text: str) -> None:
    assert to_e164(text) == ""


@given(st.text(max_size=40))
def test_the_result_is_e164_or_nothing(text: str) -> None:
    phone = to_e164(text)
    assert phone == "" or E164.fullmatch(phone)


@given(st.from_regex(E164, fullmatch=True).filter(str.isascii))
def test_e164_stays_as_it_is(phone: str) -> None:
    assert to_e164(phone) == phone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("+5511987654321", "+551187654321"),
        ("+5215512345678", "+525512345678"),
        ("+5491123456789", "+541123456789"),
    ],
)
def test_variants_of_one_number_are_the_same_contact(one: str, other: str) -> None:
    assert same_phone(one, other)
    assert contact_key(one) == contact_key(other)
    assert to_e164(one) == one


@pytest.mark.parametrize(
    ("one", "other"),
    [("+551131234567", "+5511931234567"), ("+12025550143", "+12025550144"), ("", ""), ("+12025550143", "")],
)
def test_different_numbers_stay_different(one: str, other: str) -> None:
    assert not same_phone(one, other)


def test_a_landline_in_brazil_has_no_ninth_digit() -> None:
    assert match_form("+551131234567") == "+551131234567"


def test_a_contact_without_a_phone_is_known_by_the_opaque_id() -> None:
    assert contact_key("", "98765@lid") == contact_key("", "98765@lid") != contact_key("", "98764@lid")
    assert contact_key("", "") == ""


def test_the_key_says_nothing_of_the_phone() -> None:
    assert "447700900123" not in contact_key("+447700900123")
    assert len(contact_key("+447700900123")) == 32


@pytest.mark.parametrize(
    ("phone", "printed"),
    [
        ("+5511988881020", "+55 11 98888-1020"),
        ("+16315558151", "+1 631-555-8151"),
        ("Dispatch", "Dispatch"),
        ("", ""),
    ],
)
def test_a_phone_is_printed_as_people_write_it(phone: str, printed: str) -> None:
    assert in_print(phone) == printed
