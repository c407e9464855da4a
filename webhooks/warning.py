"""E-mails about a webhook in trouble: after an hour of failing, at half time, and when it was disabled; each once.

Whom there is to warn, and of what, is read from the rows; a sweep does it, and disabling wakes it at once.
"""

import logging
import smtplib
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import IntEnum
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from accounts.failures import describe
from accounts.models import Membership
from webhooks.health import DISABLED_AFTER
from webhooks.models import Attempt, Webhook

logger = logging.getLogger(__name__)

AUTOMATIC = [Webhook.DisabledReason.GONE, Webhook.DisabledReason.FAILING]
# E-mails in one step of the drain.
BATCH = 20
# What a mail server says of one e-mail; after anything else the others would not be sent either.
REFUSED = (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError)


class Stage(IntEnum):
    """The e-mails of one trouble, as Webhook.warned counts them."""

    NONE = 0
    FIRST_HOUR = 1
    HALF_TIME = 2
    DISABLED = 3


AFTER = {Stage.FIRST_HOUR: timedelta(hours=1), Stage.HALF_TIME: DISABLED_AFTER / 2}


def stage_of(webhook: Webhook) -> Stage:
    """The e-mail that is due by now. Failing is what was seen to fail: one failure without a second try is no hour."""
    if not webhook.active:
        return Stage.DISABLED if webhook.disabled_reason in AUTOMATIC else Stage.NONE
    if webhook.failing_since is None or webhook.last_attempt_at is None:
        return Stage.NONE
    failing_for = webhook.last_attempt_at - webhook.failing_since
    return max((stage for stage, span in AFTER.items() if failing_for >= span), default=Stage.NONE)


def warn_batch() -> int:
    """Sends the e-mails that are due, some at a time; returns how many were sent."""
    sent = 0
    for webhook in _in_trouble(timezone.now()):
        before, stage = webhook.warned, stage_of(webhook)
        if stage <= before:
            continue
        # Written before it is sent, so that no second worker sends it too; and the others were sent since it was read.
        mine = Webhook.objects.filter(
            pk=webhook.pk, warned=before, active=webhook.active, failing_since=webhook.failing_since
        )
        if mine.update(warned=stage):
            try:
                sent += _send(webhook, stage)
            except Exception as problem:
                Webhook.objects.filter(pk=webhook.pk, warned=stage).update(warned=before)
                # A mail server's refusal quotes the address, which is personal.
                logger.error(
                    "The e-mail about %s could not be sent; the next sweep tries again: %s",
                    webhook.pk,
                    describe(problem),
                )
                if not isinstance(problem, REFUSED):
                    return 0
        if sent >= BATCH:
            break
    return sent


def next_due_at() -> datetime | None:
    """Now, where an e-mail is due; else the sweep finds it."""
    now = timezone.now()
    return now if any(stage_of(webhook) > webhook.warned for webhook in _in_trouble(now)) else None


def _in_trouble(now: datetime) -> QuerySet[Webhook]:
    failing = Q(active=True, failing_since__lte=now - AFTER[Stage.FIRST_HOUR], warned__lt=Stage.HALF_TIME)
    disabled = Q(active=False, disabled_reason__in=AUTOMATIC, warned__lt=Stage.DISABLED)
    return Webhook.objects.existing().filter(failing | disabled).select_related("workspace", "number")


def _send(webhook: Webhook, stage: Stage) -> int:
    """Returns 1; 0 where the workspace has no owner with an e-mail address."""
    owners = _owners(webhook)
    if not owners:
        return 0
    last = Attempt.objects.filter(webhook=webhook).exclude(error="").order_by("-pk").first()
    text = render_to_string(
        "webhooks/warning.txt",
        {
            "webhook": webhook,
            # Without its path and query, which may hold the receiver's own secrets.
            "host": urlsplit(webhook.url).netloc,
            "stage": stage.name,
            "gone": webhook.disabled_reason == Webhook.DisabledReason.GONE,
            "error": last.error if last is not None else "",
            "disabled_at": (webhook.failing_since or timezone.now()) + DISABLED_AFTER,
            "link": f"{settings.PUBLIC_URL}{reverse('webhook', args=[webhook.pk])}",
        },
    )
    subject = {
        Stage.FIRST_HOUR: f"Webhook {webhook} has failed for an hour",
        Stage.HALF_TIME: f"Webhook {webhook} will be disabled in two and a half days",
        Stage.DISABLED: f"Webhook {webhook} was disabled",
    }[stage]
    # One line, whatever the webhook is called.
    subject = " ".join(subject.split())
    EmailMessage(subject, text, to=owners[:1], bcc=owners[1:]).send()
    return 1


def _owners(webhook: Webhook) -> Sequence[str]:
    return list(
        Membership.objects.filter(
            workspace=webhook.workspace_id, role=Membership.Role.OWNER, user__is_active=True
        )
        .exclude(user__email="")
        .order_by("pk")
        .values_list("user__email", flat=True)
    )
