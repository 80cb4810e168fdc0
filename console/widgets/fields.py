"""What a form asks for: fields as values, and the rows that show them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import Suggester
from textual.widget import Widget
from textual.widgets import Input, Select, Static

from backends.errors import QuarterdeckError, Refused
from console.widgets.tick import Tick


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text. `check` raises QuarterdeckError for what cannot be; never sees ""."""

    name: str
    label: str
    check: Callable[[str], object] | None = None
    value: str = ""
    hint: str = ""
    optional: bool = False
    secret: bool = False
    suggester: Callable[[], Suggester] | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some values (shown, value), which may be loaded later."""

    name: str
    label: str
    options: tuple[tuple[str, str], ...] = ()
    value: str = ""
    hint: str = ""
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Toggle:
    """Yes (`yes`) or no (empty)."""

    name: str
    label: str
    on: bool = False


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found out for a field: a value to suggest, and for a choice its options."""

    value: str = ""
    options: Sequence[tuple[str, str]] = ()


Field = Text | Choice | Toggle


class Row(Vertical):
    """A field with its label, and beneath it what is wrong with it."""

    DEFAULT_CSS = """
    Row { height: auto; }
    Row Horizontal { height: 1; }
    Row .label { width: 15; color: $text-muted; }
    Row Input, Row Select { width: 1fr; }
    Row .wrong { color: $text-error; padding-left: 15; height: auto; display: none; }
    Row.-wrong .wrong { display: block; }
    """

    def __init__(self, field: Field) -> None:
        super().__init__(id=f"row-{field.name}")
        self.field = field
        # Whether a person changed it, so that suggestions do no more.
        self.touched = False
        self._suggested = ""

    def compose(self) -> ComposeResult:
        with Horizontal():
            yield Static(self.field.label, classes="label", markup=False)
            yield self._editor()
        yield Static(classes="wrong", markup=False)

    def _editor(self) -> Widget:
        field, id_ = self.field, f"field-{self.field.name}"
        if isinstance(field, Toggle):
            return Tick(field.on, id=id_)
        if isinstance(field, Choice):
            # A value that is set later than here is forgotten when the options are.
            return Select(
                field.options,
                prompt=field.hint or "…",
                value=field.value or Select.NULL,
                compact=True,
                id=id_,
            )
        return Input(
            field.value,
            placeholder=field.hint,
            password=field.secret,
            suggester=field.suggester() if field.suggester else None,
            select_on_focus=False,
            compact=True,
            id=id_,
        )

    @property
    def value(self) -> str:
        """The field's value; a toggle's is `yes` or empty."""
        field, editor = self.field, self.query_one(f"#field-{self.field.name}")
        if isinstance(editor, Tick):
            return "yes" if editor.value else ""
        if isinstance(editor, Select):
            return "" if editor.value is Select.NULL else str(editor.value)
        assert isinstance(editor, Input)
        return editor.value if isinstance(field, Text) and field.secret else editor.value.strip()

    def take(self, loaded: Loaded) -> None:
        """Show the options, and the value unless a person has given one."""
        editor = self.query_one(f"#field-{self.field.name}")
        if isinstance(editor, Select):
            fixed = self.field.options if isinstance(self.field, Choice) else ()
            options = loaded.options or fixed
            editor.set_options(options)
            if loaded.value and any(value == loaded.value for _, value in options):
                editor.value = loaded.value
        elif isinstance(editor, Tick):
            editor.value = bool(loaded.value)
        elif isinstance(editor, Input) and not self.touched:
            self._suggested = loaded.value
            editor.value = loaded.value

    def note_change(self) -> None:
        """Something changed: a person did it, unless it is what was suggested."""
        self.touched = self.touched or self.value not in (self._suggested, self._initial)

    @property
    def _initial(self) -> str:
        field = self.field
        return field.value if not isinstance(field, Toggle) else "yes" if field.on else ""

    def check(self) -> bool:
        """Whether the value can be; what is wrong is shown beneath it."""
        try:
            self._check()
        except QuarterdeckError as error:
            self.query_one(".wrong", Static).update(str(error))
            self.add_class("-wrong")
            return False
        self.remove_class("-wrong")
        return True

    def _check(self) -> None:
        field, value = self.field, self.value
        if isinstance(field, Toggle):
            return
        if not value:
            if not field.optional:
                raise Refused("form.missing", f"{field.label} is needed")
        elif isinstance(field, Text) and field.check is not None:
            field.check(value)
