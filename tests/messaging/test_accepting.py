from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.api import ApiError
from accounts.encryption import Sealed
from accounts.models import WakeToken
from messaging.accepting import SendRequest, accept
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key
from tests.conftest import Tenant
from tests.factories import MetaNumberFactory

TEXT = SendRequest(destination="+44 7700 900123", text="Shall we deliver today?")


def refusal(number: Number, request: SendRequest) -> ApiError:
    with pytest.raises(ApiError) as caught:
        accept(number, request)
    assert Message.objects.count() == 0
    return caught.value


def test_a_text_is_stored_and_due_at_once(alice: Tenant) -> None:
    message = accept(alice.number, TEXT)
    message.refresh_from_db()
    assert (message.workspace, message.number) == (alice.workspace, alice.number)
    assert message.direction == Message.Direction.OUTBOUND
    assert message.status == Message.Status.QUEUED
    assert (message.type, message.content) == ("text", "Shall we deliver today?")
    assert message.contact_phone == "+447700900123"
    assert message.contact_key == contact_key("+447700900123")
    assert message.due_at == message.created_at
    assert message.lease is None


def test_a_correlation_id_is_made_up_or_kept(alice: Tenant) -> None:
    assert accept(alice.number, TEXT).correlation_id.startswith("corr_")
    given = SendRequest(destination="+447700900123", text="Hi", correlation_id="order 42")
    assert accept(alice.number, given).correlation_id == "order 42"


@pytest.mark.parametrize(
    ("media_type", "type"),
    [("image", "image"), ("video", "video"), ("document", "document"), ("audio", "audio"), ("voice", "audio"),
     ("sticker", "sticker")],
)  # fmt: skip
def test_media_are_stored_under_the_type_that_receivers_know(
    alice: Tenant, media_type: str, type: str
) -> None:
    message = accept(
        alice.number,
        SendRequest(destination="+447700900123", media="https://a.example/x", media_type=media_type),
    )
    assert (message.type, message.media_link) == (type, "https://a.example/x")
    assert message.content is message.media_caption is None


def test_the_text_of_media_is_its_caption(alice: Tenant) -> None:
    message = accept(
        alice.number,
        SendRequest(destination="+447700900123", media="https://a.example/x.png", text="Your receipt"),
    )
    assert message.media_caption == message.content == "Your receipt"


@pytest.mark.parametrize("media_type", ["audio", "voice", "sticker"])
def test_what_whatsapp_shows_no_caption_with_takes_none(alice: Tenant, media_type: str) -> None:
    request = SendRequest(
        destination="+447700900123", media="https://a.example/x", media_type=media_type, text="Listen"
    )
    assert refusal(alice.number, request).code == "INVALID_CONTENT"


def test_a_message_to_a_group_or_a_channel_has_no_phone(alice: Tenant) -> None:
    group = accept(alice.number, SendRequest(group_id="1203630@g.us", text="Hi all"))
    channel = accept(alice.number, SendRequest(newsletter_id="1203631@newsletter", text="News"))
    assert (group.group_id, group.contact_phone, group.contact_key) == ("1203630@g.us", "", "")
    assert (channel.newsletter_id, channel.contact_phone) == ("1203631@newsletter", "")


@pytest.mark.parametrize(
    "request_",
    [
        SendRequest(text="Hi"),
        SendRequest(text="Hi", destination="+447700900123", group_id="1203630@g.us"),
        SendRequest(text="Hi", destination="not a phone"),
        SendRequest(text="Hi", destination="12"),
    ],
)
def test_exactly_one_destination_is_needed(alice: Tenant, request_: SendRequest) -> None:
    problem = refusal(alice.number, request_)
    assert (problem.status_code, problem.code) == (400, "INVALID_DESTINATION")


@pytest.mark.parametrize("text", ["", "  \n"])
def test_a_message_says_something(alice: Tenant, text: str) -> None:
    assert (
        refusal(alice.number, SendRequest(destination="+447700900123", text=text)).code == "INVALID_CONTENT"
    )


@pytest.mark.django_db
def test_meta_has_no_channels() -> None:
    problem = refusal(MetaNumberFactory(), SendRequest(newsletter_id="1203631@newsletter", text="News"))
    assert (problem.status_code, problem.code) == (400, "NOT_SUPPORTED_FOR_META")


@pytest.mark.parametrize("state", [Number.State.CONNECTING, Number.State.CLOSE])
def test_a_number_that_is_not_connected_accepts_nothing(alice: Tenant, state: str) -> None:
    alice.number.state = state
    problem = refusal(alice.number, TEXT)
    assert (problem.status_code, problem.code) == (409, "WHATSAPP_INSTANCE_NOT_CONNECTED")


def test_a_scheduled_message_is_due_when_it_is_to_be_sent(alice: Tenant) -> None:
    at = timezone.now() + timedelta(hours=2)
    request = SendRequest(
        destination="+447700900123", text="Hi", deliver_at=at, deliver_until=at + timedelta(hours=1)
    )
    message = accept(alice.number, request)
    assert message.due_at == message.deliver_at == at
    assert message.deliver_until == at + timedelta(hours=1)


def test_a_schedule_in_the_past_means_now(alice: Tenant) -> None:
    message = accept(
        alice.number,
        SendRequest(destination="+447700900123", text="Hi", deliver_at=timezone.now() - timedelta(hours=1)),
    )
    assert message.due_at == message.created_at


def test_a_message_cannot_end_before_it_starts(alice: Tenant) -> None:
    at = timezone.now() + timedelta(hours=2)
    request = SendRequest(destination="+447700900123", text="Hi", deliver_at=at, deliver_until=at)
    assert refusal(alice.number, request).code == "INVALID_SCHEDULE"


def test_a_relay_only_number_seals_what_is_personal(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    request = SendRequest(
        destination="+447700900123",
        media="https://a.example/x.pdf",
        media_type="document",
        text="Hi",
        filename="x.pdf",
    )
    message = Message.objects.get(pk=accept(alice.number, request).pk)
    for text in (
        message.contact_phone, message.content, message.media_link, message.media_caption, message.media_filename,
    ):  # fmt: skip
        assert isinstance(text, Sealed)
    with connection.cursor() as cursor:
        cursor.execute("SELECT contact_phone, content FROM messaging_message")
        assert all(stored.startswith("sealed:") for stored in cursor.fetchone())


@pytest.mark.django_db(transaction=True)
def test_the_send_drain_is_woken_once_the_message_is_committed(alice: Tenant) -> None:
    with transaction.atomic():
        accept(alice.number, TEXT)
        assert not WakeToken.objects.filter(pk="messaging.tasks.send_due").exists()
    assert WakeToken.objects.get(pk="messaging.tasks.send_due").heartbeat_at
