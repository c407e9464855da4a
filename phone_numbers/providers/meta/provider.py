"""The provider `meta`: official numbers at the WhatsApp Cloud API."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phone_numbers.gateway_http import required, secret
from phone_numbers.providers.base import (
    Capability,
    Config,
    ConfigError,
    IngestRequest,
    Outgoing,
    Part,
    ProbeResult,
    SendResult,
)
from phone_numbers.providers.meta import graph, parsing, routing, verification
from phone_numbers.reports import ConnectionState, Report

if TYPE_CHECKING:
    from phone_numbers.models import Number

PHONE_NUMBER_ID = re.compile(r"[A-Za-z0-9_-]{1,100}")


class Meta:
    name = "meta"
    label = "Meta Cloud API"
    capabilities = frozenset({Capability.CALLS, Capability.GROUPS})
    in_process = False

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        """Takes `{phoneNumberId, accessToken?, wabaId?}`; without a token the server's META_ACCESS_TOKEN is used."""
        ref = required(config, "phoneNumberId")
        if not PHONE_NUMBER_ID.fullmatch(ref):
            raise ConfigError("phoneNumberId is the id of the number at Meta, such as 106540352242922.")
        credentials = {"phoneNumberId": ref}
        if config.get("accessToken") is not None:
            credentials["accessToken"] = secret(config, "accessToken")
        if config.get("wabaId") is not None:
            credentials["wabaId"] = required(config, "wabaId")[:100]
        return Config(ref=ref, credentials=credentials, state=ConnectionState.CONNECTED)

    def verify(self, request: IngestRequest, number: "Number | None") -> bool:
        return verification.is_signed(request)

    def route(self, body: bytes) -> list[Part]:
        return routing.route(body)

    def parse(self, body: str, number: "Number") -> list[Report]:
        return parsing.parse(body, number.phone)

    def send(self, number: "Number", outgoing: Outgoing) -> SendResult:
        return graph.send(number, outgoing)

    def probe(self, number: "Number") -> ProbeResult:
        return graph.probe(number)
