"""What Evolution is asked to send, and what becomes of it."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from phone_numbers import gateway_http
from phone_numbers.providers.base import Outgoing, SendResult, SendState
from phone_numbers.providers.evolution.sending import request, send
from tests.evolution_server import API_KEY, EvolutionServer

LINK = "https://files.example.com/a"
TEXT = Outgoing(reference="msg_1", phone="+447700900123", text="Shall we deliver today?")


@pytest.fixture
def evolution() -> Iterator[EvolutionServer]:
    with EvolutionServer() as server:
        yield server


def media(media_type: str, **fields: Any) -> Outgoing:
    return Outgoing(
        **{"reference": "msg_1", "phone": "+447700900123", "media": LINK, "media_type": media_type} | fields
    )


def test_a_text_goes_out_with_the_key_and_comes_back_with_whatsapps_id(evolution: EvolutionServer) -> None:
    result = send(evolution.credentials, TEXT)
    assert result == SendResult(state=SendState.ACCEPTED, message_id="3EB0SENT000000000001", at_server=False)
    (asked,) = evolution.requests
    assert (asked.method, asked.path) == ("POST", "/message/sendText/shop-main")
    assert asked.headers["apikey"] == API_KEY
    assert asked.json == {"number": "447700900123", "text": "Shall we deliver today?"}


@pytest.mark.parametrize(
    ("outgoing", "expected"),
    [
        (
            media("image", text="look"),
            (
                "sendMedia",
                {"number": "447700900123", "mediatype": "image", "media": LINK, "caption": "look"},
            ),
        ),
        (
            media("document", filename="offer.pdf"),
            (
                "sendMedia",
                {
                    "number": "447700900123",
                    "mediatype": "document",
                    "media": LINK,
                    "fileName": "offer.pdf",
                },
            ),
        ),
        (
            media("document", media="https://files.example.com/offer%202026.pdf?v=2"),
            (
                "sendMedia",
                {
                    "number": "447700900123",
                    "mediatype": "document",
                    "media": "https://files.example.com/offer%202026.pdf?v=2",
                    "fileName": "offer 2026.pdf",
                },
            ),
        ),
        (
            media("image", filename="our shop"),
            ("sendMedia", {"number": "447700900123", "mediatype": "image", "media": LINK}),
        ),
        (media("audio"), ("sendWhatsAppAudio", {"number": "447700900123", "audio": LINK})),
        (media("sticker"), ("sendSticker", {"number": "447700900123", "sticker": LINK})),
        (
            Outgoing(reference="m", group_id="120363321700000123@g.us", text="hi"),
            ("sendText", {"number": "120363321700000123@g.us", "text": "hi"}),
        ),
        (
            Outgoing(reference="m", newsletter_id="120363417340000222", text="hi"),
            ("sendText", {"number": "120363417340000222@newsletter", "text": "hi"}),
        ),
    ],
)  # fmt: skip
def test_every_kind_has_its_call(outgoing: Outgoing, expected: tuple[str, dict[str, Any]]) -> None:
    assert request(outgoing) == expected


def test_the_name_of_an_instance_is_escaped() -> None:
    with EvolutionServer(instance="a%2Fb%20c") as evolution:
        result = send(evolution.credentials | {"instance": "a/b c"}, TEXT)
    assert result.state is SendState.ACCEPTED


def test_a_caption_that_whatsapp_cannot_show_is_refused_and_not_lost(evolution: EvolutionServer) -> None:
    result = send(evolution.credentials, media("audio", text="listen"))
    assert (result.state, result.error_code, evolution.requests) == (
        SendState.REFUSED,
        "CAPTION_NOT_SUPPORTED",
        [],
    )


def test_a_refusal_carries_the_gateways_sentence_and_code(evolution: EvolutionServer) -> None:
    evolution.answer(
        "/message/sendText",
        400,
        {"status": 400, "error": "Bad Request", "response": {"message": ["Group not found"]}},
    )
    result = send(evolution.credentials, TEXT)
    assert (result.state, result.error, result.error_code) == (SendState.REFUSED, "Group not found", "400")


def test_a_number_without_whatsapp_is_a_refusal_in_words(evolution: EvolutionServer) -> None:
    found = {"jid": "447700900123@s.whatsapp.net", "exists": False, "number": "447700900123"}
    evolution.answer("/message/sendText", 400, {"status": 400, "response": {"message": [found]}})
    assert send(evolution.credentials, TEXT).error == "The recipient is not on WhatsApp."


@pytest.mark.parametrize("status", [400, 500])
def test_a_dead_socket_is_a_reason_to_try_again(evolution: EvolutionServer, status: int) -> None:
    evolution.answer("/message/sendText", status, {"response": {"message": ["Error: Connection Closed"]}})
    assert send(evolution.credentials, TEXT).state is SendState.RETRY


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (400, "Error: rate-overlimit"),
        (500, "rate-overlimit"),
        (500, "Timed Out"),
        (500, "Error: Media upload failed on all hosts"),
        (500, "Cannot read properties of undefined (reading 'textMessage')"),
    ],
)
def test_what_went_wrong_before_the_message_was_handed_over_is_tried_again(
    evolution: EvolutionServer, status: int, words: str
) -> None:
    evolution.answer(
        "/message/sendText", status, {"status": status, "error": "…", "response": {"message": words}}
    )
    result = send(evolution.credentials, TEXT)
    assert (result.state, result.error, result.error_code) == (SendState.RETRY, words, str(status))


def test_a_file_that_cannot_be_had_is_a_refusal_at_once(evolution: EvolutionServer) -> None:
    words = "AxiosError: Request failed with status code 404"
    evolution.answer("/message/sendMedia", 500, {"status": 500, "response": {"message": words}})
    result = send(evolution.credentials, media("image"))
    assert (result.state, result.error, result.error_code) == (SendState.REFUSED, words, "500")


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_gateway_is_tried_again_when_it_says(evolution: EvolutionServer, status: int) -> None:
    evolution.answer("/message/sendText", status, {"message": "busy"}, headers={"Retry-After": "7"})
    result = send(evolution.credentials, TEXT)
    assert result.state is SendState.RETRY
    assert result.retry_after is not None
    assert result.retry_after.total_seconds() == 7


@pytest.mark.parametrize("status", [500, 502, 504])
def test_a_gateway_that_failed_may_have_sent(evolution: EvolutionServer, status: int) -> None:
    evolution.answer("/message/sendText", status, b"<html>oops</html>")
    assert send(evolution.credentials, TEXT).state is SendState.UNKNOWN


def test_a_connection_that_breaks_after_the_request_leaves_the_outcome_unknown(
    evolution: EvolutionServer,
) -> None:
    evolution.answer("/message/sendText", drop=True)
    assert send(evolution.credentials, TEXT).state is SendState.UNKNOWN
    assert len(evolution.requests) == 1


def test_silence_leaves_the_outcome_unknown(evolution: EvolutionServer) -> None:
    evolution.answer("/message/sendText", hang=True)
    answer = gateway_http.ask(
        "POST", f"{evolution.url}/message/sendText/x", headers={}, body={}, timeout=(1, 0.2)
    )
    assert gateway_http.refusal(answer).state is SendState.UNKNOWN


def test_a_gateway_that_is_not_there_is_tried_again(evolution: EvolutionServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    result = send(evolution.credentials | {"baseUrl": url}, TEXT)
    assert (result.state, result.error) == (SendState.RETRY, "The gateway could not be reached.")


def test_a_redirect_is_not_followed(evolution: EvolutionServer) -> None:
    evolution.answer("/message/sendText", 302, headers={"Location": f"{evolution.url}/elsewhere"})
    assert send(evolution.credentials, TEXT).state is SendState.REFUSED
    assert len(evolution.requests) == 1


def test_an_acceptance_without_an_id_counts_as_sent(evolution: EvolutionServer) -> None:
    evolution.answer("/message/sendText", 201, b"no json")
    assert send(evolution.credentials, TEXT) == SendResult(state=SendState.ACCEPTED, at_server=True)


def test_a_web_page_is_no_acceptance(evolution: EvolutionServer) -> None:
    evolution.answer("/message/sendText", 200, b"\n<!doctype html><title>Suspended</title>")
    result = send(evolution.credentials, TEXT)
    assert (result.state, result.message_id) == (SendState.UNKNOWN, None)
    assert result.error == "A web page came back instead of the gateway's answer; is its baseUrl right?"


def test_no_error_repeats_the_key(evolution: EvolutionServer) -> None:
    evolution.answer("/message/sendText", 401, {"message": f"Bad key {API_KEY} given"})
    result = send(evolution.credentials, TEXT)
    assert (result.state, result.error) == (SendState.REFUSED, "Bad key … given")
    broken = send({"baseUrl": evolution.url, "instance": "x", "apiKey": "a\nb"}, TEXT)
    assert "a\nb" not in repr(broken)
    assert broken.state is SendState.REFUSED


def test_a_gateway_sees_neither_netrc_nor_cookies_nor_a_proxy_of_the_environment(
    evolution: EvolutionServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    evolution.answer("/message/sendText", 201, {"key": {"id": "1"}}, headers={"Set-Cookie": "a=b"})
    assert send(evolution.credentials, TEXT).state is SendState.ACCEPTED
    send(evolution.credentials, TEXT)
    assert "cookie" not in evolution.requests[1].headers
