"""Floating IPs and whom they are lent to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.router import FloatingIp


class Item(NamedTuple):
    """A floating IP and the names of what it hangs on."""

    row: FloatingIp
    lent_to: str
    router: str
    network: str
    project: str


class FloatingIps(TablePanel):
    """The floating IPs of the project, or of the cloud."""

    slug = "floating-ips"
    heading = "Floating IPs"
    kinds = ("floating_ip",)
    noun = "floating_ip"
    columns = (
        Column("address", "ADDRESS", lambda i: i.row.address, 15, 20, "N"),
        Column("lent", "LENT TO", lambda i: i.lent_to or "(free)", 14, 40, "L",
               lambda i: "good" if i.lent_to else "dim"),
        Column("fixed", "FIXED", lambda i: i.row.fixed_address or "", 15, 20, "I"),
        Column("router", "ROUTER", lambda i: i.router, 12, 30, "R"),
        Column("network", "NETWORK", lambda i: i.network, 8, 24, "W"),
        Column("age", "AGE", lambda i: words.age(i.row.created_at), 4, 5, "A",
               order=lambda i: -i.row.created_at, right=True),
        Column("project", "PROJECT", lambda i: i.project, 10, 24, "P"),
        Column("description", "DESCRIPTION", lambda i: i.row.description, 10, 50, "D"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The floating IP's id."""
        return item.row.id

    def title(self, item: Item) -> str:
        """Its address."""
        return item.row.address

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The floating IPs, by address."""
        guests = {row.id: row.name for row in cloud.instances.recorded(all_projects=everyone)}
        ports = {
            view.port.id: guests.get(view.port.device_id) or view.port.name or view.port.id
            for view in cloud.ports.list(all_projects=everyone)
        }
        routers = {each.id: each.name for each in cloud.routers.list(all_projects=everyone)}
        networks = {each.id: each.name for each in cloud.networks.list(all_projects=everyone)}
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(row, ports.get(row.port_id, row.port_id) if row.port_id else "",
                 routers.get(row.router_id or "", ""), networks.get(row.network_id, ""),
                 projects.get(row.project_id, ""))
            for row in cloud.floating_ips.list(all_projects=everyone)
        ]  # fmt: skip

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("floating_ip edit", {"id": self.key(self.item)})

    def lend(self) -> None:
        """Ask whom it is to be lent to; who had it before loses it."""
        if self.item is not None:
            self.desk.ask_form("floating_ip lend", {"floating_ip": self.key(self.item)})

    def take_back(self) -> None:
        """Take it from who has it, after the plan was seen."""
        item = self.item
        if item is None:
            return
        if not item.lent_to:
            self.desk.say(f"{item.row.address} is lent to nobody", "warn")
            return
        id_ = item.row.id
        self.desk.perform(
            f"Take {item.row.address} back from {item.lent_to}",
            lambda cloud: cloud.floating_ips.unset(id_),
            dangerous=True,
        )
