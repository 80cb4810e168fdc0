"""The question before something dangerous, and the list of keys."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from textual.app import App
from textual.screen import Screen

from backends.plan.plan import Plan, Problem, UnitPlan
from backends.records.unit import Kind, Unit
from console import themes
from console.screens.confirm import ConfirmPlan, described
from console.screens.help import Help, listed


@dataclass(frozen=True, slots=True)
class Say:
    """A step that is only a line."""

    text: str


def plan_of(steps: int) -> Plan:
    """A network with so many steps, and an instance that cannot go."""
    network = UnitPlan(
        Unit(Kind.NETWORK, "n1"), tuple(Say(f"remove [red]thing[/red] {n}") for n in range(steps))
    )
    problem = Problem("disk.lost", "its disk\nis lost")
    instance = UnitPlan(Unit(Kind.INSTANCE, "i1"), (), (problem,), removes=True)
    return Plan((UnitPlan(Unit(Kind.HOST, "box")), network, instance))


class Stage(App[None]):
    """Asks, and keeps the answers."""

    def __init__(self, screen: Screen[bool] | Screen[None]) -> None:
        super().__init__()
        self.asked = screen
        self.answers: list[object] = []

    def on_mount(self) -> None:
        self.push_screen(self.asked, self.answers.append)

    @property
    def lines(self) -> list[str]:
        return [line.text for line in self.screen._compositor.render_strips()]


def test_a_plan_is_numbered_and_grouped() -> None:
    assert described(plan_of(2)).plain.splitlines() == [
        "2 steps, 1 in the way",
        "network n1",
        "   1 remove [red]thing[/red] 0",
        "   2 remove [red]thing[/red] 1",
        "instance i1  goes",
        "   ! its disk is lost [disk.lost]",
    ]
    assert "only records" in described(Plan()).plain


@pytest.mark.parametrize(
    ("keys", "answer"),
    [
        (["y"], True),
        (["n"], False),
        (["escape"], False),
        (["enter"], False),
        (["tab", "enter"], True),
        (["left", "right", "enter"], False),
    ],
)
async def test_no_is_at_hand_where_it_is_dangerous(keys: list[str], answer: bool) -> None:
    app = Stage(ConfirmPlan("Delete web [b]1[/b]", plan_of(2), True))
    async with app.run_test(size=(80, 24)) as pilot:
        assert any("Delete web [b]1[/b]" in line for line in app.lines)
        await pilot.press(*keys)
        assert app.answers == [answer]


async def test_yes_is_at_hand_where_it_is_not() -> None:
    app = Stage(ConfirmPlan("Create web", plan_of(2), False))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("enter")
        assert app.answers == [True]


async def test_a_long_plan_scrolls_with_its_buttons_in_view() -> None:
    app = Stage(ConfirmPlan("Delete all", plan_of(500), True))
    async with app.run_test(size=(80, 24)) as pilot:
        assert "Yes" in app.lines[-3] + app.lines[-2]
        assert any("   1 remove" in line for line in app.lines)
        await pilot.press("pagedown", "pagedown", "down")
        await pilot.pause()
        assert not any("   1 remove" in line for line in app.lines)
        assert any("  30 remove" in line for line in app.lines)
        await pilot.click("#no")
        assert app.answers == [False]


def test_an_endless_plan_is_counted() -> None:
    units = tuple(
        UnitPlan(Unit(Kind.INSTANCE, str(n)), tuple(Say("x") for _ in range(100)))
        for n in range(50)
    )
    assert described(Plan(units)).plain.splitlines()[-1] == "… and 3000 more steps"


ENTRIES = [
    ("", "Instances", False),
    ("ctrl+d", "Delete", True),
    ("s", "Console [of] it", False),
    ("", "Everywhere", False),
    ("?", "Help", False),
]


async def test_help_lists_and_searches_keys() -> None:
    app = Stage(Help("Keys", ENTRIES))
    async with app.run_test(size=(80, 24)) as pilot:
        text = "\n".join(app.lines)
        assert "Everywhere" in text
        assert "asks first" in text
        await pilot.press("c", "o", "n", "s")
        assert listed(ENTRIES, "cons").plain == "Instances\n  s       Console [of] it"
        text = "\n".join(app.lines)
        assert "Console [of] it" in text
        assert "Delete" not in text
        await pilot.press("x")
        assert any("no such key" in line for line in app.lines)
        await pilot.press("escape")
        assert app.answers == [None]


async def test_every_theme_can_be_used() -> None:
    app = Stage(Help("Keys", ENTRIES))
    async with app.run_test(size=(80, 24)) as pilot:
        themes.register(app)
        for theme in themes.THEMES:
            app.theme = theme.name
            await pilot.pause()
            assert app.current_theme.name == theme.name
