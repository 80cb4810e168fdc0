"""Volumes: where they are attached, how fast they are used, and how full their pools are."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.message import Message

from backends.errors import QuarterdeckError
from console import panels
from console.beside import beside
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.pool import PoolRow
    from backends.services.volume import VolumeRow

_TONES = {"available": "", "in-use": "good"}
# Seconds between looks at the traffic of the rows in view: there is no event for it.
_RATES = 2.0
_BAR = 8  # cells
_GIB = 1 << 30


@dataclass(slots=True)
class Item:
    """A row with its project's and its group's name.

    `read` and `written` are what guests read from it and write to it, in bytes a second.
    """

    row: VolumeRow
    project: str
    group: str
    read: float | None = None
    written: float | None = None


def _attached(item: Item) -> str:
    return ", ".join(f"{name} {device}" for name, device in item.row.attached)


def _rate(value: float | None) -> str:
    return "" if value is None else f"{words.size(int(value))}/s"


def gauge(row: PoolRow) -> str:
    """How full a pool is, and what of what it may promise it has promised."""
    if row.fact.error:
        return f"{row.pool.name} DOWN"
    full = round(min(max(row.used, 0.0), 1.0) * _BAR)
    most = int(row.fact.size * row.pool.ratio) // _GIB
    bar = f"{'█' * full}{'░' * (_BAR - full)}"
    return f"{row.pool.name} {bar} {row.used:.0%}, {row.promised} of {most} GiB promised"


class Volumes(TablePanel):
    """The volumes of the project, or of the cloud."""

    slug = "volumes"
    heading = "Volumes"
    kinds = ("volume",)
    noun = "volume"
    columns = (
        Column("name", "NAME", lambda i: i.row.volume.name or i.row.volume.id, 14, 40, "N"),
        Column("status", "STATUS", lambda i: i.row.status, 10, 17, "S",
               lambda i: _TONES.get(i.row.status, "warn")),
        Column("size", "SIZE", lambda i: f"{i.row.volume.size} GiB", 8, 9, "Z",
               order=lambda i: i.row.volume.size, right=True),
        Column("attached", "ATTACHED TO", _attached, 14, 50, "T"),
        Column("read", "READ", lambda i: _rate(i.read), 9, 10, "R",
               order=lambda i: i.read or 0.0, right=True),
        Column("written", "WRITTEN", lambda i: _rate(i.written), 9, 10, "W",
               order=lambda i: i.written or 0.0, right=True),
        Column("snapshots", "SNAP", lambda i: str(i.row.snapshots or ""), 4, 4, "P",
               order=lambda i: i.row.snapshots, right=True),
        Column("type", "TYPE", lambda i: i.row.type or i.row.volume.driver, 5, 14, "K"),
        Column("pool", "POOL", lambda i: i.row.volume.pool, 7, 14, "O"),
        Column("age", "AGE", lambda i: words.age(i.row.volume.created_at), 4, 5, "A",
               order=lambda i: -i.row.volume.created_at, right=True),
        Column("project", "PROJECT", lambda i: i.project, 8, 20, "J"),
        Column("group", "GROUP", lambda i: i.group, 7, 20, "U"),
        Column("host", "HOST", lambda i: i.row.volume.host, 10, 20, "H"),
    )  # fmt: skip

    class Counted(Message):
        """What the disks of the rows in view have read and written so far (from a thread)."""

        def __init__(self, at: float, found: Mapping[str, tuple[int, int]]) -> None:
            super().__init__()
            self.at = at
            self.found = found

    def __init__(self) -> None:
        super().__init__()
        self._pools: Sequence[PoolRow] = ()
        self._before: tuple[float, Mapping[str, tuple[int, int]]] = (0.0, {})

    def on_mount(self) -> None:
        """Begin to look at what is in view."""
        self.set_interval(_RATES, self._ask)

    def key(self, item: Item) -> str:
        """The volume's id."""
        return item.row.volume.id

    def title(self, item: Item) -> str:
        """The volume's name."""
        return item.row.volume.name or item.row.volume.id

    def load(self, cloud: Cloud) -> Any:
        """The volumes by name, and the pools."""
        return self.fetch(cloud, self.desk.everyone), cloud.pools.list()

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The volumes, by name."""
        groups = {
            each.group.id: each.group.name or each.group.id
            for each in cloud.volume_groups.list(all_projects=everyone)
        }
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(row, projects.get(row.volume.project_id, ""),
                 groups.get(row.volume.group_id or "", ""))
            for row in cloud.volumes.list(all_projects=everyone)
        ]  # fmt: skip

    def show(self, found: Any) -> None:
        """Show them; keep what is known of their rates."""
        items, self._pools = found
        known = {self.key(item): item for item in self.table.items}
        for item in items:
            if (old := known.get(self.key(item))) is not None and item.row.attached:
                item.read, item.written = old.read, old.written
        super().show(items)

    @property
    def summary(self) -> str:
        """How many, and how full the pools are."""
        return " · ".join([super().summary, *map(gauge, self._pools)])

    def _ask(self) -> None:
        """Ask for the traffic of the rows in view."""
        guests = {id_ for item in self.table.in_view for id_ in item.row.guests}
        cloud = self.desk.cloud
        if self.display and guests and cloud is not None:
            beside(self, partial(self._count, cloud, sorted(guests)))

    def _count(self, cloud: Cloud, guests: list[str]) -> Message:
        try:
            return self.Counted(time.monotonic(), cloud.machine.libvirt.disk_counters(guests))
        except QuarterdeckError:
            # What libvirt cannot tell now is not shown.
            return self.Counted(time.monotonic(), {})

    def on_volumes_counted(self, message: Counted) -> None:
        """Show what passed since the last look."""
        before, old = self._before
        self._before = (message.at, message.found)
        seconds = message.at - before
        for item in self.table.in_view:
            now, then = message.found.get(self.key(item)), old.get(self.key(item))
            if now is None or then is None or seconds <= 0:
                item.read = item.written = None
                continue
            # A counter that went back is of a guest that was started anew.
            item.read = max(0, now[0] - then[0]) / seconds
            item.written = max(0, now[1] - then[1]) / seconds
        self.table.tick()

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("volume edit", {"id": self.key(self.item)})

    def attach(self) -> None:
        """Ask which instance gets it."""
        if self.item is None:
            return
        row = self.item.row
        if row.attached and not row.volume.multiattach:
            text = f"{self.title(self.item)} is attached to {_attached(self.item)}"
            self.desk.say(text, "warn")
            return
        self.desk.ask_form("volume attach", {"volume": self.key(self.item)})

    def extend(self) -> None:
        """Ask how large it is to be."""
        if self.item is not None:
            self.desk.ask_form("volume extend", {"volume": self.key(self.item)})

    def clone(self) -> None:
        """Ask what its clone is to be."""
        if self.item is not None:
            self.desk.ask_form("volume", {"source": f"source:{self.key(self.item)}"})

    def revert(self) -> None:
        """Go back to the newest snapshot, after a look at the plan."""
        item = self.item
        if item is None:
            return
        if not item.row.snapshots:
            self.desk.say(f"{self.title(item)} has no snapshot", "warn")
            return
        id_ = self.key(item)
        self.desk.perform(
            f"Revert {self.title(item)} to its newest snapshot",
            lambda c: c.volumes.revert(c.snapshots.list(volume=id_)[-1].snapshot.id),
            dangerous=True,
        )

    def show_tree(self) -> None:
        """What was kept of which volume."""
        from console.screens.kept import KeptTree

        self.desk.drill(KeptTree())

    def snapshots(self) -> None:
        """The snapshots."""
        self.desk.drill(panels.make("snapshots"))

    def backups(self) -> None:
        """The backups."""
        self.desk.drill(panels.make("backups"))

    def groups(self) -> None:
        """The groups of volumes."""
        self.desk.drill(panels.make("volume-groups"))

    def transfers(self) -> None:
        """What is offered to other projects."""
        self.desk.drill(panels.make("transfers"))

    def pools(self) -> None:
        """Where volumes lie."""
        self.desk.drill(panels.make("pools"))

    def move(self) -> None:
        """Ask where those selected are to lie, or of which type they are to be."""
        self.ask_about("volume move")

    def into_group(self) -> None:
        """Ask which group those selected get into."""
        self.ask_about("volume into group")

    def offer(self) -> None:
        """Ask how it is offered to another project."""
        item = self.item
        if item is None:
            return
        if item.group:
            text = f"{self.title(item)} is in group {item.group}; take it out first"
            self.desk.say(text, "warn")
        elif item.row.status != "available":
            self.desk.say(f"{self.title(item)} is {item.row.status}, not available", "warn")
        else:
            self.desk.ask_form("transfer", {"volume": self.key(item)})

    def detach(self) -> None:
        """Take it from the instance that has it; of several, ask which."""
        item = self.item
        if item is None:
            return
        if not item.row.attached:
            self.desk.say(f"{self.title(item)} is not attached", "warn")
            return
        id_ = self.key(item)
        if len(item.row.attached) > 1:
            self.desk.ask_form("volume detach", {"volume": id_})
            return
        (name, _), guest = item.row.attached[0], item.row.guests[0]
        self.desk.perform(
            f"Detach {self.title(item)} from {name}",
            lambda c: c.volumes.detach(id_, guest),
            dangerous=True,
        )
