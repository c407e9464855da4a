"""Evolution API v2 as far as we speak to it: it accepts every message with a new id, and its instance is open."""

from itertools import count

from tests.gateway_server import GatewayAnswer, GatewayRequest, GatewayServer

API_KEY = "evolution-key-2b1c"


class EvolutionServer(GatewayServer):
    """`state` is what connectionState says."""

    def __init__(self, instance: str = "shop-main", state: str = "open") -> None:
        super().__init__()
        self.instance = instance
        self.state = state
        self._ids = count(1)

    @property
    def credentials(self) -> dict[str, str]:
        return {"baseUrl": self.url, "instance": self.instance, "apiKey": API_KEY}

    def default_answer(self, request: GatewayRequest) -> GatewayAnswer:
        if request.headers.get("apikey") != API_KEY:
            return GatewayAnswer(
                401, {"status": 401, "error": "Unauthorized", "response": {"message": "Unauthorized"}}
            )
        call, _, instance = request.path.rpartition("/")
        if request.path.startswith("/instance/fetchInstances"):
            return GatewayAnswer(200, [{"name": self.instance, "connectionStatus": self.state}])
        if instance != self.instance:
            sentence = f'The "{instance}" instance does not exist'
            return GatewayAnswer(
                404, {"status": 404, "error": "Not Found", "response": {"message": [sentence]}}
            )
        if call == "/instance/connectionState":
            return GatewayAnswer(200, {"instance": {"instanceName": instance, "state": self.state}})
        if call == "/chat/fetchBusinessProfile":
            return GatewayAnswer(200, {"isBusiness": False, "exists": True})
        if call.startswith("/message/send"):
            return GatewayAnswer(201, self._sent(request))
        return super().default_answer(request)

    def _sent(self, request: GatewayRequest) -> dict[str, object]:
        number = request.json["number"]
        return {
            "key": {
                "remoteJid": number if "@" in number else f"{number}@s.whatsapp.net",
                "fromMe": True,
                "id": f"3EB0SENT{next(self._ids):012d}",
            },
            "status": "PENDING",
            "messageTimestamp": 1767236400,
            "instanceId": "5f0e7d9c-0000-4000-8000-000000000001",
        }
