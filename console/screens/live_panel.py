"""A table of what the machine has now: read again and again while it is in front."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from console.screens.asked import asked
from console.screens.describe import TextPanel
from console.screens.table_panel import TablePanel
from console.widgets.arrange import View
from console.widgets.lines import TextLine, plain_line

if TYPE_CHECKING:
    from backends.cloud import Cloud

# Seconds between readings; a slow one is paced by how long it takes (`Panel`).
EVERY = 2.0
_LABEL = 14

# Label and text.
Said = Sequence[tuple[str, str]]


class LivePanel(TablePanel):
    """Some words of its filter (`asks`) go to the machine, which then tells less."""

    asks: ClassVar[tuple[str, ...]] = ()
    topics = frozenset({"records", "switch"})

    def __init__(self, view: View | None = None) -> None:
        super().__init__(view)
        self.asked: dict[str, str] = {}
        self._text = ""

    def on_mount(self) -> None:
        """Begin to follow."""
        self.set_interval(EVERY, self._follow)

    def _follow(self) -> None:
        if self.display:
            self.reload()

    def filter(self, text: str) -> None:
        """Ask the machine for less, and show the rows that pass the rest."""
        before, self._text = self.asked, text
        self.asked, rest = asked(text, self.asks)
        super().filter(rest)
        if self.asked != before:
            self.reload()

    @property
    def filtered(self) -> str:
        """The filter as it was typed."""
        return self._text

    def say_of(self, item: Any) -> Said:
        """All there is to say of a row."""
        raise NotImplementedError

    def describe(self) -> None:
        """All there is to say of the row under the cursor, as it is now."""
        if self.item is not None:
            said = partial(self.say_of, self.item)
            self.desk.drill(Told(self.noun, self.ids()[0], self.title(self.item), said))

    def yaml(self) -> None:
        """What has no record has no YAML but what is said of it."""
        self.describe()


class Told(TextPanel):
    """What was said of a row."""

    verb = "describe"
    topics: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, noun: str, id_: str, name: str, said: Callable[[], Said]) -> None:
        """`said` is called in a thread."""
        super().__init__(noun, id_, name)
        self._said = said

    def load(self, cloud: Cloud) -> list[TextLine]:
        """Its lines."""
        lines = [plain_line(""), plain_line(f" {self.noun.capitalize()}", "strong")]
        for label, text in self._said():
            for at, part in enumerate(text.splitlines() or [""]):
                head = f"   {'' if at else label:<{_LABEL}} "
                lines.append(TextLine(((head, "dim"), (part, ""))))
        return lines
