"""A table of connections that follows what happens to them, and is not read again for it."""

from __future__ import annotations

from dataclasses import fields

import numpy as np

from backends.drivers.conntrack.events import Happened
from backends.drivers.conntrack.table import Column, Connections

# What an event of a change tells; how much was carried it does not tell.
_CHANGES = ("status", "timeout", "state", "mark")
# Room is made for so many more at a time.
_ROOM = 4096


class Ledger:
    """Connections by the kernel's id, in place: a million are copied neither to add nor to end one.

    `table` is of use until the next `take`.
    """

    def __init__(self, table: Connections) -> None:
        self._rows = table
        self._size = len(table)

    def __len__(self) -> int:
        return self._size

    @property
    def table(self) -> Connections:
        """The connections there are now."""
        return self._rows.take(slice(0, self._size))

    def take(self, happened: Happened) -> None:
        """Follow what happened: what began is added, what changed is changed, what ended goes."""
        if len(happened.began):
            self._add(happened.began)
        if len(happened.changed):
            self._change(happened.changed)
        if len(happened.ended):
            self._end(happened.ended)

    def _add(self, began: Connections) -> None:
        fresh = _last_of_each(began)
        known = self._where(fresh.id)
        self._replace(fresh, known)
        fresh = fresh.take(known < 0)
        size = self._size + len(fresh)
        if size > len(self._rows):
            self._rows = self._rows.grown(size + max(_ROOM, size >> 3))
        for each in fields(Connections):
            getattr(self._rows, each.name)[..., self._size : size] = getattr(fresh, each.name)
        self._size = size

    def _replace(self, fresh: Connections, known: Column) -> None:
        there = known >= 0
        for each in fields(Connections):
            values = getattr(fresh, each.name)[..., there]
            getattr(self._rows, each.name)[..., known[there]] = values

    def _change(self, changed: Connections) -> None:
        latest = _last_of_each(changed)
        known = self._where(latest.id)
        there = known >= 0
        for name in _CHANGES:
            getattr(self._rows, name)[known[there]] = getattr(latest, name)[there]
        unknown = latest.take(~there)
        if len(unknown):
            self._add(unknown)

    def _end(self, ended: Connections) -> None:
        known = self._where(np.unique(ended.id))
        gone = known[known >= 0]
        size = self._size - len(gone)
        # The last rows move into the holes.
        holes = gone[gone < size]
        movers = np.setdiff1d(np.arange(size, self._size), gone, assume_unique=True)
        for each in fields(Connections):
            column = getattr(self._rows, each.name)
            column[..., holes] = column[..., movers]
        self._size = size

    def _where(self, ids: Column) -> Column:
        """The row of each of these ids, -1 for one that there is not."""
        order = np.argsort(ids, kind="stable")
        wanted = ids[order]
        here = self._rows.id[: self._size]
        at = np.searchsorted(wanted, here)
        at[at == len(wanted)] = 0
        hits = np.flatnonzero(wanted[at] == here)
        rows = np.full(len(ids), -1, np.int64)
        rows[order[at[hits]]] = hits
        return rows


def _last_of_each(table: Connections) -> Connections:
    """Of several rows of one id the last."""
    _, first = np.unique(table.id[::-1], return_index=True)
    if len(first) == len(table):
        return table
    return table.take(np.sort(len(table) - 1 - first))
