"""Whatever a provider sends: no 5xx, no crashed task, nothing lost, and no phone that is none.

MUTATIONS says how many payloads (`make mutations`: 50,000), MUTATIONS_SEED which.
"""

import hashlib
import hmac
import json
import os
import random
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone
from jsonschema import Draft202012Validator

from events.catalog import BY_NAME
from events.models import Call, Event, RawPayload
from events.normalizing import HOLD_STATUSES
from events.tasks import normalize
from messaging.models import Message
from phone_numbers.models import Identity, Number
from phone_numbers.phones import E164
from phone_numbers.reports import InboundMessage, StatusReport
from tests.factories import NumberFactory, WebhookFactory, WorkspaceFactory
from tests.mutations import Payload, base_payloads, mutate
from tests.phone_numbers.providers.meta.payloads import PHONE_NUMBER_ID, WABA
from webhooks.models import Delivery

COUNT = int(os.environ.get("MUTATIONS", "600"))
SEED = int(os.environ.get("MUTATIONS_SEED", "0")) or random.SystemRandom().randrange(1, 10**9)
BATCH = 100
APP_SECRET, HMAC_KEY = "mutations-app-secret", "mutations-hmac-key"
PROVIDERS = ["meta", "evolution", "waha"]
VALIDATORS = {name: Draft202012Validator(event_type.schema) for name, event_type in BY_NAME.items()}
UNTOUCHED = {"status": "QUEUED", "sent_at": None, "delivered_at": None, "read_at": None, "failed_at": None}


class Playground:
    """A number per provider, with a webhook that listens to everything and messages that the payloads are about."""

    def __init__(self, pii_mode: str) -> None:
        workspace = WorkspaceFactory()
        WebhookFactory(workspace=workspace, number=None, events=["*"])
        self.numbers = {
            provider: NumberFactory(
                workspace=workspace,
                provider=provider,
                provider_ref=PHONE_NUMBER_ID if provider == "meta" else "shop-main",
                account_ref=WABA,
                phone=f"+1202555014{place}",
                pii_mode=pii_mode,
                credentials={"hmacKey": HMAC_KEY},
            )
            for place, provider in enumerate(PROVIDERS)
        }
        self.payloads = {
            provider: [_routed(one) for one in base_payloads(provider)] for provider in PROVIDERS
        }
        for provider, number in self.numbers.items():
            _remember_messages(number, self.payloads[provider])
        self.client = Client(raise_request_exception=False)

    def post(self, provider: str, body: bytes) -> int:
        address, headers = f"/ingest/{provider}/{self.numbers[provider].ingest_token}", {}
        if provider == "meta":
            digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
            address, headers = "/ingest/meta", {"x-hub-signature-256": f"sha256={digest}"}
        if provider == "waha":
            headers = {"x-webhook-hmac": hmac.new(HMAC_KEY.encode(), body, hashlib.sha512).hexdigest()}
        status: int = self.client.post(
            address, data=body, content_type="application/json", headers=headers
        ).status_code
        return status

    def clean(self) -> None:
        """Back to the beginning, so that the next batch finds messages on the lowest rung."""
        for model in (Delivery, Event, RawPayload, Call, Identity):
            model.objects.all().delete()
        Message.objects.inbound().delete()
        Message.objects.update(**UNTOUCHED)
        Number.objects.update(state=Number.State.OPEN, state_changed_at=datetime(2010, 1, 1, tzinfo=UTC))


def _routed(payload: Payload) -> Payload:
    """A payload of Meta's, about our number."""
    for entry in payload.get("entry") or []:
        entry["id"] = WABA
        for change in entry.get("changes") or []:
            if isinstance(change.get("value"), dict) and "metadata" in change["value"]:
                change["value"]["metadata"]["phone_number_id"] = PHONE_NUMBER_ID
    return payload


def _remember_messages(number: Number, payloads: Sequence[Payload]) -> None:

    ids = set()
    for payload in payloads:
        for report in number.adapter.parse(json.dumps(payload), number):
            if isinstance(report, StatusReport):
                ids.add(report.message_id)
            elif isinstance(report, InboundMessage) and report.quote:
                ids.add(report.quote.message_id)
    Message.objects.bulk_create(
        Message(
            workspace=number.workspace, number=number, direction="outbound", status="QUEUED",
            external_id=external_id, correlation_id="c", type="text", content="ours",
        )
        for external_id in sorted(filter(None, ids))
    )  # fmt: skip


def phones(body: dict[str, Any]) -> list[Any]:
    if body["event"] == "calls":
        return []
    data = body.get("data", body)
    return [data["phone"]] if "phone" in data else [data["from"], data["to"]]


def complaints(event: Event) -> list[str]:
    body = event.payload
    found = [error.message[:300] for error in VALIDATORS[body["event"]].iter_errors(body)]
    wrong = [phone for phone in phones(body) if phone != "" and not E164.fullmatch(phone)]
    return [f"{event.type}: {problem}" for problem in found + [f"no phone: {phone!r}" for phone in wrong]]


@pytest.mark.django_db
@pytest.mark.parametrize("pii_mode", ["STORE_INDEFINITE", "RELAY_ONLY"])
def test_nothing_that_a_provider_can_send_breaks_or_loses_anything(
    pii_mode: str, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.META_APP_SECRET = APP_SECRET
    playground = Playground(pii_mode)
    started, dice = time.monotonic(), random.Random(f"{SEED} {pii_mode}")
    answers: Counter[int] = Counter()
    fates: Counter[str] = Counter()
    problems: list[str] = []
    for _ in range(max(COUNT // 2 // BATCH, 1)):
        for _ in range(BATCH):
            provider = dice.choice(PROVIDERS)
            body = mutate(dice.choice(playground.payloads[provider]), dice)
            before = RawPayload.objects.count()
            status = playground.post(provider, body)
            answers[status] += 1
            stored = RawPayload.objects.count() - before
            if status not in (200, 400, 413) or (status == 200) != (stored > 0):
                problems.append(f"{status}, {stored} stored: {provider} {body[:2000]!r}")
        normalize()
        with time_machine.travel(timezone.now() + HOLD_STATUSES + timedelta(seconds=5), tick=True):
            normalize()
        fates.update(RawPayload.objects.values_list("status", flat=True))
        problems += [
            f"{payload.status} {payload.reason}: {payload.provider} {payload.body[:2000]}"
            for payload in RawPayload.objects.filter(status__in=["pending", "failed"])
        ]
        events = list(Event.objects.all())
        fates["events"] += len(events)
        fates["deliveries"] += Delivery.objects.count()
        problems += [complaint for event in events for complaint in complaints(event)]
        playground.clean()

    with capsys.disabled():
        print(  # noqa: T201
            f"\n{sum(answers.values())} mutations, {pii_mode}, MUTATIONS_SEED={SEED}, "
            f"{time.monotonic() - started:.0f} s; answers {dict(answers)}; payloads and events {dict(fates)}"
        )
    assert problems[:5] == [], f"{len(problems)} problems; MUTATIONS_SEED={SEED}"
    assert fates["events"] == fates["deliveries"]
