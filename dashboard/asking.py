"""Reading a page's own query, and paging by id: a page costs the same at any depth."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model, QuerySet
from django.urls import reverse
from django.utils.http import urlencode

from accounts.pages import MemberRequest

Row = TypeVar("Row", bound=Model)
# New rows are counted up to here; above it says "99+".
NEWS = 99


def asked(request: MemberRequest, *names: str) -> dict[str, str]:
    """Values of the query, without what no database can look for."""
    return {name: request.GET.get(name, "").replace("\0", "").strip()[:300] for name in names}


@dataclass(frozen=True)
class Page(Generic[Row]):
    """`older`: the cursor of the next page, "" at the end. `stopped`: nothing more was found among so many rows."""

    rows: list[Row]
    older: str
    stopped: bool = False


def page_of(rows: QuerySet[Row], before: str, size: int) -> Page[Row]:
    """The newest rows, before a cursor where there is one."""
    if before:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: size + 1])
    return Page(found[:size], found[size - 1].pk if len(found) > size else "")


def narrowed_page(
    everything: QuerySet[Row], narrow: dict[str, Any], before: str, size: int, looked_through: int
) -> Page[Row]:
    """Like page_of, of the rows that `narrow` keeps: among the next `looked_through` of everything and no further."""
    if not narrow:
        return page_of(everything, before, size)
    range_ = everything.filter(pk__lt=before) if before else everything
    end = range_.order_by("-pk").values_list("pk", flat=True)[looked_through : looked_through + 1].first()
    page = page_of(range_.filter(pk__gt=end, **narrow) if end else range_.filter(**narrow), "", size)
    return page if page.older or end is None else Page(page.rows, end, stopped=True)


def count_newer(everything: QuerySet[Row], narrow: dict[str, Any], after: str, looked_through: int) -> int:
    """How many rows that `narrow` keeps came after the row with an id: up to NEWS, among so many of everything."""
    newer = everything.filter(pk__gt=after).order_by("-pk")
    if narrow:
        newer = everything.filter(pk__in=newer.values("pk")[:looked_through], **narrow)
    return newer.values("pk")[:NEWS].count()


def news(chosen: dict[str, str], route: str, noun: str, count: int) -> dict[str, Any]:
    """The context of dashboard/_news.html: the page with the same choices, from its newest row on."""
    choices = {name: value for name, value in chosen.items() if value and name != "before"}
    url = reverse(route) + (f"?{urlencode(choices)}" if choices else "")
    return {"count": count, "most": NEWS, "noun": noun, "url": url}
