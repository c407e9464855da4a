"""WAHA as far as we speak to it: it accepts every message with a new id, and its session works."""

from itertools import count
from typing import Any

from tests.gateway_server import GatewayAnswer, GatewayRequest, GatewayServer

API_KEY = "waha-key-7d40"


class WahaServer(GatewayServer):
    """`status` is the session's; `engine` what the session's page tells of its engine."""

    def __init__(self, session: str = "shop-main", status: str = "WORKING") -> None:
        super().__init__()
        self.session = session
        self.status = status
        self.engine: dict[str, Any] = {"engine": "NOWEB"}
        self._ids = count(1)

    @property
    def credentials(self) -> dict[str, str]:
        return {"baseUrl": self.url, "session": self.session, "apiKey": API_KEY}

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        if request.headers.get("x-api-key") != API_KEY:
            return GatewayAnswer(401, {"message": "Unauthorized", "statusCode": 401})
        if request.path.startswith("/api/sessions/"):
            if request.path != f"/api/sessions/{self.session}":
                return GatewayAnswer(404, {"message": "Session not found", "error": "Not Found"})
            return GatewayAnswer(
                200,
                {
                    "name": self.session,
                    "status": self.status,
                    "me": {"id": "12025550143@c.us", "pushName": "Shop"}
                    if self.status == "WORKING"
                    else None,
                    "engine": self.engine,
                },
            )
        if request.path.startswith("/api/send"):
            if self.status != "WORKING":
                return GatewayAnswer(
                    422,
                    {
                        "error": "Session status is not as expected. Try again later or restart the session",
                        "session": self.session,
                        "status": self.status,
                        "expected": ["WORKING"],
                    },
                )
            chat_id = request.json["chatId"]
            return GatewayAnswer(201, {"id": f"true_{chat_id}_3EB0SENT{next(self._ids):012d}"})
        return super().default_answer(request)
