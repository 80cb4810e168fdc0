"""A form over the panel: fields that are checked as they are typed, a plan, and a request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen, Screen
from textual.widgets import Button, Input, Select, Static

from backends.cloud import Cloud
from backends.errors import QuarterdeckError, Refused
from backends.plan.plan import Plan
from console.beside import beside
from console.errands import planned
from console.widgets.fields import Field, Loaded, Row
from console.widgets.tick import Tick

Values = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Request:
    """What a form asks of the cloud; run it in a worker.

    `shows` is the screen of what the verb gave, where that is to be seen at once.
    """

    title: str
    verb: Callable[[Cloud], object]
    shows: Callable[[Any], Screen[None]] | None = None


class Form(ModalScreen[Request | None]):
    """A form that gives a Request, or None when it is left.

    Subclasses say their `heading` and `fields`, what to `load` (in a thread) and the `request`.
    """

    DEFAULT_CSS = """
    Form { align: center middle; background: $background 60%; }
    Form #form { width: 76; max-width: 100%; height: auto; max-height: 100%; padding: 0 1;
                 background: $surface; border: round $primary; }
    Form #rows { height: auto; max-height: 100vh; margin-bottom: 1; }
    Form #refusal { color: $text-error; display: none; height: auto; }
    Form #refusal.-wrong { display: block; }
    Form #buttons { height: 1; }
    Form #buttons Button { margin-right: 2; }
    """
    BINDINGS: ClassVar = [
        Binding("escape", "cancel", "Cancel", id="form.cancel"),
        Binding("f2", "plan", "Plan", id="form.plan"),
        Binding("ctrl+s", "submit", "Create", id="form.submit"),
        # Where the field that has the focus does not take the key itself.
        Binding("enter", "submit", show=False, id="form.enter"),
    ]

    # Enter in a line of text submits; in a choice it opens the list.
    AUTO_FOCUS = "Input"
    heading = ""
    # What the button that gives the request says.
    does = "Create"
    fields: tuple[Field, ...] = ()

    class Filled(Message):
        """What `load` found (from its thread)."""

        def __init__(self, found: Mapping[str, Loaded]) -> None:
            super().__init__()
            self.found = found

    class Wrong(Message):
        """Why something cannot be (from a thread)."""

        def __init__(self, error: QuarterdeckError) -> None:
            super().__init__()
            self.error = error

    class Accepted(Message):
        """The cloud would take the request (from a thread)."""

        def __init__(self, request: Request) -> None:
            super().__init__()
            self.request = request

    class Planned(Message):
        """What the request would do (from a thread)."""

        def __init__(self, request: Request, plan: Plan) -> None:
            super().__init__()
            self.request = request
            self.plan = plan

    def __init__(self, cloud: Cloud, chosen: Values | None = None) -> None:
        super().__init__()
        self.cloud = cloud
        # What the panel implies, by field.
        self.chosen = dict(chosen or {})
        # What those are called that it is about, where no field says so.
        if names := self.chosen.pop("names", ""):
            self.heading = f"{self.heading}: {names}"
        self._trying = False

    # What subclasses say

    def load(self) -> dict[str, Loaded]:
        """Suggestions and options for fields. Runs in a thread."""
        return {}

    def request(self, values: Values) -> Request:
        """The request for values that passed their checks. Raises QuarterdeckError."""
        raise NotImplementedError

    def changed(self, name: str) -> None:
        """A field changed; others may follow."""

    # The form itself

    def compose(self) -> ComposeResult:
        with Vertical(id="form") as frame:
            frame.border_title = self.heading
            with VerticalScroll(id="rows", can_focus=False):
                for field in self.fields:
                    yield Row(field)
            yield Static(id="refusal", markup=False)
            with Horizontal(id="buttons"):
                yield Button(f"{self.does} ⏎", id="submit", variant="primary", compact=True)
                yield Button("Plan f2", id="plan", compact=True)
                yield Button("Cancel esc", id="cancel", compact=True)

    def on_mount(self) -> None:
        rows = self.query_one("#rows")
        # Frame, buttons, margin and a refusal of two lines stay in view, whatever the size.
        rows.styles.max_height = max(3, self.app.size.height - 7)
        beside(self, self._found)

    def row(self, name: str) -> Row:
        """The row of a field."""
        return self.query_one(f"#row-{name}", Row)

    def values(self) -> dict[str, str]:
        """All fields' values."""
        return {row.field.name: row.value for row in self.query(Row)}

    def _found(self) -> Message:
        try:
            found = self.load()
            for name, value in self.chosen.items():
                found[name] = replace(found.get(name, Loaded()), value=value)
            return self.Filled(found)
        except QuarterdeckError as error:
            return self.Wrong(error)

    @on(Filled)
    def _fill(self, message: Filled) -> None:
        for name, loaded in message.found.items():
            self.row(name).take(loaded)

    @on(Wrong)
    def _refuse(self, message: Wrong) -> None:
        self._trying = False
        self._say(str(message.error))

    def _say(self, text: str) -> None:
        refusal = self.query_one("#refusal", Static)
        refusal.update(text)
        refusal.set_class(bool(text), "-wrong")

    @on(Input.Changed)
    @on(Select.Changed)
    @on(Tick.Changed)
    def _check_changed(self, event: Input.Changed | Select.Changed | Tick.Changed) -> None:
        row = next(each for each in event.control.ancestors if isinstance(each, Row))
        row.note_change()
        if row.touched or row.value:
            row.check()
        self._say("")
        self.changed(row.field.name)

    def _checked(self) -> Request | None:
        """The request, if every field can be; else the first that cannot has the focus."""
        wrong = [row for row in self.query(Row) if not row.check()]
        if wrong:
            wrong[0].query_one(f"#field-{wrong[0].field.name}").focus()
            return None
        try:
            return self.request(self.values())
        except QuarterdeckError as error:
            self._say(str(error))
            return None

    @on(Input.Submitted)
    @on(Button.Pressed, "#submit")
    def action_submit(self) -> None:
        """Give the request, if it can be; what the cloud refuses is said here, nothing is lost."""
        if not self._trying and (request := self._checked()) is not None:
            self._trying = True
            beside(self, partial(self._tried, request))

    def _tried(self, request: Request) -> Message:
        try:
            planned(self.cloud, request.verb)
        except Refused as error:
            return self.Wrong(error)
        except QuarterdeckError:
            # What the machine cannot tell now is told by the verb itself.
            pass
        return self.Accepted(request)

    def on_crashed(self) -> None:
        """What nobody expected is told by the application."""
        self._trying = False

    @on(Accepted)
    def _accept(self, message: Accepted) -> None:
        if self.is_current:
            self.dismiss(message.request)

    @on(Button.Pressed, "#cancel")
    def action_cancel(self) -> None:
        """Leave without a request."""
        self.dismiss(None)

    @on(Button.Pressed, "#plan")
    def action_plan(self) -> None:
        """Show what the request would do."""
        if (request := self._checked()) is not None:
            beside(self, partial(self._planned, request))

    def _planned(self, request: Request) -> Message:
        try:
            return self.Planned(request, planned(self.cloud, request.verb))
        except QuarterdeckError as error:
            return self.Wrong(error)

    @on(Planned)
    def _show_plan(self, message: Planned) -> None:
        from console.screens.confirm import ConfirmPlan

        if not self.is_current:
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.dismiss(message.request)

        self.app.push_screen(ConfirmPlan(message.request.title, message.plan, False), answered)
