"""Receivers of the guides answer several requests at once, and each prints its own whole line."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.docs.pages import BY_NAME, Block
from tests.docs.server import free_port
from tests.docs.story import answers
from webhooks.models import DEFAULT_MAX_IN_FLIGHT
from webhooks.signing import new_secret, sign

# With an output that is slow to take what it is given: what is written in parts is mixed with what others write.
SLOWLY = """
import runpy, sys, time

class SlowOutput:
    def write(self, text):
        time.sleep(0.02)
        sys.__stdout__.write(text)
    def flush(self):
        sys.__stdout__.flush()

sys.stdout = SlowOutput()
runpy.run_path("receiver.py")
"""
BODY = b'{"event":"message.sent","data":{"createdAt":"2026-02-24T10:30:00.000Z"}}'


def _files(page: str) -> list[Block]:
    """Of the first Python receiver of the page."""
    blocks = [block for block in BY_NAME[page].blocks if block.language == "python" and block.is_file]
    return [block for block in blocks if block.section == blocks[0].section]


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("docs/guides/first-webhook.md", "message.sent 2026-02-24T10:30:00.000Z"),
        ("docs/guides/signatures.md", "message.sent"),
    ],
)
def test_lines_are_whole_however_many_come_at_once(tmp_path: Path, page: str, line: str) -> None:
    port, secret, now = free_port(), new_secret(), int(time.time())
    for block in _files(page):
        (tmp_path / block.kind).write_text(block.text.replace("8080", str(port)))
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(now),
        "webhook-signature": sign([secret], "evt_1", now, BODY),
    }
    with subprocess.Popen(
        [sys.executable, "-c", SLOWLY], cwd=tmp_path, env={**os.environ, "WEBHOOK_SECRET": secret},
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as process:  # fmt: skip
        try:
            until = time.monotonic() + 20
            while not answers(port):
                assert time.monotonic() < until, "It does not listen within 20 seconds."
                time.sleep(0.05)
            with ThreadPoolExecutor(DEFAULT_MAX_IN_FLIGHT) as pool:
                url = f"http://127.0.0.1:{port}/"
                posts = [pool.submit(requests.post, url, BODY, headers=headers) for _ in range(32)]
            assert {post.result().status_code for post in posts} == {204}
            # What was answered last may not be printed yet.
            time.sleep(0.5)
        finally:
            process.kill()
            printed = process.communicate()[0]
    assert printed.splitlines() == [line] * 32
