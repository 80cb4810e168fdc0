"""What a table is made of: cells, columns, filters, sorts; and lines drawn with characters."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from rich.cells import cell_len

from console.bars import key_name
from console.listing import entries
from console.panels import NUMBERED, PANELS, named
from console.widgets import words
from console.widgets.arrange import View, arrange
from console.widgets.cells import clean, fit
from console.widgets.column import GAP, Column, widths
from console.widgets.sparkline import sparkline


class Row(NamedTuple):
    name: str
    size: int


COLUMNS = (
    Column("name", "NAME", lambda r: r.name, 8, 20, "N"),
    Column("size", "SIZE", lambda r: str(r.size), 4, order=lambda r: r.size, right=True),
)
ROWS = [Row("web-1", 9), Row("db-1", 10), Row("Web-2", 100)]


@pytest.mark.parametrize(
    ("text", "wide"),
    [
        ("web", 6),
        ("한글이름입니다", 6),
        ("한글이름입니다", 7),
        ("🚢🚢🚢🚢", 5),
        ("é́", 4),
        ("", 3),
        ("x" * 300, 1),
    ],
)
def test_text_takes_exactly_its_cells(text: str, wide: int) -> None:
    assert cell_len(fit(text, wide)) == wide
    assert cell_len(fit(text, wide, right=True)) == wide


def test_what_commands_a_terminal_is_made_visible() -> None:
    assert clean("a\x1b[31mb\nc\u202ed") == "a·[31mb·c·d"
    assert clean("한글 [red]") == "한글 [red]"


@pytest.mark.parametrize("room", [0, 13, 14, 20, 80])
def test_columns_never_shrink_and_never_overflow_what_there_is(room: int) -> None:
    found = widths(COLUMNS, room)
    assert found[0] >= 8
    assert found[1] == 4
    needed = 8 + 4 + 2 * GAP
    assert sum(found) + 2 * GAP <= max(room, needed)


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("web", ["web-1", "Web-2"]),
        ("^db", ["db-1"]),
        ("!web", ["db-1"]),
        ("-f w2", ["Web-2"]),
        ("-l size=10", ["db-1", "Web-2"]),
        ("-l size=10,name=web", ["Web-2"]),
        ("-l nothing=1", []),
        ("[", []),
        ("", ["web-1", "db-1", "Web-2"]),
    ],
)
def test_filter(typed: str, names: list[str]) -> None:
    assert [row.name for row in arrange(ROWS, COLUMNS, View(typed))] == names


def test_sorting_goes_by_the_number_not_by_its_text() -> None:
    assert [row.size for row in arrange(ROWS, COLUMNS, View(sort="size"))] == [9, 10, 100]
    by_name = arrange(ROWS, COLUMNS, View(sort="name", reverse=True))
    assert [row.name for row in by_name] == ["Web-2", "web-1", "db-1"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "now"), (12, "10s"), (119, "110s"), (120, "2m"), (7200, "2h"), (9e7, "2y")],
)
def test_age(seconds: float, text: str) -> None:
    assert words.age(0, seconds) == text


def test_sizes_bars_and_lines() -> None:
    assert words.size(1536) == "1.5 KiB"
    assert words.size(22 << 20) == "22 MiB"
    assert words.bar(0.5, 4) == "██░░"
    assert sparkline([0, 50, 100], 4, 100) == " ▁▅█"


def test_names_after_the_colon() -> None:
    assert [named(word).slug for word in ("i", "vol", "topology", "oper")] == [  # type: ignore[union-attr]
        "instances",
        "volumes",
        "topology",
        "operations",
    ]
    assert named("nonsense") is None
    every = [name for entry in PANELS for name in (entry.slug, *entry.aliases)]
    assert len(every) == len(set(every))
    assert key_name("ctrl+d,x") == "^d"


def test_the_help_lists_every_panel_by_its_number_or_its_name() -> None:
    listed = {label: key for key, label, _ in entries("Instances", (), (), {})}
    for number, entry in enumerate(PANELS, 1):
        if number <= NUMBERED:
            assert listed[entry.title] == str(number)
        else:
            assert listed[entry.title] == f":{entry.slug}"
            assert named(entry.slug) is entry
