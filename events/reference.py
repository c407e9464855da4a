"""docs/events.md: the reference of the events, made from the catalog and from bodies that were really delivered."""

import json
from collections.abc import Mapping, Sequence

from events.bodies import Body, to_text
from events.catalog import EVENT_TYPES, GROUPS, EventType, Schema
from phone_numbers.providers import all_providers, get_provider

HEAD = """\
# Events

What arrives at a webhook's URL: one JSON object per POST, payload schema v3. `GET /v1/event-types` answers with the
same table, the JSON Schemas and the examples.

- Phone numbers are E.164 with `+`, and `""` where the provider withholds them. Times are ISO 8601, UTC, with
  milliseconds.
- The `webhook-id` header is the same on every retry and replay of an event: deduplicate by it, never by `data.id`.
- `id` of an outbound message is that of the 202, and `correlationId` its value; `messageId` is WhatsApp's.
- Of one message `message.sent`, `message.delivered` and `message.read` come at most once each and are made in this
  order; deliveries run side by side, so two that are made at once may arrive in another.
- One inbound message makes one event: newsletter, else group, else reply, else received.
- With retention off, what was stored is empty: `content` and `contentReplied` of status events and replies.
"""
FOOT = """
## Conversations

The same conversation with every provider, as it arrived at a webhook that listens to `*`. This page is written by
`make reference`, from what the test suite makes arrive, and a test fails where the two differ. The clock of these
conversations stands still but for a second per step.
"""


def page(conversations: Mapping[str, Mapping[str, Sequence[Body]]]) -> str:
    """Returns the page as Markdown. `conversations`: the bodies that arrived, by provider and step, in order."""
    sections = [HEAD, _overview(), *map(_section, EVENT_TYPES), FOOT]
    for provider, steps in conversations.items():
        sections.append(f"\n### {get_provider(provider).label}\n")
        for step, bodies in steps.items():
            lines = "\n".join(map(to_text, bodies))
            sections.append(f"\n{step}:\n\n```json\n{lines}\n```\n")
    return "".join(sections)


def _overview() -> str:
    rows = [
        f"| [{event_type.name}](#{_anchor(event_type)}) | {GROUPS[event_type.group]} | {_emitters(event_type)} "
        f"| {event_type.description} |\n"
        for event_type in EVENT_TYPES
    ]
    return "\n| event | group | emitted by | |\n|---|---|---|---|\n" + "".join(rows)


def _section(event_type: EventType) -> str:
    example = json.dumps(event_type.example, indent=2, ensure_ascii=False)
    wrapped = event_type.schema["properties"].get("data")
    fields = _fields(wrapped or event_type.schema, "data." if wrapped else "")
    return (
        f"\n## {event_type.name}\n\n{event_type.description} Emitted by: {_emitters(event_type)}.\n\n"
        f"| field | type | |\n|---|---|---|\n{fields}\n```json\n{example}\n```\n"
    )


def _fields(schema: Schema, prefix: str) -> str:
    required = schema["required"]
    return "".join(
        f"| `{prefix}{name}` | {_type(field)} | {_note(field, name in required)} |\n"
        for name, field in schema["properties"].items()
    )


def _type(field: Schema) -> str:
    if "const" in field:
        return f"`{json.dumps(field['const'])}`"
    if "enum" in field:
        return ", ".join(f"`{value}`" if value is not None else "null" for value in field["enum"])
    kinds = field["type"]
    return kinds if isinstance(kinds, str) else " or ".join(kinds)


def _note(field: Schema, required: bool) -> str:
    note = field.get("description", "")
    return note if required else " ".join(filter(None, ["Optional.", note]))


def _emitters(event_type: EventType) -> str:
    providers = all_providers()
    able = [provider.label for provider in providers if event_type.emitted_by(provider)]
    return "every provider" if len(able) == len(providers) else ", ".join(able)


def _anchor(event_type: EventType) -> str:
    return event_type.name.replace(".", "")
