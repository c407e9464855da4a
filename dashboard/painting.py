"""JSON for reading: indented, with a span for each kind of token, blanked values visible as such."""

import json
import re

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

# A string, with the colon behind it where it is a key; or a number or a word.
TOKEN = re.compile(
    r'("(?:[^"\\]|\\.)*")(\s*:)?|(-?\b\d+(?:\.\d+)?(?:[eE][-+]?\d+)?\b|\btrue\b|\bfalse\b|\bnull\b)'
)


def pretty(text: str) -> str:
    """JSON text indented; any other text as it is."""
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


def paint(text: str, blanked: bool = False) -> SafeString:
    """HTML of a text, its JSON tokens in spans: k key, s string, n number or word, gone what was `blanked`."""
    painted: list[str] = []
    end = 0
    for match in TOKEN.finditer(text):
        painted.append(escape(text[end : match.start()]))
        end = match.end()
        string, colon, word = match.groups()
        if word:
            painted.append(f'<span class="n">{escape(word)}</span>')
        elif colon:
            painted.append(f'<span class="k">{escape(string)}</span>{escape(colon)}')
        elif blanked and string == '""':
            painted.append('<span class="gone">blanked</span>')
        else:
            painted.append(f'<span class="s">{escape(string)}</span>')
    painted.append(escape(text[end:]))
    return mark_safe("".join(painted))  # noqa: S308 - every part is escaped above


def json_html(value: object, blanked: bool = False) -> SafeString:
    """HTML of JSON: a text that may hold it, or a value to be written as it; `blanked`: what is empty in it was not."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Commands and plain answers have quotes and numbers too, which mean something else there.
    return paint(pretty(text), blanked) if text.lstrip()[:1] in ("{", "[") else escape(text)
