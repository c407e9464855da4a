"""Raw payloads of real providers, one test per file: through the real door with a valid proof and the real tasks.

The folder is CORPUS_DIR, by default `../shared/corpus` beside the checkout; it is not part of the project. Each case
starts from an empty store and the file's precondition, and is scored by the folder's own compare.py.
"""

import hashlib
import hmac
import importlib.util
import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.test import Client

from accounts.models import Workspace
from events.models import RawPayload
from events.tasks import normalize
from messaging.models import Message
from phone_numbers import identities
from phone_numbers.models import Number
from phone_numbers.phones import contact_key
from tests.factories import WebhookFactory, WorkspaceFactory
from tests.receivers import Receiver
from webhooks.tasks import deliver

CORPUS_DIR = Path(
    os.environ.get("CORPUS_DIR", Path(__file__).resolve().parent.parent.parent / "shared" / "corpus")
)
APP_SECRET = "corpus-app-secret"
HMAC_KEY = "corpus-hmac-key"

# Some cases were written before the contract made a reaction an event of its own ("message.received of type reaction"),
# and do not list it. There the contract wins: such a reaction is no complaint.
REACTION_IGNORED = "reaction ignored"

Case = dict[str, Any]


def _cases() -> list[Any]:
    path = CORPUS_DIR / "expected.jsonl"
    if not path.exists():
        skip = pytest.mark.skip(reason=f"there is no corpus at {CORPUS_DIR} (set CORPUS_DIR)")
        return [pytest.param({}, id="corpus", marks=skip)]
    cases = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    return [pytest.param(case, id=case["file"]) for case in cases]


@pytest.fixture(scope="session")
def compare() -> ModuleType:
    spec = importlib.util.spec_from_file_location("corpus_compare", CORPUS_DIR / "compare.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.META_APP_SECRET = APP_SECRET


@pytest.mark.django_db
@pytest.mark.parametrize("case", _cases())
def test_a_payload_makes_exactly_its_events(case: Case, compare: ModuleType, receiver: Receiver) -> None:
    workspace = WorkspaceFactory()
    body = (CORPUS_DIR / case["file"]).read_bytes()
    number = _prepare(case, workspace, body)
    WebhookFactory(workspace=workspace, number=None, events=["*"], url=receiver.url)
    received_at = datetime.now(UTC).isoformat()

    response = _post(case["provider"], number, body)
    assert response.status_code == 200, response.content
    normalize()
    deliver()

    events = [request.json for request in receiver.requests]
    assert not RawPayload.objects.filter(status=RawPayload.Status.FAILED).exists()
    assert _complaints(compare, case, received_at, events) == []


def _complaints(compare: ModuleType, case: Case, received_at: str, events: list[dict[str, Any]]) -> list[str]:
    """Scores one case as compare.py's main does."""
    left, complaints = list(events), []
    for expected in case["expect"]:
        scored = [(len(problems), place, problems) for place, event in enumerate(left)
                  for problems in [compare.match(expected, event, received_at, 120, {})]]  # fmt: skip
        best = min(scored, default=None)
        if best is not None and best[0] == 0:
            left.pop(best[1])
        elif not expected.get("optional"):
            complaints.append(f"{expected['event']}: {best[2] if best else 'missing'}")
    allowed = [*case.get("allow", []), "calls"]
    left = [event for event in left if event["event"] not in allowed]
    if REACTION_IGNORED in case.get("why", "") and "contract:" not in case["why"]:
        left = [event for event in left if event.get("data", {}).get("type") != "reaction"]
    return complaints + [f"unexpected {event}" for event in left]


def _prepare(case: Case, workspace: Workspace, body: bytes) -> Number:
    """Makes what the platform knows before the POST; returns the number that the payload is for."""
    known = case.get("precondition") or {}
    number = _number(case["provider"], workspace, known, body)
    by_phone = {number.phone: number}
    for other in known.get("otherNumbers", []):
        by_phone[other["number"]] = _number(case["provider"], workspace, other, body)
    for sent in known.get("outbox", []):
        _sent_message(by_phone.get(sent.get("number"), number), sent)
    identities.learn((number, lid, phone) for lid, phone in (known.get("lidMap") or {}).items())
    return number


def _number(provider: str, workspace: Workspace, known: dict[str, Any], body: bytes) -> Number:
    state = known.get("state") or "connected before"
    number = Number(
        workspace=workspace,
        name="Corpus",
        phone=known.get("number") or _own_phone(body) or "+12025550100",
        provider=provider,
        provider_ref=known.get("phoneNumberId") or _phone_number_id(body) or known.get("session") or "any",
        state=Number.State.OPEN if state == "connected before" else Number.State.CLOSE,
        # What the platform knows, it knew before the payload was made.
        state_changed_at=datetime(2010, 1, 1, tzinfo=UTC),
    )
    number.credentials = {"hmacKey": HMAC_KEY} if provider == "waha" else {}
    number.save()
    return number


def _own_phone(body: bytes) -> str:
    """What a WAHA payload says of the account it is for, where the case does not."""
    found = re.search(rb'"me"\s*:\s*\{\s*"id"\s*:\s*"(\d{7,15})@c\.us"', body)
    return f"+{found[1].decode()}" if found else ""


def _phone_number_id(body: bytes) -> str:
    found = re.search(rb'"phone_number_id"\s*:\s*"([^"]+)"', body)
    return found[1].decode() if found else ""


def _sent_message(number: Number, sent: dict[str, Any]) -> None:
    phone = sent.get("to") or ""
    Message.objects.create(
        workspace=number.workspace,
        number=number,
        direction=Message.Direction.OUTBOUND,
        status=Message.Status.QUEUED,
        external_id=sent["messageId"],
        correlation_id=f"correlation-of-{sent['messageId']}"[:200],
        contact_phone=phone,
        contact_key=contact_key(phone),
        group_id=sent.get("groupId") or "",
        type="text",
        content=sent.get("content", ""),
    )


def _post(provider: str, number: Number, body: bytes) -> Any:
    client = Client(raise_request_exception=True)
    match provider:
        case "meta":
            digest = hmac.new(APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
            address, headers = "/ingest/meta", {"x-hub-signature-256": f"sha256={digest}"}
        case "waha":
            digest = hmac.new(HMAC_KEY.encode(), body, hashlib.sha512).hexdigest()
            headers = {"x-webhook-hmac": digest, "x-webhook-hmac-algorithm": "sha512"}
            address = f"/ingest/waha/{number.ingest_token}"
        case _:
            address, headers = f"/ingest/{provider}/{number.ingest_token}", {}
    return client.post(address, data=body, content_type="application/json", headers=headers)


@pytest.mark.skipif(not CORPUS_DIR.exists(), reason="there is no corpus")
def test_the_corpus_is_scored_as_compare_does(compare: ModuleType) -> None:
    """A body that differs in one expected field, or comes without being expected, is a complaint."""
    case = {"expect": [{"event": "message.sent", "data": {"messageId": "a"}}]}
    right = {"event": "message.sent", "data": {"messageId": "a"}}
    assert _complaints(compare, case, "", [right]) == []
    assert _complaints(compare, case, "", [{"event": "message.sent", "data": {"messageId": "b"}}]) != []
    assert _complaints(compare, case, "", []) != []
    assert _complaints(compare, case, "", [right, right]) != []
