"""The frame around every page: the navigation, and what it marks."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from accounts.models import Workspace
from webhooks.listing import count_needing_attention


@dataclass(frozen=True)
class Item:
    key: str
    icon: str
    name: str
    route: str


# The letter goes there after `g`.
MENUS = [
    (
        "Main",
        [
            Item("o", "overview", "Overview", "overview"),
            Item("n", "numbers", "Numbers", "numbers"),
            Item("w", "webhooks", "Webhooks", "webhooks"),
            Item("e", "events", "Events", "events"),
            Item("m", "messages", "Messages", "messages"),
            Item("l", "live", "Live", "live"),
        ],
    ),
    (
        "Reference",
        [
            Item("t", "types", "Event types", "event_types"),
            Item("d", "info", "API reference", "reference"),
            Item("k", "keys", "API keys", "api_keys"),
            Item("u", "members", "Members", "members"),
        ],
    ),
]
# Pages that are shown under another's address.
SECTIONS = {"/deliveries": "/webhooks"}


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `navigation` for members of a workspace, `demo`."""
    context: dict[str, Any] = {"demo": settings.DEMO}
    # A page that was refused has no workspace, but may still offer to look something up.
    context["jump_url"] = reverse("find")
    workspace: Workspace | None = getattr(request, "workspace", None)
    if workspace is not None and not getattr(request, "fragment", False):
        counts = {"webhooks": count_needing_attention(workspace)}
        context["navigation"] = [_menu(label, items, request.path, counts) for label, items in MENUS]
    return context


def _menu(label: str, items: list[Item], path: str, counts: dict[str, int]) -> dict[str, Any]:
    section = "/" + path.split("/")[1]
    section = SECTIONS.get(section, section)
    shown = []
    for item in items:
        try:
            url = reverse(item.route)
        except NoReverseMatch:
            continue
        shown.append(
            {
                "key": item.key,
                "icon": item.icon,
                "name": item.name,
                "url": url,
                "current": section == url,
                "count": counts.get(item.route, 0),
            }
        )
    return {"label": label, "items": shown}
