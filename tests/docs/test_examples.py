"""The examples of the pages do what the pages say, against what `make run` runs."""

import hashlib
import hmac
import importlib.util
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.error
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from types import ModuleType
from typing import Any

import jsonschema
import pytest
import requests
from django.conf import settings

from events.catalog import BY_NAME as EVENT_TYPES
from phone_numbers.providers.evolution import parsing as evolution
from phone_numbers.providers.waha import parsing as waha
from phone_numbers.reports import Ignored
from tests.docs.matching import differences
from tests.docs.pages import BLOCKS, BY_NAME, HOME, PAGES, Block, Page
from tests.docs.server import META_APP_SECRET, Server, database, running
from tests.docs.story import Story, eventually

SIGNATURES = "docs/guides/signatures.md"
# Files that no shell block of their page starts, each with a test below.
ALONE = {("docs/guides/deduplicate.md", "status.py"), ("docs/guides/migrate.md", "forward.py")}
PROVIDERS = "docs/providers/"


def is_played(block: Block) -> bool:
    """Whether it is part of its page's story."""
    if block.page in ("README.md", "docs/operations.md", "docs/listen.md"):
        return False
    if block.page == SIGNATURES and (block.is_file or block.kind == "server"):
        # The other languages have a module of their own.
        return block.section == "Python"
    if block.is_file:
        return _is_started(block)
    return (block.language, block.kind) in {
        ("sh", ""), ("sh", "server"), ("sh", "refused"),
        ("json", "answer"), ("json", "story"), ("text", "output"),
    }  # fmt: skip


def _is_started(block: Block) -> bool:
    """Whether a shell block of the page, or a file that one starts, names the file."""
    others = [other for other in BY_NAME[block.page].blocks if other is not block]
    module = block.kind.rpartition(".")[0]
    return any(
        block.kind in other.text if other.language == "sh" else f"from {module} import" in other.text
        for other in others
    )


def are_events(block: Block) -> bool:
    return block.language == "json" and block.kind in ("", "story") and '"event":' in block.text


def is_number(block: Block) -> bool:
    return block.language == "json" and block.page.startswith(PROVIDERS) and '"provider":' in block.text


def is_refusal(block: Block) -> bool:
    return (
        block.language == "json" and block.kind == "" and '"error":' in block.text and '"code":' in block.text
    )


def are_headers(block: Block) -> bool:
    return (block.language, block.kind) == ("http", "")


def is_production(block: Block) -> bool:
    return block.page == "docs/operations.md" and block.text.startswith("export DEBUG=false")


def is_picture(block: Block) -> bool:
    return (block.language, block.kind) == ("text", "")


def tries(block: Block) -> bool:
    return (
        is_played(block)
        or are_events(block)
        or is_number(block)
        or is_refusal(block)
        or is_production(block)
        or are_headers(block)
        or is_picture(block)
        or (block.page, block.kind) in ALONE
    )


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running(tmp_path_factory.mktemp("docs")) as server:
        yield server


PLAYED = [page for page in PAGES if any(is_played(block) for block in page.blocks)]


@pytest.mark.slow
@pytest.mark.languages
@pytest.mark.skipif(shutil.which("curl") is None, reason="There is no curl.")
@pytest.mark.parametrize("page", PLAYED, ids=lambda page: page.name)
def test_the_examples_of_a_page_do_what_it_says(page: Page, server: Server, tmp_path: Path) -> None:
    with Story(page, server, tmp_path) as story:
        for block in page.blocks:
            if is_played(block):
                story.play(block)
        if page.name == "docs/guides/deduplicate.md":
            _assert_worked_on_once(story)


def _assert_worked_on_once(story: Story) -> None:
    """The page has sent one event again: when that has arrived, the worker has still seen each once."""
    webhook = story.environment["WEBHOOK"]

    def under_way() -> list[str]:
        deliveries = story.server.call("GET", f"/v1/webhooks/{webhook}/deliveries")["data"]
        again = [row["status"] for row in deliveries if row["trigger"] == "manual"]
        return [] if again == ["DELIVERED"] else again or ["not sent again"]

    assert eventually(under_way) == []
    time.sleep(0.5)
    worked_on = [line for line in story.lines() if line.startswith("working on")]
    assert len(worked_on) == len(set(worked_on)) == 3


def _line_by_line(block: Block) -> list[Any]:
    try:
        return [json.loads(block.text)]
    except ValueError:
        return [json.loads(line) for line in block.text.splitlines()]


@pytest.mark.parametrize("block", [block for block in BLOCKS if are_events(block)], ids=str)
def test_the_events_that_are_shown_fit_the_catalog(block: Block) -> None:
    for event in _line_by_line(block):
        jsonschema.validate(event, EVENT_TYPES[event["event"]].schema)


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if is_number(block)], ids=str)
def test_the_numbers_that_are_shown_can_be_made(block: Block, server: Server) -> None:
    body = {
        **json.loads(block.text.replace("…", "a secret")),
        "number": f"+1202{time.time_ns() % 10_000_000:07d}",
    }
    made = server.call("POST", "/v1/numbers", body)["instance"]
    assert made["ingestUrl"].startswith(f"{server.url}/ingest/{body['provider']}")
    server.call("DELETE", f"/v1/numbers/{made['id']}/purge")


# A call for each code of which a page shows the answer.
REFUSED = {"WEBHOOK_NOT_FOUND": "/v1/webhooks/wh_1"}


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if is_refusal(block)], ids=str)
def test_the_refusals_that_are_shown_are_answered(block: Block, server: Server) -> None:
    shown = json.loads(block.text)
    answer = requests.get(server.url + REFUSED[shown["code"]], headers={"x-api-key": server.key}, timeout=10)
    assert differences(shown, answer.json()) == []


@pytest.mark.slow
@pytest.mark.parametrize("block", [block for block in BLOCKS if are_headers(block)], ids=str)
def test_the_headers_that_are_shown_are_on_every_answer(block: Block, server: Server) -> None:
    answer = requests.get(f"{server.url}/v1/numbers", headers={"x-api-key": server.key}, timeout=10)
    for line in block.text.splitlines():
        name, shown = line.split(": ", 1)
        figures = r"\d+".join(map(re.escape, re.split(r"\d+", shown)))
        assert re.fullmatch(figures, answer.headers[name])


@pytest.mark.slow
def test_the_first_production_start_leaves_nothing_to_say(tmp_path: Path) -> None:
    (block,) = [block for block in BLOCKS if is_production(block)]
    with database("production") as own:
        address = own.get("DATABASE_URL", f"sqlite:///{tmp_path}/db.sqlite3")
        commands = block.text.replace("postgres://webhooks:…@db.internal:5432/webhooks", address)
        commands = commands.replace("redis://redis.internal:6379/0", settings.REDIS_URL)
        done = subprocess.run(
            ["bash", "-euc", f"{commands}\npython manage.py check --deploy --fail-level WARNING"],
            cwd=HOME,
            env={
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "DATA_DIR": str(tmp_path),
            },
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=90, check=False,
        )  # fmt: skip
    assert address in commands
    assert done.returncode == 0, done.stdout + done.stderr
    assert "System check identified no issues" in done.stdout
    assert list((tmp_path / "static").iterdir())


def test_what_is_entered_at_the_gateways_are_events_that_are_read() -> None:
    def events(page: str, key: str) -> list[str]:
        (text,) = [block.text for block in BY_NAME[PROVIDERS + page].blocks if key in block.text]
        body = json.loads(text)
        listening = body["webhook"] if "webhook" in body else body["config"]["webhooks"][0]
        return list(listening["events"])

    reports = [
        report
        for name in events("evolution.md", '"webhook":')
        for report in evolution.parse(json.dumps({"event": name, "data": {}}), "+12025550143")
    ] + [
        report
        for name in events("waha.md", '"webhooks":')
        for report in waha.parse(json.dumps({"event": name, "payload": {}}), "+12025550143")
    ]
    assert len(reports) == 15
    assert [
        report for report in reports if isinstance(report, Ignored) and "event here" in report.reason
    ] == []


def _load(page: str, name: str, folder: Path) -> ModuleType:
    (block,) = [block for block in BY_NAME[page].blocks if block.kind == name]
    file = folder / name
    file.write_text(block.text)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("names", [["sent", "delivered", "read"], ["sent", "failed"]])
def test_the_highest_rung_is_kept_in_whatever_order_events_come(names: list[str], tmp_path: Path) -> None:
    status = _load("docs/guides/deduplicate.md", "status.py", tmp_path)
    events = [{"event": f"message.{name}", "data": {"id": "msg_1"}} for name in names]
    for order in permutations(events):
        database = sqlite3.connect(":memory:")
        database.execute(status.SCHEMA)
        for event in order:
            status.advance(database, event)
        assert database.execute("SELECT * FROM status").fetchall() == [
            ("msg_1", status.RUNGS[events[-1]["event"]])
        ]


@pytest.mark.slow
def test_what_is_handed_on_makes_an_event_and_what_was_changed_does_not(
    server: Server, tmp_path: Path
) -> None:
    forward = _load("docs/guides/migrate.md", "forward.py", tmp_path).forward
    phone, reference = f"+1202{time.time_ns() % 10_000_000:07d}", str(time.time_ns())
    number = server.call(
        "POST",
        "/v1/numbers",
        {"name": "M", "number": phone, "provider": "meta", "providerConfig": {"phoneNumberId": reference}},
    )["instance"]["id"]
    message = {
        "from": "447700900123", "id": f"wamid.{reference}", "timestamp": str(int(time.time())),
        "type": "text", "text": {"body": "Grüße"},
    }  # fmt: skip
    value = {
        "metadata": {"phone_number_id": reference, "display_phone_number": phone[1:]}, "messages": [message],
    }  # fmt: skip
    change = {"field": "messages", "value": value}
    body = json.dumps(
        {"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]},
        ensure_ascii=False, indent=1,
    ).encode()  # fmt: skip
    proof = hmac.new(META_APP_SECRET.encode(), body, hashlib.sha256).hexdigest()
    headers = {"content-type": "application/json", "x-hub-signature-256": f"sha256={proof}", "host": "shop"}

    forward(f"{server.url}/ingest/meta", headers, body)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        forward(f"{server.url}/ingest/meta", headers, body.replace(b"Gr", b"Br"))

    def missing() -> list[str]:
        log = server.call("GET", f"/v1/messages?direction=INBOUND&numberId={number}")["data"]
        return differences([f"wamid.{reference}"], [row["externalMessageId"] for row in log])

    assert eventually(missing) == []
    assert len(server.call("GET", f"/v1/messages?direction=INBOUND&numberId={number}")["data"]) == 1
