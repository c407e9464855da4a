"""The receivers of docs/guides/signatures.md, in every language, taken out of the page and posted to.

The page of a delivery shows the same code.
"""

import html
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
from django.template.loader import render_to_string

from tests.docs.pages import BY_NAME, HOME, Block
from tests.docs.server import free_port
from tests.docs.story import answers
from webhooks.signing import new_secret, sign

PAGE = "docs/guides/signatures.md"
# What the page of a delivery says of it.
SHOWN = "webhooks/_verify.html"
BY_HAND, LIBRARY = "by hand", "With the library"
# The section, and the command without which it cannot be tried. CI installs those that are marked.
LANGUAGES = {
    "Python": ("python", "python3"), "Node": ("js", "node"), "PHP": ("php", "php"),
    "Ruby": ("ruby", "ruby"), "Java": ("java", "javac"), "Go": ("go", "go"),
}  # fmt: skip
IN_CI = {"Python", "Node", "PHP", "Ruby"}
# The libraries that the suite's environment has: requirements-dev.txt, and package.json beside this module.
LIBRARIES = {"Python", "Node"}
NODE_MODULES = HOME / ".venv" / "node" / "node_modules"
GARBAGE = [b"", b",", b"v1", b"v1,", b"v1,!!!", b"NaN", b"-1", b"1e9", b"\xb2", b"\xff\xfe", b"9" * 4000]
BODY = '{"event":"message.received","data":{"content":"Grüße, 世界 👍"}}'.encode()


def tries(block: Block) -> bool:
    if block.page != PAGE:
        return False
    if block.kind == "install":
        return block.text.split()[0] in ("pip", "npm")
    if block.section == LIBRARY:
        return block.language in {LANGUAGES[name][0] for name in LIBRARIES}
    return block.is_file or block.kind == "server"


def _receivers() -> list[object]:
    pairs = [(name, BY_HAND) for name in LANGUAGES] + [(name, LIBRARY) for name in LIBRARIES]
    return [
        pytest.param(
            name, way, id=f"{name} {way.lower()}", marks=pytest.mark.languages if name in IN_CI else []
        )
        for name, way in sorted(pairs)
    ]


def _files(name: str, way: str) -> list[Block]:
    language = LANGUAGES[name][0]
    files = [block for block in BY_NAME[PAGE].blocks if block.language == language and block.is_file]
    return [block for block in files if block.section == name] + [
        block for block in files if block.section == way
    ]


@contextmanager
def _running(name: str, way: str, secret: str, folder: Path) -> Iterator[str]:
    port = free_port()
    for block in _files(name, way):
        (folder / block.kind).write_text(block.text.replace("8080", str(port)))
    if way == LIBRARY and name == "Node":
        if not NODE_MODULES.exists():
            pytest.skip("There is no npm that could install its library.")
        (folder / "node_modules").symlink_to(NODE_MODULES)
    (start,) = [
        block.text for block in BY_NAME[PAGE].blocks if block.section == name and block.kind == "server"
    ]
    process = subprocess.Popen(
        ["bash", "-c", start.replace("whsec_…", secret).replace("8080", str(port))],
        cwd=folder,
        env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while not answers(port):
            assert process.poll() is None, process.communicate()[0].decode()
            assert time.monotonic() < until, "It does not listen within a minute."
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}/"
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _signed(secrets: list[str], age: int = 0, body: bytes = BODY) -> dict[str, str | bytes]:
    timestamp = int(time.time()) - age
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(secrets, "evt_1", timestamp, body),
        "webhook-event": "message.received",
        "content-type": "application/json",
    }


def _post(url: str, headers: dict[str, str | bytes], body: bytes = BODY) -> int:
    return requests.post(url, data=body, headers=headers, timeout=10).status_code


@pytest.mark.parametrize(("name", "way"), _receivers())
def test_a_receiver_takes_what_is_signed_and_nothing_else(name: str, way: str, tmp_path: Path) -> None:
    if shutil.which(LANGUAGES[name][1]) is None:
        pytest.skip(f"There is no {LANGUAGES[name][1]}.")
    secret, other = new_secret(), new_secret()
    good = _signed([secret])
    signature = str(good["webhook-signature"])
    one_bit = signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:]
    reserialized = json.dumps(json.loads(BODY)).encode()
    taken = {
        "signed": (good, BODY),
        "signed with the new and the old secret": (_signed([other, secret]), BODY),
        "the same the other way round": (_signed([secret, other]), BODY),
        "signed four minutes ago": (_signed([secret], 240), BODY),
        "signed by a clock that is four minutes ahead": (_signed([secret], -240), BODY),
        "beside a signature of a later version": (good | {"webhook-signature": f"v2,AAAA {signature}"}, BODY),
        "beside garbage": (good | {"webhook-signature": f"v1,AAAA {signature} v1,{'A' * 500}"}, BODY),
    }
    refused = {
        "another body": (good, BODY.replace(b"message.received", b"message.receivex")),
        "the same JSON in other bytes": (good, reserialized),
        "a longer body": (good, BODY + b" "),
        "another id": (good | {"webhook-id": "evt_2"}, BODY),
        "another time": (good | {"webhook-timestamp": str(int(time.time()) - 1)}, BODY),
        "signed six minutes ago": (_signed([secret], 360), BODY),
        "signed by a clock that is six minutes ahead": (_signed([secret], -360), BODY),
        "another secret": (_signed([other]), BODY),
        "one bit": (good | {"webhook-signature": one_bit}, BODY),
        "another version": (good | {"webhook-signature": "v2" + signature[2:]}, BODY),
        "no version": (good | {"webhook-signature": signature[3:]}, BODY),
        "a part of the signature": (good | {"webhook-signature": signature[:-8]}, BODY),
        "nothing at all": ({}, BODY),
        **{f"no {header}": ({**good, header: None}, BODY) for header in list(good)[:3]},
        **{
            f"{header} {garbage[:12]!r}": (good | {header: garbage}, BODY)
            for header in ("webhook-timestamp", "webhook-signature")
            for garbage in GARBAGE
        },
    }  # fmt: skip

    with _running(name, way, secret, tmp_path) as url:
        verdicts = {case: _post(url, *request) for case, request in (taken | refused).items()}
        assert verdicts == dict.fromkeys(taken, 204) | dict.fromkeys(refused, 400)
        # And it still stands.
        assert _post(url, good) == 204


@pytest.mark.parametrize("name", ["Python", "Node", "PHP", "Go"])
def test_the_page_of_a_delivery_shows_what_is_tried_here(name: str) -> None:
    shown = re.search(rf'<pre id="v-{name}".*?<code>(.*?)</code>', render_to_string(SHOWN), re.DOTALL)
    assert shown is not None
    verify, *_ = [block.text for block in _files(name, BY_HAND) if block.kind.startswith("verify.")]
    assert html.unescape(shown[1]) == verify.rstrip("\n")


def test_every_language_that_the_page_of_a_delivery_shows_is_compared() -> None:
    assert re.findall(r'<pre id="v-(\w+)"', render_to_string(SHOWN)) == ["Python", "Node", "PHP", "Go"]


def test_the_libraries_that_are_named_are_those_that_are_tried() -> None:
    named = {block.text.strip() for block in BY_NAME[PAGE].blocks if block.kind == "install" and tries(block)}
    assert named == {"pip install standardwebhooks", "npm install standardwebhooks"}
    assert "\nstandardwebhooks==" in (HOME / "requirements-dev.txt").read_text()
    package = json.loads((HOME / "tests/docs/package.json").read_text())
    assert list(package["dependencies"]) == ["standardwebhooks"]


def test_the_lock_of_the_libraries_names_no_registry() -> None:
    lock = json.loads((HOME / "tests/docs/package-lock.json").read_text())
    assert all("resolved" not in entry for entry in lock["packages"].values())
    assert all(entry["integrity"] for path, entry in lock["packages"].items() if path)
