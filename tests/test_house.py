"""The suite's own ground holds."""

import pytest
from django.conf import settings

from accounts.models import ApiKey
from events.catalog import EVENT_TYPES
from tests.conftest import Tenant
from tests.factories import (
    AttemptFactory,
    EventFactory,
    MessageFactory,
    MetaNumberFactory,
    RawPayloadFactory,
    WebhookFactory,
)


def test_the_suite_never_touches_an_installations_data() -> None:
    assert settings.DATA_DIR.name.startswith("webhooks-test-")
    assert settings.Q_CLUSTER["name"] == settings.DATA_DIR.name


def test_a_tenant_has_all_that_an_owner_has(alice: Tenant) -> None:
    key = ApiKey.find(alice.key)
    assert key is not None
    assert key.workspace == alice.workspace == alice.number.workspace
    assert alice.user.memberships.get().workspace == alice.workspace


def test_tenants_share_nothing(alice: Tenant, bob: Tenant, charlie: object) -> None:
    assert alice.workspace != bob.workspace
    assert alice.number.phone != bob.number.phone


@pytest.mark.django_db
def test_a_webhook_comes_with_its_subscriptions_and_a_secret() -> None:
    webhook = WebhookFactory(events=["message.sent", "call.ended"])
    assert webhook.events == ["call.ended", "message.sent"]
    assert webhook.secrets.get().secret.startswith("whsec_")


@pytest.mark.django_db
def test_an_attempt_hangs_together() -> None:
    attempt = AttemptFactory()
    assert attempt.webhook.number == attempt.delivery.event.number
    assert attempt.url == attempt.webhook.url


@pytest.mark.django_db
@pytest.mark.parametrize("event_type", [event_type.name for event_type in EVENT_TYPES])
def test_an_event_of_every_type_can_be_made(event_type: str) -> None:
    assert EventFactory(type=event_type).payload["event"] == event_type


@pytest.mark.django_db
def test_messages_and_payloads_can_be_made() -> None:
    assert MessageFactory(sent=True).external_id
    assert MessageFactory(inbound=True).contact_key
    assert MetaNumberFactory().credentials["accessToken"]
    assert RawPayloadFactory(number=None).provider == "meta"
