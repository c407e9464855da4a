"""Every secret survives a rotation of the keys, and the old key is not needed any more."""

from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import InvalidToken
from django.core.management import CommandError, call_command
from django.db import connection

from accounts import encryption
from accounts.encryption import Sealed, keyed_hash, readable
from accounts.rekeying import CHUNK, rekey
from events.models import Event
from phone_numbers.models import Number
from tests.conftest import Tenant
from tests.factories import AttemptFactory, EventFactory, MetaNumberFactory, WebhookFactory
from webhooks.models import Attempt, WebhookSecret

pytestmark = pytest.mark.django_db


@pytest.fixture
def old(settings: Any) -> list[str]:
    settings.ENCRYPTION_KEYS = ["old"]
    return settings.ENCRYPTION_KEYS


def rotate() -> str:
    out = StringIO()
    call_command("rotate_encryption_keys", stdout=out)
    return out.getvalue()


def test_everything_is_readable_with_the_new_key_alone(old: Any, alice: Tenant, settings: Any) -> None:
    number = MetaNumberFactory(workspace=alice.workspace)
    webhook = WebhookFactory(number=number, secret="whsec_c2VjcmV0")
    sealed = EventFactory(number=number, body=Sealed('{"event":"message.sent"}'))
    plain = EventFactory(number=number)
    attempt = AttemptFactory(delivery__event=sealed, response_body=Sealed("thank you"))
    settings.ENCRYPTION_KEYS = ["new", "old"]
    assert "WebhookSecret.secret: 2 rewritten" in rotate()
    settings.ENCRYPTION_KEYS = ["new"]
    assert Number.objects.get(pk=number.pk).credentials == number.credentials
    assert webhook.secrets.get().secret == "whsec_c2VjcmV0"
    assert Event.objects.get(pk=sealed.pk).body == sealed.body
    assert isinstance(Event.objects.get(pk=sealed.pk).body, Sealed)
    assert Event.objects.get(pk=plain.pk).body == plain.body
    assert Attempt.objects.get(pk=attempt.pk).response_body == "thank you"


def test_without_the_rotation_the_new_key_reads_nothing(old: Any, alice: Tenant, settings: Any) -> None:
    webhook = WebhookFactory(number=alice.number)
    settings.ENCRYPTION_KEYS = ["new"]
    secret = webhook.secrets.get()
    with pytest.raises(InvalidToken):
        readable(secret.secret)


def test_what_cannot_be_read_is_written_back_as_it_is_stored(old: Any, alice: Tenant, settings: Any) -> None:
    number = MetaNumberFactory(workspace=alice.workspace)
    sealed = EventFactory(number=number, body=Sealed("{}"))
    settings.ENCRYPTION_KEYS = ["new"]
    for row in (Number.objects.get(pk=number.pk), Event.objects.get(pk=sealed.pk)):
        row.save()
    with pytest.raises(InvalidToken):
        assert Number.objects.get(pk=number.pk).credentials
    settings.ENCRYPTION_KEYS = ["old"]
    assert Number.objects.get(pk=number.pk).credentials == number.credentials
    assert Event.objects.get(pk=sealed.pk).body == "{}"


def test_a_second_run_rewrites_nothing(old: Any, alice: Tenant, settings: Any) -> None:
    WebhookFactory(number=alice.number)
    settings.ENCRYPTION_KEYS = ["new", "old"]
    rotate()
    assert sum(done.rewritten for done in rekey()) == 0


def test_more_rows_than_a_chunk_are_all_rewritten(old: Any, alice: Tenant, settings: Any) -> None:
    webhook = WebhookFactory(number=alice.number)
    WebhookSecret.objects.bulk_create(
        WebhookSecret(webhook=webhook, secret=f"s{n}") for n in range(CHUNK + 5)
    )
    settings.ENCRYPTION_KEYS = ["new", "old"]
    rotate()
    settings.ENCRYPTION_KEYS = ["new"]
    assert {row.secret for row in WebhookSecret.objects.all()} >= {f"s{n}" for n in range(CHUNK + 5)}


def test_what_no_key_can_read_is_named_and_left(old: Any, alice: Tenant, settings: Any) -> None:
    secret = WebhookFactory(number=alice.number).secrets.get()
    settings.ENCRYPTION_KEYS = ["new", "another"]
    with pytest.raises(CommandError, match=rf"WebhookSecret.secret of {secret.pk}\b"):
        rotate()
    settings.ENCRYPTION_KEYS = ["old"]
    assert WebhookSecret.objects.get(pk=secret.pk).secret == secret.secret


def test_texts_that_look_sealed_are_encrypted_and_so_rotated(old: Any, alice: Tenant, settings: Any) -> None:
    attempt = AttemptFactory(delivery__event=EventFactory(number=alice.number), response_body="sealed:no")
    settings.ENCRYPTION_KEYS = ["new", "old"]
    rotate()
    settings.ENCRYPTION_KEYS = ["new"]
    assert Attempt.objects.get(pk=attempt.pk).response_body == "sealed:no"


def test_no_secret_is_stored_in_clear(alice: Tenant) -> None:
    secret = WebhookFactory(number=alice.number).secrets.get().secret
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM webhooks_webhooksecret")
        assert all(secret not in row[0] for row in cursor.fetchall())


def test_hashes_outlive_the_keys(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = ["old"]
    before = keyed_hash("+447700900123")
    settings.ENCRYPTION_KEYS = ["new", "old"]
    assert keyed_hash("+447700900123") == before
    out = StringIO()
    call_command("rotate_encryption_keys", "--show-hash-key", stdout=out)
    settings.HASH_KEY, settings.ENCRYPTION_KEYS = out.getvalue().strip(), ["new"]
    assert keyed_hash("+447700900123") == before
    assert encryption.hash_key() != "old"
