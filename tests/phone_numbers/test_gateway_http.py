"""What becomes of a request that a gateway does not answer, over TLS. The rest is tested with Evolution."""

import os
import socket
import ssl
import threading
from collections.abc import Callable

import pytest

from phone_numbers import gateway_http
from phone_numbers.gateway_http import Answer, Failure
from phone_numbers.providers.base import SendState
from tests.receivers import Authority

Conversation = Callable[[socket.socket, ssl.SSLContext], None]


@pytest.fixture
def ask_over_tls(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    monkeypatch.setattr(gateway_http.SESSION, "verify", authority.file)

    def ask(conversation: Conversation, certificate: str = "127.0.0.1", patience: float = 10) -> Answer:
        context = authority.server_context(certificate)
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve() -> None:
                connection, _ = server.accept()
                with connection:
                    conversation(connection, context)

            threading.Thread(target=serve, daemon=True).start()
            url = f"https://127.0.0.1:{server.getsockname()[1]}/message/sendText/x"
            return gateway_http.ask(
                "POST", url, headers={}, body={"text": "hi"}, timeout=(patience, patience)
            )

    return ask


def hear(connection: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Agrees on TLS and takes the whole request in."""
    secure = context.wrap_socket(connection, server_side=True)
    request = b""
    while not request.endswith(b"}"):
        request += secure.recv(65536)
    return secure


def break_tls(connection: socket.socket, context: ssl.SSLContext) -> None:
    with hear(connection, context) as secure:
        os.write(secure.fileno(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n")


def hang_up(connection: socket.socket, context: ssl.SSLContext) -> None:
    hear(connection, context).close()


def hang_up_at_once(connection: socket.socket, context: ssl.SSLContext) -> None:
    connection.recv(1)


def speak_no_tls(connection: socket.socket, context: ssl.SSLContext) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize("conversation", [break_tls, hang_up])
def test_what_breaks_after_the_request_may_have_sent(
    ask_over_tls: Callable[..., Answer], conversation: Conversation
) -> None:
    answer = ask_over_tls(conversation)
    assert answer.failure is Failure.BROKEN
    assert gateway_http.refusal(answer).state is SendState.UNKNOWN


@pytest.mark.parametrize("conversation", [hang_up_at_once, speak_no_tls])
def test_what_breaks_before_tls_is_agreed_on_has_sent_nothing(
    ask_over_tls: Callable[..., Answer], conversation: Conversation
) -> None:
    answer = ask_over_tls(conversation)
    assert answer == Answer(
        failure=Failure.UNREACHED, sentence="No secure connection to the gateway could be made."
    )
    assert gateway_http.refusal(answer).state is SendState.RETRY


def test_silence_before_tls_is_agreed_on_has_sent_nothing(ask_over_tls: Callable[..., Answer]) -> None:
    over = threading.Event()

    def say_nothing(connection: socket.socket, context: ssl.SSLContext) -> None:
        over.wait(15)

    answer = ask_over_tls(say_nothing, patience=0.5)
    over.set()
    assert answer.failure is Failure.UNREACHED


def test_a_certificate_of_another_host_is_sent_nothing(ask_over_tls: Callable[..., Answer]) -> None:
    def greet(connection: socket.socket, context: ssl.SSLContext) -> None:
        with pytest.raises(ssl.SSLError):
            hear(connection, context)

    assert ask_over_tls(greet, certificate="other.example").failure is Failure.UNREACHED
