"""The subnets of one network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.network import Subnet


def _pools(row: Subnet) -> str:
    return ", ".join(f"{pool['start']}-{pool['end']}" for pool in row.allocation_pools)


class Subnets(TablePanel):
    """Ranges of addresses, with their gateway and what DHCP tells."""

    slug = "subnets"
    heading = "Subnets"
    kinds = ("subnet",)
    noun = "subnet"
    columns = (
        Column("cidr", "RANGE", lambda r: r.cidr, 18, 42, "R"),
        Column("name", "NAME", lambda r: r.name, 14, 36, "N"),
        Column("gateway", "GATEWAY", lambda r: r.gateway_ip or "none", 15, 40, "W"),
        Column("dhcp", "DHCP", lambda r: "yes" if r.enable_dhcp else "no", 4, 4),
        Column("dns", "NAME SERVERS", lambda r: ", ".join(r.dns_nameservers), 12, 40),
        Column("pools", "POOL", _pools, 16, 60),
        Column("age", "AGE", lambda r: words.age(r.created_at), 4, 5, "A",
               order=lambda r: -r.created_at, right=True),
    )  # fmt: skip

    def __init__(self, network_id: str, name: str) -> None:
        super().__init__()
        self._network = network_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The network's name."""
        return f"{self._called} › subnets"

    def title(self, item: Subnet) -> str:
        """Its range, which people know it by."""
        return item.cidr

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The network's subnets."""
        return cloud.networks.subnets(network=self._network, all_projects=everyone)

    def create(self) -> None:
        """Ask for a new subnet of this network."""
        self.desk.ask_form("subnet", {"network": self._network})

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("subnet edit", {"id": self.item.id})
