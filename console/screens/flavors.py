"""Flavors: the sizes an instance can have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from console.screens.table_panel import TablePanel
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud


class Flavors(TablePanel):
    """All flavors."""

    slug = "flavors"
    heading = "Flavors"
    kinds = ("flavor",)
    noun = "flavor"
    columns = (
        Column("name", "NAME", lambda f: f.name, 18, 40, "N"),
        Column("vcpus", "VCPU", lambda f: str(f.vcpus), 5, 6, "C", order=lambda f: f.vcpus,
               right=True),
        Column("ram", "RAM MiB", lambda f: f"{f.ram:,}", 9, 9, "R", order=lambda f: f.ram,
               right=True),
        Column("disk", "DISK GiB", lambda f: str(f.disk) if f.disk else "image", 8, 8, "D",
               order=lambda f: f.disk, right=True),
        Column("id", "ID", lambda f: f.id, 36, 36, "I"),
        Column("description", "DESCRIPTION", lambda f: f.description, 10, 60),
    )  # fmt: skip

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The flavors."""
        return cloud.flavors.list()
