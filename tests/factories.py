"""Rows for tests, each with everything it needs; what a test is about it says itself.

NumberFactory(workspace=alice.workspace)            a connected simulator number (MetaNumberFactory: Meta)
WebhookFactory(number=alice.number, events=[…])     with subscriptions (default ["*"]) and one secret
ApiKeyFactory(workspace=…).text                     the key as its owner saw it once
EventFactory(number=…, type="message.sent")         its body is the catalog's example
DeliveryFactory(event=…, webhook=…)                 pending and due now
"""

import base64
import json
import os
import secrets
from datetime import timedelta
from typing import Any

import factory
from django.contrib.auth.models import User
from django.utils import timezone
from factory.django import DjangoModelFactory

from accounts.models import ApiKey, EmailChange, Invitation, Membership, Workspace, sha256
from events.catalog import BY_NAME
from events.models import Event, RawPayload
from messaging.models import Message
from phone_numbers.models import Number
from phone_numbers.phones import contact_key
from webhooks.models import Attempt, Delivery, Subscription, Trigger, Webhook, WebhookSecret


class UserFactory(DjangoModelFactory[User]):
    """Its password is "correct horse"."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user-{n}")
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    password = factory.django.Password("correct horse")


class WorkspaceFactory(DjangoModelFactory[Workspace]):
    class Meta:
        model = Workspace

    name = factory.Sequence(lambda n: f"Workspace {n}")


class MembershipFactory(DjangoModelFactory[Membership]):
    class Meta:
        model = Membership

    workspace = factory.SubFactory(WorkspaceFactory)
    user = factory.SubFactory(UserFactory)
    role = Membership.Role.OWNER


class InvitationFactory(DjangoModelFactory[Invitation]):
    """Open, with its e-mail sent; `.token` is what the link in it holds."""

    class Meta:
        model = Invitation

    workspace = factory.SubFactory(WorkspaceFactory)
    email = factory.Sequence(lambda n: f"invited-{n}@example.com")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=7))
    sent_at = factory.LazyFunction(timezone.now)

    @classmethod
    def _create(cls, model_class: type[Invitation], *args: Any, **kwargs: Any) -> Invitation:
        token = secrets.token_urlsafe(32)
        invitation = model_class(*args, **kwargs, digest=sha256(token))
        invitation.save()
        invitation.token = token
        return invitation


class EmailChangeFactory(DjangoModelFactory[EmailChange]):
    """Asked for, with its e-mail sent."""

    class Meta:
        model = EmailChange

    user = factory.SubFactory(UserFactory)
    old_email = factory.SelfAttribute("user.email")
    email = factory.Sequence(lambda n: f"new-{n}@example.com")
    expires_at = factory.LazyFunction(lambda: timezone.now() + timedelta(days=1))


class ApiKeyFactory(DjangoModelFactory[ApiKey]):
    """`.text` is the key itself. Limited to one number with `number_id=number.id`."""

    class Meta:
        model = ApiKey

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Test key"

    @classmethod
    def _create(cls, model_class: type[ApiKey], *args: Any, **kwargs: Any) -> ApiKey:
        key = model_class(*args, **kwargs)
        key.text = key.issue()
        return key


class NumberFactory(DjangoModelFactory[Number]):
    """A connected number of the simulator."""

    class Meta:
        model = Number

    workspace = factory.SubFactory(WorkspaceFactory)
    name = "Shop"
    phone = factory.Sequence(lambda n: f"+1202555{n % 10_000:04d}")
    provider = "simulator"
    provider_ref = factory.SelfAttribute("phone")
    state = Number.State.OPEN


class MetaNumberFactory(NumberFactory):
    """A connected number at Meta; `provider_ref` is its phoneNumberId, `account_ref` its business account."""

    provider = "meta"
    provider_ref = factory.Sequence(lambda n: f"{106540352240000 + n}")
    account_ref = "102290129340398"
    credentials = factory.LazyFunction(lambda: {"accessToken": "test-access-token"})


def new_secret() -> str:
    return "whsec_" + base64.b64encode(os.urandom(32)).decode()


class WebhookFactory(DjangoModelFactory[Webhook]):
    """`events=[…]`: its subscriptions; `secret="whsec_…"`: its secret; `number=None`: any number."""

    class Meta:
        model = Webhook
        skip_postgeneration_save = True

    number = factory.SubFactory(NumberFactory)
    workspace = factory.LazyAttribute(
        lambda webhook: webhook.number.workspace if webhook.number else WorkspaceFactory()
    )
    name = "Orders"
    url = "http://127.0.0.1:9/hook"

    @factory.post_generation
    def events(self: Webhook, create: bool, extracted: list[str] | None, **kwargs: Any) -> None:
        names = ["*"] if extracted is None else extracted
        Subscription.objects.bulk_create(Subscription(webhook=self, event=name) for name in names)

    @factory.post_generation
    def secret(self: Webhook, create: bool, extracted: str | None, **kwargs: Any) -> None:
        WebhookSecret.objects.create(webhook=self, secret=extracted or new_secret())


class MessageFactory(DjangoModelFactory[Message]):
    """An outbound text, just queued; `sent=True`: WhatsApp has it; `inbound=True`: the contact wrote it."""

    class Meta:
        model = Message

    class Params:
        sent = factory.Trait(
            status=Message.Status.SENT,
            external_id=factory.Sequence(lambda n: f"wamid.test{n:08d}"),
            sent_at=factory.LazyFunction(timezone.now),
        )
        inbound = factory.Trait(
            direction=Message.Direction.INBOUND,
            status=Message.Status.RECEIVED,
            external_id=factory.Sequence(lambda n: f"wamid.inbound{n:08d}"),
            content="Yes please",
            correlation_id="",
        )

    number = factory.SubFactory(NumberFactory)
    workspace = factory.SelfAttribute("number.workspace")
    direction = Message.Direction.OUTBOUND
    status = Message.Status.QUEUED
    correlation_id = factory.Sequence(lambda n: f"correlation-{n}")
    contact_phone = "+447700900123"
    contact_key = factory.LazyAttribute(lambda message: contact_key(message.contact_phone))
    type = "text"
    content = "Shall we deliver today?"


class RawPayloadFactory(DjangoModelFactory[RawPayload]):
    """A payload that waits in the inbox."""

    class Meta:
        model = RawPayload

    number = factory.SubFactory(NumberFactory)
    provider = factory.LazyAttribute(lambda payload: payload.number.provider if payload.number else "meta")
    provider_ref = factory.LazyAttribute(
        lambda payload: payload.number.provider_ref if payload.number else ""
    )
    body = "{}"
    due_at = factory.LazyFunction(timezone.now)


def _example_body(event: Any) -> str:
    body = dict(BY_NAME[event.type].example)
    if "numberId" in body.get("data", {}):
        body["data"] = body["data"] | {"numberId": event.number.id}
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False)


class EventFactory(DjangoModelFactory[Event]):
    class Meta:
        model = Event

    number = factory.SubFactory(NumberFactory)
    workspace = factory.SelfAttribute("number.workspace")
    type = "message.sent"
    body = factory.LazyAttribute(_example_body)
    created_at = factory.LazyFunction(timezone.now)
    dedupe_key = factory.Sequence(lambda n: f"test:{n}")


class DeliveryFactory(DjangoModelFactory[Delivery]):
    """Pending and due now; the webhook, unless given, listens to the event's number."""

    class Meta:
        model = Delivery

    event = factory.SubFactory(EventFactory)
    webhook = factory.SubFactory(WebhookFactory, number=factory.SelfAttribute("..event.number"))
    due_at = factory.LazyFunction(timezone.now)


class AttemptFactory(DjangoModelFactory[Attempt]):
    """The first attempt of a delivery: it succeeded with 200."""

    class Meta:
        model = Attempt

    delivery = factory.SubFactory(DeliveryFactory)
    webhook = factory.SelfAttribute("delivery.webhook")
    event_type = factory.SelfAttribute("delivery.event.type")
    number = 1
    trigger = Trigger.AUTOMATIC
    status = Attempt.Status.SUCCEEDED
    url = factory.SelfAttribute("webhook.url")
    status_code = 200
    duration_ms = 12
    finished_at = factory.LazyFunction(timezone.now)
