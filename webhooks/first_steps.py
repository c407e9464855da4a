"""Commands that a newcomer can paste: a webhook, and a message whose events it hears."""

import json
import shlex
from collections.abc import Mapping

from django.conf import settings

from phone_numbers.models import Number


def create_webhook_curl(number: Number | None) -> str:
    body = {
        "name": "My receiver",
        "url": "https://hooks.example.com/whatsapp",
        "whatsappNumberId": number.pk if number else None,
        "events": ["*"],
    }
    return _curl("/v1/webhooks", body)


def send_message_curl(number: Number | None) -> str:
    body = {"destinationNumber": "+12025550199", "text": "Hello"}
    return _curl("/v1/messages/send", body | ({"whatsappNumberId": number.pk} if number else {}))


def _curl(path: str, body: Mapping[str, object]) -> str:
    fields = ",\n".join(f"    {json.dumps(name)}: {json.dumps(value)}" for name, value in body.items())
    data = shlex.quote("{\n" + fields + "\n  }")
    return (
        f'curl -X POST {settings.PUBLIC_URL}{path} \\\n  -H "x-api-key: $API_KEY" -H "content-type: application/json" '
        f"\\\n  -d {data}"
    )
