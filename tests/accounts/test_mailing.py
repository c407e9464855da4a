"""E-mails to people: once where all goes well, again where the mail server does not answer, given up in the end."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.utils import timezone

from accounts import mailing, tasks
from accounts.models import Invitation, PasswordReset
from tests.conftest import Tenant
from tests.factories import InvitationFactory, UserFactory
from webhooks.sweeping import DRAINS

pytestmark = pytest.mark.django_db

NOBODY_LISTENS = {"EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend", "EMAIL_PORT": 9}


@pytest.fixture
def mail_server_is_down(settings: Any) -> None:
    for name, value in {**NOBODY_LISTENS, "EMAIL_HOST": "127.0.0.1"}.items():
        setattr(settings, name, value)


def due(**more: Any) -> Invitation:
    return InvitationFactory(**{"due_at": timezone.now(), "sent_at": None} | more)


def test_an_email_is_sent_once(alice: Tenant) -> None:
    invitation = due()
    tasks.mail()
    tasks.mail()
    assert len(mail.outbox) == 1
    invitation.refresh_from_db()
    assert invitation.due_at is None
    assert invitation.sent_at is not None


def test_the_sweep_finds_what_nobody_was_woken_for(alice: Tenant) -> None:
    assert DRAINS["accounts.tasks.mail"]() is None
    due()
    assert DRAINS["accounts.tasks.mail"]() is not None


def test_a_mail_server_that_is_down_is_tried_again_and_given_up(mail_server_is_down: None) -> None:
    invitation = due()
    with time_machine.travel(timezone.now(), tick=False) as clock:
        for delay in mailing.RETRY_DELAYS:
            mailing.mail_batch()
            invitation.refresh_from_db()
            assert invitation.due_at == timezone.now() + delay
            clock.shift(delay)
        mailing.mail_batch()
    invitation.refresh_from_db()
    assert (invitation.due_at, invitation.sent_at, invitation.tries) == (None, None, 5)
    assert mailing.next_due_at() is None


def test_what_was_tried_in_vain_arrives_later(settings: Any) -> None:
    invitation = due(due_at=timezone.now() - timedelta(minutes=1), tries=2)
    tasks.mail()
    invitation.refresh_from_db()
    assert invitation.sent_at is not None


def test_one_that_fails_keeps_no_other_and_its_address_out_of_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A mail server's refusal of one recipient, as Django's SMTP backend reports it.
    import smtplib

    from django.core.mail.backends.locmem import EmailBackend

    send = EmailBackend.send_messages

    def refuse_some(self: Any, messages: Any) -> Any:
        if messages[0].to == ["refused@example.com"]:
            raise smtplib.SMTPRecipientsRefused({messages[0].to[0]: (550, b"no")})
        return send(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", refuse_some)
    due(email="refused@example.com")
    due(email="joe@example.com")
    mailing.mail_batch()
    assert [message.to for message in mail.outbox] == [["joe@example.com"]]
    assert "SMTPRecipientsRefused" in caplog.text
    assert "refused@example.com" not in caplog.text


def test_a_worker_that_died_while_sending_is_made_up_for() -> None:
    due(due_at=timezone.now() + mailing.LEASE)
    assert mailing.mail_batch() == 0
    with time_machine.travel(timezone.now() + mailing.LEASE, tick=False):
        assert mailing.mail_batch() == 1


@pytest.mark.parametrize("name", ["A\nBcc: x@y.example", "A\r\n\r\nBody"])
def test_a_workspaces_name_is_one_line_of_the_subject(name: str) -> None:
    due(workspace__name=name)
    tasks.mail()
    assert "\n" not in mail.outbox[0].subject


def test_a_link_for_a_new_password_goes_to_whom_the_address_belongs() -> None:
    UserFactory(username="ana")
    UserFactory(username="old", email="old@example.com", is_active=False)
    for email in ("ANA@example.com", "old@example.com", "nobody@example.com"):
        PasswordReset.objects.create(email=email)
    tasks.mail()
    assert [message.to for message in mail.outbox] == [["ana@example.com"]]
    assert not PasswordReset.objects.exists()


def test_a_link_that_could_not_be_sent_is_given_up_in_the_end(mail_server_is_down: None) -> None:
    UserFactory(username="ana")
    PasswordReset.objects.create(email="ana@example.com", tries=3)
    mailing.mail_batch()
    reset = PasswordReset.objects.get()
    assert reset.tries == 4
    PasswordReset.objects.update(due_at=timezone.now())
    mailing.mail_batch()
    assert not PasswordReset.objects.exists()
