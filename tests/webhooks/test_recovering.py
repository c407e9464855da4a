"""Recovery jobs: what they take, how they are paced, and that they neither lose nor repeat anything."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks import recovering, tasks
from webhooks.claiming import claim
from webhooks.models import Delivery, RecoveryJob, Trigger, Webhook
from webhooks.outcome import Outcome
from webhooks.recording import record
from webhooks.recovering import OPEN, Kind, NotRecoverable, progress
from webhooks.retry import RETRY_DELAYS

pytestmark = pytest.mark.django_db

AN_HOUR_AGO = timedelta(hours=1)


def failed(webhook: Webhook, count: int, **more: Any) -> list[Delivery]:
    state = {"status": Delivery.Status.EXHAUSTED, "due_at": None, "attempts_made": 9} | more
    return [
        DeliveryFactory(event=EventFactory(number=webhook.number), webhook=webhook, **state)
        for _ in range(count)
    ]


def start(webhook: Webhook, kind: str = Kind.FAILED, **more: Any) -> RecoveryJob:
    return recovering.start(webhook, kind, timezone.now() - AN_HOUR_AGO, **more)


def succeed(limit: int = 100) -> int:
    taken = claim(limit)
    record({taken.lease: [(attempt, Outcome(status_code=200)) for attempt in taken.attempts]})
    return len(taken.attempts)


def statuses(deliveries: list[Delivery]) -> list[str]:
    return [Delivery.objects.get(pk=delivery.pk).status for delivery in deliveries]


def test_failed_takes_what_was_given_up_and_what_is_held(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    rows = failed(webhook, 1) + failed(webhook, 1, status=Delivery.Status.HELD)
    kept = failed(webhook, 1, status=Delivery.Status.DELIVERED) + failed(webhook, 1, trigger=Trigger.TEST)
    job = start(webhook)
    assert (job.total, job.status) == (2, RecoveryJob.Status.DONE)
    assert statuses(rows) == ["pending", "pending"]
    assert statuses(kept) == ["delivered", "exhausted"]


def test_only_events_since_the_moment_are_taken(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    old = DeliveryFactory(
        event=EventFactory(number=alice.number, recorded_at=timezone.now() - timedelta(days=2)),
        webhook=webhook, status=Delivery.Status.HELD, due_at=None,
    )  # fmt: skip
    assert start(webhook).total == 0
    assert statuses([old]) == ["held"]


def test_missed_goes_no_further_back_than_it_is_known_what_arrived(alice: Tenant, settings: Any) -> None:
    webhook = WebhookFactory(number=alice.number)
    now = timezone.now()
    kept = settings.KEEP_DELIVERIES
    EventFactory(number=alice.number, recorded_at=now - kept - timedelta(minutes=1))
    EventFactory(number=alice.number, recorded_at=now - kept + timedelta(minutes=1))
    assert recovering.preview(webhook, Kind.MISSED, now - 2 * kept) == 1
    assert recovering.start(webhook, Kind.MISSED, now - 2 * kept).released == 1


def test_missed_takes_every_event_it_would_hear_now_without_a_success(alice: Tenant, bob: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, events=["message.read"])
    never_told = EventFactory(number=alice.number, type="message.read")
    (given_up,) = failed(webhook, 1)
    given_up.event.type = "message.read"
    given_up.event.save()
    arrived = EventFactory(number=alice.number, type="message.read")
    DeliveryFactory(event=arrived, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
    DeliveryFactory(
        event=arrived, webhook=webhook, trigger=Trigger.MANUAL,
        status=Delivery.Status.DELIVERED, due_at=None,
    )  # fmt: skip
    EventFactory(number=alice.number, type="message.sent")
    EventFactory(number=alice.number, type="message.read", is_test=True)
    EventFactory(number=bob.number, type="message.read")
    assert recovering.preview(webhook, Kind.MISSED, timezone.now() - AN_HOUR_AGO) == 2
    assert start(webhook, Kind.MISSED).total == 2
    due = Delivery.objects.filter(due_at__isnull=False)
    assert {delivery.event_id for delivery in due} == {never_told.pk, given_up.event_id}


def test_a_selection_takes_what_was_picked_and_has_not_arrived(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    one, other = failed(webhook, 2)
    (arrived,) = failed(webhook, 1, status=Delivery.Status.DELIVERED)
    (stranger,) = failed(WebhookFactory(number=alice.number), 1)
    job = recovering.start(webhook, Kind.SELECTION, chosen=[one.pk, arrived.pk, stranger.pk])
    assert job.total == 1
    assert statuses([one, other, arrived, stranger]) == ["pending", "exhausted", "delivered", "exhausted"]


def test_a_preview_changes_nothing(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    rows = failed(webhook, 3)
    for kind in (Kind.FAILED, Kind.MISSED):
        assert recovering.preview(webhook, kind, timezone.now() - AN_HOUR_AGO) == 3
    assert recovering.preview(webhook, Kind.SELECTION, chosen=[rows[0].pk]) == 1
    assert statuses(rows) == ["exhausted"] * 3
    assert not RecoveryJob.objects.exists()


@pytest.mark.parametrize("kind", [Kind.FAILED, Kind.MISSED])
def test_it_goes_in_chunks_and_takes_everything_once(alice: Tenant, kind: str) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=100)
    total = 2 * OPEN + 10
    event_ids = {delivery.event_id for delivery in failed(webhook, total)}
    job = start(webhook, kind)
    most_open = 0
    sent: list[str] = []
    while True:
        most_open = max(most_open, Delivery.objects.filter(due_at__isnull=False).count())
        taken = claim(100)
        sent += [attempt.delivery.event_id for attempt in taken.attempts]
        record({taken.lease: [(attempt, Outcome(status_code=200)) for attempt in taken.attempts]})
        if not taken.attempts and recovering.recover_chunk() == 0:
            break
    job.refresh_from_db()
    assert (len(sent), set(sent)) == (total, event_ids)
    assert most_open == OPEN
    assert (job.status, job.released) == (RecoveryJob.Status.DONE, total)
    assert progress(job) == recovering.Progress(total, total, delivered=total, failed=0, waiting=0)


def test_a_job_takes_its_place_behind_live_traffic(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, max_in_flight=5)
    failed(webhook, 20)
    start(webhook)
    assert len(claim(100).attempts) == 3
    live = DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    assert [attempt.delivery_id for attempt in claim(100).attempts] == [live.pk]


def test_a_canceled_job_takes_back_what_is_not_under_way(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    failed(webhook, OPEN + 50)
    job = start(webhook)
    claim(100)
    assert recovering.cancel(job)
    assert job.status == RecoveryJob.Status.CANCELED
    assert Delivery.objects.filter(status=Delivery.Status.PENDING).count() == 3
    assert Delivery.objects.filter(status=Delivery.Status.HELD, reason="Its recovery was canceled.").exists()
    assert recovering.recover_chunk() == 0
    assert not recovering.cancel(job)


def test_what_was_taken_back_can_be_recovered_again(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    failed(webhook, 4)
    assert recovering.cancel(start(webhook))
    assert start(webhook).total == 4


def test_a_job_waits_while_its_webhook_is_disabled(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    failed(webhook, OPEN + 10)
    start(webhook)
    recovering.set_active([webhook], False)
    assert recovering.recover_chunk() == 0
    assert recovering.next_due_at() is None


def test_a_disabled_webhook_recovers_nothing(alice: Tenant) -> None:
    with pytest.raises(NotRecoverable, match="Enable it"):
        start(WebhookFactory(number=alice.number, active=False))


def test_enable_and_recover_takes_what_failed_before_it_was_disabled_too(alice: Tenant) -> None:
    days_ago = timezone.now() - timedelta(days=5)
    webhook = WebhookFactory(number=alice.number, failing_since=days_ago)
    rows = failed(webhook, 1) + failed(webhook, 1, status=Delivery.Status.HELD)
    for row in rows:
        row.event.recorded_at = days_ago + timedelta(hours=1)
        row.event.save()
    recovering.set_active([webhook], False, Webhook.DisabledReason.FAILING)
    job = recovering.enable_and_recover(webhook)
    webhook.refresh_from_db()
    assert (webhook.active, job.total) == (True, 2)
    assert statuses(rows) == ["pending", "pending"]


def test_enable_and_recover_takes_an_old_event_that_was_being_sent_again(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    old = EventFactory(number=alice.number, recorded_at=timezone.now() - timedelta(days=9))
    rows = failed(webhook, 1, status=Delivery.Status.HELD)
    rows.append(DeliveryFactory(event=old, webhook=webhook, trigger=Trigger.MANUAL))
    recovering.set_active([webhook], False)
    recovering.enable_and_recover(webhook)
    assert statuses(rows) == ["pending", "pending"]


def test_enable_and_recover_takes_the_event_with_which_the_trouble_began(
    alice: Tenant, receiver: Receiver
) -> None:
    receiver.reply = Reply(status=500)
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    first = DeliveryFactory(event__number=alice.number, webhook=webhook, attempts_made=len(RETRY_DELAYS))
    tasks.deliver()
    webhook.refresh_from_db()
    assert webhook.failing_since is not None
    assert webhook.failing_since > first.event.recorded_at
    with time_machine.travel(timezone.now() + timedelta(days=5, minutes=1), tick=True):
        second = DeliveryFactory(event__number=alice.number, webhook=webhook)
        tasks.deliver()
        webhook.refresh_from_db()
        assert (webhook.active, statuses([first, second])) == (False, ["exhausted", "held"])
        recovering.enable_and_recover(webhook)
    assert statuses([first, second]) == ["pending", "pending"]


def test_what_is_recovered_keeps_the_order_of_its_conversation(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number, ordering=Webhook.Ordering.CONVERSATION)
    rows = failed(webhook, 3)
    for row in rows:
        row.event.conversation = "ann"
        row.event.save()
    start(webhook)
    for row in rows:
        assert [attempt.delivery_id for attempt in claim(100).attempts] == [row.pk]
        conclude_all()


def conclude_all() -> None:
    for delivery in Delivery.objects.filter(lease__isnull=False):
        attempt = delivery.attempts.get(status="sending")
        record({delivery.lease or "": [(attempt, Outcome(status_code=200))]})


def test_the_drains_recover_everything_by_themselves(alice: Tenant, receiver: Receiver) -> None:
    webhook = WebhookFactory(number=alice.number, url=receiver.url, max_in_flight=50)
    rows = failed(webhook, OPEN + 30)
    start(webhook)
    for _ in range(3):
        tasks.deliver()
        tasks.recover()
    arrived = sorted(request.headers["webhook-id"] for request in receiver.requests)
    assert arrived == sorted(row.event_id for row in rows)


class TestApi:
    def recover(self, tenant: Tenant, webhook: Webhook, **body: Any) -> Any:
        return tenant.api.post(f"/v1/webhooks/{webhook.pk}/recover", body, content_type="application/json")

    def test_a_job_is_started_looked_at_and_canceled(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        failed(webhook, OPEN + 1)
        answer = self.recover(alice, webhook, since=(timezone.now() - AN_HOUR_AGO).isoformat())
        assert (answer.status_code, answer.json()["recovered"]) == (202, OPEN + 1)
        address = f"/v1/jobs/{answer.json()['jobId']}"
        job = alice.api.get(address).json()
        assert (job["status"], job["total"], job["released"], job["waiting"]) == ("RUNNING", 201, 200, 200)
        assert alice.api.delete(address).json()["status"] == "CANCELED"
        assert alice.api.delete(address).status_code == 409

    def test_a_preview_only_counts(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        failed(webhook, 2)
        since = (timezone.now() - AN_HOUR_AGO).isoformat()
        answer = self.recover(alice, webhook, since=since, kind="missed", preview=True)
        assert (answer.status_code, answer.json()) == (200, {"recovered": 2, "jobId": None})
        assert not RecoveryJob.objects.exists()

    def test_a_selection_names_its_deliveries(self, alice: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        (row,) = failed(webhook, 1)
        assert self.recover(alice, webhook, kind="selection", deliveryIds=[row.pk]).json()["recovered"] == 1
        assert self.recover(alice, webhook, kind="selection").status_code == 400

    def test_without_a_moment_it_is_a_400(self, alice: Tenant) -> None:
        assert self.recover(alice, WebhookFactory(number=alice.number)).status_code == 400

    def test_a_job_of_a_stranger_is_a_404(self, alice: Tenant, bob: Tenant) -> None:
        webhook = WebhookFactory(number=alice.number)
        failed(webhook, OPEN + 1)
        job = start(webhook)
        for method in (bob.api.get, bob.api.delete):
            assert method(f"/v1/jobs/{job.pk}").status_code == 404
        job.refresh_from_db()
        assert job.status == RecoveryJob.Status.RUNNING
