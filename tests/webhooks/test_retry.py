"""What is true of every retry."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhooks.retry import (
    MAX_ATTEMPTS,
    MAX_RETRY_AFTER,
    RETRY_DELAYS,
    delay_after,
    parse_retry_after,
    with_retry_after,
)

NOW = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)

jitters = st.floats(-1, 1)
delays = st.timedeltas(timedelta(0), timedelta(hours=14))
moments = st.integers(315_532_800, 3_155_760_000).map(lambda second: datetime.fromtimestamp(second, UTC))


def test_the_published_schedule() -> None:
    assert [delay_after(made, 0) for made in range(1, 10)] == [
        timedelta(seconds=5),
        timedelta(seconds=30),
        timedelta(minutes=2),
        timedelta(minutes=10),
        timedelta(hours=1),
        timedelta(hours=3),
        timedelta(hours=6),
        timedelta(hours=12),
        None,
    ]


@given(made=st.integers(1, len(RETRY_DELAYS)), jitter=jitters)
def test_a_delay_is_within_ten_percent_of_the_schedule(made: int, jitter: float) -> None:
    delay = delay_after(made, jitter)
    assert delay is not None
    assert RETRY_DELAYS[made - 1] * 0.9 <= delay <= RETRY_DELAYS[made - 1] * 1.1


@given(made=st.integers(1, len(RETRY_DELAYS) - 1), first=jitters, second=jitters)
def test_delays_grow_whatever_the_dice_say(made: int, first: float, second: float) -> None:
    earlier, later = delay_after(made, first), delay_after(made + 1, second)
    assert earlier is not None
    assert later is not None
    assert earlier < later


@given(made=st.integers(MAX_ATTEMPTS, 1000), jitter=jitters)
def test_after_the_ninth_attempt_there_is_none(made: int, jitter: float) -> None:
    assert delay_after(made, jitter) is None


def test_before_the_first_attempt_there_is_no_delay() -> None:
    with pytest.raises(ValueError):
        delay_after(0, 0)


@given(delay=delays, asked=st.timedeltas(timedelta(0), timedelta(days=4000)))
def test_a_retry_is_never_earlier_than_scheduled_or_asked(delay: timedelta, asked: timedelta) -> None:
    answer = with_retry_after(delay, asked)
    assert answer >= delay
    assert answer >= min(asked, MAX_RETRY_AFTER)


@given(delay=delays, asked=st.timedeltas(timedelta(0), timedelta.max))
def test_no_receiver_puts_a_retry_off_for_more_than_12_hours(delay: timedelta, asked: timedelta) -> None:
    assert with_retry_after(delay, asked) <= max(delay, timedelta(hours=12))


@given(delay=delays)
def test_without_retry_after_the_schedule_holds(delay: timedelta) -> None:
    assert with_retry_after(delay, None) == delay


@given(seconds=st.integers(0, 10**9))
def test_seconds_are_read(seconds: int) -> None:
    assert parse_retry_after(str(seconds), NOW) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["Tue, 24 Feb 2026 10:32:00 GMT", "Tuesday, 24-Feb-26 10:32:00 GMT", "Tue Feb 24 10:32:00 2026"],
    ids=["IMF-fixdate", "RFC 850", "asctime"],
)
def test_a_date_is_read_in_all_three_forms(text: str) -> None:
    assert parse_retry_after(text, NOW) == timedelta(minutes=2)


@given(moment=moments, now=moments)
def test_every_date_is_the_span_until_then_or_zero(moment: datetime, now: datetime) -> None:
    expected = max(timedelta(0), moment - now)
    assert parse_retry_after(format_datetime(moment, usegmt=True), now) == expected
    assert parse_retry_after(moment.strftime("%a %b %d %H:%M:%S %Y"), now) == expected


@given(days=st.integers(-40 * 365, 40 * 365))
def test_two_digits_of_a_year_mean_the_nearest_such_year(days: int) -> None:
    moment = NOW + timedelta(days=days)
    text = moment.strftime("%A, %d-%b-%y %H:%M:%S GMT")
    assert parse_retry_after(text, NOW) == max(timedelta(0), timedelta(days=days))


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "-1", "+5", "1.5", "1e3", "0x10", "soon", "5 s", "NaN", "٣", "１０", "5, 6",
        "Tue, 99 Foo 2026 10:32:00 GMT", "Tue, 24 Feb 2026", "24/02/2026 10:32", "2026-02-24T10:32:00Z",
        "Tue, 24 Feb 2026 25:61:61 GMT",
        "Tuesday, 29-Feb-27 10:32:00 GMT", "Mon, " + "9" * 50, "9" * 500,
    ],
)  # fmt: skip
def test_nonsense_asks_for_nothing(text: str) -> None:
    assert parse_retry_after(text, NOW) is None


@given(text=st.text())
def test_no_text_breaks_the_parser(text: str) -> None:
    answer = parse_retry_after(text, NOW)
    assert answer is None or answer >= timedelta(0)


def test_an_absurd_number_of_seconds_is_still_a_span() -> None:
    asked = parse_retry_after("9" * 100, NOW)
    assert with_retry_after(timedelta(seconds=5), asked) == timedelta(hours=12)
