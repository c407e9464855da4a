"""The owner hears of a failing webhook in stages, each e-mail once per trouble."""

from collections.abc import Sequence
from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMessage
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from accounts.models import Membership
from tests.conftest import Tenant
from tests.factories import DeliveryFactory, EventFactory, MembershipFactory, WebhookFactory
from tests.receivers import Receiver, Reply
from webhooks import tasks
from webhooks.activating import set_active
from webhooks.claiming import claim
from webhooks.models import Webhook
from webhooks.outcome import ErrorClass, Outcome
from webhooks.recording import record
from webhooks.warning import Stage

pytestmark = pytest.mark.django_db


def failing(tenant: Tenant, since: timedelta, **more: Any) -> Webhook:
    now = timezone.now()
    return WebhookFactory(
        number=tenant.number,
        **{"failing_since": now - since, "last_attempt_at": now, "consecutive_failures": 8} | more,
    )


def subjects() -> list[str]:
    tasks.warn()
    return [message.subject for message in mail.outbox]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (timedelta(minutes=59), []),
        (timedelta(minutes=61), ["Webhook Orders has failed for an hour"]),
        (timedelta(days=2.6), ["Webhook Orders will be disabled in two and a half days"]),
    ],
)
def test_each_stage_has_its_email(alice: Tenant, since: timedelta, expected: list[str]) -> None:
    failing(alice, since)
    assert subjects() == expected


def test_an_email_is_sent_once(alice: Tenant) -> None:
    failing(alice, timedelta(hours=2))
    assert len(subjects()) == 1
    assert len(subjects()) == 1


def test_it_says_what_to_do_and_leads_to_the_page(alice: Tenant, settings: Any) -> None:
    settings.PUBLIC_URL = "https://hooks.example.com"
    webhook = failing(alice, timedelta(hours=2), url="https://shop.example/hook?token=secret")
    tasks.warn()
    (message,) = mail.outbox
    assert message.to == [alice.user.email]
    assert f"https://hooks.example.com/webhooks/{webhook.pk}" in message.body
    assert "shop.example" in message.body
    assert "secret" not in message.body


def test_all_owners_hear_it_and_nobody_else(alice: Tenant, bob: Tenant) -> None:
    MembershipFactory(workspace=alice.workspace, role=Membership.Role.MEMBER)
    second = MembershipFactory(workspace=alice.workspace).user
    failing(alice, timedelta(hours=2))
    tasks.warn()
    (message,) = mail.outbox
    assert message.recipients() == [alice.user.email, second.email]


def test_a_single_failure_an_hour_ago_is_no_hour_of_failing(alice: Tenant) -> None:
    ago = timezone.now() - timedelta(hours=3)
    failing(alice, timedelta(hours=3), last_attempt_at=ago)
    assert subjects() == []


def test_a_paused_webhook_warns_nobody(alice: Tenant) -> None:
    set_active([failing(alice, timedelta(hours=2))], False)
    assert subjects() == []


def test_410_is_told_at_once_with_the_way_back(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=410)
    webhook = WebhookFactory(number=alice.number, url=receiver.url)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    tasks.deliver()
    assert subjects() == ["Webhook Orders was disabled"]
    assert "410 Gone" in mail.outbox[0].body
    assert "Enable and recover" in mail.outbox[0].body


def test_five_days_of_failing_are_told(alice: Tenant, receiver: Receiver) -> None:
    receiver.reply = Reply(status=500)
    webhook = failing(alice, timedelta(days=5, seconds=1), url=receiver.url, warned=Stage.HALF_TIME)
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    tasks.deliver()
    assert subjects() == ["Webhook Orders was disabled"]
    assert "500 from the receiver." in mail.outbox[0].body


def test_the_next_trouble_is_told_anew(alice: Tenant, receiver: Receiver) -> None:
    webhook = failing(alice, timedelta(hours=2), url=receiver.url)
    tasks.warn()
    DeliveryFactory(event=EventFactory(number=alice.number), webhook=webhook)
    tasks.deliver()
    webhook.refresh_from_db()
    assert webhook.warned == Stage.NONE
    now = timezone.now()
    Webhook.objects.update(failing_since=now - timedelta(minutes=61), last_attempt_at=now)
    assert len(subjects()) == 2


def test_an_email_that_could_not_be_sent_is_sent_later(alice: Tenant, settings: Any) -> None:
    webhook = failing(alice, timedelta(hours=2))
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1999
    tasks.warn()
    webhook.refresh_from_db()
    assert webhook.warned == Stage.NONE
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert len(subjects()) == 1


class PickyServer(EmailBackend):
    """Knows nobody called nobody@example.com."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        for message in messages:
            if message.recipients() == ["nobody@example.com"]:
                raise SMTPRecipientsRefused(
                    {"nobody@example.com": (550, b"<nobody@example.com>: no such user")}
                )
        return super().send_messages(messages)


def test_an_address_that_is_refused_keeps_nobody_else_from_hearing_it(
    alice: Tenant, bob: Tenant, settings: Any, caplog: pytest.LogCaptureFixture
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{PickyServer.__name__}"
    alice.user.email = "nobody@example.com"
    alice.user.save()
    refused = failing(alice, timedelta(hours=2))
    failing(bob, timedelta(hours=2))
    tasks.warn()
    assert [message.to for message in mail.outbox] == [[bob.user.email]]
    refused.refresh_from_db()
    assert refused.warned == Stage.NONE
    assert refused.pk in caplog.text
    assert "nobody@example.com" not in caplog.text


def test_what_was_in_flight_when_it_was_disabled_brings_no_second_email(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    DeliveryFactory.create_batch(2, event__number=alice.number, webhook=webhook)
    taken = claim(2)
    gone, slow = taken.attempts
    answer = Outcome(status_code=410, error_class=ErrorClass.STATUS, error="410 from the receiver.")
    record({taken.lease: [(gone, answer)]})
    assert subjects() == ["Webhook Orders was disabled"]
    record({taken.lease: [(slow, Outcome(status_code=200))]})
    assert subjects() == ["Webhook Orders was disabled"]


class SlowServer(EmailBackend):
    """Takes its time: meanwhile somebody enables all that is disabled, and all that failed succeeds."""

    def send_messages(self, messages: Sequence[EmailMessage]) -> int:
        set_active(list(Webhook.objects.all()), True)
        return super().send_messages(messages)


@pytest.mark.parametrize("trouble", [{}, {"active": False, "disabled_reason": Webhook.DisabledReason.GONE}])
def test_a_trouble_that_ended_while_others_were_warned_is_not_told_and_the_next_one_is(
    alice: Tenant, settings: Any, trouble: dict[str, Any]
) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.{SlowServer.__name__}"
    failing(alice, timedelta(hours=2))
    second = failing(alice, timedelta(hours=2), name="Stock", **trouble)
    assert subjects() == ["Webhook Orders has failed for an hour"]
    now = timezone.now()
    Webhook.objects.filter(pk=second.pk).update(failing_since=now - timedelta(hours=2), last_attempt_at=now)
    assert subjects()[1:] == ["Webhook Stock has failed for an hour"]


def test_a_name_cannot_add_headers(alice: Tenant) -> None:
    failing(alice, timedelta(hours=2), name="Orders\nBcc: everybody@example.com")
    assert subjects() == ["Webhook Orders Bcc: everybody@example.com has failed for an hour"]


def test_the_sweep_finds_whom_to_warn(alice: Tenant) -> None:
    from accounts.models import WakeToken

    failing(alice, timedelta(minutes=30), last_attempt_at=timezone.now() + timedelta(minutes=31))
    with time_machine.travel(timezone.now() + timedelta(minutes=32), tick=True):
        tasks.sweep()
        assert subjects()
    assert WakeToken.objects.filter(drain="webhooks.tasks.warn").exists()
