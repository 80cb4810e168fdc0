"""What LVM's commands say of one volume group (lvs(8), vgs(8))."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from backends.drivers.volumes import tags
from backends.drivers.volumes.facts import PoolFact
from backends.errors import MachineFailed
from backends.hosts import Host
from backends.hosts.local import command_error

_UNITS = ("--reportformat", "json", "--units", "b", "--nosuffix")
_OWNER = "lv_name,lv_size,lv_tags,pool_lv"
# What LVM's commands say of a group and of a volume that is not there.
_ABSENT = ('Volume group "{0}" not found', 'Failed to find logical volume "{1}"')


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

    def run(self, command: str, *arguments: str) -> None:
        """Change something."""
        self._host.run([command, *self._arguments, *arguments], timeout=60.0)

    def find(self, name: str) -> tuple[bool, Row | None]:
        """Whether there is a logical volume of this name, and it, where it has a label of ours."""
        listed = self._report("lvs", _OWNER, f"{self._group}/{name}") or []
        rows = [row for row in map(_row, listed) if row is not None]
        return bool(listed), rows[0] if rows else None

    def all(self) -> tuple[frozenset[str], list[Row]]:
        """The names of the group's logical volumes, and those that have a label of ours.

        Raises MachineFailed `pool.missing`.
        """
        listed = self._report("lvs", _OWNER, self._group)
        if listed is None:
            raise self._missing()
        names = frozenset(each["lv_name"] for each in listed)
        return names, [row for row in map(_row, listed) if row is not None]

    def capacity(self, pool: str) -> PoolFact:
        """Of the group. Raises MachineFailed `pool.missing`."""
        rows = self._report("vgs", "vg_size,vg_free", self._group)
        if not rows:
            raise self._missing()
        return PoolFact(pool, int(rows[0]["vg_size"]), int(rows[0]["vg_free"]))

    def thin_capacity(self, pool: str, thin_pool: str) -> PoolFact:
        """Of a thin pool: what is written takes space, whatever was promised."""
        wanted = "lv_size,data_percent,metadata_percent"
        rows = self._report("lvs", wanted, f"{self._group}/{thin_pool}")
        if not rows:
            raise no_thin_pool(self._group, thin_pool)
        size = int(rows[0]["lv_size"])
        used = float(rows[0]["data_percent"] or 0) / 100
        metadata = float(rows[0]["metadata_percent"] or 0) / 100
        return PoolFact(pool, size, int(size * (1 - used)), metadata)

    def _report(self, command: str, options: str, where: str) -> list[dict[str, str]] | None:
        """What there is at a place alone, as to look at all of a host takes longer; None for no
        such place."""
        argv = [command, *self._arguments, *_UNITS, "--options", options, where]
        done = self._host.run(argv, reads=True, timeout=60.0, check=False)
        if done.status != 0:
            if any(words.format(self._group, where) in done.stderr for words in _ABSENT):
                return None
            raise command_error(command, done)
        (rows,) = json.loads(done.stdout)["report"][0].values()
        found: list[dict[str, str]] = rows
        return found

    def _missing(self) -> MachineFailed:
        return MachineFailed("pool.missing", f"there is no volume group {self._group}")


def no_thin_pool(group: str, thin_pool: str) -> MachineFailed:
    """The error for one that is not there."""
    return MachineFailed("pool.missing", f"there is no thin pool {group}/{thin_pool}")


def _row(values: Mapping[str, str]) -> Row | None:
    own_tags = tuple(values["lv_tags"].split(","))
    owner = tags.read(own_tags)
    if owner is None:
        return None
    size, thin_pool = int(values["lv_size"]), values.get("pool_lv", "")
    return Row(values["lv_name"], size, owner, own_tags, thin_pool)
