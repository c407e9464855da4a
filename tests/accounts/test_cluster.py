"""The worker's processes: whichever dies, a complete cluster is at work again, and nothing of the old one is left."""

import os
import signal
import time

import pytest
from django.core.management import call_command

from accounts.wake import wake
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from tests.reliability.cluster import Cluster, wait_until
from webhooks.fanout import DELIVER
from webhooks.models import Attempt, Delivery, Webhook

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


@pytest.fixture
def environment(process_environment: dict[str, str]) -> dict[str, str]:
    call_command("migrate", verbosity=0)
    return {**process_environment, "LOG_LEVEL": "ERROR", "WORKERS": "2"}


@pytest.fixture
def webhook(alice: Tenant, receiver: Receiver) -> Webhook:
    return WebhookFactory(number=alice.number, url=receiver.url)


def deliver_one_more(webhook: Webhook, receiver: Receiver, timeout: float) -> None:
    before = len(receiver.requests)
    DeliveryFactory(event=EventFactory(number=webhook.number), webhook=webhook)
    wake(DELIVER)
    receiver.wait_for(before + 1, timeout=timeout)


@pytest.mark.parametrize("which", [0, 1, 2, 3])
def test_a_child_that_is_killed_takes_the_cluster_with_it_and_a_new_one_works(
    webhook: Webhook, receiver: Receiver, environment: dict[str, str], which: int
) -> None:
    with Cluster(environment) as cluster:
        wait_until(cluster.is_complete, 20, "started")
        deliver_one_more(webhook, receiver, 20)
        time.sleep(1)
        before = cluster.processes()
        os.kill(sorted(before["children"])[which], signal.SIGKILL)
        wait_until(
            lambda: cluster.is_complete() and cluster.processes()["sentinel"] != before["sentinel"],
            20,
            "a new cluster, and nothing of the old one",
        )
        assert not set(before["children"]) & set(cluster.processes()["children"])
        assert cluster.processes()["main"] == before["main"]
        deliver_one_more(webhook, receiver, 20)


def test_a_sentinel_that_is_killed_is_replaced(
    webhook: Webhook, receiver: Receiver, environment: dict[str, str]
) -> None:
    with Cluster(environment) as cluster:
        wait_until(cluster.is_complete, 20, "started")
        before = cluster.processes()
        os.kill(before["sentinel"][0], signal.SIGKILL)
        wait_until(
            lambda: cluster.is_complete() and cluster.processes()["sentinel"] != before["sentinel"],
            20,
            "a new cluster, and nothing of the old one",
        )
        deliver_one_more(webhook, receiver, 20)


def test_nothing_outlives_the_main_process(environment: dict[str, str]) -> None:
    with Cluster(environment) as cluster:
        wait_until(cluster.is_complete, 20, "started")
        os.kill(cluster.processes()["main"][0], signal.SIGKILL)
        assert cluster.process is not None
        cluster.process.wait()
        wait_until(lambda: not any(cluster.processes().values()), 5, "all ended")


@pytest.mark.parametrize("group", [True, False])
def test_sigterm_finishes_what_is_in_flight_and_gives_back_the_rest(
    webhook: Webhook, receiver: Receiver, environment: dict[str, str], group: bool
) -> None:
    receiver.reply = Reply(delay=1)
    for _ in range(30):
        DeliveryFactory(event=EventFactory(number=webhook.number), webhook=webhook)
    with Cluster(environment) as cluster:
        wake(DELIVER)
        receiver.wait_for(1, timeout=20)
        began = time.monotonic()
        assert cluster.terminate(group=group) == 0
        assert time.monotonic() - began < 8
    sent = len(receiver.requests)
    assert 0 < sent < 30
    assert not Attempt.objects.exclude(status=Attempt.Status.SUCCEEDED).exists()
    assert Attempt.objects.count() == Delivery.objects.filter(status="delivered").count() == sent
    assert Delivery.objects.filter(status="pending", lease=None, due_at__isnull=False).count() == 30 - sent


def test_a_new_worker_finds_what_is_due_though_nobody_wakes_it(
    webhook: Webhook, receiver: Receiver, environment: dict[str, str]
) -> None:
    DeliveryFactory(event=EventFactory(number=webhook.number), webhook=webhook)
    with Cluster(environment):
        receiver.wait_for(1, timeout=15)
