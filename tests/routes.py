"""Every address of the server, read from the URL resolver: a new one is tested as soon as it is there."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Route:
    """`path` as the resolver writes it, without a slash in front; `view` is the class of an API view, else None."""

    path: str
    name: str
    callback: Callable[..., Any]
    view: Any

    @property
    def is_page(self) -> bool:
        return hasattr(self.callback, "page_role")

    @property
    def parameters(self) -> list[str]:
        return PARAMETER.findall(self.path)

    def __str__(self) -> str:
        return self.path


def routes() -> list[Route]:
    return list(_walk(get_resolver().url_patterns, "", ""))


def _walk(patterns: list[Any], prefix: str, namespace: str) -> Iterator[Route]:
    for pattern in patterns:
        path = prefix + str(pattern.pattern).removeprefix("^")
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from _walk(pattern.url_patterns, path, inner)
        elif isinstance(pattern, URLPattern):
            callback = pattern.callback
            name = f"{namespace}{pattern.name}" if pattern.name else ""
            yield Route(path, name, callback, getattr(callback, "view_class", None))
