"""The provider `meta`: official numbers at the WhatsApp Cloud API."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phone_numbers.gateway_http import refuse_unknown, required, secret
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

# Digits, or a word in angle brackets: so Meta's documentation and the payloads made from it write it.
META_ID = re.compile(r"[A-Za-z0-9_<>-]{1,100}")


class Meta:
    name = "meta"
    label = "Meta Cloud API"
    capabilities = frozenset({Capability.CALLS, Capability.GROUPS})
    in_process = False

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        """Takes `{phoneNumberId, accessToken?, wabaId?}`; without a token the server's META_ACCESS_TOKEN is used."""
        refuse_unknown(config, "phoneNumberId", "accessToken", "wabaId")
        ref = required(config, "phoneNumberId")
        if not META_ID.fullmatch(ref):
            raise ConfigError("phoneNumberId is the id of the number at Meta, such as 106540352242922.")
        credentials = {"phoneNumberId": ref}
        if config.get("accessToken") is not None:
            credentials["accessToken"] = secret(config, "accessToken")
        if config.get("wabaId") is not None:
            credentials["wabaId"] = required(config, "wabaId")
            if not META_ID.fullmatch(credentials["wabaId"]):
                raise ConfigError(
                    "wabaId is the id of the business account at Meta, such as 102290129340398."
                )
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
