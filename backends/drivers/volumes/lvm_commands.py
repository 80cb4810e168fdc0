"""What LVM's commands say of one volume group (lvs(8), vgs(8))."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.drivers.volumes import tags
from backends.drivers.volumes.facts import PoolFact
from backends.errors import MachineFailed
from backends.hosts import Host

_UNITS = ("--reportformat", "json", "--units", "b", "--nosuffix")


@dataclass(frozen=True, slots=True)
class Row:
    """A logical volume with a label of ours; `thin_pool` is empty for a thick one."""

    name: str
    size: int
    owner: tags.Owner
    tags: tuple[str, ...]
    thin_pool: str = ""

    @property
    def is_partial(self) -> bool:
        """Whether it is not filled yet."""
        return tags.PARTIAL in self.tags


class Lvm:
    """Runs LVM's commands on a host. `arguments` go to every one of them."""

    def __init__(self, host: Host, group: str, arguments: Sequence[str] = ()) -> None:
        self._host = host
        self._group = group
        self._arguments = tuple(arguments)

    def run(self, command: str, *arguments: str, reads: bool = False) -> str:
        """What the command prints."""
        argv = [command, *self._arguments, *arguments]
        return self._host.run(argv, reads=reads, timeout=60.0).stdout

    def find(self, name: str) -> tuple[bool, Row | None]:
        """Whether there is a logical volume of this name, and it, where it has a label of ours."""
        listed = self._list(f'vg_name="{self._group}" && lv_name="{name}"')
        rows = [row for row in map(_row, listed) if row is not None]
        return bool(listed), rows[0] if rows else None

    def rows(self) -> list[Row]:
        """The group's logical volumes with a label of ours."""
        listed = self._list(f'vg_name="{self._group}" && tags={tags.OWN}')
        return [row for row in map(_row, listed) if row is not None]

    def capacity(self, pool: str) -> PoolFact:
        """Of the group. Raises MachineFailed `pool.missing`."""
        wanted = ("--options", "vg_size,vg_free", "--select", f'vg_name="{self._group}"')
        rows = json.loads(self.run("vgs", *_UNITS, *wanted, reads=True))["report"][0]["vg"]
        if not rows:
            raise MachineFailed("pool.missing", f"there is no volume group {self._group}")
        return PoolFact(pool, int(rows[0]["vg_size"]), int(rows[0]["vg_free"]))

    def thin_capacity(self, pool: str, thin_pool: str) -> PoolFact:
        """Of a thin pool: what is written takes space, whatever was promised."""
        wanted = (
            *("--options", "lv_size,data_percent,metadata_percent"),
            *("--select", f'vg_name="{self._group}" && lv_name="{thin_pool}"'),
        )
        rows = json.loads(self.run("lvs", *_UNITS, *wanted, reads=True))["report"][0]["lv"]
        if not rows:
            raise MachineFailed("pool.missing", f"there is no thin pool {self._group}/{thin_pool}")
        size = int(rows[0]["lv_size"])
        used = float(rows[0]["data_percent"] or 0) / 100
        metadata = float(rows[0]["metadata_percent"] or 0) / 100
        return PoolFact(pool, size, int(size * (1 - used)), metadata)

    def _list(self, selection: str) -> list[dict[str, str]]:
        done = self.run(
            "lvs",
            *_UNITS,
            *("--options", "lv_name,lv_size,lv_tags,pool_lv", "--select", selection),
            reads=True,
        )
        rows: list[dict[str, str]] = json.loads(done)["report"][0]["lv"]
        return rows


def _row(values: Mapping[str, str]) -> Row | None:
    own_tags = tuple(values["lv_tags"].split(","))
    owner = tags.read(own_tags)
    if owner is None:
        return None
    size, thin_pool = int(values["lv_size"]), values.get("pool_lv", "")
    return Row(values["lv_name"], size, owner, own_tags, thin_pool)
