"""What the Graph API is asked, and what becomes of its answers."""

import socket
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from phone_numbers.models import Number
from phone_numbers.providers.base import Outgoing, ProbeState, SendResult, SendState
from phone_numbers.providers.meta.graph import probe, send
from phone_numbers.reports import DisconnectCause
from tests.graph_server import ACCESS_TOKEN, VERSION, GraphServer, graph_error

LINK = "https://files.example.com/a"
TEXT = Outgoing(reference="msg_1", phone="+447700900123", text="Shall we deliver today?")


@pytest.fixture
def graph(settings: Any) -> Iterator[GraphServer]:
    with GraphServer() as server:
        settings.META_GRAPH_URL = server.graph_url
        settings.META_ACCESS_TOKEN = ""
        yield server


@pytest.fixture
def number(graph: GraphServer) -> Number:
    found = Number(provider="meta", provider_ref=graph.phone_number_id, phone="+12025550143")
    found.credentials = graph.credentials
    return found


def media(media_type: str, **fields: Any) -> Outgoing:
    return Outgoing(reference="msg_1", phone="+447700900123", media=LINK, media_type=media_type, **fields)


def test_a_text_goes_out_with_our_id_and_comes_back_with_metas(graph: GraphServer, number: Number) -> None:
    assert send(number, TEXT) == SendResult(state=SendState.ACCEPTED, message_id="wamid.SENT000000000001")
    (asked,) = graph.requests
    assert (asked.method, asked.path) == ("POST", f"{VERSION}/106540352242922/messages")
    assert asked.headers["authorization"] == f"Bearer {ACCESS_TOKEN}"
    assert asked.json == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+447700900123",
        "biz_opaque_callback_data": "msg_1",
        "type": "text",
        "text": {"body": "Shall we deliver today?"},
    }


@pytest.mark.parametrize(
    ("outgoing", "kind", "part"),
    [
        (media("image", text="look"), "image", {"link": LINK, "caption": "look"}),
        (media("video"), "video", {"link": LINK}),
        (media("audio"), "audio", {"link": LINK}),
        (media("voice"), "audio", {"link": LINK}),
        (media("sticker"), "sticker", {"link": LINK}),
        (media("document", text="our offer", filename="offer.pdf"), "document",
         {"link": LINK, "caption": "our offer", "filename": "offer.pdf"}),
    ],
)  # fmt: skip
def test_every_kind_of_media(
    graph: GraphServer, number: Number, outgoing: Outgoing, kind: str, part: dict[str, str]
) -> None:
    assert send(number, outgoing).state is SendState.ACCEPTED
    asked = graph.requests[0].json
    assert (asked["type"], asked[kind]) == (kind, part)


def test_a_group_is_addressed_as_one(graph: GraphServer, number: Number) -> None:
    send(number, Outgoing(reference="msg_1", group_id="Y2FwaV9ncm91cA", text="hi"))
    asked = graph.requests[0].json
    assert (asked["recipient_type"], asked["to"]) == ("group", "Y2FwaV9ncm91cA")


def test_meta_has_no_channels(graph: GraphServer, number: Number) -> None:
    result = send(number, Outgoing(reference="msg_1", newsletter_id="1@newsletter", text="hi"))
    assert (result.state, result.error_code, graph.requests) == (
        SendState.REFUSED,
        "NOT_SUPPORTED_FOR_META",
        [],
    )


def test_the_servers_token_is_used_where_the_number_has_none(
    graph: GraphServer, number: Number, settings: Any
) -> None:
    number.credentials = {}
    settings.META_ACCESS_TOKEN = ACCESS_TOKEN
    assert send(number, TEXT).state is SendState.ACCEPTED


def test_without_any_token_nobody_is_asked(graph: GraphServer, number: Number) -> None:
    number.credentials = {}
    assert (send(number, TEXT).state, send(number, TEXT).error_code) == (
        SendState.REFUSED,
        "ACCESS_TOKEN_MISSING",
    )
    assert probe(number).state is ProbeState.CONNECTED, "it receives, as it was set up to"
    assert graph.requests == []


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, graph_error(130429, "(#130429) Rate limit hit")),
        (400, graph_error(131056, "Pair rate limit hit", "Too many messages to this person.")),
        (500, graph_error(2, "Service temporarily unavailable")),
        (500, graph_error(131000, "Something went wrong")),
        (500, graph_error(131999, "A failure of tomorrow")),
        (400, graph_error(999_999, "A code of tomorrow", is_transient=True)),
        (429, b""),
        (503, b"<html>busy</html>"),
    ],
)
def test_what_passes_is_tried_again(graph: GraphServer, number: Number, status: int, body: Any) -> None:
    graph.answer(graph.messages_path, status, body, headers={"Retry-After": "7"})
    result = send(number, TEXT)
    assert (result.state, result.retry_after) == (SendState.RETRY, timedelta(seconds=7))


def test_a_refusal_carries_metas_details_and_code(graph: GraphServer, number: Number) -> None:
    graph.answer(
        graph.messages_path, 400, graph_error(131047, "Re-engagement message", "More than 24 hours passed.")
    )
    result = send(number, TEXT)
    assert (result.state, result.error, result.error_code) == (
        SendState.REFUSED,
        "More than 24 hours passed.",
        "131047",
    )


def test_a_refused_token_is_a_refusal_with_metas_code(graph: GraphServer, number: Number) -> None:
    number.credentials = {"accessToken": "expired"}
    result = send(number, TEXT)
    assert (result.state, result.error_code) == (SendState.REFUSED, "190")


def test_a_code_that_is_zero_is_a_code(graph: GraphServer, number: Number) -> None:
    graph.answer(graph.messages_path, 401, graph_error(0, "AuthException"))
    assert send(number, TEXT).error_code == "0"


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_failure_in_nobodys_words_may_have_sent(graph: GraphServer, number: Number, status: int) -> None:
    graph.answer(graph.messages_path, status, b"<html>oops</html>")
    assert send(number, TEXT).state is SendState.UNKNOWN


def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(
    graph: GraphServer, number: Number
) -> None:
    graph.answer(graph.messages_path, drop=True)
    assert send(number, TEXT).state is SendState.UNKNOWN
    assert len(graph.requests) == 1


@pytest.mark.parametrize("body", [b"no json", {"messages": []}, {"messages": [{"id": None}]}, {}])
def test_an_acceptance_without_an_id_leaves_the_outcome_unknown(
    graph: GraphServer, number: Number, body: Any
) -> None:
    graph.answer(graph.messages_path, 200, body)
    assert send(number, TEXT).state is SendState.UNKNOWN


def test_a_server_that_is_not_there_is_tried_again(graph: GraphServer, number: Number, settings: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        settings.META_GRAPH_URL = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert send(number, TEXT).state is SendState.RETRY
    assert probe(number).state is ProbeState.UNKNOWN


def test_no_error_repeats_the_token(graph: GraphServer, number: Number) -> None:
    body = graph_error(190, f"Bad token {ACCESS_TOKEN}", f"The token {ACCESS_TOKEN} has expired.")
    graph.answer(VERSION, 400, body)
    assert ACCESS_TOKEN not in repr(send(number, TEXT))
    assert ACCESS_TOKEN not in repr(probe(number))
    number.credentials = {"accessToken": "a\nb"}
    unusable = send(number, TEXT)
    assert "a\nb" not in repr(unusable)
    assert (unusable.state, unusable.error_code) == (SendState.REFUSED, "IMPOSSIBLE")


@pytest.mark.parametrize("before", [489, 495])
def test_a_sentence_is_never_cut_through_the_token(graph: GraphServer, number: Number, before: int) -> None:
    sentence = "x" * before + " " + ACCESS_TOKEN
    for body in (graph_error(100, sentence), graph_error(100, "m", sentence), {"message": sentence}):
        graph.answer(VERSION, 400, body)
        assert ACCESS_TOKEN[:4] not in repr(send(number, TEXT)) + repr(probe(number))


@pytest.mark.parametrize(
    ("status", "state", "cause"),
    [
        ("CONNECTED", ProbeState.CONNECTED, None),
        ("FLAGGED", ProbeState.CONNECTED, None),
        ("RATE_LIMITED", ProbeState.CONNECTED, None),
        ("RESTRICTED", ProbeState.CONNECTED, None),
        ("UNKNOWN", ProbeState.UNKNOWN, None),
        ("", ProbeState.CONNECTED, None),
        ("DISCONNECTED", ProbeState.DISCONNECTED, None),
        ("UNVERIFIED", ProbeState.DISCONNECTED, None),
        ("BANNED", ProbeState.DISCONNECTED, DisconnectCause.BANNED),
        ("DELETED", ProbeState.DISCONNECTED, DisconnectCause.DELETED),
        ("MIGRATED", ProbeState.DISCONNECTED, DisconnectCause.DELETED),
    ],
)
def test_the_page_of_a_number_says_whether_it_can_send(
    graph: GraphServer, number: Number, status: str, state: ProbeState, cause: DisconnectCause | None
) -> None:
    graph.status = status
    result = probe(number)
    assert (result.state, result.cause) == (state, cause)


def test_a_number_that_meta_does_not_know_is_deleted(graph: GraphServer, number: Number) -> None:
    number.provider_ref = "1"
    result = probe(number)
    assert (result.state, result.cause) == (ProbeState.DISCONNECTED, DisconnectCause.DELETED)


def test_a_parameter_that_meta_does_not_know_says_nothing_about_the_number(
    graph: GraphServer, number: Number
) -> None:
    graph.answer(VERSION, 400, graph_error(100, "(#100) Tried accessing nonexisting field (status)"))
    result = probe(number)
    assert (result.state, result.cause) == (ProbeState.UNKNOWN, None)


@pytest.mark.parametrize("body", [b"<html>Please log in</html>", {}, [], {"id": None, "status": 7}])
def test_a_page_of_somebody_else_says_nothing_about_the_number(
    graph: GraphServer, number: Number, body: Any
) -> None:
    graph.answer(VERSION, 200, body)
    assert probe(number).state is ProbeState.UNKNOWN


def test_a_refused_token_is_a_disconnect_that_can_be_mended(graph: GraphServer, number: Number) -> None:
    number.credentials = {"accessToken": "expired"}
    result = probe(number)
    assert (result.state, result.cause, result.error_code) == (
        ProbeState.DISCONNECTED,
        None,
        "ACCESS_TOKEN_REFUSED",
    )


@pytest.mark.parametrize(("status", "body"), [(500, b"oops"), (429, b""), (400, graph_error(4, "App limit"))])
def test_a_probe_without_a_clear_answer_leaves_it_unknown(
    graph: GraphServer, number: Number, status: int, body: Any
) -> None:
    graph.answer(VERSION, status, body)
    assert probe(number).state is ProbeState.UNKNOWN
