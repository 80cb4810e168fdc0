"""Instances: what should be, and what is."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.message import Message

from backends.errors import MachineFailed, QuarterdeckError
from console.beside import beside, post
from console.screens.reshaping import Reshaping
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column
from console.widgets.sparkline import sparkline

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.drivers.libvirt.facts import DomainStats, Reason, State
    from backends.inspect.instance_row import InstanceRow

    States = Mapping[str, tuple[State, Reason]]

# Seconds between looks at the CPU and memory of the rows in view: there is no event for these.
_RATES = 2.0
# How many of them are drawn.
_LOADS = 8


@dataclass(slots=True)
class Item:
    """A row, with the names of what it names by id. `known`: libvirt has told its state."""

    row: InstanceRow
    image: str
    project: str
    known: bool = True
    busy: bool = False
    cpu: float | None = None
    memory: int | None = None
    loads: tuple[float, ...] = ()


def status_text(item: Item) -> str:
    """What is; where it differs also what should be, after `→` while an operation is at work."""
    if not item.known:
        return "…"
    row = item.row
    if row.differs and not row.absent:
        return f"{row.status}{'→' if item.busy else '≠'}{row.power.value}"
    return row.status


def status_tone(item: Item) -> str:
    """Green runs, red differs."""
    if not item.known:
        return "dim"
    if item.row.differs:
        return "warn" if item.busy or item.row.status in ("BUILD", "DELETING") else "bad"
    return {"ACTIVE": "good", "SHUTOFF": "dim"}.get(item.row.status, "warn")


def _with_state(item: Item, states: States, known: bool) -> Item:
    """The row with its state. One that is not among states that are old is not known."""
    state, reason = states.get(item.row.id, (None, None))
    row = item.row._replace(state=state, reason=reason)
    return Item(row, item.image, item.project, known or state is not None)


def _cpu(item: Item) -> str:
    return "" if item.cpu is None else f"{item.cpu:.0f}%"


def _load(item: Item) -> str:
    most = max(100.0, *item.loads) if item.loads else 0.0
    return sparkline(item.loads, _LOADS, most) if item.loads else ""


def _memory(item: Item) -> str:
    return "" if item.memory is None else words.size(item.memory).replace(" ", "")


def _addresses(item: Item) -> str:
    first, *more = item.row.addresses or ("",)
    return f"{first} +{len(more)}" if more else first


class Instances(Reshaping, TablePanel):
    """All instances of the project, or of the cloud."""

    slug = "instances"
    heading = "Instances"
    kinds = ("instance",)
    noun = "instance"
    topics = frozenset({"records", "domains"})
    columns = (
        Column("name", "NAME", lambda i: i.row.name, 13, 40, "N"),
        Column("status", "STATUS", status_text, 15, 19, "S", status_tone),
        Column("address", "ADDRESS", _addresses, 14, 40, "I"),
        Column("image", "IMAGE", lambda i: i.image, 7, 24, "M"),
        Column("flavor", "FLAVOR", lambda i: i.row.flavor, 7, 16, "F"),
        Column("cpu", "CPU", _cpu, 4, 6, "C", order=lambda i: i.cpu or 0.0, right=True),
        Column("memory", "MEM", _memory, 6, 8, "R", order=lambda i: i.memory or 0, right=True),
        Column(
            "age",
            "AGE",
            lambda i: words.age(i.row.created_at),
            4,
            5,
            "A",
            order=lambda i: -i.row.created_at,
            right=True,
        ),
        Column("load", "LOAD", _load, _LOADS, right=True),
        Column("project", "PROJECT", lambda i: i.project, 10, 20, "P"),
        Column("host", "HOST", lambda i: i.row.host, 10, 20, "H"),
    )

    class Rates(Message):
        """Counters of the rows in view, read at a time (monotonic, seconds)."""

        def __init__(self, at: float, stats: dict[str, DomainStats]) -> None:
            super().__init__()
            self.at = at
            self.stats = stats

    class Recorded(Message):
        """Rows whose states libvirt has yet to tell."""

        def __init__(self, items: Sequence[Item]) -> None:
            super().__init__()
            self.items = items

    def __init__(self) -> None:
        super().__init__()
        self._states: States | None = None
        self._counted: dict[str, tuple[float, int]] = {}
        self._asking = False

    def on_mount(self) -> None:
        """Rates are polled, for what is seen only."""
        self.set_interval(_RATES, self._ask_rates)

    def key(self, item: Item) -> str:
        """The instance's id."""
        return item.row.id

    def title(self, item: Item) -> str:
        """The instance's name."""
        return item.row.name

    def load(self, cloud: Cloud) -> Any:
        """Rows; with libvirt away the records and the states that were seen last."""
        items = self._recorded(cloud)
        if self._states is None:
            # The first rows need not wait for a libvirtd that is busy.
            post(self, self.Recorded(items))
        try:
            states = cloud.machine.libvirt.states()
        except MachineFailed as error:
            return [_with_state(item, self._states or {}, False) for item in items], error
        self._states = states
        return [_with_state(item, states, True) for item in items], None

    def _recorded(self, cloud: Cloud) -> list[Item]:
        everyone = self.desk.everyone
        rows = cloud.instances.recorded(all_projects=everyone)
        images = {image.id: image.name for image in cloud.images.list(all_projects=everyone)}
        projects = {project.id: project.name for project in cloud.identity.projects()}
        return [
            Item(row, images.get(row.image_id or "", ""), projects.get(row.project_id, ""), False)
            for row in rows
        ]

    def on_instances_recorded(self, message: Recorded) -> None:
        """Show what is known so far."""
        message.stop()
        super().show(message.items)

    def show(self, found: Any) -> None:
        """Show the rows; keep what is known of their rates."""
        items, self.error = found
        rates = {item.row.id: item for item in self.table.items if item.cpu is not None}
        for item in items:
            before = rates.get(item.row.id)
            if before is not None and item.row.status == "ACTIVE":
                item.cpu, item.memory, item.loads = before.cpu, before.memory, before.loads
            item.busy = item.row.id in self.desk.busy
        super().show(items)
        if self.error is not None:
            self.desk.tell(self.error)
        self._ask_rates()

    def second(self) -> None:
        """Ages move on, and what is at work on a row shows."""
        busy = self.desk.busy
        for item in self.table.in_view:
            item.busy = item.row.id in busy
        super().second()

    @property
    def lateness(self) -> str:
        """Records are fresh while states are old."""
        text = super().lateness
        return f"states {text}" if text else ""

    def on_panel_loaded(self, message: TablePanel.Loaded) -> None:
        """A look at the records alone makes no state fresh."""
        before = self.fresh_at
        super().on_panel_loaded(message)
        if self.error is not None:
            self.fresh_at = before

    def open(self, item: Item) -> None:
        """Enter goes into the guest's console where it runs, else it describes."""
        self.describe()

    def enter_console(self) -> None:
        """The guest's serial line as a terminal."""
        item, cloud = self.item, self.desk.cloud
        if item is None or cloud is None:
            return
        from console.screens.guest_console import GuestConsole

        self.app.push_screen(GuestConsole(cloud, item.row.id, item.row.name))

    def log_view(self) -> None:
        """What the guest wrote to its serial line."""
        from console.screens.describe import Log

        if self.item is not None:
            self.desk.drill(Log("instance", self.item.row.id, self.item.row.name))

    def rename(self) -> None:
        """Ask for another name."""
        item = self.item
        if item is None:
            return

        def done(name: str) -> None:
            self.desk.perform(
                f"Rename {item.row.name}", lambda c: c.instances.set(item.row.id, name=name)
            )

        self.desk.ask(f"name of {item.row.name}", item.row.name, done)

    def _ask_rates(self) -> None:
        cloud = self.desk.cloud
        if cloud is None or not self.display or self._asking or self.error is not None:
            return
        ids = [item.row.id for item in self.table.in_view if item.row.status == "ACTIVE"]
        if ids:
            self._asking = True
            beside(self, partial(self._rates_beside, cloud, ids))

    def _rates_beside(self, cloud: Cloud, ids: list[str]) -> Message:
        try:
            return self.Rates(time.monotonic(), dict(cloud.machine.libvirt.stats(ids)))
        except QuarterdeckError:
            # The states' own load tells that libvirt is away.
            return self.Rates(time.monotonic(), {})

    def on_instances_rates(self, message: Rates) -> None:
        """Shares of one host CPU since the last look."""
        message.stop()
        self._asking = False
        for item in self.table.in_view:
            stats = message.stats.get(item.row.id)
            if stats is None:
                item.cpu, item.memory, item.loads = None, None, ()
                continue
            before = self._counted.get(item.row.id)
            self._counted[item.row.id] = (message.at, stats.cpu_ns)
            item.memory = stats.memory
            if before is not None and message.at > before[0] and stats.cpu_ns >= before[1]:
                item.cpu = (stats.cpu_ns - before[1]) / 1e7 / (message.at - before[0])
                item.loads = (*item.loads, item.cpu)[-_LOADS:]
        self.table.tick()
