"""The provider `evolution`: Evolution API v2, a self-hosted gateway on Baileys. https://doc.evolution-api.com/v2"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from phone_numbers import gateway_http, payloads
from phone_numbers.providers.base import (
    Capability,
    Config,
    IngestRequest,
    Outgoing,
    Part,
    ProbeResult,
    SendResult,
)
from phone_numbers.providers.evolution import parsing, probing, sending
from phone_numbers.reports import Report

if TYPE_CHECKING:
    from phone_numbers.models import Number


class Evolution:
    name = "evolution"
    label = "Evolution API"
    capabilities = frozenset({Capability.GROUPS, Capability.NEWSLETTERS})
    in_process = False

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        """Takes `{baseUrl, instance, apiKey}`; the instance is only unique at its gateway."""
        gateway_http.refuse_unknown(config, "baseUrl", "instance", "apiKey")
        url, instance = gateway_http.gateway_url(config), gateway_http.required(config, "instance")
        api_key = gateway_http.secret(config, "apiKey")
        return Config(
            ref=gateway_http.reference(url, instance),
            credentials={"baseUrl": url, "instance": instance, "apiKey": api_key},
        )

    def verify(self, request: IngestRequest, number: "Number | None") -> bool:
        """Evolution signs nothing: the proof is the unguessable token by which the door found the number."""
        return number is not None

    def route(self, body: bytes) -> list[Part]:
        text = body.decode()
        payloads.load(text)
        return [Part(ref=None, body=text)]

    def parse(self, body: str, number: "Number") -> list[Report]:
        return parsing.parse(body, number.phone)

    def send(self, number: "Number", outgoing: Outgoing) -> SendResult:
        return sending.send(number.credentials, outgoing)

    def probe(self, number: "Number") -> ProbeResult:
        return probing.probe(number.credentials, number.phone)
