from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import WakeToken
from phone_numbers.identities import learn, resolve
from phone_numbers.models import Identity, Number
from phone_numbers.retention import apply_mode, blank_before, forget_identities
from tests.conftest import Tenant

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("mode", "days", "age"),
    [
        ("STORE_INDEFINITE", None, None),
        ("STORE_X_DAYS", 30, timedelta(days=30)),
        ("RELAY_ONLY", None, timedelta(0)),
    ],
)
def test_each_mode_says_how_old_personal_data_may_be(
    alice: Tenant, mode: str, days: int | None, age: timedelta | None
) -> None:
    alice.number.pii_mode, alice.number.pii_retention_days = mode, days
    now = timezone.now()
    assert blank_before(alice.number, now) == (now - age if age is not None else None)


@pytest.mark.django_db(transaction=True)
def test_a_new_mode_wakes_the_job(alice: Tenant) -> None:
    alice.number.pii_mode = Number.PiiMode.RELAY_ONLY
    apply_mode(alice.number)
    assert Number.objects.get(pk=alice.number.pk).retention_due_at is not None
    assert WakeToken.objects.get(pk="webhooks.tasks.blank").heartbeat_at is not None


def test_a_number_that_stores_everything_is_not_looked_through(alice: Tenant) -> None:
    Number.objects.update(retention_due_at=timezone.now())
    apply_mode(alice.number)
    assert Number.objects.get(pk=alice.number.pk).retention_due_at is None


@pytest.mark.parametrize(
    ("patch", "is_due"),
    [
        ({"piiMode": "RELAY_ONLY"}, True),
        ({"piiMode": "STORE_X_DAYS", "piiRetentionDays": 30}, True),
        ({"piiMode": "STORE_INDEFINITE"}, False),
        ({"name": "Bakery"}, False),
    ],
)
def test_changing_the_mode_by_the_api_applies_it(alice: Tenant, patch: dict[str, Any], is_due: bool) -> None:
    answer = alice.api.patch(f"/v1/numbers/{alice.number.pk}", patch, content_type="application/json")
    assert answer.status_code == 200
    assert (Number.objects.get(pk=alice.number.pk).retention_due_at is not None) == is_due


def test_what_was_learned_of_contacts_is_forgotten_by_age_and_number(alice: Tenant, bob: Tenant) -> None:
    now = timezone.now()
    learn([(alice.number, "old@lid", "+447700900123"), (bob.number, "old@lid", "+447700900123")])
    Identity.objects.update(learned_at=now - timedelta(days=31))
    learn([(alice.number, "new@lid", "+447700900456")])
    assert forget_identities(alice.number, now - timedelta(days=30)) == 1
    known = resolve([(alice.number, "old@lid"), (alice.number, "new@lid"), (bob.number, "old@lid")])
    assert set(known) == {(alice.number.pk, "new@lid"), (bob.number.pk, "old@lid")}
