from datetime import UTC, datetime, timedelta

import pytest

from messaging.arrivals import Arrival
from messaging.models import Message
from messaging.statuses import advance
from phone_numbers.models import Number
from phone_numbers.reports import MessageStatus, StatusReport
from tests.conftest import Tenant
from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)


def report(
    number: Number, message_id: str | None, status: MessageStatus, **more: str
) -> Arrival[StatusReport]:
    return Arrival(number, StatusReport(message_id=message_id, status=status, at=AT, **more), AT)  # type: ignore[arg-type]


def test_a_status_moves_its_message_and_keeps_the_providers_time(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, external_id="wamid.1")
    changes, unmatched = advance([report(alice.number, "wamid.1", MessageStatus.DELIVERED)])
    message.refresh_from_db()
    assert [change.kind for change in changes] == ["sent", "delivered"]
    assert (message.status, message.sent_at, message.delivered_at) == (Message.Status.DELIVERED, AT, AT)
    assert unmatched == []


def test_our_own_reference_finds_a_message_whose_id_is_not_known_yet(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number)
    changes, _ = advance([report(alice.number, "wamid.new", MessageStatus.SENT, reference=message.pk)])
    message.refresh_from_db()
    assert [change.kind for change in changes] == ["sent"]
    assert message.external_id == "wamid.new"


def test_a_foreign_reference_does_not_break_correlation(alice: Tenant) -> None:
    MessageFactory(number=alice.number, external_id="wamid.1")
    changes, _ = advance([report(alice.number, "wamid.1", MessageStatus.SENT, reference="somebody else's")])
    assert [change.kind for change in changes] == ["sent"]


def test_a_message_of_another_number_is_not_found(alice: Tenant, bob: Tenant) -> None:
    message = MessageFactory(number=bob.number, external_id="wamid.1")
    changes, unmatched = advance([report(alice.number, "wamid.1", MessageStatus.READ, reference=message.pk)])
    assert changes == []
    assert len(unmatched) == 1


def test_a_failure_keeps_its_sentence_and_code(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, external_id="wamid.1")
    advance(
        [report(alice.number, "wamid.1", MessageStatus.FAILED, error="Re-engagement", error_code="131047")]
    )
    message.refresh_from_db()
    assert (message.status, message.error, message.error_code) == ("FAILED", "Re-engagement", "131047")


def test_a_canceled_message_does_not_move(alice: Tenant) -> None:
    MessageFactory(number=alice.number, external_id="wamid.1", status=Message.Status.CANCELED)
    assert advance([report(alice.number, "wamid.1", MessageStatus.SENT)])[0] == []


def test_statuses_of_one_batch_climb_one_after_the_other(alice: Tenant) -> None:
    MessageFactory(number=alice.number, external_id="wamid.1")
    reports = [
        report(alice.number, "wamid.1", status)
        for status in (MessageStatus.READ, MessageStatus.SENT, MessageStatus.DELIVERED, MessageStatus.READ)
    ]
    assert [change.kind for change in advance(reports)[0]] == ["sent", "delivered", "read"]


def test_a_status_takes_the_message_out_of_the_send_queue(alice: Tenant) -> None:
    message = MessageFactory(number=alice.number, external_id="wamid.1", due_at=AT + timedelta(hours=1))
    advance([report(alice.number, "wamid.1", MessageStatus.SENT)])
    message.refresh_from_db()
    assert message.due_at is None


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_costs_the_same_queries_whatever_its_size(
    alice: Tenant, count: int, django_assert_num_queries: object
) -> None:
    for index in range(count):
        MessageFactory(number=alice.number, external_id=f"wamid.{index}")
    reports = [report(alice.number, f"wamid.{index}", MessageStatus.SENT) for index in range(count)]
    with django_assert_num_queries(2):  # type: ignore[operator]
        advance(reports)
