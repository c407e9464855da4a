"""The figures and tables that integrators build on are those of the code."""

import inspect
import re
from datetime import UTC, datetime, timedelta

from django.conf import settings

from events.catalog import EVENT_TYPES
from messaging import sending
from phone_numbers.providers.evolution.parsing import STATUS_WORDS, STATUSES
from phone_numbers.providers.waha.parsing import ACKS
from phone_numbers.reports import MessageStatus
from tests.docs.pages import BY_NAME
from webhooks import health, recovering, retry, transport
from webhooks.configuring import OVERLAP
from webhooks.requests import headers_of
from webhooks.signing import new_secret

UNITS = {"s": "seconds", "m": "minutes", "min": "minutes", "h": "hours"}


def _row(page: str, first: str) -> list[str]:
    """The cells of the table row that begins with `first`, without it."""
    (row,) = re.findall(rf"^\| {re.escape(first)} \|(.*)\|$", BY_NAME[page].text, re.MULTILINE)
    return [cell.strip() for cell in row.split("|")]


def _spans(text: str) -> list[timedelta]:
    return [
        timedelta(**{UNITS[unit]: int(figure)}) for figure, unit in re.findall(r"(\d+) (min|s|m|h)\b", text)
    ]


def test_the_schedule_is_that_of_the_code() -> None:
    cells = _row("docs/guides/retries.md", "after the one before")
    assert cells[0] == "at once"
    assert _spans(" ".join(cells)) == retry.RETRY_DELAYS
    (sentence,) = re.findall(r"the next attempt (5 s.*?)\s+later", BY_NAME["README.md"].text, re.DOTALL)
    assert _spans(sentence) == retry.RETRY_DELAYS


def test_the_other_figures_of_retries_are_those_of_the_code() -> None:
    page = " ".join(BY_NAME["docs/guides/retries.md"].text.split())
    assert retry.MAX_ATTEMPTS == 9
    assert "Nine attempts within about 22 hours" in page
    assert sum(retry.RETRY_DELAYS, timedelta()) // timedelta(hours=1) == 22
    assert _spans(*re.findall(r"this delivery at most (.*?) later", page)) == [retry.MAX_RETRY_AFTER]
    assert _spans(*re.findall(r"the others of the webhook at most (.*?) \|", page)) == [health.MAX_PAUSE]
    assert _spans(*re.findall(r"After ten failures in a row .*?, after (.*?);", page)) == [
        health.BREAKER_DELAYS[0], health.BREAKER_DELAYS[1], health.BREAKER_DELAYS[-1],
    ]  # fmt: skip
    assert health.BREAKER_OPENS_AFTER == 10
    assert "after five days without one success" in page
    assert timedelta(days=5) == health.DISABLED_AFTER
    assert _spans(*re.findall(r"whole within (.*?) for the connection", page)) == [
        timedelta(seconds=transport.DEADLINE), timedelta(seconds=transport.CONNECT_LIMIT),
    ]  # fmt: skip
    kinds = re.findall(r"\| `(\w+)` \|", page.partition("| `kind` | sends |")[2])
    assert kinds == recovering.Kind.values
    assert f"for {settings.KEEP_DELIVERIES.days} days, attempts for {settings.KEEP_ATTEMPTS.days}" in page


def test_a_rotation_overlaps_for_as_long_as_is_said() -> None:
    assert timedelta(hours=24) == OVERLAP
    assert "For 24 hours after a rotation" in BY_NAME["docs/guides/signatures.md"].text


def test_development_reaches_what_is_said() -> None:
    cell = _row("docs/guides/first-webhook.md", "development (`make run`, `DEBUG=true`)")[0]
    assert re.findall(r"`(.*?)`", cell) == [str(network) for network in settings.WEBHOOK_ALLOWED_NETWORKS]


def test_the_numbers_of_statuses_are_those_that_are_parsed() -> None:
    rows: list[tuple[str, MessageStatus | None]] = [
        ("`message.failed`", MessageStatus.FAILED), ("not yet an event", None), ("`message.sent`", MessageStatus.SENT),
        ("`message.delivered`", MessageStatus.DELIVERED), ("`message.read`", MessageStatus.READ),
    ]  # fmt: skip
    for first, status in rows:
        (evolution, waha) = next(
            cells
            for row in re.findall(
                rf"^\| {re.escape(first)} \|(.*)\|$", BY_NAME["docs/guides/migrate.md"].text, re.M
            )
            if len(cells := [cell.strip() for cell in row.split("|")]) == 2
        )
        said = re.findall(r"`(\w+)`, (\d)", evolution)
        assert {word for word, _ in said} == {word for word, value in STATUSES.items() if value is status}
        assert all(STATUS_WORDS[int(number)] == word for word, number in said)
        numbers = [int(number) for number in re.findall(r"-?\d", waha.replace("−", "-"))]
        assert numbers == [number for number, value in ACKS.items() if value is status]


def test_the_codes_with_which_a_send_fails_here_are_those_of_the_code() -> None:
    section = BY_NAME["docs/guides/correlate.md"].text.partition("## When it fails")[2].partition("\n## ")[0]
    words = re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', inspect.getsource(sending))
    assert set(re.findall(r"^\| `([A-Z_]+)` \|", section, re.MULTILINE)) == set(words)
    assert timedelta(minutes=5) == sending.UNKNOWN_FOR


def test_every_event_that_a_page_names_is_in_the_catalog() -> None:
    names = {event_type.name for event_type in EVENT_TYPES}
    # Words that other systems have in common with us.
    foreign = {"message.any", "message.ack", "message.reaction", "message.conversation"}
    for page in BY_NAME.values():
        named = {word for word in page.words if re.fullmatch(r"(message|number|call)\.[a-z_]+", word)}
        assert named - names - foreign == set(), page.name


def test_the_headers_of_a_webhook_are_those_listed() -> None:
    page = BY_NAME["docs/guides/signatures.md"].text
    table = page[page.index("| header | |") :].split("\n\n")[0]
    sent = headers_of("evt_1", "message.sent", 1, b"{}", [new_secret()], datetime.now(UTC))
    assert re.findall(r"^\| (`.*?`) \|", table, re.MULTILINE) == [
        *(f"`{name}`" for name in sent if name.startswith("webhook-")),
        "`content-type`, `user-agent`",
    ]
    assert all(f"`{sent[name]}`" in table for name in ("content-type", "user-agent"))
