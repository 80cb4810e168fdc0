"""What a command prints: rows, fields or text, in the formats of cliff (OpenStack's client)."""

from __future__ import annotations

import json
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from backends.errors import Usage
from console.commands.table import draw, printable

ROW_FORMATS = ("table", "json", "yaml", "value", "csv")
FIELD_FORMATS = ("table", "json", "yaml", "value", "shell")


@dataclass(frozen=True, slots=True)
class Rows:
    """A listing. Cells are plain values; lists and mappings are spelled out for a person."""

    columns: tuple[str, ...]
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True, slots=True)
class Fields:
    """One thing by field."""

    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Text:
    """Text that is printed as it is."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """Output of a command that is done, and says by its exit status what it found."""

    output: Rows | Fields | Text | None
    status: int


Output = Rows | Fields | Text | Status


def human(value: Any) -> str:
    """A cell for a person: lists by comma, mappings as `k='v'`, addresses as `net=a, b`."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        if value and all(isinstance(each, list | tuple) for each in value.values()):
            return "; ".join(f"{key}={', '.join(map(str, each))}" for key, each in value.items())
        return ", ".join(f"{key}='{each}'" for key, each in value.items())
    if isinstance(value, list | tuple):
        nested = any(isinstance(each, Mapping) for each in value)
        return ("\n" if nested else ", ").join(human(each) for each in value)
    return str(value)


def render(output: Rows | Fields, style: Namespace, width: int = 0) -> str:
    """The output in the style asked for (see `options.add_format`), with its last newline.

    `width` is the terminal's, 0 where there is none.
    """
    if isinstance(output, Rows):
        return _render_rows(output, style, width)
    return _render_fields(output, style, width)


def _render_rows(output: Rows, style: Namespace, width: int) -> str:
    rows = _sorted(output, style)
    keep = _kept(output.columns, style.columns)
    columns = tuple(output.columns[index] for index in keep)
    rows = [[row[index] for index in keep] for row in rows]
    if style.format == "json":
        return _json([dict(zip(columns, row, strict=True)) for row in rows], style)
    if style.format == "yaml":
        return _yaml([dict(zip(columns, row, strict=True)) for row in rows])
    cells = [[human(cell) for cell in row] for row in rows]
    if style.format == "csv":
        return _csv(columns, cells, rows, style.quote)
    if style.format == "value":
        return "".join(" ".join(_one_line(cell) for cell in row) + "\n" for row in cells)
    if not cells and not style.print_empty:
        return "\n"
    right = [bool(rows) and type(cell) in (int, float) for cell in (rows or [columns])[0]]
    return draw(columns, cells, right, _limit(style, width))


def _render_fields(output: Fields, style: Namespace, width: int) -> str:
    keys = list(output.values)
    keep = [keys[index] for index in _kept(keys, style.columns)]
    values = {key: output.values[key] for key in keep}
    if style.format == "json":
        return _json(values, style)
    if style.format == "yaml":
        return _yaml(values)
    cells = {key: human(value) for key, value in values.items()}
    if style.format == "value":
        return "".join(f"{_one_line(cell)}\n" for cell in cells.values())
    if style.format == "shell":
        return "".join(
            f'{_variable(key, style.prefix)}="{_quoted(cell)}"\n' for key, cell in cells.items()
        )
    return draw(("Field", "Value"), list(cells.items()), [False, False], _limit(style, width))


def _kept(columns: Sequence[str], wanted: Sequence[str]) -> list[int]:
    """Which columns are printed, in their own order. Raises Usage `usage.column`."""
    lowered = {name.lower() for name in wanted}
    known = {name.lower() for name in columns}
    unknown = [name for name in wanted if name.lower() not in known]
    if unknown:
        missing = ", ".join(unknown)
        raise Usage("usage.column", f"no column {missing!r}; there are {', '.join(columns)}")
    return [i for i, name in enumerate(columns) if not lowered or name.lower() in lowered]


def _sorted(output: Rows, style: Namespace) -> Sequence[Sequence[Any]]:
    rows = output.rows
    places = {name.lower(): index for index, name in enumerate(output.columns)}
    # The first column asked for leads; Python's sort is stable.
    for name in reversed(style.sort_columns):
        place = places.get(name.lower())
        if place is None:
            raise Usage(
                "usage.column", f"no column {name!r}; there are {', '.join(output.columns)}"
            )
        rows = sorted(rows, key=lambda row: _order(row[place]), reverse=style.descending)
    return rows


def _order(value: Any) -> tuple[int, Any]:
    """Nothing last, numbers as numbers, the rest as a person reads it."""
    if value is None:
        return 2, ""
    return (0, value) if isinstance(value, int | float) else (1, human(value))


def _limit(style: Namespace, width: int) -> int:
    return style.max_width or (width if style.fit_width else 0)


def _one_line(cell: str) -> str:
    return printable(cell.replace("\n", " "))


def _json(value: Any, style: Namespace) -> str:
    indent = None if style.noindent else 2
    return json.dumps(value, indent=indent, ensure_ascii=False, default=str) + "\n"


def _yaml(value: Any) -> str:
    import yaml

    plain = json.loads(json.dumps(value, default=str))
    text: str = yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, default_flow_style=False)
    return text


def _csv(
    columns: Sequence[str],
    cells: Sequence[Sequence[str]],
    rows: Sequence[Sequence[Any]],
    quote: str,
) -> str:
    import csv
    import io

    quoting = getattr(csv, f"QUOTE_{quote.upper()}")
    file = io.StringIO()
    writer = csv.writer(file, quoting=quoting, lineterminator="\n", escapechar="\\")
    writer.writerow(columns)
    for row, texts in zip(rows, cells, strict=True):
        pairs = zip(row, texts, strict=True)
        # A number stays one, so that `nonnumeric` leaves it bare.
        writer.writerow(
            [raw if type(raw) in (int, float) else printable(text) for raw, text in pairs]
        )
    return file.getvalue()


def _variable(key: str, prefix: str) -> str:
    return prefix + "".join(sign if sign.isalnum() else "_" for sign in key.lower())


def _quoted(cell: str) -> str:
    for sign in ("\\", '"', "$", "`"):
        cell = cell.replace(sign, "\\" + sign)
    return printable(cell)
