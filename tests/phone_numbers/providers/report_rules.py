"""What is true of every report, whatever it was made from."""

import re
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any

from phone_numbers.phones import E164
from phone_numbers.reports import (
    MESSAGE_TYPES,
    CallReport,
    CallsEnvelope,
    ConnectionReport,
    Contact,
    IdentityReport,
    Ignored,
    InboundMessage,
    Report,
    StatusReport,
)

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def assert_sound(reports: Sequence[Report]) -> None:
    """There is a report; phones are E.164 or empty; types and times are ours; everything can be stored."""
    assert reports
    for report in reports:
        assert not [text for text in _texts(asdict(report)) if UNSTORABLE.search(text)]
        if isinstance(report, Ignored):
            assert report.reason.strip()
            assert len(report.reason) < 300
            continue
        if isinstance(report, CallsEnvelope):
            continue
        for phone in _phones(report):
            assert phone == "" or E164.fullmatch(phone), report
        if isinstance(report, IdentityReport):
            assert report.phone
            assert report.opaque_id.endswith("@lid") or "@" not in report.opaque_id
            continue
        assert report.at is None or report.at.tzinfo is UTC  # type: ignore[union-attr]
        if isinstance(report, InboundMessage):
            assert report.type is None or report.type in MESSAGE_TYPES
            assert report.message_id != ""


def _phones(report: Report) -> list[str]:
    people: list[Contact] = []
    if isinstance(report, InboundMessage):
        people = [report.sender]
    if isinstance(report, StatusReport):
        people = [report.recipient]
    if isinstance(report, CallReport):
        people = [report.sender, report.recipient]
    if isinstance(report, ConnectionReport | IdentityReport):
        return [report.phone]
    return [person.phone for person in people]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for one in value.values() for text in _texts(one)]
    return [value] if isinstance(value, str) else []
