"""Phone numbers as providers write them, and as we do: E.164 with `+`, or "" where there is none."""

import re
from functools import lru_cache

import phonenumbers

from accounts.encryption import keyed_hash

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
# What `to_e164` takes, as JSON Schema's pattern.
WRITTEN = r"^[\s().\-/]*(\+[\s().\-/]*)?(0[\s().\-/]*0[\s().\-/]*)?[1-9]([\s().\-/]*[0-9]){6,14}[\s().\-/]*$"
_FORMATTING = re.compile(r"[\s().\-\u00a0\u2010-\u2015/]+")


@lru_cache(maxsize=4096)
def to_e164(text: str) -> str:
    """Returns `+1 631-555-8151`, `16315558151` or `0016315558151` as `+16315558151`; "" for anything that is no number.

    Only the form is changed, never the digits: neither Brazil's ninth digit nor Mexico's 521 is added or taken away.
    """
    digits = _FORMATTING.sub("", text).removeprefix("+")
    if digits.startswith("00"):
        digits = digits[2:]
    candidate = f"+{digits}"
    return candidate if candidate.isascii() and E164.fullmatch(candidate) else ""


def in_print(phone: str) -> str:
    """Returns `+16315558151` as people write it, `+1 631-555-8151`; any other text as it is."""
    try:
        parsed = phonenumbers.parse(phone)
    except phonenumbers.NumberParseException:
        return phone
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def match_form(phone: str) -> str:
    """Returns the form under which variants of one E.164 number are equal.

    Brazil's mobiles with and without the ninth digit, Mexico's +52 and +521, Argentina's +54 and +549.
    """
    if phone.startswith("+55") and len(phone) == 13 and phone[5] in "6789":
        return f"{phone[:5]}9{phone[5:]}"
    if phone.startswith("+521") and len(phone) == 14:
        return f"+52{phone[4:]}"
    if phone.startswith("+549") and len(phone) == 14:
        return f"+54{phone[4:]}"
    return phone


def same_phone(one: str, other: str) -> bool:
    return bool(one) and bool(other) and match_form(one) == match_form(other)


def contact_key(phone: str, opaque_id: str = "") -> str:
    """Returns the key under which everything of one contact is found, without storing the phone; "" for nobody."""
    if phone:
        return keyed_hash(match_form(phone))
    return keyed_hash(opaque_id) if opaque_id else ""
