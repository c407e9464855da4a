from datetime import timedelta

import pytest
from django.db import models
from django.utils import timezone

from accounts.encryption import SealableTextField, Sealed
from messaging.models import Message
from messaging.retention import MESSAGES, PERSONAL, SEALABLE, blank, forget, in_use
from phone_numbers.models import Number
from phone_numbers.retention import ERASED
from tests.conftest import Tenant
from tests.factories import MessageFactory

pytestmark = pytest.mark.django_db

FULL = {
    "contact_opaque_id": "98765@lid",
    "contact_name": "Ada",
    "group_id": "120363404880000143@g.us",
    "group_name": "Neighbours",
    "newsletter_name": "News",
    "media_link": "https://example.com/cat.jpg",
    "media_type": "image/jpeg",
    "media_caption": "A cat",
    "media_filename": "cat.jpg",
    "error": "+447700900123 is not on WhatsApp.",
    "error_code": "131026",
}


def test_what_is_personal_is_gone_and_the_rest_stays(alice: Tenant) -> None:
    before = MessageFactory(number=alice.number, sent=True, **FULL)
    assert blank(Message.objects.all()) == 1
    message = Message.objects.get()
    assert {field: getattr(message, field) for field in PERSONAL} == {
        "contact_phone": "",
        "contact_opaque_id": "",
        "contact_name": None,
        "group_name": None,
        "newsletter_name": None,
        "content": "",
        "media_link": None,
        "media_caption": None,
        "media_filename": None,
        "error": ERASED,
    }
    kept = [field.name for field in Message._meta.fields if field.name not in {*PERSONAL, "blanked_at"}]
    assert {name: getattr(message, name) for name in kept} == {name: getattr(before, name) for name in kept}
    assert message.blanked_at is not None


def test_a_content_that_never_was_is_not_made_up(alice: Tenant) -> None:
    MessageFactory(number=alice.number, content=None, type="location")
    blank(Message.objects.all())
    message = Message.objects.get()
    assert (message.content, message.error) == (None, "")


def test_what_is_blanked_is_not_blanked_again(alice: Tenant) -> None:
    MessageFactory(number=alice.number)
    blank(Message.objects.all())
    assert blank(Message.objects.all()) == 0


def test_every_text_that_can_be_sealed_is_personal() -> None:
    sealable = {field.name for field in Message._meta.fields if isinstance(field, SealableTextField)}
    assert set(SEALABLE) == sealable


def test_no_new_text_escapes_the_question_whether_it_is_personal() -> None:
    judged = {
        *PERSONAL,
        "id", "workspace", "number", "direction", "external_id", "correlation_id", "status", "origin",
        "contact_key", "group_id", "newsletter_id", "type", "media_type", "quoted_external_id", "error_code",
        "lease",
    }  # fmt: skip
    texts = (models.CharField, models.TextField, models.JSONField, models.ForeignKey)
    assert {field.name for field in Message._meta.fields if isinstance(field, texts)} == judged


def test_a_message_is_in_use_while_it_is_to_be_sent(alice: Tenant) -> None:
    waiting = MessageFactory(number=alice.number, due_at=timezone.now() + timedelta(days=1))
    leased = MessageFactory(number=alice.number, lease="lease_1")
    MessageFactory(number=alice.number, sent=True)
    MessageFactory(number=alice.number, inbound=True)
    assert set(in_use(Message.objects.all())) == {waiting, leased}


def test_a_relay_only_number_forgets_what_was_sent_and_not_what_is_to_be_sent(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    sent = MessageFactory(number=alice.number, sent=True)
    waiting = MessageFactory(number=alice.number, due_at=timezone.now())
    forget([sent, waiting])
    assert Message.objects.get(pk=sent.pk).contact_phone == ""
    assert Message.objects.get(pk=waiting.pk).contact_phone == "+447700900123"


def test_a_number_that_stores_forgets_nothing(alice: Tenant) -> None:
    forget([MessageFactory(number=alice.number, sent=True)])
    assert Message.objects.get().contact_phone == "+447700900123"


def test_sealing_encrypts_what_is_there_once(alice: Tenant) -> None:
    MessageFactory(number=alice.number, contact_name="Ada")
    assert MESSAGES.seal(Message.objects.all()) == 1
    message = Message.objects.get()
    assert isinstance(message.content, Sealed)
    assert (message.content, message.contact_name, message.media_link) == (
        "Shall we deliver today?",
        "Ada",
        None,
    )
    assert MESSAGES.seal(Message.objects.all()) == 0
