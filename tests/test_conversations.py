"""What arrives of a whole conversation, with every provider; and the page of events that lists it."""

import os
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from events.catalog import BY_NAME
from events.reference import page
from tests.conversations import (
    ADA,
    CONVERSATIONS,
    PICTURE,
    US,
    Conversation,
    EvolutionConversation,
    MetaConversation,
    SimulatorConversation,
    WahaConversation,
)
from tests.receivers import Receivers

pytestmark = pytest.mark.django_db

EVENTS_PAGE = Path(__file__).resolve().parent.parent / "docs" / "events.md"
SHUFFLED = "The provider posts its statuses in a shuffled order, one of them twice; what arrives"

LADDER = ["message.sent", "message.delivered", "message.read"]
TALK = [
    *LADDER, "message.reply", "message.received", "message.received", "message.group",
    "message.sent", "message.failed",
]  # fmt: skip
CALLS = [
    "call.permission_updated", "call.ringing", "calls", "call.ended", "calls", "call.missed", "calls", "calls",
]  # fmt: skip
BEGIN, END = ["number.created", "number.connected"], ["number.removed"]
EXPECTED = {
    MetaConversation: [*BEGIN, *TALK, *CALLS, *END],
    EvolutionConversation: [*BEGIN, *TALK, "message.newsletter", *END],
    WahaConversation: [*BEGIN, *TALK, "message.newsletter", *END],
    SimulatorConversation: [*BEGIN, *TALK, *END],
}

every_provider = pytest.mark.parametrize("kind", CONVERSATIONS, ids=lambda kind: kind.provider)


@pytest.fixture(autouse=True)
def _secrets(settings: Any) -> None:
    settings.META_APP_SECRET = "conversation-app-secret"
    # Put back after the test: a conversation points it at its own server.
    settings.META_GRAPH_URL = ""


def played(kind: type[Conversation], receivers: Receivers) -> Conversation:
    conversation = kind(receivers.open())
    conversation.play()
    return conversation


@every_provider
def test_exactly_the_events_of_the_conversation_arrive(
    kind: type[Conversation], receivers: Receivers
) -> None:
    conversation = played(kind, receivers)
    assert [body["event"] for body in conversation.heard] == EXPECTED[kind]
    for body in conversation.heard:
        Draft202012Validator(BY_NAME[body["event"]].schema).validate(body)

    sent, delivered, read, reply, reaction, picture, group, offer, failed = [
        body["data"] for body in conversation.heard[2:11]
    ]
    for rung in (sent, delivered, read):
        assert (rung["id"], rung["messageId"]) == (sent["id"], sent["messageId"])
        assert (rung["from"], rung["to"], rung["fromMe"]) == (US, ADA, True)
        assert (rung["content"], rung["correlationId"]) == ("Shall we deliver today?", "order-1042")
    assert (reply["quotedMessageId"], reply["contentReplied"]) == (
        sent["messageId"],
        "Shall we deliver today?",
    )
    assert (reply["content"], reply["correlationId"], reply["from"], reply["to"]) == (
        "Yes please", "order-1042", ADA, US,
    )  # fmt: skip
    assert (reaction["type"], reaction["content"], reaction["quotedMessageId"]) == (
        "reaction", "👍", sent["messageId"],
    )  # fmt: skip
    # It quotes nothing, and answers what was said last.
    assert (picture["type"], picture["content"], picture["correlationId"]) == (
        "image",
        "This one",
        "order-1042",
    )
    assert (group["groupId"], group["from"], group["participantName"]) == (
        conversation.own_group, "+447700900456", "Grace",
    )  # fmt: skip
    assert "correlationId" not in group
    assert (offer["type"], offer["mediaLink"], offer["content"]) == ("image", PICTURE, "Our offer")
    assert (failed["id"], failed["correlationId"]) == (offer["id"], "order-1043")
    assert failed["error"]


@every_provider
def test_a_conversation_sounds_the_same_every_time(kind: type[Conversation], receivers: Receivers) -> None:
    first = played(kind, receivers)
    # The number was removed; its phone is free for whoever comes next.
    assert played(kind, receivers).heard == first.heard


def test_the_page_of_events_is_what_the_code_makes_of_them(receivers: Receivers) -> None:
    """`make reference` writes the page."""
    text = page({kind.provider: played(kind, receivers).steps for kind in CONVERSATIONS})
    if os.environ.get("WRITE_REFERENCE"):
        EVENTS_PAGE.write_text(text, encoding="utf-8")
    assert EVENTS_PAGE.read_text(encoding="utf-8") == text, "docs/events.md is not current: make reference"
