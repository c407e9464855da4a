from datetime import timedelta

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client, override_settings
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import WakeToken
from dashboard import health
from events.models import RawPayload
from tests.factories import AttemptFactory, DeliveryFactory, RawPayloadFactory
from webhooks.models import Attempt


def _samples(client: Client) -> dict[str, float]:
    text = client.get("/metrics").content.decode()
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.mark.django_db
def test_a_process_that_can_work_is_healthy(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


@pytest.mark.django_db
def test_health_costs_one_query(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client.get("/healthz")
    with django_assert_num_queries(1):
        client.get("/healthz")


@pytest.mark.django_db(transaction=True)
def test_a_missing_migration_is_named(client: Client) -> None:
    health.require_migrations.cache_clear()
    newest = MigrationLoader(connection).graph.leaf_nodes("webhooks")[0]
    MigrationRecorder(connection).record_unapplied(*newest)
    try:
        answer = client.get("/healthz")
    finally:
        MigrationRecorder(connection).record_applied(*newest)
    assert answer.status_code == 503
    assert ".".join(newest) in answer.json()["reason"]


@pytest.mark.usefixtures("database_away")
def test_a_database_that_does_not_answer_is_said(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "The database does not answer.")


def test_health_is_only_read(client: Client) -> None:
    assert client.post("/healthz").status_code == 405
    assert client.post("/metrics").status_code == 405


@pytest.mark.django_db
def test_metrics_count_what_waits_and_what_was_tried(client: Client) -> None:
    now = timezone.now()
    DeliveryFactory(due_at=now - timedelta(minutes=2))
    DeliveryFactory(due_at=now + timedelta(minutes=1), lease="a-drain")
    delivered = DeliveryFactory(due_at=None, status="delivered")
    AttemptFactory(delivery=delivered)
    AttemptFactory(delivery=delivered, number=2, status=Attempt.Status.FAILED)
    RawPayloadFactory()
    RawPayloadFactory(status=RawPayload.Status.FAILED)
    WakeToken.objects.create(drain="webhooks.tasks.deliver", heartbeat_at=now - timedelta(seconds=30))

    samples = _samples(client)

    assert samples["webhooks_deliveries_pending"] == 2
    assert samples["webhooks_deliveries_in_flight"] == 1
    assert 120 <= samples["webhooks_delivery_oldest_due_seconds"] < 130
    assert samples["webhooks_attempts_last_hour succeeded"] == 1
    assert samples["webhooks_attempts_last_hour failed"] == 1
    assert samples["webhooks_attempts_last_hour unknown"] == 0
    assert samples["webhooks_raw_payloads pending"] == 1
    assert samples["webhooks_raw_payloads failed"] == 1
    assert 30 <= samples["webhooks_wake_heartbeat_age_seconds webhooks.tasks.deliver"] < 40


@pytest.mark.django_db
def test_metrics_ask_for_their_token(client: Client, settings: Settings) -> None:
    settings.METRICS_TOKEN = "a-long-token"
    assert client.get("/metrics").status_code == 403
    assert client.get("/metrics", headers={"authorization": "Bearer another"}).status_code == 403
    assert client.get("/metrics", headers={"authorization": "Bearer a-long-token"}).status_code == 200


@pytest.mark.django_db
@override_settings(METRICS_TOKEN="")
def test_without_a_token_metrics_are_for_this_machine_only(client: Client) -> None:
    assert client.get("/metrics").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.get("/metrics", headers={"x-forwarded-for": "192.0.2.1"}).status_code == 403


@pytest.mark.django_db
def test_every_answer_has_the_content_policy(client: Client) -> None:
    for path in ["/healthz", "/admin/login/", "/nowhere"]:
        policy = client.get(path).headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "unsafe-inline" not in policy
