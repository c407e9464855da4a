"""The rows of lists of deliveries."""

import pytest

from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory
from webhooks.listing import delivery_rows
from webhooks.models import Attempt, Delivery

pytestmark = pytest.mark.django_db


def test_the_last_answer_is_the_newest_attempts_also_after_a_new_start(alice: Tenant) -> None:
    """Numbers begin at 1 again with a redelivery: the highest is an old one."""
    delivery = DeliveryFactory(event__number=alice.number, trigger="manual")
    for number in (1, 2, 3):
        AttemptFactory(delivery=delivery, number=number, status=Attempt.Status.FAILED)
    newest = AttemptFactory(delivery=delivery, number=1, status_code=204)
    (row,) = delivery_rows(Delivery.objects.filter(pk=delivery.pk))
    assert row.last == newest
