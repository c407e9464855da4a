"""Workers that die: real processes, real kills."""

import os
import random
import subprocess
import time
from collections import Counter

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone

from accounts.models import WakeToken
from accounts.wake import wake
from events.models import Event
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Receivers, Reply
from tests.reliability.cluster import Cluster, wait_until
from tests.reliability.scale import say, scaled
from webhooks import recovering
from webhooks.fanout import DELIVER, fan_out
from webhooks.models import Attempt, Delivery, RecoveryJob, Webhook
from webhooks.recovering import OPEN

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(300, 7200)),
]

KILLS = scaled(3, 100)
# A killed drain's wake token is believed for 10 s, a lease of these tests for 5 s.
BACK_AGAIN = 60


@pytest.fixture
def environment(process_environment: dict[str, str]) -> dict[str, str]:
    call_command("migrate", verbosity=0)
    return {**process_environment, "DELIVERY_LEASE_SECONDS": "5", "LOG_LEVEL": "ERROR"}


def test_a_worker_killed_in_mid_send_sends_again_and_the_first_attempt_is_unknown(
    alice: Tenant, receiver: Receiver, environment: dict[str, str]
) -> None:
    receiver.replies = [Reply(then="hang")]
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    delivery = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    with Cluster(environment) as cluster:
        wake(DELIVER)
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


def happen(tenant: Tenant, count: int) -> list[Event]:
    events = [EventFactory.build(number=tenant.number, workspace=tenant.workspace) for _ in range(count)]
    Event.objects.bulk_create(events)
    fan_out(events)
    return events


def test_under_load_kills_lose_nothing_and_leave_nothing_behind(
    alice: Tenant, receivers: Receivers, environment: dict[str, str]
) -> None:
    opened = [receivers.open(Reply(delay=0.05)) for _ in range(4)]
    for receiver in opened:
        WebhookFactory(number=alice.number, url=receiver.url)
    wanted: set[str] = set()
    broken_off: set[str] = set()
    dice = random.Random(KILLS)
    with Cluster(environment) as cluster:
        for kill in range(KILLS):
            wanted |= {event.pk for event in happen(alice, scaled(100, 40))}
            before = arrived(opened)
            wait_until(lambda before=before: arrived(opened) > before, BACK_AGAIN, "at work")  # type: ignore[misc]
            time.sleep(dice.uniform(0, 0.3))
            # Every third time everything; else one process, which takes the others with it.
            if kill % 3 == 0:
                cluster.kill()
                sending = Attempt.objects.filter(status=Attempt.Status.SENDING)
                broken_off |= set(sending.values_list("pk", flat=True))
                cluster.start()
            else:
                cluster.kill_one(dice)
            disturb(kill)
        try:
            wait_until(
                lambda: not Delivery.objects.exclude(status="delivered").exists(), 240, "all delivered"
            )
        except AssertionError:
            say(f"left: {left_over()}")
            raise

    for receiver in opened:
        assert {request.headers["webhook-id"] for request in receiver.requests} == wanted
        bodies = Counter((request.headers["webhook-id"], request.body) for request in receiver.requests)
        assert len(bodies) == len(wanted), "a duplicate has the same id and the same body"
    assert not Delivery.objects.filter(lease__isnull=False).exists()
    assert not Delivery.objects.filter(due_at__isnull=False).exists()
    assert not Attempt.objects.filter(status=Attempt.Status.SENDING).exists()
    unknown = Attempt.objects.filter(status=Attempt.Status.UNKNOWN)
    assert broken_off <= set(unknown.values_list("pk", flat=True)), "what was broken off is unknown"
    assert set(unknown.values_list("error_class", flat=True)) <= {"crash"}
    # Whatever arrived was on record before: a kill cannot send what no attempt says.
    assert arrived(opened) <= Attempt.objects.count()
    assert (
        Attempt.objects.count()
        == len(wanted) * len(opened) + Attempt.objects.exclude(status=Attempt.Status.SUCCEEDED).count()
    )
    say(
        f"{KILLS} kills: {len(wanted) * len(opened)} deliveries, {arrived(opened)} requests,"
        f" {unknown.count()} attempts unknown, none lost"
    )


def left_over() -> dict[str, object]:
    """What a run that did not end looked like."""
    open_rows = Delivery.objects.exclude(status="delivered")
    return {
        "deliveries": Counter(open_rows.values_list("status", "reason", "attempts_made", "lease")),
        "due": list(open_rows.order_by("due_at").values_list("due_at", flat=True)[:3]),
        "now": timezone.now(),
        "attempts": Counter(Attempt.objects.values_list("status", "error_class")),
        "webhooks": list(Webhook.objects.values("active", "consecutive_failures", "resume_at")),
        "tokens": list(WakeToken.objects.values_list()),
    }


def arrived(opened: list[Receiver]) -> int:
    return sum(len(receiver.requests) for receiver in opened)


def disturb(kill: int) -> None:
    """Now and again the queue forgets everything, and PostgreSQL ends every connection but this one.

    Where RESTART_POSTGRESQL is a command, it is run once instead, in the middle: then the server is this test's own.
    """
    if settings.REDIS_URL and kill in (KILLS // 3, 2 * KILLS // 3):
        redis.Redis.from_url(settings.REDIS_URL).flushdb()
    if connection.vendor != "postgresql" or kill % 2 == 0:
        return
    command = os.environ.get("RESTART_POSTGRESQL")
    if command is None:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
    elif kill // 2 == KILLS // 4:
        subprocess.run(command, shell=True, check=True)
        connections.close_all()
        say("PostgreSQL was restarted")


def test_a_worker_stopped_past_its_lease_changes_nothing_when_it_goes_on(
    alice: Tenant, receiver: Receiver, environment: dict[str, str]
) -> None:
    receiver.replies = [Reply(status=500, delay=2)]
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    with Cluster(environment) as stopped, Cluster(environment, WORKERS="1") as other:
        other.stop()
        wake(DELIVER)
        receiver.wait_for(1, timeout=20)
        stopped.stop()
        other.go_on()
        wait_until(lambda: len(receiver.requests) == 2, 90, "sent again")
        wait_until(lambda: Delivery.objects.get().status == Delivery.Status.DELIVERED, 20, "delivered")
        other.stop()
        stopped.go_on()
        time.sleep(3)
        delivery, webhook = Delivery.objects.get(), Webhook.objects.get()
        assert (delivery.status, delivery.lease, delivery.due_at) == ("delivered", None, None)
        assert (webhook.failing_since, webhook.consecutive_failures) == (None, 0)
        assert list(Attempt.objects.order_by("number").values_list("status", flat=True)) == [
            "unknown",
            "succeeded",
        ]
        other.go_on()


def test_a_recovery_killed_in_the_middle_goes_on_where_it_was(
    alice: Tenant, receiver: Receiver, environment: dict[str, str]
) -> None:
    total = scaled(3 * OPEN, 10_000)
    receiver.reply = Reply(delay=0.01)
    webhook = WebhookFactory(number=alice.number, url=receiver.url, max_in_flight=20)
    events = happen(alice, total)
    Delivery.objects.update(status=Delivery.Status.EXHAUSTED, due_at=None)
    with Cluster(environment) as cluster:
        recovering.start(webhook, recovering.Kind.FAILED, events[0].recorded_at)
        receiver.wait_for(OPEN // 2 + 20, timeout=60)
        cluster.kill()
        assert RecoveryJob.objects.get().status == RecoveryJob.Status.RUNNING
        cluster.start()
        wait_until(lambda: not Delivery.objects.exclude(status="delivered").exists(), 240, "all recovered")
        # It says so a moment later, when its drain looks again.
        wait_until(lambda: RecoveryJob.objects.get().status != RecoveryJob.Status.RUNNING, 30, "done")
    job = RecoveryJob.objects.get()
    assert (job.status, job.released) == (RecoveryJob.Status.DONE, total)
    ids = Counter(request.headers["webhook-id"] for request in receiver.requests)
    assert len(ids) == total
    assert sum(ids.values()) <= total + 20, "only what was in flight at the kill came twice"
