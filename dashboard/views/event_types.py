"""The reference of events, written from the catalog."""

import json
from collections.abc import Iterator
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from accounts.pages import MemberRequest, member_page
from events.catalog import EVENT_TYPES, GROUPS, EventType
from phone_numbers.providers import all_providers

Emitted = list[tuple[str, bool]]
Groups = list[tuple[str, list[dict[str, Any]]]]


@member_page("GET")
def event_types(request: MemberRequest) -> HttpResponse:
    providers = all_providers()
    groups = [
        (label, [entry(one) for one in EVENT_TYPES if one.group == key]) for key, label in GROUPS.items()
    ]
    return render(
        request,
        "dashboard/event_types.html",
        {
            "groups": groups,
            "emitters": list(_emitters(groups)),
            "providers": [provider.label for provider in providers],
        },
    )


def _emitters(groups: Groups) -> Iterator[tuple[str, bool, Emitted]]:
    """Rows of who emits what: a group by its label where its events are alike, otherwise each event by its name."""
    for label, entries in groups:
        if all(one["emitted"] == entries[0]["emitted"] for one in entries):
            yield label, True, entries[0]["emitted"]
        else:
            for one in entries:
                yield one["event_type"].name, False, one["emitted"]


def entry(event_type: EventType) -> dict[str, Any]:
    """An event with who emits it, and its fields: name, type, whether it is always there, description."""
    providers = all_providers()
    emitted = [event_type.emitted_by(provider) for provider in providers]
    labels = [provider.label for provider, yes in zip(providers, emitted, strict=True) if yes]
    schema = event_type.schema
    part = schema["properties"].get("data", schema)
    return {
        "event_type": event_type,
        "example": json.dumps(event_type.example, ensure_ascii=False, indent=2),
        "ident": f"example-{event_type.name.replace('.', '-')}",
        "emitted": [(provider.label, yes) for provider, yes in zip(providers, emitted, strict=True)],
        "by": "every provider" if all(emitted) else ", ".join(labels),
        "fields": [
            {
                "name": name,
                "type": type_of(field),
                "optional": name not in part["required"],
                "description": field.get("description")
                or " ".join(str(one) for one in field.get("enum", [])),
            }
            for name, field in part["properties"].items()
        ],
    }


def type_of(field: dict[str, Any]) -> str:
    kind = field.get("type", "string")
    return " or ".join(kind) if isinstance(kind, list) else str(kind)
