"""Routers with their gateways, and inside each its interfaces."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.router import Router
    from backends.services.router import Interface


class Item(NamedTuple):
    """A router, the name of its external network, its addresses, and how many floating IPs."""

    router: Router
    external: str
    gateway: tuple[str, ...]
    inside: tuple[str, ...]
    floating: int
    project: str


class InterfaceItem(NamedTuple):
    """An interface with its network's name and its subnets' ids and ranges."""

    interface: Interface
    network: str
    subnets: tuple[str, ...]
    ranges: tuple[str, ...]


class Routers(TablePanel):
    """The routers of the project, or of the cloud."""

    slug = "routers"
    heading = "Routers"
    kinds = ("router",)
    noun = "router"
    columns = (
        Column("name", "NAME", lambda i: i.router.name, 14, 36, "N"),
        Column("state", "STATE", lambda i: "UP" if i.router.admin_state_up else "DOWN", 5, 5, "S"),
        Column("external", "LEADS OUT BY", lambda i: i.external or "-", 12, 20, "X"),
        Column("gateway", "GATEWAY", lambda i: ", ".join(i.gateway), 15, 40, "W"),
        Column("snat", "SNAT", lambda i: "yes" if i.router.enable_snat else "no", 4, 4),
        Column("inside", "INTERFACES", lambda i: ", ".join(i.inside), 14, 50, "I"),
        Column("floating", "FLOAT", lambda i: str(i.floating or ""), 5, 5, "F",
               order=lambda i: i.floating, right=True),
        Column("age", "AGE", lambda i: words.age(i.router.created_at), 4, 5, "A",
               order=lambda i: -i.router.created_at, right=True),
        Column("project", "PROJECT", lambda i: i.project, 10, 24, "P"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The router's id."""
        return item.router.id

    def title(self, item: Item) -> str:
        """The router's name."""
        return item.router.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The routers, by name."""
        networks = {each.id: each.name for each in cloud.networks.list(all_projects=everyone)}
        projects = {each.id: each.name for each in cloud.identity.projects()}
        lent = Counter(row.router_id for row in cloud.floating_ips.list(all_projects=everyone))
        items = []
        for row in cloud.routers.list(all_projects=everyone):
            plugs = cloud.routers.show(row.id).interfaces
            inside = (a for each in plugs if not each.outside for _, a in each.addresses)
            outside = (a for each in plugs if each.outside for _, a in each.addresses)
            items.append(
                Item(row, networks.get(row.external_network_id or "", ""), tuple(outside),
                     tuple(inside), lent[row.id], projects.get(row.project_id, ""))
            )  # fmt: skip
        return items

    def open(self, item: Item) -> None:
        """Its interfaces."""
        self.desk.drill(Interfaces(item.router.id, item.router.name))

    def add_interface(self) -> None:
        """Ask which subnet it is to join."""
        if self.item is not None:
            self.desk.ask_form("router interface", {"router": self.key(self.item)})

    def gateway(self) -> None:
        """Ask how it leads out."""
        if self.item is not None:
            row = self.item.router
            chosen = {"router": row.id, "snat": "yes" if row.enable_snat else ""}
            if row.external_network_id:
                chosen["external"] = row.external_network_id
            self.desk.ask_form("router gateway", chosen)

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("router edit", {"id": self.key(self.item)})


class Interfaces(TablePanel):
    """The interfaces of one router."""

    slug = "interfaces"
    heading = "Interfaces"
    kinds = ("interface",)
    noun = "port"
    topics = frozenset({"records", "switch"})
    columns = (
        Column("address", "ADDRESS", lambda i: ", ".join(a for _, a in i.interface.addresses), 16,
               42, "I"),
        Column("network", "NETWORK", lambda i: i.network, 14, 36, "N"),
        Column("ranges", "SUBNET", lambda i: ", ".join(i.ranges), 18, 42, "S"),
        Column("side", "SIDE", lambda i: "gateway" if i.interface.outside else "inside", 7, 8),
        Column("mac", "MAC", lambda i: i.interface.port.mac, 17, 17, "M"),
        Column("device", "INTERFACE", lambda i: i.interface.port.interface, 14, 14, "T"),
    )  # fmt: skip

    def __init__(self, router_id: str, name: str) -> None:
        super().__init__()
        self._router = router_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The router's name."""
        return self._called

    def key(self, item: InterfaceItem) -> str:
        """The port's id."""
        return item.interface.port.id

    def title(self, item: InterfaceItem) -> str:
        """Its addresses."""
        return ", ".join(address for _, address in item.interface.addresses)

    @property
    def nothing(self) -> str:
        """What adds the first."""
        return "no interfaces here" + ("; c adds one" if self.desk.writes else "")

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The router's interfaces, the gateway among them."""
        names = {each.id: each.name for each in cloud.networks.list(all_projects=everyone)}
        items = []
        for each in cloud.routers.show(self._router).interfaces:
            subnets = tuple(id_ for id_, _ in each.addresses)
            known = {row.id: row.cidr for row in cloud.networks.subnets(
                network=each.port.network_id, all_projects=everyone)}  # fmt: skip
            ranges = tuple(known.get(id_, "") for id_ in subnets)
            items.append(InterfaceItem(each, names.get(each.port.network_id, ""), subnets, ranges))
        return items

    def add(self) -> None:
        """Ask which subnet the router is to join."""
        self.desk.ask_form("router interface", {"router": self._router})

    def remove_selected(self) -> None:
        """Take interfaces away, after the plan was seen."""
        inner = [each.interface for each in self.table.selection if not each.interface.outside]
        if not inner:
            self.desk.say("the gateway is set and taken off at the router itself: esc, then o",
                          "warn")  # fmt: skip
            return
        from console.screens.panel import OneByOne

        router = self._router
        verbs = [
            lambda cloud, id_=each.port.id: cloud.routers.remove_port(router, id_) for each in inner
        ]
        self.desk.perform(f"Remove interface {self.names()}", OneByOne(verbs), dangerous=True)
        self.unmark()
