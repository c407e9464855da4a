"""A real local HTTP server in the place of a gateway: it records what it is asked and answers as it was told.

with EvolutionServer() as gateway:
    gateway.answer("/message/sendText", 400, {"response": {"message": ["no"]}})
    …
    assert gateway.requests[0].json == {"number": …}
"""

import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


@dataclass(frozen=True)
class GatewayRequest:
    method: str
    path: str
    headers: dict[str, str]
    json: Any


@dataclass
class GatewayAnswer:
    """`drop` breaks the connection instead of answering; `hang` stays silent until the server stops."""

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    drop: bool = False
    hang: bool = False


class GatewayServer:
    """Answers by the longest scripted beginning of the path, else by `default_answer`."""

    def __init__(self) -> None:
        self.requests: list[GatewayRequest] = []
        self._scripted: dict[str, GatewayAnswer] = {}
        self._stopped = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, status: int = 200, body: Any = None, **options: Any) -> None:
        self._scripted[path] = GatewayAnswer(status, body, **options)

    def asked(self, path: str) -> list[GatewayRequest]:
        return [request for request in self.requests if request.path.startswith(path)]

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        return GatewayAnswer(404, {"message": f"Cannot {request.method} {request.path}"})

    def _answer_to(self, request: GatewayRequest) -> GatewayAnswer:
        matching = [path for path in self._scripted if request.path.startswith(path)]
        return self._scripted[max(matching, key=len)] if matching else self.default_answer(request)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _serve(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = GatewayRequest(self.command, self.path, headers, json.loads(body) if body else None)
                gateway.requests.append(request)
                answer = gateway._answer_to(request)
                if answer.hang:
                    gateway._stopped.wait(30)
                if answer.hang or answer.drop:
                    self.close_connection = True
                    return
                content = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                self.send_response(answer.status)
                for name, value in {"content-type": "application/json", **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = _serve

            def log_message(self, *_: object) -> None:
                pass

        return Handler
