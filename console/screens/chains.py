"""Chains: images, the disks that stand on them, and the snapshots made of those, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from console.actions import REGISTRY, Action
from console.screens.lines_panel import LinesPanel
from console.widgets import words
from console.widgets.lines import TextLine, plain_line

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.inspect.chain import Link

_KINDS = {"image": "", "disk": "disk of ", "snapshot": "snapshot ", "lost": "LOST "}
_TONES = {"image": "strong", "lost": "bad", "snapshot": "dim"}
_BRANCHES = {"": "", "├─ ": "│  ", "└─ ": "   "}


class ChainTree(LinesPanel):
    """What stands on what, with what it takes on disk."""

    slug = "chains"
    heading = "Chains"
    topics = frozenset({"records", "domains"})

    @classmethod
    def actions(cls) -> tuple[Action, ...]:
        """It is only looked at."""
        return (REGISTRY["view.refresh"],)

    @property
    def crumb(self) -> str:
        """What it is."""
        return "tree"

    @property
    def summary(self) -> str:
        """How many lines."""
        return f"{len(self.text.lines):,} lines"

    def load(self, cloud: Cloud) -> Any:
        """The tree, read from the disks themselves."""
        return cloud.chains.tree(all_projects=self.desk.everyone)

    def show(self, found: Any) -> None:
        """Draw it."""
        self.text.update(list(drawn(found)) or [plain_line(" no images here", "dim")])


def drawn(roots: Sequence[Link]) -> Iterator[TextLine]:
    """A line for each file; what stands on another is below it."""
    for root in roots:
        yield from _lines(root, " ", "")


def _lines(link: Link, lead: str, branch: str) -> Iterator[TextLine]:
    said = [link.format] if link.kind != "disk" and link.format else []
    if link.usage is not None:
        said.append(f"{words.size(link.usage.taken)} on disk")
    if count := link.count():
        said.append(f"{count} on it")
    tone = "bad" if link.kind == "lost" else "warn" if link.note else "dim"
    yield TextLine(
        (
            (f"{lead}{branch}", "dim"),
            (f"{_KINDS[link.kind]}{link.name}", _TONES.get(link.kind, "")),
            (f"  {' · '.join(said)}", "dim"),
            (f"  {link.note}" if link.note else "", tone),
        )
    )
    inner = lead + _BRANCHES[branch]
    for number, each in enumerate(link.above):
        last = number == len(link.above) - 1
        yield from _lines(each, inner, "└─ " if last else "├─ ")
