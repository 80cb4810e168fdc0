"""Trunks, and inside each its subports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.network import Port
    from backends.records.trunk import Subport
    from backends.services.trunk import TrunkView


class Item(NamedTuple):
    """A trunk, and the names of what it hangs on."""

    view: TrunkView
    device: str
    network: str
    project: str


class SubportItem(NamedTuple):
    """A subport with its network's name."""

    subport: Subport
    port: Port
    addresses: str
    network: str


def _state(item: Item) -> str:
    if not item.view.trunk.admin_state_up:
        return "off"
    return "carrying" if item.view.parent.device_id else "unplugged"


class Trunks(TablePanel):
    """The trunks of the project, or of the cloud."""

    slug = "trunks"
    heading = "Trunks"
    kinds = ("trunk",)
    noun = "trunk"
    columns = (
        Column("name", "NAME", lambda i: i.view.trunk.name, 12, 36, "N"),
        Column("state", "STATE", _state, 9, 9, "S",
               lambda i: "good" if _state(i) == "carrying" else "dim"),
        Column("device", "PLUGGED INTO", lambda i: i.device or "(free)", 12, 36, "D"),
        Column("parent", "PARENT", lambda i: i.view.parent.name or i.view.parent.interface, 14, 30),
        Column("network", "NETWORK", lambda i: i.network, 10, 24, "W"),
        Column("subports", "SUBPORTS",
               lambda i: ", ".join(f"{each.segmentation_id} {port.name or port.mac}"
                                   for each, port in i.view.subports), 16, 60),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("age", "AGE", lambda i: words.age(i.view.trunk.created_at), 4, 5, "A",
               order=lambda i: -i.view.trunk.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The trunk's id."""
        return item.view.trunk.id

    def title(self, item: Item) -> str:
        """The trunk's name."""
        return item.view.trunk.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The trunks, by name."""
        guests = {row.id: row.name for row in cloud.instances.recorded(all_projects=True)}
        networks = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(view, guests.get(view.parent.device_id, ""),
                 networks.get(view.parent.network_id, ""),
                 projects.get(view.trunk.project_id, ""))
            for view in cloud.trunks.list(all_projects=everyone)
        ]  # fmt: skip

    def open(self, item: Item) -> None:
        """Its subports."""
        self.desk.drill(Subports(item.view.trunk.id, item.view.trunk.name))

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("trunk edit", {"id": self.key(self.item)})

    def add_subport(self) -> None:
        """Ask for one more subport of it."""
        if self.item is not None:
            self.desk.ask_form("subport", {"trunk": self.key(self.item)})


class Subports(TablePanel):
    """The subports of one trunk."""

    slug = "subports"
    heading = "Subports"
    kinds = ("subport",)
    noun = "port"
    columns = (
        Column("vlan", "VLAN", lambda i: str(i.subport.segmentation_id), 4, 5, "V",
               order=lambda i: i.subport.segmentation_id, right=True),
        Column("name", "NAME", lambda i: i.port.name, 12, 30, "N"),
        Column("address", "ADDRESS", lambda i: i.addresses, 15, 42, "I"),
        Column("network", "NETWORK", lambda i: i.network, 12, 24, "W"),
        Column("mac", "MAC", lambda i: i.port.mac, 17, 17, "M"),
    )  # fmt: skip

    def __init__(self, trunk_id: str, name: str) -> None:
        super().__init__()
        self._trunk = trunk_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The trunk's name."""
        return self._called

    def key(self, item: SubportItem) -> str:
        """The port's id."""
        return item.port.id

    def title(self, item: SubportItem) -> str:
        """The port's name, or its MAC."""
        return item.port.name or item.port.mac

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The trunk's subports, by VLAN."""
        networks = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
        return [
            SubportItem(
                each, port,
                ", ".join(address for _, address in cloud.ports.show(port.id).addresses),
                networks.get(port.network_id, ""),
            )
            for each, port in cloud.trunks.show(self._trunk).subports
        ]  # fmt: skip

    def add(self) -> None:
        """Ask for one more."""
        self.desk.ask_form("subport", {"trunk": self._trunk})

    def remove_selected(self) -> None:
        """Free it, after the plan was seen."""
        if self.item is not None:
            trunk, port = self._trunk, self.key(self.item)
            self.desk.perform(
                f"Take {self.title(self.item)} from the trunk",
                lambda cloud: cloud.trunks.remove_subports(trunk, [port]),
                dangerous=True,
            )
