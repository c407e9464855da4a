"""The provider `waha`: WAHA, a self-hosted gateway with the engines WEBJS, NOWEB and GOWS. https://waha.devlike.pro"""

import hashlib
import hmac
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
from phone_numbers.providers.waha import parsing, probing, sending
from phone_numbers.reports import Report

if TYPE_CHECKING:
    from phone_numbers.models import Number


class Waha:
    name = "waha"
    label = "WAHA"
    capabilities = frozenset({Capability.GROUPS, Capability.NEWSLETTERS})
    in_process = False

    def configure(self, config: Mapping[str, Any], phone: str) -> Config:
        """Takes `{baseUrl, session, apiKey, hmacKey?}`; the session is only unique at its gateway."""
        gateway_http.refuse_unknown(config, "baseUrl", "session", "apiKey", "hmacKey")
        url, session = gateway_http.gateway_url(config), gateway_http.required(config, "session")
        credentials = {"baseUrl": url, "session": session, "apiKey": gateway_http.secret(config, "apiKey")}
        if config.get("hmacKey") is not None:
            credentials["hmacKey"] = gateway_http.required(config, "hmacKey")
        return Config(ref=gateway_http.reference(url, session), credentials=credentials)

    def verify(self, request: IngestRequest, number: "Number | None") -> bool:
        """The token in the URL, and where a key is set `X-Webhook-Hmac`: SHA-512 over the raw bytes, as hex.

        https://waha.devlike.pro/docs/how-to/events/#hmac-authentication
        """
        if number is None:
            return False
        key = number.credentials.get("hmacKey")
        if not key:
            return True
        expected = hmac.new(key.encode(), request.body, hashlib.sha512).hexdigest()
        signature = request.headers.get("x-webhook-hmac", "").strip().lower()
        return hmac.compare_digest(expected.encode(), signature.encode())

    def route(self, body: bytes) -> list[Part]:
        text = body.decode()
        payloads.load(text)
        return [Part(ref=None, body=text)]

    def parse(self, body: str, number: "Number") -> list[Report]:
        return parsing.parse(body, number.phone)

    def send(self, number: "Number", outgoing: Outgoing) -> SendResult:
        return sending.send(number.credentials, outgoing)

    def probe(self, number: "Number") -> ProbeResult:
        return probing.probe(number.credentials)
