"""Subnet pools, and how much of each is cut."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.subnet_pool import SubnetPool


class Item(NamedTuple):
    """A pool, the number of its subnets, and the share of its addresses that they have."""

    pool: SubnetPool
    subnets: int
    used: float
    project: str


def _kind(item: Item) -> str:
    said = ("default" if item.pool.is_default else "", "shared" if item.pool.shared else "")
    return " ".join(word for word in said if word)


def _lengths(item: Item) -> str:
    pool = item.pool
    return f"/{pool.default_prefixlen} (/{pool.min_prefixlen} to /{pool.max_prefixlen})"


class SubnetPools(TablePanel):
    """The pools the caller may use."""

    slug = "subnet-pools"
    heading = "Subnet pools"
    kinds = ("subnet_pool",)
    noun = "subnet_pool"
    columns = (
        Column("name", "NAME", lambda i: i.pool.name, 12, 36, "N"),
        Column("prefixes", "PREFIXES", lambda i: ", ".join(i.pool.prefixes), 20, 60, "R"),
        Column("lengths", "LENGTHS", _lengths, 16, 20),
        Column("subnets", "SUBNETS", lambda i: str(i.subnets or ""), 7, 7, "S",
               order=lambda i: i.subnets, right=True),
        Column("used", "USED", lambda i: f"{i.used:.0%}", 4, 5, "U", order=lambda i: i.used,
               right=True),
        Column("kind", "KIND", _kind, 7, 14, "K"),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("age", "AGE", lambda i: words.age(i.pool.created_at), 4, 5, "A",
               order=lambda i: -i.pool.created_at, right=True),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The pool's id."""
        return item.pool.id

    def title(self, item: Item) -> str:
        """The pool's name."""
        return item.pool.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The pools, by name."""
        cut: dict[str, list[str]] = defaultdict(list)
        for subnet in cloud.networks.subnets(all_projects=True):
            cut[subnet.subnetpool_id or ""].append(subnet.cidr)
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(each, len(cut[each.id]), _size(cut[each.id]) / _size(each.prefixes),
                 projects.get(each.project_id, ""))
            for each in cloud.subnet_pools.list(all_projects=everyone)
        ]  # fmt: skip

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("subnet_pool edit", {"id": self.key(self.item)})

    def subnet(self) -> None:
        """Ask for a new subnet of it."""
        if self.item is not None:
            self.desk.ask_form("subnet", {"pool": self.key(self.item)})


def _size(ranges: Sequence[str]) -> float:
    return float(sum(ipaddress.ip_network(each).num_addresses for each in ranges))
