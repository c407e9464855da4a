"""What the templates of every page say alike: icons, badges, times, phones, ids, JSON, charts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import phonenumbers
from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard import charts, painting
from webhooks import wording

register = template.Library()

TICKS = {
    "queued": "0",
    "sent": "1",
    "delivered": "2",
    "read": "2",
    "failed": "x",
    "canceled": "x",
    "received": "1",
}


def iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#i-{}"/></svg>', static("icons.svg"), name
    )


@register.simple_tag
def badge(tone: str, text: str) -> SafeString:
    return format_html('<span class="badge" data-tone="{}">{}</span>', tone, text)


@register.simple_tag
def tick(status: str) -> SafeString:
    """The ladder's rung of a message, as a mark and a word."""
    rung = status.lower()
    return format_html(
        '<span class="ticks" data-rung="{}"><svg aria-hidden="true"><use href="{}#t-{}"/></svg>{}</span>',
        rung, static("icons.svg"), TICKS[rung], rung.capitalize(),
    )  # fmt: skip


@register.filter
def moment(value: datetime | None) -> SafeString | str:
    """A time of day and, unless it is today, the date: in the viewer's zone, with the exact UTC in its title."""
    if value is None:
        return "—"
    same_day = value.astimezone(UTC).date() == timezone.now().date()
    text = value.astimezone(UTC).strftime("%H:%M:%S" if same_day else "%-d %b %H:%M:%S")
    return format_html('<time datetime="{0}" title="{0}" data-local>{1}</time>', iso(value), text)


@register.filter
def day(value: datetime | None) -> SafeString | str:
    if value is None:
        return "—"
    text = value.astimezone(UTC).strftime("%-d %b %Y")
    return format_html('<time datetime="{0}" title="{0}" data-local="day">{1}</time>', iso(value), text)


@register.filter
def ago(value: datetime | None, absent: str = "never") -> SafeString | str:
    if value is None:
        return absent
    return format_html(
        '<time datetime="{0}" title="{0}">{1}</time>', iso(value), wording.ago(value, timezone.now())
    )


@register.filter
def until(value: datetime | None) -> SafeString | str:
    """How long until a moment; the page counts down."""
    if value is None:
        return "—"
    left = value - timezone.now()
    text = wording.span(left) if left.total_seconds() > 0 else "a moment"
    return format_html(
        '<time class="num" datetime="{0}" title="{0}" data-until="{0}">{1}</time>', iso(value), text
    )


@register.filter
def duration(milliseconds: float | str | None) -> str:
    """A template's absent value is an empty text."""
    return wording.duration(milliseconds if isinstance(milliseconds, int | float) else None)


@register.filter
def phone(e164: str) -> SafeString | str:
    """A phone as people write it, copied as E.164; any other text as it is."""
    try:
        parsed = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    text = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return format_html('<span data-phone="{}">{}</span>', e164, text)


@register.simple_tag
def identifier(value: str) -> SafeString:
    """An id with a button that copies it."""
    return format_html(
        '<span class="id"><span class="clip">{0}</span><button type="button" data-copy data-copy-text="{0}" '
        'aria-label="Copy {0}">{1}</button></span>', value, icon("copy"),
    )  # fmt: skip


@register.filter
def painted(value: object) -> SafeString:
    return painting.json_html(value)


@register.inclusion_tag("_code.html")
def code(title: str, text: str, ident: str, note: str = "", tall: bool = False) -> dict[str, Any]:
    """A figure of text, painted where it is JSON; what is copied is the text itself."""
    return {"title": title, "text": text, "ident": ident, "note": note, "tall": tall}


@register.simple_tag
def strip(cells: Sequence[str], label: str, css: str = "strip short") -> SafeString:
    return charts.strip(cells, label, css)


@register.simple_tag
def bars(rows: Sequence[tuple[str, Sequence[int]]], label: str) -> SafeString:
    return charts.bars(rows, label)


@register.simple_tag
def timing(parts: Sequence[float], scale: float) -> SafeString:
    return charts.timing(parts, scale)


@register.simple_tag
def chart_top(rows: Sequence[tuple[str, Sequence[int]]]) -> int:
    return charts.top_of([counts for _, counts in rows])


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's own query with some values changed; None takes one out."""
    values = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = value
    return f"?{values.urlencode()}"
