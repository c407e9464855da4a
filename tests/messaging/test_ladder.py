from hypothesis import given
from hypothesis import strategies as st

from messaging.ladder import RUNGS, climb
from phone_numbers.reports import MessageStatus

SENT, DELIVERED, READ, FAILED = (
    MessageStatus.SENT,
    MessageStatus.DELIVERED,
    MessageStatus.READ,
    MessageStatus.FAILED,
)


def walk(reports: list[MessageStatus]) -> list[MessageStatus]:
    reached: list[MessageStatus] = []
    for report in reports:
        reached += climb(reached, report)
    return reached


def test_read_alone_climbs_every_rung() -> None:
    assert climb([], READ) == [SENT, DELIVERED, READ]


def test_a_missing_lower_rung_is_climbed_first() -> None:
    assert climb([SENT], READ) == [DELIVERED, READ]


def test_a_late_lower_rung_adds_nothing() -> None:
    assert climb([SENT, DELIVERED, READ], DELIVERED) == []


def test_a_repeated_rung_adds_nothing() -> None:
    assert climb([SENT], SENT) == []


def test_failed_may_follow_sent() -> None:
    assert climb([SENT], FAILED) == [FAILED]


def test_failed_does_not_follow_delivered() -> None:
    assert climb([SENT, DELIVERED], FAILED) == []


def test_nothing_follows_failed() -> None:
    assert climb([FAILED], READ) == []


@given(st.lists(st.sampled_from(MessageStatus)))
def test_whatever_arrives_each_rung_is_reached_once_and_in_order(reports: list[MessageStatus]) -> None:
    reached = walk(reports)
    assert len(reached) == len(set(reached))
    climbed = [rung for rung in reached if rung is not FAILED]
    assert climbed == RUNGS[: len(climbed)]
    if FAILED in reached:
        assert reached[-1] is FAILED
        assert DELIVERED not in reached


@given(st.permutations(RUNGS))
def test_in_any_order_a_read_message_is_sent_delivered_and_read(reports: list[MessageStatus]) -> None:
    assert walk(reports) == RUNGS
