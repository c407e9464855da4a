"""Workers that die: real processes, real kills."""

import pytest
from django.core.management import call_command

from accounts.wake import wake
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from tests.reliability.cluster import Cluster, wait_until
from webhooks.models import Attempt, Delivery

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow, pytest.mark.timeout(180)]


def test_a_worker_killed_in_mid_send_sends_again_and_the_first_attempt_is_unknown(
    alice: Tenant, receiver: Receiver, process_environment: dict[str, str]
) -> None:
    receiver.replies = [Reply(then="hang")]
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    delivery = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    call_command("migrate", verbosity=0)
    cluster = Cluster(process_environment, DELIVERY_LEASE_SECONDS="5")
    with cluster:
        wake("webhooks.tasks.deliver")
        receiver.wait_for(1, timeout=20)
        cluster.kill()
        assert Attempt.objects.get().status == Attempt.Status.SENDING
        cluster.start()
        receiver.wait_for(2, timeout=90)
        wait_until(
            lambda: Delivery.objects.get(pk=delivery.pk).status == Delivery.Status.DELIVERED, 10, "delivered"
        )
    first, second = receiver.requests
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == delivery.event_id
    assert first.body == second.body
    statuses = list(Attempt.objects.order_by("number").values_list("status", "error_class"))
    assert statuses == [("unknown", "crash"), ("succeeded", "")]
