"""What the templates of every page say alike: icons, badges, times, phones, ids, JSON, charts."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from dashboard import charts, painting
from phone_numbers.phones import in_print
from webhooks import wording
from webhooks.figures import Span

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
def hour(value: datetime) -> SafeString:
    """The time of day of a mark on an axis."""
    text = value.astimezone(UTC).strftime("%H:%M")
    return format_html('<time datetime="{0}" title="{0}" data-local="hour">{1}</time>', iso(value), text)


@register.filter
def ago(value: datetime | None, absent: str = "never") -> SafeString | str:
    if value is None:
        return absent
    return format_html(
        '<time datetime="{0}" title="{0}">{1}</time>', iso(value), wording.ago(value, timezone.now())
    )


@register.filter
def age(value: datetime) -> SafeString:
    """How long something has been so: `11 m 08 s`."""
    text = wording.span(timezone.now() - value)
    return format_html('<time datetime="{0}" title="{0}">{1}</time>', iso(value), text)


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
def thousands(number: int) -> str:
    """`35,144`."""
    return f"{number:,}"


@register.filter
def phone_text(e164: str) -> str:
    """A phone as people write it, where no markup can be."""
    return in_print(e164)


@register.filter
def duration(milliseconds: float | str | None) -> str:
    """A template's absent value is an empty text."""
    return wording.duration(milliseconds if isinstance(milliseconds, int | float) else None)


@register.filter
def phone(e164: str) -> SafeString | str:
    """A phone as people write it, copied as E.164; any other text as it is."""
    text = phone_text(e164)
    return format_html('<span data-phone="{}">{}</span>', e164, text) if text != e164 else e164


@register.simple_tag
def identifier(value: str) -> SafeString:
    """An id with a button that copies it."""
    return format_html(
        '<span class="id"><span class="clip">{0}</span><button type="button" data-copy data-copy-text="{0}" '
        'aria-label="Copy {0}">{1}</button></span>', value, icon("copy"),
    )  # fmt: skip


@register.filter
def painted(value: object, blanked: bool = False) -> SafeString:
    return painting.json_html(value, blanked)


@register.inclusion_tag("_code.html")
def code(
    title: str, text: str, ident: str, note: str = "", tall: bool = False, blanked: bool = False
) -> dict[str, Any]:
    """A figure of text, painted where it is JSON; what is copied is the text itself."""
    return {"title": title, "text": text, "ident": ident, "note": note, "tall": tall, "blanked": blanked}


@register.simple_tag
def strip(cells: Sequence[str], label: str, css: str = "strip short") -> SafeString:
    return charts.strip(cells, label, css)


@register.inclusion_tag("_outcomes.html")
def outcomes(spans: Sequence[Span], label: str) -> dict[str, Any]:
    """Attempts per hour, stacked by outcome, and the same as a table."""
    top = charts.top_of(max((span.attempts for span in spans), default=0))
    return {
        "drawing": charts.bars([(_title(span), iso(span.at), span.outcomes) for span in spans], label),
        "top": wording.short(top),
        "middle": wording.short(top / 2) if top > 1 else "",
        "spans": spans,
        "marks": spans[::6],
    }


@register.inclusion_tag("_latency.html")
def latency(spans: Sequence[Span], label: str) -> dict[str, Any]:
    """p50 and p95 of what receivers took, per hour."""
    rows = [("p50", [span.p50 for span in spans]), ("p95", [span.p95 for span in spans])]
    top = charts.top_of(max((value for _, values in rows for value in values if value), default=0))
    return {
        "drawing": charts.lines(rows, label),
        "top": wording.duration(top),
        "marks": spans[::6],
    }


def _title(span: Span) -> str:
    words = zip(span.outcomes, ("at the first try", "after a retry", "failed"), strict=True)
    told = ", ".join(f"{number:,} {word}" for number, word in words if number)
    return f"{span.at:%H:%M} UTC: {told or 'nothing'}"


@register.simple_tag
def timing(parts: Sequence[float], scale: float) -> SafeString:
    return charts.timing(parts, scale)


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's own query with some values changed; None takes one out."""
    values = context["request"].GET.copy()
    for name, value in changes.items():
        values.pop(name, None)
        if value not in (None, ""):
            values[name] = value
    return f"?{values.urlencode()}"
