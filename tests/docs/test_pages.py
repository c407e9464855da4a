"""What the pages name exists: other pages, sections, calls, settings, commands, files. No example is left untried."""

import re
from collections.abc import Callable

import pytest
from django.urls import Resolver404, resolve

from accounts.unknown_api import UnknownCallView
from tests.docs import test_examples, test_receivers
from tests.docs.pages import BLOCKS, BY_NAME, HOME, PAGES, Block, Page

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)

SIGNATURES = "docs/guides/signatures.md"
NO_REGISTRY = "the suite installs from PyPI, npm and Debian alone; the same file by hand is tried"
# What is tried elsewhere, or not at all, and why: the page, the beginning of the block.
ELSEWHERE = {
    ("README.md", "make run"): "tests/scripts/test_run.py starts it; the suite is what make test runs",
    ("docs/listen.md", "python manage.py listen"): "tests/webhooks/test_relaying.py runs it",
    ("docs/providers/evolution.md", '{"webhook"'): "a body for Evolution; test_examples knows its events",
    ("docs/providers/waha.md", '{"name": "shop-main"'): "a body for WAHA; test_examples knows its events",
    (SIGNATURES, "composer require"): NO_REGISTRY,
    (SIGNATURES, "<?php\n\nrequire __DIR__ . '/vendor"): NO_REGISTRY,
    (SIGNATURES, "go get"): NO_REGISTRY,
    (SIGNATURES, 'package main\n\nimport (\n\t"net/http"\n\n\tstandard'): NO_REGISTRY,
    (SIGNATURES, "gem install"): NO_REGISTRY,
    (SIGNATURES, 'require "standardwebhooks"'): NO_REGISTRY,
    (SIGNATURES, "import com.standardwebhooks.Webhook"): NO_REGISTRY,
}

# Capital words that are another system's.
FOREIGN = {
    "DATABASE_SAVE_DATA_HISTORIC", "DATABASE_SAVE_DATA_NEW_MESSAGE", "WEBHOOK_GLOBAL_URL",
    "WHATSAPP_FILES_LIFETIME",
}  # fmt: skip


def is_elsewhere(block: Block) -> bool:
    return any(page == block.page and block.text.startswith(start) for page, start in ELSEWHERE)


@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_every_example_is_tried_or_its_reason_is_known(block: Block) -> None:
    tried: list[Callable[[Block], bool]] = [test_examples.tries, test_receivers.tries, is_elsewhere]
    assert any(tries(block) for tries in tried), (
        f"{block} is neither tried nor listed: see tests/docs/__init__.py for what its fence can say."
    )


def test_no_reason_outlives_its_example() -> None:
    assert [
        (page, start)
        for page, start in ELSEWHERE
        if not any(block.page == page and block.text.startswith(start) for block in BLOCKS)
    ] == []


@each_page
def test_the_links_lead_somewhere(page: Page) -> None:
    def leads(link: str) -> bool:
        path, _, anchor = link.partition("#")
        target = (page.path.parent / path).resolve() if path else page.path
        name = str(target.relative_to(HOME))
        return target.exists() and (not anchor or name not in BY_NAME or anchor in BY_NAME[name].anchors)

    assert [link for link in page.links if not leads(link)] == []


def test_the_index_of_the_docs_lists_every_page() -> None:
    index = BY_NAME["docs/README.md"]
    pages = {page.name.removeprefix("docs/") for page in PAGES if page.name.startswith("docs/")}
    assert pages - {"README.md"} - {link.partition("#")[0] for link in index.links} == set()


CALL = re.compile(r"\b(GET|POST|PATCH|PUT|DELETE) +`?(/(?:v1|ingest|healthz|metrics)[^\s`?)]*)")


def _answers(method: str, path: str) -> bool:
    """Whether there is such a call; `{id}` is anything."""
    try:
        view = resolve(re.sub(r"\{\w+\}", "x", path)).func
    except Resolver404:
        return False
    cls = getattr(view, "cls", None)
    return cls is None or (cls is not UnknownCallView and hasattr(cls, method.lower()))


@each_page
def test_every_call_that_is_named_can_be_made(page: Page) -> None:
    calls = {(method, path.rstrip(".,:;")) for method, path in CALL.findall(page.text)}
    assert {call for call in calls if not _answers(*call)} == set()


def test_the_search_for_calls_finds_them_and_knows_better() -> None:
    assert CALL.findall("by `POST /v1/webhooks/{id}/test`") == [("POST", "/v1/webhooks/{id}/test")]
    assert _answers("POST", "/v1/webhooks/{id}/test")
    assert not _answers("PUT", "/v1/webhooks/{id}/test")
    assert not _answers("GET", "/v1/webhook")


def _sources() -> str:
    folders = [
        "accounts",
        "phone_numbers",
        "messaging",
        "events",
        "webhooks",
        "dashboard",
        "webhooks_project",
    ]
    files = [path for folder in folders for path in (HOME / folder).rglob("*.py")]
    files += [*(HOME / "scripts").glob("*.py"), HOME / "Makefile", *(HOME / "tests").glob("**/*.py")]
    return "\n".join(path.read_text() for path in files if path != HOME / "tests/docs/test_pages.py")


@pytest.fixture(scope="module")
def known_words() -> set[str]:
    return set(re.findall(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+", _sources())) | FOREIGN


@each_page
def test_every_setting_and_code_that_is_named_exists(page: Page, known_words: set[str]) -> None:
    named = {name for word in page.words for name in re.findall(r"\b[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b", word)}
    assert named - known_words == set()


@each_page
def test_every_command_and_file_that_is_named_exists(page: Page) -> None:
    targets = re.findall(r"^([a-z]+):", (HOME / "Makefile").read_text(), re.MULTILINE)
    makes = {name for word in page.words for name in re.findall(r"^make ([a-z]+)", word)}
    commands = {path.stem for path in HOME.glob("*/management/commands/*.py")} | {
        "check", "collectstatic", "createsuperuser", "migrate",
    }  # fmt: skip
    manages = {name for word in page.words for name in re.findall(r"manage\.py (\w+)", word)}
    files = {word for word in page.words if re.fullmatch(r"[\w.]+/[\w./]+\.(py|md|sh|js)", word)}
    assert makes - set(targets) == set()
    assert manages - commands - {"qcluster"} == set()
    assert {file for file in files if not (HOME / file).exists()} == set()
