import pytest
from django.db import connection

from phone_numbers.identities import learn, resolve
from phone_numbers.models import Identity, Number
from tests.conftest import Tenant

pytestmark = pytest.mark.django_db

LID, ADA, GRACE = "98765432109876@lid", "+447700900123", "+447700900456"


def test_an_id_that_was_said_with_its_phone_is_known_from_then_on(alice: Tenant) -> None:
    learn([(alice.number, LID, ADA)])
    assert resolve([(alice.number, LID)]) == {(alice.number.pk, LID): ADA}


def test_an_id_that_was_never_said_with_a_phone_is_not_guessed(alice: Tenant) -> None:
    learn([(alice.number, LID, ADA)])
    assert resolve([(alice.number, "11111111111111@lid"), (alice.number, "")]) == {}


def test_what_one_number_learned_another_does_not_know(alice: Tenant, bob: Tenant) -> None:
    learn([(alice.number, LID, ADA)])
    assert resolve([(bob.number, LID)]) == {}


def test_the_newest_phone_of_an_id_wins(alice: Tenant) -> None:
    learn([(alice.number, LID, ADA)])
    learn([(alice.number, LID, ADA), (alice.number, LID, GRACE)])
    assert resolve([(alice.number, LID)]) == {(alice.number.pk, LID): GRACE}
    assert Identity.objects.count() == 1


def test_half_a_pair_teaches_nothing(alice: Tenant) -> None:
    learn([(alice.number, LID, ""), (alice.number, "", ADA)])
    assert not Identity.objects.exists()


def test_neither_the_id_nor_the_phone_stands_in_the_database(alice: Tenant) -> None:
    learn([(alice.number, LID, ADA)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT opaque_id, phone FROM numbers_identity")
        row = repr(cursor.fetchone())
    assert "98765432109876" not in row
    assert "447700900123" not in row


def test_a_relay_only_number_learns_nothing(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    learn([(alice.number, LID, ADA)])
    assert not Identity.objects.exists()


def test_what_is_known_already_is_not_written_again(alice: Tenant, django_assert_num_queries: object) -> None:
    learn([(alice.number, LID, ADA)])
    with django_assert_num_queries(1):  # type: ignore[operator]
        learn([(alice.number, LID, ADA)])
