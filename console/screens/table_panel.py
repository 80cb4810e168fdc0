"""A panel that is a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding

from console.screens.panel import Panel
from console.widgets.arrange import View
from console.widgets.table import LiveTable

if TYPE_CHECKING:
    from backends.cloud import Cloud


class TablePanel(Panel):
    """Rows of one kind of thing. `noun` is what the create form and messages call it."""

    noun: ClassVar[str] = ""

    @classmethod
    def own_bindings(cls) -> list[Binding]:
        """The keys of its actions, and shift with a letter to sort by a column."""
        sorts = [
            Binding(
                column.letter,
                f"sort({column.id!r})",
                f"Sort by {column.title.lower()}",
                show=False,
                id=f"{cls.slug}.sort.{column.id}",
            )
            for column in cls.columns
            if column.letter
        ]
        return [*super().own_bindings(), *sorts]

    def __init__(self, view: View | None = None) -> None:
        super().__init__()
        self.table = LiveTable(self.columns, self.key, view=view)

    def compose(self) -> ComposeResult:
        """Only the table."""
        yield self.table

    def key(self, item: Any) -> str:
        """A row's id."""
        return str(item.id)

    def title(self, item: Any) -> str:
        """What a row is called."""
        return str(item.name or item.id)

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The rows' items. Runs in a thread."""
        raise NotImplementedError

    def load(self, cloud: Cloud) -> Any:
        """The rows' items."""
        return self.fetch(cloud, self.desk.everyone)

    def show(self, found: Any) -> None:
        """Show them."""
        self.table.hint = self.nothing
        self.table.update(found)

    @property
    def nothing(self) -> str:
        """What is said where there is no row."""
        if self.filtered and self.table.items:
            return "nothing passes the filter; esc takes it off"
        creates = any(action.id == f"{self.noun}.create" for action in self.actions())
        noun = self.noun.replace("_ip", " IP").replace("_", " ")
        create = f"; c creates {'an' if noun[:1] in 'aeiou' else 'a'} {noun}"
        heading = self.heading[0].lower() + self.heading[1:]
        return f"no {heading} here{create if creates and self.desk.writes else ''}"

    def filter(self, text: str) -> None:
        """Show the rows that pass."""
        view = self.table.view
        self.table.hint = "nothing passes the filter; esc takes it off"
        self.table.look(View(text, view.sort, view.reverse))
        self.desk.panel_changed()

    @property
    def filtered(self) -> str:
        """The filter that is on."""
        return self.table.view.filter

    @property
    def summary(self) -> str:
        """How many are shown, and how."""
        table = self.table
        shown, total = len(table.rows), len(table.items)
        words = [f"{shown:,}" if shown == total else f"{shown:,} of {total:,}"]
        if table.view.filter:
            words.append(f"/{table.view.filter}")
        if table.marked:
            words.append(f"{len(table.marked)} marked")
        return " · ".join(words)

    @property
    def item(self) -> Any | None:
        """The row under the cursor."""
        return self.table.item

    def ids(self) -> list[str]:
        """Of the marked rows, or of the one under the cursor."""
        return [self.key(item) for item in self.table.selection]

    def names(self) -> str:
        """The names of the first few."""
        names = [self.title(item) for item in self.table.selection]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        return ", ".join(names[:3]) + more

    def unmark(self) -> bool:
        """Mark nothing; whether anything was marked."""
        marked = bool(self.table.marked)
        self.table.unmark()
        return marked

    def point_at(self, id_: str) -> None:
        """Put the cursor on a row, now or when it comes."""
        self.table.point_at(id_)

    def second(self) -> None:
        """Ages move on."""
        self.table.tick()

    def on_live_table_changed(self) -> None:
        """Counts and marks stand in the title."""
        self.desk.panel_changed()

    def on_live_table_opened(self, message: LiveTable.Opened) -> None:
        """Enter drills in."""
        message.stop()
        self.open(message.item)

    def open(self, item: Any) -> None:
        """What enter does: describe, unless there is something inside."""
        self.describe()

    def action_sort(self, column_id: str) -> None:
        """Sort by a column; once more turns it round."""
        self.table.sort(column_id)

    def create(self) -> None:
        """Open the form for a new one."""
        self.desk.ask_form(self.noun)

    def ask_about(self, form: str) -> None:
        """Open a form about the marked rows, or the one under the cursor."""
        if ids := self.ids():
            self.desk.ask_form(form, {"ids": " ".join(ids), "names": self.names()})
            self.unmark()

    def ask_name(
        self, item: Any, verb: Callable[[Cloud, str, str], object], name: str | None = None
    ) -> None:
        """Ask for another name of a row (`name` is its own where its title is something else)."""
        id_, title = self.key(item), self.title(item)

        def done(new: str) -> None:
            self.desk.perform(f"Rename {title}", lambda cloud: verb(cloud, id_, new))

        self.desk.ask(f"name of {title}", title if name is None else name, done)

    def describe(self) -> None:
        """All there is to know about the row under the cursor."""
        from console.screens.describe import Describe

        if self.item is not None:
            self.desk.drill(Describe(self.noun, self.key(self.item), self.title(self.item)))

    def yaml(self) -> None:
        """Its record as YAML."""
        from console.screens.describe import Yaml

        if self.item is not None:
            self.desk.drill(Yaml(self.noun, self.key(self.item), self.title(self.item)))
