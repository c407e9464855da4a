"""What an operator does by hand: recovering after an outage of ours, deleting what is old."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory, EventFactory, WebhookFactory
from webhooks.activating import set_active
from webhooks.models import Attempt, Delivery, RecoveryJob, Webhook

pytestmark = pytest.mark.django_db

LAST_NIGHT = (timezone.now() - timedelta(hours=10)).isoformat()


def given_up(webhook: Webhook) -> Delivery:
    return DeliveryFactory(
        event=EventFactory(number=webhook.number),
        webhook=webhook,
        status=Delivery.Status.EXHAUSTED,
        due_at=None,
    )


def run(command: str, *arguments: str) -> list[str]:
    out = StringIO()
    call_command(command, *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_every_webhook_is_recovered_each_by_a_job_of_its_own(alice: Tenant, bob: Tenant) -> None:
    rows = [given_up(WebhookFactory(number=tenant.number)) for tenant in (alice, bob)]
    quiet = WebhookFactory(number=alice.number)
    lines = run("recover", "--since", LAST_NIGHT)
    assert len(lines) == 3
    assert f"{quiet.pk}         0  nothing to recover" in lines
    assert RecoveryJob.objects.count() == 2
    assert {Delivery.objects.get(pk=row.pk).status for row in rows} == {"pending"}


def test_a_preview_changes_nothing(alice: Tenant) -> None:
    row = given_up(WebhookFactory(number=alice.number))
    assert run("recover", "--since", LAST_NIGHT, "--preview") == [f"{row.webhook_id}         1  to recover"]
    assert Delivery.objects.get().status == Delivery.Status.EXHAUSTED


def test_a_disabled_one_is_enabled_only_when_asked(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    given_up(webhook)
    set_active([webhook], False)
    (line,) = run("recover", "--since", LAST_NIGHT, "--webhook", webhook.pk)
    assert "--enable" in line
    assert not Webhook.objects.get().active
    run("recover", "--since", LAST_NIGHT, "--webhook", webhook.pk, "--enable")
    assert Webhook.objects.get().active
    assert Delivery.objects.get().status == Delivery.Status.PENDING


@pytest.mark.parametrize("since", ["yesterday", "2026-11-24", "2026-13-45T00:00:00Z", "2999-01-01T00:00:00Z"])
def test_a_moment_that_is_none_is_refused(alice: Tenant, since: str) -> None:
    with pytest.raises(CommandError, match="--since"):
        run("recover", "--since", since)


def test_an_unknown_webhook_is_named_and_nothing_is_done(alice: Tenant) -> None:
    row = given_up(WebhookFactory(number=alice.number))
    with pytest.raises(CommandError, match="wh_nobody"):
        run("recover", "--since", LAST_NIGHT, "--webhook", row.webhook_id, "--webhook", "wh_nobody")
    assert not RecoveryJob.objects.exists()


def test_pruning_deletes_what_is_old_and_says_how_much(alice: Tenant) -> None:
    AttemptFactory(
        pk="att_00000000000000000000000000", delivery=given_up(WebhookFactory(number=alice.number))
    )
    assert run("prune") == ["1 rows deleted."]
    assert not Attempt.objects.exists()
    assert Delivery.objects.exists()
