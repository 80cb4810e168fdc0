"""A plan, and the question whether to do it."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from backends.plan.plan import Plan, UnitPlan

# More steps than this are counted and not shown; nobody reads them in a question.
_SHOWN = 2000


class ConfirmPlan(ModalScreen[bool]):
    """Asks. Where it is dangerous, the answer at hand is no; `y` or its button is the only yes."""

    DEFAULT_CSS = """
    ConfirmPlan { align: center middle; }
    ConfirmPlan #question { width: 96%; max-width: 110; height: auto; max-height: 100%;
                            padding: 0 1; background: $surface; border: round $primary; }
    ConfirmPlan.-dangerous #question { border: round $error; }
    ConfirmPlan #steps { height: auto; max-height: 100vh; margin-bottom: 1; }
    ConfirmPlan #buttons { height: 1; }
    ConfirmPlan #buttons Button { margin-right: 2; }
    """
    BINDINGS: ClassVar = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
        Binding("left,right,tab", "other", show=False, id="confirm.other", priority=True),
        Binding("up,k", "scroll(-1)", show=False, id="confirm.up"),
        Binding("down,j", "scroll(1)", show=False, id="confirm.down"),
        Binding("pageup", "scroll(-10)", show=False, id="confirm.page_up"),
        Binding("pagedown,space", "scroll(10)", show=False, id="confirm.page_down", priority=True),
    ]

    def __init__(self, title: str, plan: Plan, dangerous: bool) -> None:
        super().__init__(classes="-dangerous" if dangerous else "")
        self._title = title
        self._plan = plan
        self._dangerous = dangerous

    def compose(self) -> ComposeResult:
        with Vertical(id="question") as frame:
            frame.border_title = Content(self._title)
            with VerticalScroll(id="steps", can_focus=False):
                yield Static(described(self._plan), markup=False)
            with Horizontal(id="buttons"):
                if self._dangerous:
                    yield Button("No  esc", id="no", compact=True)
                    yield Button("Yes  y", id="yes", variant="error", compact=True)
                else:
                    yield Button("Yes  y", id="yes", variant="primary", compact=True)
                    yield Button("No  esc", id="no", compact=True)

    def on_mount(self) -> None:
        # The frame, its margin and the buttons stay in view, whatever the size.
        self.query_one("#steps").styles.max_height = max(3, self.app.size.height - 5)
        self.query_one("#no" if self._dangerous else "#yes").focus()

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def action_answer(self, yes: bool) -> None:
        """Answer and close."""
        self.dismiss(yes)

    def action_other(self) -> None:
        """The other button."""
        other = "#yes" if self.focused is not None and self.focused.id == "no" else "#no"
        self.query_one(other).focus()

    def action_scroll(self, lines: int) -> None:
        """Move the steps."""
        self.query_one("#steps").scroll_relative(y=lines, animate=False)


def described(plan: Plan) -> Content:
    """A plan's steps, numbered and grouped by unit; problems are marked."""
    units = [unit for unit in plan.units if unit]
    if not units:
        return Content.styled("The machine need not change; only records do.", "dim")
    steps, problems = sum(1 for _ in plan.steps), sum(1 for _ in plan.problems)
    count = f"{steps} step{'' if steps == 1 else 's'}"
    heading = count if not problems else f"{count}, {problems} in the way"
    lines = [Content.styled(heading, "bold")]
    number = 0
    for unit in units:
        if number >= _SHOWN:
            lines.append(Content.styled(f"… and {steps - number} more steps", "dim"))
            break
        lines += _unit_lines(plan, unit, number)
        number += len(unit.steps)
    return Content("\n").join(lines)


def _unit_lines(plan: Plan, unit: UnitPlan, number: int) -> list[Content]:
    going = Content.styled("  goes", "$text-error") if unit.removes else Content("")
    lines = [
        Content.assemble(
            (unit.unit.kind.value, "$accent"),
            f" {_clean(plan.names.get(unit.unit.id, unit.unit.id))}",
            going,
        )
    ]
    for position, step in enumerate(unit.steps, number + 1):
        lines.append(Content.assemble((f"{position:>4} ", "dim"), _clean(plan.words(step))))
    for problem in unit.problems:
        text = f"   ! {_clean(plan.words(problem))} [{problem.code}]"
        lines.append(Content.styled(text, "bold $text-error"))
    if unit.settles and not unit.steps:
        lines.append(Content.styled("     the record learns what the machine is", "dim"))
    return lines


def _clean(text: str) -> str:
    """One line without controls: names in it come from users."""
    return "".join(sign if sign.isprintable() else " " for sign in text)
