"""Recovering thousands of deliveries beside a live stream: the stream does not wait, and a cancel is felt at once."""

import time
from collections.abc import Iterator

import pytest
from django.utils import timezone

from accounts.ids import new_id
from events.models import Event
from tests.conftest import Tenant
from tests.factories import EventFactory, WebhookFactory
from tests.receivers import Receiver, Receivers, Reply
from tests.reliability.scale import LONG, percentile, say, scaled
from webhooks import recovering
from webhooks.delivering import Drain
from webhooks.fanout import fan_out
from webhooks.models import Delivery, RecoveryJob, Webhook
from webhooks.recovering import Kind, recover_chunk
from webhooks.transport import Transport

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.slow,
    pytest.mark.timeout(scaled(120, 900)),
]

FAILED = scaled(600, 10_000)
# A receiver's own time, against which waiting for a slot shows.
ANSWERS_AFTER = 0.05
LIVE = scaled(30, 200)


@pytest.fixture
def webhook(alice: Tenant, receivers: Receivers) -> Webhook:
    return WebhookFactory(number=alice.number, url=receivers.open(Reply(delay=ANSWERS_AFTER)).url)


@pytest.fixture
def drain() -> Iterator[Drain]:
    transport = Transport()
    drain = Drain(transport)
    yield drain
    drain.finish()
    transport.close()


def given_up(tenant: Tenant, webhook: Webhook, count: int) -> list[Event]:
    events = [EventFactory.build(number=tenant.number, workspace=tenant.workspace) for _ in range(count)]
    Event.objects.bulk_create(events, batch_size=2000)
    Delivery.objects.bulk_create(
        [
            Delivery(pk=new_id("dlv"), event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED)
            for event in events
        ],
        batch_size=2000,
    )
    return events


def stream(tenant: Tenant, receiver: Receiver, drain: Drain) -> list[float]:
    """Twenty live events a second; returns how long each took to arrive, in seconds."""
    recorded: dict[str, float] = {}
    for _ in range(LIVE):
        until = time.monotonic() + 0.05
        event = EventFactory(number=tenant.number)
        fan_out([event])
        recorded[event.pk] = time.monotonic()
        while time.monotonic() < until:
            drain.step()
            recover_chunk()
    until = time.monotonic() + 10
    while not recorded.keys() <= {request.headers["webhook-id"] for request in receiver.requests}:
        assert time.monotonic() < until, "not all of the live events arrived"
        drain.step()
    first: dict[str, float] = {}
    for request in receiver.requests:
        first.setdefault(request.headers["webhook-id"], request.at)
    return [first[pk] - at for pk, at in recorded.items()]


def test_live_events_do_not_wait_for_a_recovery(
    alice: Tenant, receivers: Receivers, webhook: Webhook, drain: Drain
) -> None:
    (receiver,) = receivers.opened
    stream(alice, receiver, drain)
    alone = percentile(stream(alice, receiver, drain), 95)
    events = given_up(alice, webhook, FAILED)
    job = recovering.start(webhook, Kind.FAILED, events[0].recorded_at)
    beside = percentile(stream(alice, receiver, drain), 95)
    assert job.total == FAILED
    recovered = Delivery.objects.filter(job=job, status=Delivery.Status.DELIVERED).count()
    assert recovered > LIVE // 2, "the recovery goes on meanwhile"
    # From recording to the end of the answer; in the short form only that nobody waits for a slot.
    alone, beside = alone + ANSWERS_AFTER, beside + ANSWERS_AFTER
    say(
        f"live p95: {alone:.3f} s alone, {beside:.3f} s beside a recovery of {FAILED:,}; {beside / alone:.2f}×"
    )
    assert beside < (1.2 * alone if LONG else alone + ANSWERS_AFTER), f"{beside:.3f} s, alone {alone:.3f} s"


def test_a_cancel_is_felt_within_a_second(
    alice: Tenant, receivers: Receivers, webhook: Webhook, drain: Drain
) -> None:
    (receiver,) = receivers.opened
    events = given_up(alice, webhook, FAILED)
    job = recovering.start(webhook, Kind.FAILED, events[0].recorded_at)
    while len(receiver.requests) < 20:
        drain.step()
        recover_chunk()
    canceled_at = time.monotonic()
    assert recovering.cancel(job)
    assert time.monotonic() - canceled_at < 1
    while time.monotonic() - canceled_at < 1.5:
        drain.step()
        recover_chunk()
    assert [request for request in receiver.requests if request.at > canceled_at + 1] == []
    assert job.status == RecoveryJob.Status.CANCELED
    left = Delivery.objects.exclude(status=Delivery.Status.DELIVERED)
    assert set(left.values_list("status", flat=True)) == {"exhausted", "held"}
    assert left.count() + len({request.headers["webhook-id"] for request in receiver.requests}) == FAILED
    assert recovering.preview(webhook, Kind.FAILED, events[0].recorded_at) == left.count()
    assert job.finished_at is not None
    assert job.finished_at <= timezone.now()
