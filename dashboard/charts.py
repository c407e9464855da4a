"""SVG from numbers: no library, no inline style. Text stands beside the drawings, so that it never stretches."""

from collections.abc import Sequence

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

# Outcomes in the order in which they are stacked: first try, after a retry, failed.
OUTCOMES = ("ok", "retry", "bad")
STEPS = (1, 2, 4, 6, 10)


def _svg(css: str, width: int, height: int, body: SafeString, label: str) -> SafeString:
    return format_html(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        css, width, height, label, body,
    )  # fmt: skip


def _rects(rects: Sequence[tuple[str, float, float, float, float]]) -> SafeString:
    return format_html_join(
        "", '<rect class="{}" x="{}" y="{}" width="{}" height="{}"/>',
        [(css, f"{x:.2f}", f"{y:.1f}", f"{w:.2f}", f"{h:.1f}") for css, x, y, w, h in rects],
    )  # fmt: skip


def strip(cells: Sequence[str], label: str, css: str = "strip short") -> SafeString:
    """One cell per check or attempt, oldest first; a cell is ok, retry, bad or idle."""
    width = 100 / max(len(cells), 1)
    rects = [
        (cell, i * width, 16 if cell == "idle" else 0, width * 0.72, 8 if cell == "idle" else 24)
        for i, cell in enumerate(cells)
    ]
    return _svg(css, 100, 24, _rects(rects), label)


def top_of(highest: float) -> int:
    """A round number at or above the highest value of a chart; half of it is round too, from 2 on."""
    power = 1
    while highest > 10 * power:
        power *= 10
    return next(step * power for step in STEPS if highest <= step * power)


def bars(rows: Sequence[tuple[str, str, Sequence[int]]], label: str) -> SafeString:
    """Stacked bars. A row is its title, when that is, and its (ok, retry, bad)."""
    top = top_of(max((sum(counts) for _, _, counts in rows), default=0))
    width = 960 / max(len(rows), 1)
    groups = format_html_join("", "{}", [(_bar(i * width, width, top, *row),) for i, row in enumerate(rows)])
    return _svg("", 960, 160, _grid(160) + groups, label)


def lines(rows: Sequence[tuple[str, Sequence[float | None]]], label: str) -> SafeString:
    """Lines over the same steps. A row is its class and its values; None breaks the line, and one alone is a dash."""
    top = top_of(max((value for _, values in rows for value in values if value is not None), default=0))
    paths = format_html_join(
        "", '<path class="{}" d="{}"/>', [(css, _path(values, top)) for css, values in rows]
    )
    return _svg("", 960, 100, _grid(100) + paths, label)


def _path(values: Sequence[float | None], top: int) -> str:
    step = 960 / max(len(values), 1)
    words, broken = [], True
    for i, value in enumerate(values):
        if value is None:
            broken = True
            continue
        y = 100 - value / top * 100
        # In the middle of its step, where the bar of the same hour stands.
        words.append(f"M{i * step + step * 0.3:.1f} {y:.1f} " if broken else "")
        words.append(f"L{i * step + step * (0.7 if broken else 0.5):.1f} {y:.1f} ")
        broken = False
    return "".join(words).strip()


def _grid(height: int) -> SafeString:
    return format_html_join(
        "",
        '<line class="grid" x1="0" x2="960" y1="{0}" y2="{0}"/>',
        [(y,) for y in (0.5, height / 2, height - 0.5)],
    )


def _bar(x: float, width: float, top: int, title: str, at: str, counts: Sequence[int]) -> SafeString:
    y = 160.0
    rects = [("hit", x, 0.0, width, 160.0)]
    for css, number in zip(OUTCOMES, counts, strict=True):
        if number:
            # What is not zero can be seen.
            height = max(number / top * 160, 1.5)
            y -= height
            rects.append((css, x + width * 0.12, y, width * 0.76, height))
    return format_html('<g><title data-hour="{}">{}</title>{}</g>', at, title, _rects(rects))


def timing(parts: Sequence[float], scale: float) -> SafeString:
    """The steps of one attempt in milliseconds: connect, TLS, waiting, reading; `scale` is the whole width."""
    x = 0.0
    rects = []
    for i, milliseconds in enumerate(parts, 1):
        if milliseconds:
            width = max(milliseconds / (scale or 1) * 100, 0.25)
            rects.append((f"t{i}", x, 0.0, width, 10.0))
            x += width
    label = "connect {:.0f} ms, TLS {:.0f} ms, waiting {:.0f} ms, reading {:.0f} ms".format(*parts)
    return _svg("timing", 100, 10, _rects(rects), label)
