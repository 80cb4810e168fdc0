"""Operations: what was asked, by whom, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.operation import Operation

_SHOWN = 500
_TONES = {"done": "good", "failed": "bad", "interrupted": "bad", "undone": "warn",
          "cancelled": "warn", "cancelling": "warn", "running": ""}  # fmt: skip


def _took(row: Operation) -> str:
    end = row.ended_at
    if end is None:
        return words.duration(max(0.0, time.time() - row.started_at)) if _runs(row) else ""
    return words.duration(end - row.started_at)


def _runs(row: Operation) -> bool:
    return row.outcome.value in ("running", "cancelling")


def _outcome(row: Operation) -> str:
    if _runs(row) and row.progress is not None:
        return f"{row.outcome.value} {row.progress:.0%}"
    return str(row.outcome.value)


class Operations(TablePanel):
    """The newest operations, also of other consoles and of the command line."""

    slug = "operations"
    heading = "Operations"
    kinds = ("operation",)
    noun = "operation"
    columns = (
        Column("when", "WHEN", lambda r: time.strftime("%m-%d %H:%M:%S",
               time.localtime(r.started_at)), 14, 14, "W", order=lambda r: r.started_at),
        Column("verb", "VERB", lambda r: r.verb, 16, 24, "V"),
        Column("target", "OF", lambda r: r.target_name, 14, 40, "O"),
        Column("outcome", "OUTCOME", _outcome, 12, 14, "S",
               lambda r: _TONES.get(r.outcome.value, "")),
        Column("took", "TOOK", _took, 8, 12, "T",
               order=lambda r: (r.ended_at or time.time()) - r.started_at, right=True),
        Column("user", "BY", lambda r: r.user, 8, 16, "B"),
        Column("error", "ERROR", lambda r: f"{r.error_code} {r.error}".strip(), 24, 120, "E"),
    )  # fmt: skip

    def title(self, item: Any) -> str:
        """What it does, to what."""
        return f"{item.verb} {item.target_name}".strip()

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The newest first."""
        return cloud.operations.list(limit=_SHOWN)
