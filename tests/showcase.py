"""A workspace as people have them, for pictures and for looking at every page: the Aurora Bakery's day.

Twelve numbers at four providers, ten webhooks in every state a webhook can have, a conversation that was answered, a
recovery that is half through. Every row is made at the moment it tells of, so that ids, logs and charts agree. The same
seed gives the same day.
"""

import json
import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import time_machine
from django.contrib.auth.models import User
from django.utils import timezone

from accounts.models import ApiKey, Workspace
from events.catalog import BY_NAME
from events.models import Event, RawPayload
from messaging.models import Message
from phone_numbers.models import HealthCheck, Number
from tests.factories import (
    AttemptFactory,
    DeliveryFactory,
    EventFactory,
    MembershipFactory,
    MessageFactory,
    NumberFactory,
    RawPayloadFactory,
    UserFactory,
    WebhookFactory,
    WorkspaceFactory,
)
from webhooks.figures import BOUNDS, hour_of
from webhooks.models import Attempt, Delivery, HourlyCount, RecoveryJob, Webhook

# name, phone, provider, retention in days (0: relay only; None: everything), state
NUMBERS: list[tuple[str, str, str, int | None, str]] = [
    ("Storefront", "+5511988881020", "meta", None, "OPEN"),
    ("Support", "+5511988881021", "evolution", 90, "SUSPECT"),
    ("Courier desk", "+5511988881022", "waha", 0, "OPEN"),
    ("Franchise Rio", "+5521977772040", "evolution", None, "CLOSE"),
    ("Franchise Lisbon", "+351912345670", "meta", 30, "OPEN"),
    ("Franchise Berlin", "+4915112345678", "meta", 30, "OPEN"),
    ("Franchise London", "+447700900471", "waha", None, "OPEN"),
    ("Wholesale", "+5511988881030", "meta", None, "OPEN"),
    ("Catering", "+5511988881031", "evolution", None, "OPEN"),
    ("Night shift", "+5511988881032", "waha", 7, "CONNECTING"),
    ("Recruiting", "+5511988881033", "waha", 0, "OPEN"),
    ("Try-out", "+12025550142", "simulator", None, "OPEN"),
]
CONTACTS = ["+5511977770142", "+5521966660318", "+5511955550977", "+5531944440001", "+5511933330450"]
SAID = [
    "Your bread is out of the oven.", "Order 4821 is on its way.", "We open at 6 tomorrow.",
    "Your table for four is set.", "The sourdough is back.",
]  # fmt: skip
ANSWERED = ["Perfect, thank you!", "Can I come at 9?", "Two of the rye, please.", "👍"]
BUSY = "The receiver answered 503 Service Unavailable."


@dataclass(frozen=True)
class Showcase:
    """What there is to look at: each is the one that its page is about."""

    workspace: Workspace
    user: User
    number: Number
    suspect: Number
    simulator: Number
    healthy: Webhook
    failing: Webhook
    disabled: Webhook
    recovering: Webhook
    delivery: Delivery
    message: Message
    event: Event
    redacted: Event


class _Day:
    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.random = random.Random(4821)
        self.now = timezone.now()

    def at(self, moment: datetime, make: Callable[[], Any]) -> Any:
        with time_machine.travel(moment, tick=False):
            return make()

    def ago(self, make: Callable[[], Any], **span: float) -> Any:
        return self.at(self.now - timedelta(**span), make)

    # --- Numbers

    def number(self, name: str, phone: str, provider: str, days: int | None, state: str) -> Number:
        mode = Number.PiiMode.STORE_INDEFINITE
        if days is not None:
            mode = Number.PiiMode.STORE_X_DAYS if days else Number.PiiMode.RELAY_ONLY
        number = NumberFactory(
            workspace=self.workspace, name=name, phone=phone, provider=provider, provider_ref=f"ref-{phone}",
            pii_mode=mode, pii_retention_days=days or None,
            state=Number.State.OPEN if state == "SUSPECT" else state,
            created_at=self.now - timedelta(days=200),
            state_changed_at=self.now - timedelta(hours=self.random.randint(20, 900)),
            last_seen_at=self.now - timedelta(seconds=self.random.randint(1, 300)),
            suppressed_flaps=self.random.choice([0, 0, 1, 2, 7]),
        )  # fmt: skip
        if state == "SUSPECT":
            number.suspect_since, number.suspect_reason = (
                self.now - timedelta(seconds=9),
                "connection.update: close",
            )
            number.failed_probes, number.probe_due_at = 1, self.now + timedelta(seconds=300)
            number.save()
        if state in ("CLOSE", "CONNECTING"):
            number.state_changed_at = self.now - timedelta(minutes=52)
            number.save()
        for i in range(30):
            lost = state == "CLOSE" and i > 17
            result = "disconnected" if lost else "unknown" if self.random.random() < 0.04 else "connected"
            self.ago(
                lambda result=result: HealthCheck.objects.create(  # type: ignore[misc]
                    number=number, trigger="periodic", result=result,
                    detail="The session is closed." if result == "disconnected" else "",
                ),
                minutes=5 * (30 - i),
            )  # fmt: skip
        if state == "SUSPECT":
            HealthCheck.objects.create(
                number=number, trigger="confirmation", result="disconnected", detail="state: close"
            )
        return number

    # --- Messages and events

    def event(self, number: Number, name: str, message: Message | None = None, **data: Any) -> Event:
        body: dict[str, Any] = json.loads(json.dumps(BY_NAME[name].example))
        if "data" in body and name != "calls":
            body["data"] |= {"numberId": number.pk, "createdAt": _iso(timezone.now()), **data}
        if name.startswith("number."):
            body["data"] |= {"phone": number.phone, "displayName": number.name}
        if message is not None:
            ours, theirs = number.phone, message.contact_phone
            by_us = body["data"]["fromMe"]
            body["data"] |= {
                "id": message.pk, "messageId": message.external_id, "content": message.content,
                "from": ours if by_us else theirs, "to": theirs if by_us else ours,
            }  # fmt: skip
            if message.correlation_id:
                body["data"]["correlationId"] = message.correlation_id
        payload = RawPayloadFactory(
            number=number, status=RawPayload.Status.NORMALIZED, due_at=None, received_at=timezone.now(),
            body=json.dumps(
                {"object": "whatsapp_business_account", "entry": [{"id": "102290129340398", "changes": [{
                    "field": "messages", "value": {"messaging_product": "whatsapp", "statuses": [{
                        "id": message.external_id if message else "wacid.HBgL", "status": name.split(".")[-1],
                        "timestamp": str(int(timezone.now().timestamp())),
                    }]},
                }]}]}
            ),
        )  # fmt: skip
        text = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
        return EventFactory(
            number=number, type=name, body=number.seal(text), message_id=message.pk if message else "",
            raw_payload=payload, recorded_at=timezone.now() + timedelta(milliseconds=31),
        )  # fmt: skip

    def message(self, number: Number, **more: Any) -> Message:
        ending = f"{self.random.getrandbits(60):015X}"
        defaults: dict[str, Any] = {
            "number": number, "contact_phone": self.random.choice(CONTACTS), "content": self.random.choice(SAID),
            "external_id": f"wamid.HBgNNTUxMTk3Nzc3MDE0Mh{ending}", "correlation_id": f"order-{ending[:5].lower()}",
            "created_at": timezone.now(),
        }  # fmt: skip
        return MessageFactory(**defaults | more)

    def told(self, event: Event, *webhooks: Webhook, took: int | None = None) -> None:
        """Each of the webhooks answered 200."""
        for webhook in webhooks:
            delivery = DeliveryFactory(
                event=event, webhook=webhook, status=Delivery.Status.DELIVERED, due_at=None, attempts_made=1,
                finished_at=timezone.now(),
            )  # fmt: skip
            self.attempt(delivery, 1, 200, took or self.random.randint(40, 220))

    def attempt(self, delivery: Delivery, number: int, status: int | None, took: int, **more: Any) -> Attempt:
        event = delivery.event
        succeeded = status is not None and status < 300
        steps = {
            "dns": 3.1,
            "connect": took * 0.1,
            "tls": took * 0.15,
            "firstByte": took * 0.65,
            "total": float(took),
        }
        defaults: dict[str, Any] = {
            "delivery": delivery, "number": number, "status_code": status, "duration_ms": took, "timings": steps,
            "status": Attempt.Status.SUCCEEDED if succeeded else Attempt.Status.FAILED,
            "error_class": "" if succeeded else "status",
            "error": "" if succeeded else BUSY, "peer_address": "203.0.113.20",
            "request_headers": {
                "content-type": "application/json", "user-agent": "whatsapp-webhooks", "webhook-id": event.pk,
                "webhook-timestamp": str(int(timezone.now().timestamp())),
                "webhook-signature": "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
                "webhook-event": event.type, "webhook-attempt": str(number),
            },
            "response_headers": [["content-type", "application/json"], ["server", "nginx"]],
            "response_body": '{"ok":true}' if succeeded else '{"error":"maintenance","retryAfter":60}',
        }  # fmt: skip
        return AttemptFactory(**defaults | more)

    def lifecycle(self, number: Number, *webhooks: Webhook, upto: int = 3) -> Message:
        """A message that climbs `upto` rungs from this moment on; each was told to the webhooks."""
        began = timezone.now()
        message = self.message(number, status=Message.Status.QUEUED)
        rungs = [
            ("message.sent", "SENT", 0.4),
            ("message.delivered", "DELIVERED", 1.6),
            ("message.read", "READ", 48.0),
        ]
        for name, status, after in rungs[:upto]:
            moment = began + timedelta(seconds=after)
            setattr(message, f"{status.lower()}_at", moment)
            message.status = status
            self.at(moment, lambda name=name: self.told(self.event(number, name, message), *webhooks))  # type: ignore[misc]
        message.save()
        return message

    # --- Webhooks

    def count(
        self, webhook: Webhook, an_hour: int, retried: float = 0.01, failed: float = 0.0, since: int = 48
    ) -> None:
        """The counters of two days that are busy at noon and quiet at night; `failed` of the last two hours only."""
        rows = []
        for hours in range(since):
            hour = hour_of(self.now) - timedelta(hours=hours)
            height = (
                0.12 + 0.88 * max(0.0, math.sin((hour.hour - 6) / 18 * math.pi)) if hour.hour >= 6 else 0.08
            )
            total = int(an_hour * height * self.random.uniform(0.85, 1.1))
            bad = int(total * (failed if hours < 3 else 0.002))
            again = int(total * retried)
            slow = 2 if hours in (1, 2) and failed else 0
            for outcome, many in (("not_first", bad), ("retried", again), ("first", total - bad - again)):
                for place, share in ((4, 0.3), (5, 0.42), (6, 0.2), (8 + slow, 0.08)):
                    if attempts := round(many * share):
                        took = BOUNDS[place] if outcome != "not_first" else BOUNDS[11 + place % 5]
                        rows.append(
                            HourlyCount(
                                webhook=webhook, hour=hour, outcome=outcome, took=took, attempts=attempts
                            )
                        )
        merged: dict[Any, HourlyCount] = {}
        for row in rows:
            if kept := merged.get((row.hour, row.outcome, row.took)):
                kept.attempts += row.attempts
            else:
                merged[row.hour, row.outcome, row.took] = row
        HourlyCount.objects.bulk_create(merged.values())

    def webhook(
        self, number: Number | None, name: str, url: str, events: list[str] | None = None, **more: Any
    ) -> Webhook:
        webhook: Webhook = WebhookFactory(
            workspace=self.workspace, number=number, name=name, url=url, events=events,
            created_at=self.now - timedelta(days=40), **more,
        )  # fmt: skip
        return webhook

    def backlog(
        self, webhook: Webhook, number: Number, many: int, status: str, **more: Any
    ) -> list[Delivery]:
        rows = []
        for i in range(many):
            seconds = 420 * (many - i) / many + 260

            def make(i: int = i) -> Delivery:
                name = ("message.sent", "message.delivered", "message.read", "message.reply")[i % 4]
                message = self.message(number, status=Message.Status.SENT)
                delivery: Delivery = DeliveryFactory(
                    event=self.event(number, name, message), webhook=webhook, status=status, **more
                )
                return delivery

            rows.append(self.ago(make, seconds=seconds))
        return rows


def showcase() -> Showcase:
    """Makes it all; its user is `ana`, with the factories' password."""
    user = UserFactory(username="ana", email="ana@example.com")
    workspace = WorkspaceFactory(name="Aurora Bakery")
    MembershipFactory(workspace=workspace, user=user)
    MembershipFactory(workspace=WorkspaceFactory(name="Aurora Wholesale"), user=user, role="read_only")
    day = _Day(workspace)
    numbers = {row[0]: day.number(*row) for row in NUMBERS}
    shop, support, courier = numbers["Storefront"], numbers["Support"], numbers["Courier desk"]
    now = day.now
    status_events = ["message.sent", "message.delivered", "message.read", "message.failed"]

    everything = day.webhook(None, "Data lake", "https://lake.example.com/ingest/whatsapp", ["*"],
                             last_attempt_at=now, last_success_at=now)  # fmt: skip
    crm = day.webhook(
        shop, "CRM", "https://crm.example.com/hooks/whatsapp",
        ["message.received", "message.reply", *status_events], last_attempt_at=now, last_success_at=now,
    )  # fmt: skip
    billing = day.webhook(
        shop, "Billing", "https://billing.example.com/wa/status", status_events,
        consecutive_failures=12, failing_since=now - timedelta(minutes=72), resume_at=now + timedelta(seconds=220),
        last_attempt_at=now - timedelta(seconds=40), last_success_at=now - timedelta(minutes=72),
    )  # fmt: skip
    warehouse = day.webhook(
        support, "Warehouse board", "https://board.example.com/incoming", ["message.received", "message.group"],
        active=False, disabled_reason="gone", disabled_at=now - timedelta(hours=1, minutes=20),
        last_attempt_at=now - timedelta(hours=1, minutes=20),
    )  # fmt: skip
    loyalty = day.webhook(
        numbers["Wholesale"], "Loyalty points", "https://points.example.com/v2/events", status_events,
        last_attempt_at=now, last_success_at=now,
    )  # fmt: skip
    day.webhook(courier, "Route planner", "https://routes.example.com/hook", ["message.received", "message.reply"],
                last_attempt_at=now - timedelta(minutes=4), last_success_at=now - timedelta(minutes=4))  # fmt: skip
    day.webhook(numbers["Franchise Lisbon"], "Lisbon till", "https://till.example.pt/wa", status_events,
                active=False, disabled_reason="paused", disabled_at=now - timedelta(days=1))  # fmt: skip
    day.webhook(numbers["Franchise Berlin"], "Berlin till", "https://kasse.example.de/wa", [])
    fraud = day.webhook(
        numbers["Catering"], "Fraud check", "https://fraud.example.com/score", ["message.sent"],
        consecutive_failures=3, failing_since=now - timedelta(minutes=3), last_attempt_at=now - timedelta(seconds=20),
    )  # fmt: skip
    tryout = day.webhook(numbers["Try-out"], "Try-out receiver", "https://receiver.example.com/hook", ["*"],
                         last_attempt_at=now, last_success_at=now)  # fmt: skip

    day.count(everything, 1900, retried=0.004)
    day.count(crm, 620)
    day.count(billing, 210, retried=0.04, failed=0.55)
    day.count(loyalty, 140)
    day.count(tryout, 12, since=20)

    for i in range(24):
        number = day.random.choice([shop, numbers["Wholesale"], numbers["Franchise Lisbon"]])
        hears = [everything, crm] if number is shop else [everything]
        day.ago(
            lambda number=number, hears=hears: day.lifecycle(number, *hears, upto=day.random.choice([2, 3, 3])),  # type: ignore[misc]
            minutes=58 - 2 * i,
        )  # fmt: skip
    redacted = day.ago(lambda: _relayed(day, courier, everything), minutes=9)
    day.ago(lambda: _failed(day, numbers["Franchise Lisbon"], everything), minutes=7)
    for name, minutes in (("call.ringing", 6), ("call.missed", 5.5), ("number.disconnected", 52)):
        number = numbers["Franchise Rio"] if name.startswith("number") else shop
        day.ago(
            lambda name=name, number=number: day.told(day.event(number, name), everything), minutes=minutes
        )  # type: ignore[misc]

    held = day.backlog(
        warehouse, support, 34, Delivery.Status.HELD, due_at=None, reason="The webhook was disabled."
    )
    _gone(day, warehouse, support)
    waiting = day.backlog(
        billing, shop, 46, Delivery.Status.PENDING, due_at=now + timedelta(seconds=220), attempts_made=0
    )
    for i, delivery in enumerate(waiting[:30]):
        delivery.attempts_made = 1 + i % 5
        delivery.reason, delivery.due_at = BUSY, now + timedelta(seconds=80 + 19 * i)
        delivery.save()
        for number in range(1, delivery.attempts_made + 1):
            timed_out = (i + number) % 3 == 0
            day.ago(
                lambda delivery=delivery, number=number, timed_out=timed_out: day.attempt(  # type: ignore[misc]
                    delivery, number, None if timed_out else 503, 15_000 if timed_out else 120 + 31 * number,
                    error_class="timeout" if timed_out else "status",
                    error="The receiver did not answer within 15 s." if timed_out else BUSY,
                ),
                seconds=600 - 110 * number + i,
            )  # fmt: skip
    day.backlog(billing, shop, 6, Delivery.Status.EXHAUSTED, due_at=None, attempts_made=9,
                reason="Given up after 9 attempts: The receiver answered 500.")  # fmt: skip
    for delivery in day.backlog(
        fraud, numbers["Catering"], 3, Delivery.Status.PENDING, due_at=now + timedelta(seconds=95)
    ):
        delivery.attempts_made = 1
        delivery.save()
        day.attempt(
            delivery, 1, None, 4, error_class="connect", error="203.0.113.20:443 refuses connections."
        )

    job = day.ago(
        lambda: RecoveryJob.objects.create(
            webhook=loyalty, kind=RecoveryJob.Kind.FAILED, since=now - timedelta(hours=2), total=90, released=90,
            until="dlv_z",
        ),
        seconds=70,
    )  # fmt: skip
    for i, delivery in enumerate(
        day.backlog(
            loyalty,
            numbers["Wholesale"],
            90,
            Delivery.Status.PENDING,
            due_at=now + timedelta(seconds=300),
            job=job,
        )
    ):
        if i < 58:
            delivery.status, delivery.due_at, delivery.finished_at = Delivery.Status.DELIVERED, None, now
            delivery.attempts_made = 1
            delivery.save()
            day.ago(lambda delivery=delivery: day.attempt(delivery, 1, 200, 96), seconds=130 - i)  # type: ignore[misc]

    message = day.ago(lambda: _conversation(day, shop, crm, everything), minutes=3)
    for seconds in (100, 70, 50):
        day.ago(lambda: day.lifecycle(numbers["Try-out"], tryout, everything), seconds=seconds)
    for seconds in (30, 20, 9, 4):
        day.ago(lambda: day.lifecycle(shop, crm, everything, upto=2), seconds=seconds)
    for name, number in (
        ("Shop backend", ""),
        ("Point of sale", shop.pk),
        ("Reporting", ""),
        ("Courier app", courier.pk),
    ):
        ApiKey(
            workspace=workspace, name=name, number_id=number, last_used_at=now - timedelta(minutes=3)
        ).issue()
    return Showcase(
        workspace=workspace, user=user, number=shop, suspect=support, simulator=numbers["Try-out"], healthy=crm,
        failing=billing, disabled=warehouse, recovering=loyalty, delivery=waiting[3], message=message,
        event=held and Event.objects.filter(message_id=message.pk, type="message.delivered").get(), redacted=redacted,
    )  # fmt: skip


def _conversation(day: _Day, number: Number, *webhooks: Webhook) -> Message:
    """A send that was read, and answered with a quote."""
    message = day.lifecycle(number, *webhooks)
    message.contact_phone, message.content = CONTACTS[0], "Order 4821 is on its way. Will you be in at 5?"
    message.save()

    def answer() -> None:
        reply = day.message(
            number, inbound=True, content=ANSWERED[0], contact_phone=CONTACTS[0], correlation_id="",
            quoted_external_id=message.external_id, direction=Message.Direction.INBOUND,
            status=Message.Status.RECEIVED,
        )  # fmt: skip
        event = day.event(
            number, "message.reply", reply, correlationId=message.correlation_id, participantName="Marina",
            quotedMessageId=message.external_id, contentReplied=message.content,
        )  # fmt: skip
        day.told(event, *webhooks)

    day.at(timezone.now() + timedelta(seconds=75), answer)
    return message


def _relayed(day: _Day, number: Number, webhook: Webhook) -> Event:
    """What a relay-only number received, blanked after it was delivered."""
    message = day.message(
        number, direction=Message.Direction.INBOUND, status=Message.Status.RECEIVED, contact_phone="",
        contact_key="", content="", correlation_id="", blanked_at=timezone.now(),
    )  # fmt: skip
    event = day.event(number, "message.received", None)
    body = {"event": "message.received", "data": {
        "id": message.pk, "messageId": message.external_id, "numberId": number.pk, "createdAt": _iso(timezone.now()),
        "fromMe": False, "from": "", "to": number.phone, "type": "text", "content": "",
    }}  # fmt: skip
    event.body, event.message_id = json.dumps(body, separators=(",", ":")), message.pk
    event.blanked_at = timezone.now() + timedelta(seconds=1)
    event.save()
    RawPayload.objects.filter(pk=event.raw_payload_id).update(body="", blanked_at=event.blanked_at)
    day.told(event, webhook)
    return event


def _failed(day: _Day, number: Number, webhook: Webhook) -> None:
    message = day.message(
        number, status=Message.Status.FAILED, error="The recipient cannot receive this message.", error_code="131026",
        failed_at=timezone.now(),
    )  # fmt: skip
    day.told(day.event(number, "message.failed", message, error=message.error, errorCode="131026"), webhook)


def _gone(day: _Day, webhook: Webhook, number: Number) -> None:
    """The answer that disabled it."""

    def make() -> None:
        delivery = DeliveryFactory(
            event=day.event(number, "message.group"), webhook=webhook, status=Delivery.Status.HELD, due_at=None,
            attempts_made=1, reason="The receiver answered 410 Gone.",
        )  # fmt: skip
        day.attempt(delivery, 1, 410, 61, error="The receiver answered 410 Gone.")

    day.ago(make, hours=1, minutes=20)


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
