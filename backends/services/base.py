"""What services share: finding a thing by id or name, good names, quotas."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from sqlmodel import Session, SQLModel, col, select

from backends.caller import Caller
from backends.context import Change, Context
from backends.errors import NotFound, Refused

Row = TypeVar("Row", bound=SQLModel)

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIGNS = frozenset(" ._-+@:()#,=~*")
_NAME_MAX = 255


class Service:
    """The verbs of one subject, for the context's caller."""

    def __init__(self, context: Context) -> None:
        self.context = context

    @property
    def caller(self) -> Caller:
        return self.context.caller


def is_id(text: str) -> bool:
    """Whether this is a UUID in canonical form."""
    return _UUID.fullmatch(text) is not None


def good_name(name: str, what: str = "name", *, longest: int = _NAME_MAX) -> str:
    """The name, composed (NFC), if a thing can have it.

    Letters, digits and marks of any script, spaces, and the signs `._-+@:()#,=~*`: nothing that a
    shell, a path, XML or markup reads as its own. Raises Refused `name.invalid`.
    """
    composed = compose(name)
    if not composed.strip() or composed != composed.strip():
        raise Refused("name.invalid", f"a {what} is not empty and has no space at its ends")
    if len(composed) > longest:
        raise Refused(
            "name.invalid", f"a {what} has at most {longest} characters, not {len(composed)}"
        )
    for sign in composed:
        if unicodedata.category(sign)[0] not in "LNM" and sign not in _SIGNS:
            raise Refused(
                "name.invalid",
                f"a {what} has letters, digits, spaces and . _ - + @ : ( ) # , = ~ *, not {sign!r}",
            )
    return composed


def good_text(text: str, what: str, *, longest: int = 1024) -> str:
    """A description, if it is printable and not too long. Raises Refused `text.invalid`."""
    if len(text) > longest or any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise Refused(
            "text.invalid", f"a {what} is at most {longest} characters without control characters"
        )
    return text


def good_properties(properties: Mapping[str, str] | None) -> dict[str, str]:
    """Properties, if keys and values are texts of at most 255 characters (Nova's limit).

    Raises Refused `text.invalid`.
    """
    return {
        good_text(key, "property's name", longest=255): good_text(value, "property", longest=255)
        for key, value in (properties or {}).items()
    }


def redescribe(row: Any, name: str | None, description: str | None) -> None:
    """Change what a thing is called and said to be; None leaves it. Raises Refused."""
    row.name = row.name if name is None else good_name(name)
    if description is not None:
        row.description = good_text(description, "description")


def changed_properties(
    known: Mapping[str, str], properties: Mapping[str, str] | None, unset: Sequence[str]
) -> dict[str, str]:
    """The known ones without those of `unset`, with these. Raises Refused `text.invalid`."""
    return {key: text for key, text in known.items() if key not in unset} | good_properties(
        properties
    )


def compose(text: str) -> str:
    """The text in the form in which names are kept (NFC), however it was typed."""
    return unicodedata.normalize("NFC", text)


def find(
    session: Session, table: type[Row], ref: str, what: str, caller: Caller, *, mine: bool = True
) -> Row:
    """The row with this id, or with this name in the caller's project.

    The cloud's admin finds by name in any project when there is none in their own. `mine` false
    also finds what others own (the caller then checks the right to see it).
    Raises NotFound `<what>.not_found`, Refused `<what>.ambiguous`.
    """
    columns: Any = table
    ref = compose(ref)
    if is_id(ref):
        row = session.get(table, ref)
        if row is not None and (not mine or caller.sees(columns_project(row, caller))):
            return row
    by_name = select(table).where(columns.name == ref)
    rows: list[Row] = []
    # Things may have no name at all; then only their id finds them.
    if ref and hasattr(table, "project_id"):
        rows = list(session.exec(by_name.where(columns.project_id == caller.project_id)))
    if ref and not rows and (caller.admin or not hasattr(table, "project_id")):
        rows = list(session.exec(by_name))
    if not rows:
        raise NotFound(f"{what}.not_found", f"no {what} {ref!r} here")
    if len(rows) > 1:
        raise Refused(f"{what}.ambiguous", f"{len(rows)} {what}s are named {ref!r}; give the id")
    return rows[0]


def columns_project(row: SQLModel, caller: Caller) -> str:
    """The project a row belongs to; one that belongs to none is everybody's."""
    owner = getattr(row, "project_id", None)
    return caller.project_id if owner is None else str(owner)


def check_absent(row: Any, what: str) -> None:
    """Raises Refused `<what>.deleting` for a row that is on its way out."""
    if row.absent:
        raise Refused(f"{what}.deleting", f"{what} {row.name or row.id} is being deleted")


def own(session: Session, table: type[Row], caller: Caller, all_projects: bool) -> list[Row]:
    """The caller's rows, or everybody's for the cloud's admin, by name."""
    columns: Any = table
    query = select(table).order_by(col(columns.name), col(columns.id))
    if not (all_projects and caller.admin):
        query = query.where(columns.project_id == caller.project_id)
    return list(session.exec(query))


__all__ = ["Change", "Context", "Service", "find", "good_name", "good_text", "is_id", "own"]
