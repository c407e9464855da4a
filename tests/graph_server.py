"""The Graph API as far as we speak to it: it accepts every message with a new wamid, and its number is connected."""

from itertools import count
from typing import Any

from tests.gateway_server import GatewayAnswer, GatewayRequest, GatewayServer

ACCESS_TOKEN = "EAAG-graph-token-5c2f"
VERSION = "/v23.0"


def graph_error(code: int, message: str, details: str = "", **fields: Any) -> dict[str, Any]:
    """The body of an error, as https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes has it."""
    error: dict[str, Any] = {
        "message": message,
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "Az8or2",
    }
    if details:
        error["error_data"] = {"messaging_product": "whatsapp", "details": details}
    return {"error": error | fields}


class GraphServer(GatewayServer):
    """`status` is what the number's page says; `graph_url` is what META_GRAPH_URL has to be."""

    def __init__(self, phone_number_id: str = "106540352242922", status: str = "CONNECTED") -> None:
        super().__init__()
        self.phone_number_id = phone_number_id
        self.status = status
        self.graph_url = f"{self.url}{VERSION}"
        self._ids = count(1)

    @property
    def messages_path(self) -> str:
        return f"{VERSION}/{self.phone_number_id}/messages"

    @property
    def credentials(self) -> dict[str, str]:
        return {"phoneNumberId": self.phone_number_id, "accessToken": ACCESS_TOKEN}

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        if request.headers.get("authorization") != f"Bearer {ACCESS_TOKEN}":
            return GatewayAnswer(401, graph_error(190, "Invalid OAuth access token."))
        if request.method == "POST" and request.path == self.messages_path:
            return GatewayAnswer(200, self._sent(request.json))
        if request.path.partition("?")[0] == f"{VERSION}/{self.phone_number_id}":
            number = {
                "id": self.phone_number_id,
                "display_phone_number": "+1 202-555-0143",
                "status": self.status,
            }
            return GatewayAnswer(200, number)
        return GatewayAnswer(400, graph_error(100, "Unsupported request.", error_subcode=33))

    def _sent(self, message: dict[str, Any]) -> dict[str, Any]:
        return {
            "messaging_product": "whatsapp",
            "contacts": [{"input": message["to"], "wa_id": message["to"].removeprefix("+")}],
            "messages": [{"id": f"wamid.SENT{next(self._ids):012d}"}],
        }
