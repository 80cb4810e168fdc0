"""A plan as a person or a program reads it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.output import Rows, Text
from console.commands.table import printable

if TYPE_CHECKING:
    from backends.plan.plan import Plan


def output_of(plan: Plan, *, as_rows: bool) -> Rows | Text:
    """Numbered lines, or rows where a format was asked for."""
    rows = [
        (str(unit.unit), "step", plan.words(step)) for unit in plan.units for step in unit.steps
    ] + [
        (str(unit.unit), "problem", f"{plan.words(problem)} [{problem.code}]")
        for unit in plan.units
        for problem in unit.problems
    ]
    if as_rows:
        return Rows(("Unit", "Kind", "What"), rows)
    if not rows:
        return Text("Nothing on the machine would change.\n")
    steps = [text for _, kind, text in rows if kind == "step"]
    lines = [f"{number}. {printable(text)}" for number, text in enumerate(steps, 1)]
    lines += [f"!  {printable(text)}" for _, kind, text in rows if kind == "problem"]
    return Text("\n".join(lines) + "\n")
