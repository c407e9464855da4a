"""Spans and counts as people read them: `84 ms`, `1.2 s`, `8 m 12 s`, `9 events`. Pure."""

from datetime import datetime, timedelta


def duration(milliseconds: float | None) -> str:
    """`84 ms` below a second, `1.2 s` above; "—" where nothing was measured."""
    if milliseconds is None:
        return "—"
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"


def span(delta: timedelta) -> str:
    """`42 s`, `8 m 12 s`, `3 h 05 m`, `12 days`; nothing is shorter than 0 s."""
    seconds = max(0, round(delta.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} m {seconds % 60:02d} s"
    if seconds < 2 * 86400:
        return f"{seconds // 3600} h {seconds // 60 % 60:02d} m"
    return f"{seconds // 86400} days"


def ago(moment: datetime, now: datetime) -> str:
    """`now`, `12 s ago`, `11 m ago`, `2 h ago`, `12 days ago`."""
    seconds = (now - moment).total_seconds()
    if seconds < 2:
        return "now"
    if seconds < 60:
        return f"{seconds:.0f} s ago"
    if seconds < 3600:
        return f"{seconds // 60:.0f} m ago"
    if seconds < 2 * 86400:
        return f"{seconds // 3600:.0f} h ago"
    return f"{seconds // 86400:.0f} days ago"


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 event`, `1,204 events`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def short(number: float) -> str:
    """`450`, `1.5 k`, `20 k`, `3 M`: for an axis."""
    for size, unit in ((1_000_000, " M"), (1000, " k")):
        if number >= size:
            return f"{number / size:g}{unit}"
    return f"{number:g}"
