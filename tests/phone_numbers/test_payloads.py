"""Reading JSON of strangers: times, ids and texts, or nothing."""

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phone_numbers.payloads import identifier, load, moment, records, text

AT = datetime(2026, 1, 1, 3, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        1767237360,
        1767237360.0,
        "1767237360",
        1767237360000,
        "1767237360000",
        {"low": 1767237360, "high": 0, "unsigned": True},
        {"low": 2005801344, "high": 411, "unsigned": False},
        {"low": 2005801344 - 2**32, "high": 411, "unsigned": False},
        "2026-01-01T03:16:00Z",
        "2026-01-01T06:16:00+03:00",
    ],
)
def test_a_moment_is_read_in_every_form_that_gateways_use(value: object) -> None:
    assert moment(value) == AT


def test_milliseconds_are_kept() -> None:
    found = moment(1767231280077)
    assert found is not None
    assert found.microsecond == 77_000


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 5, 10**30, 1e300, float("nan"), float("inf"), "", "yesterday", "9" * 400, [],
        "2026-01-01T03:16:00", "1970-01-01T00:00:01Z", {"low": 1}, {"low": 1, "high": 10**40}, {"low": "1", "high": 0},
    ],
)  # fmt: skip
def test_what_is_no_plausible_moment_is_none(value: object) -> None:
    assert moment(value) is None


def test_what_cannot_be_stored_is_taken_out() -> None:
    assert text("a\x00b\ud83dc") == "abc"
    assert text("👍") == "👍"
    assert text(5) == ""


def test_an_endless_id_is_none() -> None:
    assert identifier(" 3EB0 ") == "3EB0"
    assert identifier("x" * 301) == ""


def test_a_lone_object_is_a_list_of_one() -> None:
    assert records({"a": 1}) == [{"a": 1}]
    assert records([1, {"a": 1}, None]) == [{"a": 1}]
    assert records("text") == []


@pytest.mark.parametrize("body", ["", "null", "[]", '"x"', "{", "[" * 100_000])
def test_what_is_no_object_is_a_value_error(body: str) -> None:
    with pytest.raises(ValueError):
        load(body)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["low", "high", "x"]), inner),
)


@given(anything)
@example(253_403_070_464_000)
@example(2.5e14 - 1)
def test_no_value_makes_a_reader_raise(value: object) -> None:
    assert moment(value) is None or isinstance(moment(value), datetime)
    assert isinstance(text(value) + identifier(value), str)
    assert isinstance(records(value), list)


def test_what_is_nested_deeper_than_any_provider_nests_is_refused() -> None:
    nested = '{"a": ' * 150 + "1" + "}" * 150
    assert load(nested)
    with pytest.raises(ValueError, match="deeply"):
        load(nested.replace("1", '{"a": ' * 60 + "1" + "}" * 60))
