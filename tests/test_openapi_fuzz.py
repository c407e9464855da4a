"""Schemathesis against a real server: whatever is sent, the answers are those that GET /v1/openapi.json promises.

The short form runs with the suite; `make fuzz` runs the long one (FUZZ=long) and prints how many cases it was.
"""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer

from tests.conftest import Tenant
from tests.factories import AttemptFactory, DeliveryFactory, EventFactory, MessageFactory, WebhookFactory
from tests.web_process import Start, WebProcess
from webhooks.models import Delivery, RecoveryJob

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

HERE = Path(__file__).resolve().parent
IS_LONG = os.environ.get("FUZZ") == "long"
# Examples of each call and phase; the coverage phase makes its own number.
EXAMPLES = os.environ.get("FUZZ_EXAMPLES", "1000" if IS_LONG else "6")
PHASES = "examples,coverage,fuzzing,stateful" if IS_LONG else "examples,fuzzing,stateful"


@pytest.fixture
def server(start_web: Start) -> WebProcess:
    """Without limits that the run would spend."""
    return start_web(API_CALLS_PER_MINUTE="100000000", API_WRONG_KEYS_PER_MINUTE="100000000")


@pytest.fixture
def ids(alice: Tenant) -> dict[str, list[str]]:
    """Rows of every kind, by the address that reads them."""
    messages = [MessageFactory(number=alice.number, sent=True) for _ in range(5)]
    messages += [MessageFactory(number=alice.number, inbound=True) for _ in range(5)]
    webhooks = [WebhookFactory(number=alice.number, url="https://shop.example/hook") for _ in range(3)]
    webhooks.append(WebhookFactory(number=None, workspace=alice.workspace, url="https://shop.example/hook"))
    events = [EventFactory(number=alice.number, type=name) for name in ("message.sent", "number.created")]
    deliveries = [
        DeliveryFactory(event=event, webhook=webhook, status=Delivery.Status.EXHAUSTED, due_at=None)
        for event in events
        for webhook in webhooks
    ]
    for delivery in deliveries:
        AttemptFactory(delivery=delivery)
    jobs = [
        RecoveryJob.objects.create(webhook=webhooks[0], kind="failed", since=events[0].created_at, total=1)
        for _ in range(20)
    ]
    rows = {
        "/v1/messages/": messages, "/v1/webhooks/": webhooks, "/v1/events/": events,
        "/v1/deliveries/": deliveries, "/v1/jobs/": jobs, "/v1/numbers/": [alice.number],
    }  # fmt: skip
    return {prefix: [row.pk for row in found] for prefix, found in rows.items()}


def run_against(
    url: str, key: str, ids: dict[str, list[str]], folder: Path
) -> "subprocess.CompletedProcess[str]":
    """Which checks are on says schemathesis.toml alone: `--checks` would overrule what it takes out for an address."""
    command = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(HERE / "schemathesis.toml"), "run",
        f"{url}/v1/openapi.json", "--url", url, "--header", f"x-api-key: {key}",
        "--phases", PHASES, "--max-examples", EXAMPLES, "--continue-on-failure", "--request-timeout", "20",
        "--no-color", "--suppress-health-check", "all",
    ]  # fmt: skip
    if not IS_LONG:
        # The same cases each time: a failure is found again, and a lucky day is none.
        command += ["--seed", "1"]
    return subprocess.run(
        command,
        cwd=folder,
        env=os.environ
        | {
            "SCHEMATHESIS_HOOKS": "tests.fuzz_hooks",
            "PYTHONPATH": str(HERE.parent),
            "FUZZ_IDS": json.dumps(ids),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_answer_is_one_that_the_description_promises(
    alice: Tenant, server: WebProcess, ids: dict[str, list[str]], tmp_path: Path
) -> None:
    run = run_against(server.url, alice.key, ids, tmp_path)
    log = server.printed()
    if IS_LONG:
        sys.stdout.write(run.stdout[-1500:])
    if run.returncode:
        # The cause comes last, where whoever sees only the end of an output sees it.
        found = re.search(r"=+ (?:ERRORS|FAILURES) =+.*", run.stdout, re.DOTALL)
        cause = found[0] if found else run.stdout[-20_000:]
        pytest.fail(f"{log[-5000:]}\n{run.stderr[-3000:]}\n{cause[:20_000]}", pytrace=False)
    assert "Traceback" not in log, log[log.index("Traceback") :][:5000]
    assert int(re.search(r"(\d+) generated", run.stdout).group(1)) > 300  # type: ignore[union-attr]


def test_a_canceled_recovery_may_be_looked_at(httpserver: HTTPServer, tmp_path: Path) -> None:
    """A server that always answers what it has deleted, which the run against ours meets once in a while."""
    parameter = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "enum": ["one"]}}
    operation = {"parameters": [parameter], "responses": {"200": {"description": "The job."}}}
    link = {"operationId": "delete", "parameters": {"id": "$response.body#/id"}}
    then = {"operationId": "get", "parameters": {"id": "$request.path.id"}}
    description = {
        "openapi": "3.1.0",
        "info": {"title": "Jobs", "version": "1"},
        "paths": {
            "/v1/jobs": {"post": {"responses": {"200": {"description": "Made.", "links": {"delete": link}}}}},
            "/v1/jobs/{id}": {
                "get": operation | {"operationId": "get"},
                "delete": operation
                | {
                    "operationId": "delete",
                    "responses": {"200": {"description": "Deleted.", "links": {"get": then}}},
                },
            },
        },
    }
    httpserver.expect_request("/v1/openapi.json").respond_with_json(description)
    httpserver.expect_request(re.compile("/v1/jobs.*")).respond_with_json({"id": "one"})
    run = run_against(httpserver.url_for("").rstrip("/"), "key", {"/v1/jobs/": ["one"]}, tmp_path)
    assert "Stateful" in run.stdout
    assert "Deleted resource still available" not in run.stdout
