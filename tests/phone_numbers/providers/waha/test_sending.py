"""What WAHA is asked to send, and what becomes of it. What every gateway has in common is tested with Evolution."""

from collections.abc import Iterator
from typing import Any

import pytest

from phone_numbers.providers.base import Outgoing, SendResult, SendState
from phone_numbers.providers.waha.sending import request, send
from tests.waha_server import API_KEY, WahaServer

TEXT = Outgoing(reference="msg_1", phone="+447700900123", text="Shall we deliver today?")
CHAT = {"chatId": "447700900123@c.us"}


@pytest.fixture
def waha() -> Iterator[WahaServer]:
    with WahaServer() as server:
        yield server


def media(media_type: str, link: str, **fields: Any) -> Outgoing:
    return Outgoing(
        **{"reference": "msg_1", "phone": "+447700900123", "media": link, "media_type": media_type} | fields
    )


def test_a_text_goes_out_with_the_key_and_comes_back_with_whatsapps_id(waha: WahaServer) -> None:
    result = send(waha.credentials, TEXT)
    assert result == SendResult(state=SendState.ACCEPTED, message_id="3EB0SENT000000000001", at_server=True)
    (asked,) = waha.requests
    assert (asked.method, asked.path, asked.headers["x-api-key"]) == ("POST", "/api/sendText", API_KEY)
    assert asked.json == {"session": "shop-main", **CHAT, "text": "Shall we deliver today?"}


@pytest.mark.parametrize(
    ("outgoing", "path", "body"),
    [
        (
            media("image", "https://files.example.com/a.png", text="look"),
            "sendImage",
            {
                **CHAT,
                "file": {"url": "https://files.example.com/a.png", "mimetype": "image/png"},
                "caption": "look",
            },
        ),
        (
            media("video", "https://files.example.com/a.mov"),
            "sendVideo",
            {
                **CHAT,
                "file": {"url": "https://files.example.com/a.mov", "mimetype": "video/quicktime"},
                "convert": True,
            },
        ),
        (
            media("audio", "https://files.example.com/a.opus?x=1"),
            "sendVoice",
            {
                **CHAT,
                "file": {"url": "https://files.example.com/a.opus?x=1", "mimetype": "audio/ogg; codecs=opus"},
                "convert": False,
            },
        ),
        (
            media("document", "https://files.example.com/offer%202026.pdf"),
            "sendFile",
            {
                **CHAT,
                "file": {
                    "url": "https://files.example.com/offer%202026.pdf",
                    "mimetype": "application/pdf",
                    "filename": "offer 2026.pdf",
                },
            },
        ),
        (
            media("sticker", "https://files.example.com/a"),
            "sendSticker",
            {**CHAT, "file": {"url": "https://files.example.com/a", "mimetype": "image/webp"}},
        ),
        (
            Outgoing(reference="m", group_id="120363404880000143", text="hi"),
            "sendText",
            {"chatId": "120363404880000143@g.us", "text": "hi"},
        ),
        (
            Outgoing(reference="m", newsletter_id="120363417340000222@newsletter", text="hi"),
            "sendText",
            {"chatId": "120363417340000222@newsletter", "text": "hi"},
        ),
    ],
)
def test_every_kind_has_its_call(outgoing: Outgoing, path: str, body: dict[str, Any]) -> None:
    assert request(outgoing) == (path, body)


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "true_447700900123@c.us_3EB0X"},
        {"id": {"fromMe": True, "id": "3EB0X", "_serialized": "true_447700900123@c.us_3EB0X"}},
        {"id": "3EB0X"},
        {"key": {"id": "3EB0X", "fromMe": True}},
        {"_data": {"key": {"id": "3EB0X"}}},
        {"_data": {"id": {"_serialized": "true_120363404880000143@g.us_3EB0X_12025550143@c.us"}}},
    ],
)
def test_the_id_is_found_in_every_engines_answer(waha: WahaServer, answer: Any) -> None:
    waha.answer("/api/sendText", 201, answer)
    assert send(waha.credentials, TEXT).message_id == "3EB0X"


@pytest.mark.parametrize(("ack", "at_server"), [(0, False), (1, True), (None, True)])
def test_the_acceptance_is_the_first_rung_unless_it_says_pending(
    waha: WahaServer, ack: int | None, at_server: bool
) -> None:
    waha.answer("/api/sendText", 201, {"id": "true_447700900123@c.us_3EB0X", "ack": ack})
    assert send(waha.credentials, TEXT).at_server is at_server


@pytest.mark.parametrize(
    ("status", "expected"),
    [("STARTING", SendState.RETRY), ("SCAN_QR_CODE", SendState.REFUSED), ("FAILED", SendState.REFUSED)],
)
def test_a_session_that_is_starting_is_tried_again(
    waha: WahaServer, status: str, expected: SendState
) -> None:
    waha.status = status
    result = send(waha.credentials, TEXT)
    assert (result.state, result.error_code) == (expected, "422")
    assert result.error.startswith("Session status is not as expected")


def test_an_engines_exception_leaves_the_outcome_unknown(waha: WahaServer) -> None:
    waha.answer(
        "/api/sendText", 500, {"statusCode": 500, "exception": {"message": "server returned error 463"}}
    )
    result = send(waha.credentials, TEXT)
    assert (result.state, result.error) == (SendState.UNKNOWN, "server returned error 463")


def test_a_caption_that_whatsapp_cannot_show_is_refused_and_not_lost(waha: WahaServer) -> None:
    result = send(waha.credentials, media("sticker", "https://files.example.com/a", text="hi"))
    assert (result.state, result.error_code, waha.requests) == (
        SendState.REFUSED,
        "CAPTION_NOT_SUPPORTED",
        [],
    )


def test_a_web_page_is_no_acceptance(waha: WahaServer) -> None:
    waha.answer("/api/sendText", 200, b"<html>Suspended</html>")
    assert send(waha.credentials, TEXT).state is SendState.UNKNOWN


def test_no_error_repeats_a_secret(waha: WahaServer) -> None:
    waha.answer("/api/sendText", 400, {"message": f"{API_KEY} and hmac-secret are wrong"})
    assert send(waha.credentials | {"hmacKey": "hmac-secret"}, TEXT).error == "… and … are wrong"
