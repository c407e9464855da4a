"""The provider `simulator`: a WhatsApp without an account, for development, tests and demonstrations."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.db import transaction

from phone_numbers.gateway_http import refuse_unknown
from phone_numbers.providers.base import (
    Capability,
    Config,
    IngestRequest,
    Outgoing,
    Part,
    ProbeResult,
    ProbeState,
    SendResult,
    SendState,
)
from phone_numbers.providers.simulator import engine
from phone_numbers.reports import (
    ConnectionReport,
    ConnectionState,
    Contact,
    DisconnectCause,
    Ignored,
    InboundMessage,
    MessageStatus,
    Quote,
    Report,
    StatusReport,
)

if TYPE_CHECKING:
    from phone_numbers.models import Number


class Simulator:
    name = "simulator"
    label = "Simulator"
    capabilities = frozenset({Capability.GROUPS, Capability.NEWSLETTERS})
    in_process = True

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        refuse_unknown(config)
        return Config(ref=phone, state=ConnectionState.CONNECTED)

    def verify(self, request: IngestRequest, number: "Number | None") -> bool:
        """Nobody posts to it from outside: it has no door."""
        return False

    def route(self, body: bytes) -> list[Part]:
        return [Part(ref=None, body=body.decode())]

    def parse(self, body: str, number: "Number") -> list[Report]:
        payload = json.loads(body)
        match payload["type"]:
            case "status":
                failure = payload.get("error") or {}
                return [
                    StatusReport(
                        message_id=payload["messageId"],
                        reference=payload["reference"],
                        status=MessageStatus(payload["status"]),
                        at=None,
                        recipient=Contact(phone=payload["to"]),
                        group_id=payload["groupId"] or None,
                        error=failure.get("message"),
                        error_code=str(failure["code"]) if failure else None,
                    )
                ]
            case "message":
                quoted = payload["quoted"]
                return [
                    InboundMessage(
                        message_id=payload["messageId"],
                        at=None,
                        sender=Contact(phone=payload["from"], name=payload["name"]),
                        type=payload["messageType"],
                        content=payload["text"],
                        quote=Quote(
                            message_id=quoted["messageId"], ours=quoted["fromMe"], content=quoted["text"]
                        )
                        if quoted
                        else None,
                        group_id=payload["groupId"] or None,
                        group_name=payload["groupName"] or None,
                    )
                ]
            case "connection":
                return [
                    ConnectionReport(
                        state=ConnectionState(payload["state"]),
                        at=None,
                        cause=DisconnectCause(payload["cause"]) if payload["cause"] else None,
                    )
                ]
        return [Ignored(reason=f"The simulator does not know {payload['type']!r}.")]

    def send(self, number: "Number", outgoing: Outgoing) -> SendResult:
        message_id = engine.new_message_id()
        with transaction.atomic():
            engine.play(engine.lifecycle(number, outgoing, message_id))
        return SendResult(state=SendState.ACCEPTED, message_id=message_id)

    def probe(self, number: "Number") -> ProbeResult:
        """Answers what the number's settings say under `simulated`: connected unless told otherwise."""
        state = ProbeState(number.settings.get("simulated", ProbeState.CONNECTED))
        return ProbeResult(state=state, detail=f"simulated {state}")
