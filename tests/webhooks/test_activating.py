"""Switching webhooks off."""

import pytest

from tests.conftest import Tenant
from tests.factories import WebhookFactory
from webhooks.activating import set_active
from webhooks.models import Webhook

pytestmark = pytest.mark.django_db


def test_pausing_what_is_disabled_already_keeps_why_and_since_when(alice: Tenant) -> None:
    webhook = WebhookFactory(number=alice.number)
    set_active([webhook], False, Webhook.DisabledReason.GONE)
    since = webhook.disabled_at
    set_active([webhook], False)
    assert (webhook.disabled_reason, webhook.disabled_at) == (Webhook.DisabledReason.GONE, since)
