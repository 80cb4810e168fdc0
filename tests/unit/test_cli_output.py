"""Formats, widths and escapes of what a command prints."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest
import yaml

from backends.errors import Usage
from console.commands.output import Fields, Rows, human, render
from console.commands.table import cell_width, draw, printable

ROWS = Rows(
    ("ID", "Name", "Networks", "Size"),
    [("2", "b", {"net": ["10.0.0.2", "10.0.0.3"]}, 10), ("1", "a", {}, None)],
)
FIELDS = Fields({"name": "it's", "Some:field": [{"a": "1"}], "none": None, "flag": True})


def style(format_: str = "table", **more: object) -> Namespace:
    plain = {
        "format": format_, "columns": [], "sort_columns": [], "descending": False,
        "noindent": False, "max_width": 0, "fit_width": False, "print_empty": False,
        "quote": "nonnumeric", "prefix": "",
    }  # fmt: skip
    return Namespace(**plain | more)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("a", "a"),
        (None, "None"),
        (True, "True"),
        ([], ""),
        ({}, ""),
        (["a", "b"], "a, b"),
        ({"k": "v", "l": 1}, "k='v', l='1'"),
        ({"net": ["1", "2"], "o": ["3"]}, "net=1, 2; o=3"),
        ([{"a": "1", "b": "2"}, {"a": "3"}], "a='1', b='2'\na='3'"),
    ],
)
def test_cells_for_a_person(value: object, text: str) -> None:
    assert human(value) == text


def test_a_table_is_drawn_as_openstack_draws_it() -> None:
    assert render(ROWS, style()) == (
        "+----+------+------------------------+------+\n"
        "| ID | Name | Networks               | Size |\n"
        "+----+------+------------------------+------+\n"
        "| 2  | b    | net=10.0.0.2, 10.0.0.3 |   10 |\n"
        "| 1  | a    |                        | None |\n"
        "+----+------+------------------------+------+\n"
    )


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (style("value"), "2 b net=10.0.0.2, 10.0.0.3 10\n1 a  None\n"),
        (style("value", columns=["name", "ID"]), "2 b\n1 a\n"),
        (style("value", columns=["ID"], sort_columns=["Name"]), "1\n2\n"),
        (style("value", columns=["ID"], sort_columns=["ID"], descending=True), "2\n1\n"),
        (style("value", columns=["ID"], sort_columns=["Size"]), "2\n1\n"),
        (style("csv", columns=["ID", "Size"]), '"ID","Size"\n"2",10\n"1","None"\n'),
        (style("csv", columns=["ID"], quote="minimal"), "ID\n2\n1\n"),
    ],
)
def test_rows_as_text(given: Namespace, text: str) -> None:
    assert render(ROWS, given) == text


def test_rows_for_a_program_keep_their_types() -> None:
    wanted = [
        {"ID": "2", "Name": "b", "Networks": {"net": ["10.0.0.2", "10.0.0.3"]}, "Size": 10},
        {"ID": "1", "Name": "a", "Networks": {}, "Size": None},
    ]
    assert json.loads(render(ROWS, style("json"))) == wanted
    assert yaml.safe_load(render(ROWS, style("yaml"))) == wanted
    assert render(ROWS, style("json", noindent=True)).count("\n") == 1


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (style("value", columns=["name"]), "it's\n"),
        (style("shell", columns=["some:field"], prefix="x_"), "x_some_field=\"a='1'\"\n"),
        (style("json", columns=["flag"], noindent=True), '{"flag": true}\n'),
        (
            style(columns=["flag"]),
            "+-------+-------+\n| Field | Value |\n+-------+-------+\n"
            "| flag  | True  |\n+-------+-------+\n",
        ),
    ],
)
def test_fields(given: Namespace, text: str) -> None:
    assert render(FIELDS, given) == text


def test_a_shell_reads_back_what_it_is_given() -> None:
    fields = Fields({"a": '$(id) `id` "x" \\'})
    assert render(fields, style("shell")) == 'a="\\$(id) \\`id\\` \\"x\\" \\\\"\n'


def test_unknown_columns_are_told() -> None:
    with pytest.raises(Usage, match="Nme"):
        render(ROWS, style(columns=["Nme"]))
    with pytest.raises(Usage, match="Nme"):
        render(ROWS, style(sort_columns=["Nme"]))


def test_nothing_is_an_empty_line_as_with_openstack() -> None:
    empty = Rows(("ID",), [])
    assert render(empty, style()) == "\n"
    assert render(empty, style("json")) == "[]\n"
    assert render(empty, style(print_empty=True)).count("\n") == 4


@pytest.mark.parametrize(
    ("text", "width"),
    [("abc", 3), ("한글", 4), ("日本", 4), ("e\u0301", 1), ("ｱ", 1), ("👍", 2), ("", 0)],
)
def test_width_counts_cells(text: str, width: int) -> None:
    assert cell_width(text) == width


def test_wide_names_keep_the_frame_straight() -> None:
    lines = draw(("Name",), [("한글",), ("abc",)], [False]).splitlines()
    assert {cell_width(line) for line in lines} == {8}


@pytest.mark.parametrize("limit", [30, 40, 60])
def test_a_table_is_made_to_fit(limit: int) -> None:
    cells = [("x" * 36, "several words in one cell", "한글" * 12)]
    text = draw(("ID", "Text", "Hangul"), cells, [False] * 3, max(limit, 3 * 11 + 1))
    assert max(cell_width(line) for line in text.splitlines()) <= max(limit, 3 * 11 + 1)
    assert text.count("한") == 12


def test_control_characters_cannot_steer_a_terminal() -> None:
    assert printable("a\x1b[31mb\x07\n") == "a\\x1b[31mb\\x07\n"
    assert "\x1b" not in render(Fields({"a": "\x1b]0;x\x07"}), style())
    assert "\x1b" not in render(Fields({"a": "\x1b]0;x\x07"}), style("value"))
