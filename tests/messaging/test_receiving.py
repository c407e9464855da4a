from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from messaging.arrivals import Arrival
from messaging.changes import MessageChange
from messaging.models import Message
from messaging.receiving import receive
from phone_numbers.models import Number
from phone_numbers.reports import Contact, InboundMessage, Quote
from tests.conftest import Tenant
from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

AT = datetime(2026, 2, 24, 10, 30, tzinfo=UTC)
ADA = "+447700900123"


def inbound(number: Number, message_id: str | None = "wamid.in", **more: Any) -> Arrival[InboundMessage]:
    values: dict[str, Any] = {
        "sender": Contact(phone=ADA, name="Ada"),
        "type": "text",
        "content": "Yes",
        "at": AT,
    }
    return Arrival(number, InboundMessage(message_id=message_id, **(values | more)), AT)


def only(changes: list[MessageChange]) -> MessageChange:
    assert len(changes) == 1
    return changes[0]


def test_a_message_is_received_once_however_often_it_arrives(alice: Tenant) -> None:
    assert len(receive([inbound(alice.number), inbound(alice.number)])) == 1
    assert receive([inbound(alice.number)]) == []
    assert Message.objects.inbound().count() == 1


def test_a_quote_of_our_message_is_a_reply_with_our_text(alice: Tenant) -> None:
    sent = MessageFactory(
        number=alice.number, external_id="wamid.out", content="Today?", correlation_id="order-1"
    )
    change = only(receive([inbound(alice.number, quote=Quote(message_id="wamid.out"))]))
    assert (change.kind, change.answered, change.quoted_content) == ("reply", sent, "Today?")
    assert change.correlation_id == "order-1"


def test_a_quote_of_the_contacts_own_message_is_no_reply(alice: Tenant) -> None:
    MessageFactory(number=alice.number, created_at=AT)
    change = only(receive([inbound(alice.number, quote=Quote(message_id="theirs", ours=False))]))
    assert (change.kind, change.correlation_id) == ("received", "")


def test_what_the_provider_says_is_ours_is_a_reply_though_we_do_not_know_it(alice: Tenant) -> None:
    quote = Quote(message_id="typed-on-the-phone", ours=True, content="Hello")
    change = only(receive([inbound(alice.number, quote=quote)]))
    assert (change.kind, change.quoted_content) == ("reply", "Hello")


def test_a_quote_of_another_workspaces_message_is_no_reply(alice: Tenant, bob: Tenant) -> None:
    MessageFactory(number=bob.number, external_id="wamid.out")
    change = only(receive([inbound(alice.number, quote=Quote(message_id="wamid.out"))]))
    assert (change.kind, change.answered) == ("received", None)


def test_group_beats_reply_and_newsletter_beats_group(alice: Tenant) -> None:
    MessageFactory(number=alice.number, external_id="wamid.out")
    quote = Quote(message_id="wamid.out")
    in_group = only(receive([inbound(alice.number, "a", group_id="1@g.us", quote=quote)]))
    in_channel = only(receive([inbound(alice.number, "b", group_id="1@g.us", newsletter_id="2@newsletter")]))
    assert (in_group.kind, in_channel.kind) == ("group", "newsletter")


def test_a_reaction_is_received_and_correlated_with_its_target(alice: Tenant) -> None:
    MessageFactory(number=alice.number, external_id="wamid.out", correlation_id="order-1")
    reaction = inbound(alice.number, type="reaction", content="👍", quote=Quote(message_id="wamid.out"))
    change = only(receive([reaction]))
    assert (change.kind, change.correlation_id) == ("received", "order-1")


def test_a_message_without_a_quote_belongs_to_the_newest_send_of_the_last_day(alice: Tenant) -> None:
    MessageFactory(number=alice.number, created_at=AT - timedelta(hours=3), correlation_id="older")
    MessageFactory(number=alice.number, created_at=AT - timedelta(hours=1), correlation_id="newest")
    assert only(receive([inbound(alice.number)])).correlation_id == "newest"


def test_after_a_day_a_message_belongs_to_nothing(alice: Tenant) -> None:
    MessageFactory(number=alice.number, created_at=AT - timedelta(hours=24))
    assert only(receive([inbound(alice.number)])).correlation_id == ""


def test_a_message_that_is_received_late_with_others_belongs_to_the_newest_send_before_it(
    alice: Tenant,
) -> None:
    MessageFactory(number=alice.number, created_at=AT - timedelta(hours=1), correlation_id="before")
    MessageFactory(number=alice.number, created_at=AT + timedelta(minutes=5), correlation_id="after")
    second = inbound(alice.number, message_id="wamid.second")
    changes = receive([inbound(alice.number), replace(second, at=AT + timedelta(minutes=10))])
    assert [change.correlation_id for change in changes] == ["before", "after"]


def test_a_send_to_another_contact_or_of_another_number_does_not_correlate(
    alice: Tenant, bob: Tenant
) -> None:
    from phone_numbers.phones import contact_key

    MessageFactory(number=alice.number, created_at=AT, contact_key=contact_key("+12025550199"))
    MessageFactory(number=bob.number, created_at=AT)
    assert only(receive([inbound(alice.number)])).correlation_id == ""


def test_brazils_ninth_digit_does_not_hide_the_conversation(alice: Tenant) -> None:
    from phone_numbers.phones import contact_key

    MessageFactory(
        number=alice.number, created_at=AT, correlation_id="order-1", contact_key=contact_key("+551190000123")
    )
    MessageFactory(
        number=alice.number,
        created_at=AT,
        correlation_id="order-2",
        contact_key=contact_key("+5511990000123"),
    )
    sender = Contact(phone="+551190000123")
    assert only(receive([inbound(alice.number, sender=sender)])).correlation_id == "order-2"


def test_relay_only_empties_what_is_quoted_from_the_store(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    alice.number.save()
    MessageFactory(number=alice.number, external_id="wamid.out", content="Today?")
    change = only(receive([inbound(alice.number, quote=Quote(message_id="wamid.out"))]))
    assert change.quoted_content == ""


@pytest.mark.parametrize("count", [1, 10])
def test_a_batch_costs_the_same_queries_whatever_its_size(
    alice: Tenant, count: int, django_assert_num_queries: Any
) -> None:
    MessageFactory(number=alice.number, external_id="wamid.out", created_at=AT)
    arrivals = [inbound(alice.number, f"plain-{index}") for index in range(count)]
    arrivals += [
        inbound(alice.number, f"reply-{index}", quote=Quote(message_id="wamid.out")) for index in range(count)
    ]
    with django_assert_num_queries(5):
        receive(arrivals)
