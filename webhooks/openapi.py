"""What GET /v1/openapi.json says of the webhooks themselves: one entry for each event of the catalog."""

from typing import Any

from events.catalog import EVENT_TYPES, EventType

Part = dict[str, Any]

HEADERS: list[tuple[str, str, Part, str]] = [
    (
        "webhook-id",
        "The event's id, the same on every retry and replay: deduplicate on it.",
        {"type": "string", "pattern": "^evt_"},
        "evt_01m838d6mmp2bg09w1awhmfgrr",
    ),
    (
        "webhook-timestamp",
        "When this attempt was signed, in seconds since 1970; refuse what is older than five minutes.",
        {"type": "string", "pattern": "^[0-9]+$"},
        "1771929000",
    ),
    (
        "webhook-signature",
        "Standard Webhooks: HMAC-SHA256 over `id.timestamp.body` with the webhook's secret; after a rotation two, with "
        "a space between them.",
        {"type": "string", "pattern": "^v1,[A-Za-z0-9+/=]+( v1,[A-Za-z0-9+/=]+)*$"},
        "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=",
    ),
    ("webhook-event", "The event's name, as in the body.", {"type": "string"}, ""),
    (
        "webhook-attempt",
        "1, 2, 3 … of this delivery.",
        {"type": "string", "pattern": "^[1-9][0-9]*$"},
        "1",
    ),
]
RESPONSES = {
    "2XX": {
        "description": "Taken. Anything else is tried again after 5 s, 30 s, 2 m, 10 m, 1 h, 3 h, 6 h and 12 h."
    },
    "410": {"description": "Disables the webhook: nobody is there any more."},
    "429": {"description": "Tried again when Retry-After says."},
    "503": {"description": "Tried again when Retry-After says."},
}


def describe_webhooks(result: Part, **kwargs: Any) -> Part:
    """drf-spectacular's POSTPROCESSING_HOOK: adds `webhooks`."""
    result["webhooks"] = {event_type.name: {"post": _operation(event_type)} for event_type in EVENT_TYPES}
    return result


def _operation(event_type: EventType) -> Part:
    name = event_type.name
    schema = {key: value for key, value in event_type.schema.items() if key != "$schema"}
    body = {"schema": schema, "examples": {name: {"value": event_type.example}}}
    return {
        "operationId": f"on_{name.replace('.', '_')}",
        "summary": name,
        "description": event_type.description,
        "tags": ["Deliveries to you"],
        "parameters": [
            {
                "name": header,
                "in": "header",
                "required": True,
                "description": description,
                "schema": {"const": name} if header == "webhook-event" else header_schema,
                "example": example or name,
            }
            for header, description, header_schema, example in HEADERS
        ],
        "requestBody": {"required": True, "content": {"application/json": body}},
        "responses": RESPONSES,
        "security": [],
    }
