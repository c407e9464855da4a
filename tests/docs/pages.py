"""A page as its reader has it: fenced blocks, links, anchors, and the words in backquotes."""

import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

HOME = Path(__file__).resolve().parent.parent.parent
FENCE = re.compile(
    r"^(?P<indent> *)```(?P<info>[^`\n]*)\n(?P<text>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """A fenced block. `kind` is the rest of its fence: of `sh server` it is server, of `python a.py` it is a.py."""

    page: str
    line: int
    language: str
    kind: str
    text: str
    section: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"

    @property
    def is_file(self) -> bool:
        return "." in self.kind


class Page:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = str(path.relative_to(HOME))
        self.text = path.read_text()

    @cached_property
    def blocks(self) -> list[Block]:
        return list(self._blocks())

    def _blocks(self) -> Iterator[Block]:
        for found in FENCE.finditer(self.text):
            language, _, kind = found["info"].strip().partition(" ")
            before = self.text[: found.start()]
            headings = re.findall(r"^#+ (.*)$", FENCE.sub("", before), re.MULTILINE)
            yield Block(
                page=self.name,
                line=before.count("\n") + 1,
                language=language,
                kind=kind.strip(),
                text=textwrap.dedent(found["text"]),
                section=headings[-1] if headings else "",
            )

    @cached_property
    def prose(self) -> str:
        """Everything but the fenced blocks."""
        return FENCE.sub("", self.text)

    @cached_property
    def anchors(self) -> set[str]:
        """As GitHub makes them of the headings."""
        seen: dict[str, int] = {}
        anchors = set()
        for heading in re.findall(r"^#+ (.*)$", self.prose, re.MULTILINE):
            plain = re.sub(r"\[([^]]*)\]\([^)]*\)|`", r"\1", heading).strip().lower()
            anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
            anchors.add(f"{anchor}-{seen[anchor]}" if anchor in seen else anchor)
            seen[anchor] = seen.get(anchor, 0) + 1
        return anchors

    @cached_property
    def links(self) -> list[str]:
        """The targets within the project."""
        return re.findall(r"\]\((?!https?://|mailto:)([^)\s]+)", self.prose)

    @cached_property
    def words(self) -> list[str]:
        """What stands in backquotes."""
        return re.findall(r"`([^`\n]+)`", self.prose)


PAGES = [Page(path) for path in [HOME / "README.md", *sorted((HOME / "docs").rglob("*.md"))]]
BY_NAME = {page.name: page for page in PAGES}
BLOCKS = [block for page in PAGES for block in page.blocks]
