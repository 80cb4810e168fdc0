"""Which rows of a table are shown, and in which order. Pure, so that it may run in any thread."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from console.widgets.column import Column

Matcher = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class View:
    """What is asked for: a filter as it was typed, and the sort."""

    filter: str = ""
    sort: str = ""
    reverse: bool = False


def arrange(items: Sequence[Any], columns: Sequence[Column], view: View) -> list[Any]:
    """The items that pass the filter, sorted; equal ones stay as they came."""
    found = list(items)
    if view.filter:
        matches = matcher(view.filter, columns)
        found = [item for item in found if matches(item)]
    column = next((each for each in columns if each.id == view.sort), None)
    if column is not None:
        found.sort(key=column.key, reverse=view.reverse)
    return found


def matcher(text: str, columns: Sequence[Column]) -> Matcher:
    """Whether a row passes what was typed after `/`.

    A regular expression over all cells; `!` turns it round; `-f` wants the letters in order; `-l`
    wants `column=value`, more of them with commas. What is no regular expression is text.
    """
    text = text.strip()
    if text.startswith("!"):
        inner = matcher(text[1:], columns)
        return lambda item: not inner(item)
    if text.startswith("-f"):
        wanted = text[2:].strip().casefold()
        return lambda item: _in_order(wanted, _all(item, columns).casefold())
    if text.startswith("-l"):
        return _labels(text[2:], columns)
    try:
        pattern = re.compile(text, re.IGNORECASE)
    except re.error:
        pattern = re.compile(re.escape(text), re.IGNORECASE)
    search = pattern.search
    return lambda item: search(_all(item, columns)) is not None


def _all(item: Any, columns: Sequence[Column]) -> str:
    return "\t".join([column.text(item) for column in columns])


def _in_order(wanted: str, text: str) -> bool:
    letters = iter(text)
    return all(letter in letters for letter in wanted)


def _labels(text: str, columns: Sequence[Column]) -> Matcher:
    by_id = {column.id: column for column in columns}
    pairs = [part.partition("=") for part in text.split(",") if part.strip()]
    wanted = [(name.strip().casefold(), value.strip().casefold()) for name, _, value in pairs]

    def matches(item: Any) -> bool:
        for name, value in wanted:
            column = by_id.get(name)
            if column is None or value not in column.text(item).casefold():
                return False
        return True

    return matches
