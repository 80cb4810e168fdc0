"""Volumes as logical volumes, labelled by their tags."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from backends.drivers.labels.names import check_id
from backends.drivers.step import Progress
from backends.drivers.volumes import tags
from backends.drivers.volumes.facts import VolumeFact
from backends.errors import MachineFailed, Refused
from backends.hosts import Host
from backends.settings import Settings

DRIVER = "lvm"
_PREFIX = "volume-"
_WIPE_CHUNK = 1 << 30
_WIPE_DEADLINE = 600.0


@dataclass(frozen=True, slots=True)
class _Row:
    """A logical volume with a label of ours."""

    name: str
    size: int
    owner: tags.Owner
    tags: tuple[str, ...]


class LogicalVolumes:
    """The logical volumes of one cloud in `settings.volume_group`.

    `arguments` go to every LVM command that knows them (such as `--config`), `creation` to
    lvcreate alone: how a machine's LVM is set apart is its operator's to say.
    """

    def __init__(
        self,
        settings: Settings,
        host: Host,
        arguments: Sequence[str] = (),
        creation: Sequence[str] = (),
    ) -> None:
        self._cloud = settings.cloud
        self._group = settings.volume_group
        self._host = host
        self._arguments = tuple(arguments)
        self._creation = tuple(creation)

    def create(self, volume_id: str, size: int, label: str) -> None:
        """Make it with its tags, in one command; LVM rounds the size up to whole extents."""
        if self._own(volume_id) is not None:
            return
        owner = tags.Owner(self._cloud, check_id(volume_id), label)
        self._lvm(
            "lvcreate",
            *("--yes", "--name", _PREFIX + volume_id, "--size", f"{size}b"),
            *_each("--addtag", tags.write(owner)),
            *self._creation,
            self._require_group(),
        )

    def label(self, volume_id: str, label: str) -> None:
        """Replace its label's tags, in one command."""
        row = self._own(volume_id)
        if row is None:
            raise MachineFailed("volume.missing", f"there is no logical volume {volume_id}")
        wanted = tags.write(tags.Owner(self._cloud, volume_id, label))
        stale = [tag for tag in row.tags if tag not in wanted and tag.startswith("qd.")]
        fresh = [tag for tag in wanted if tag not in row.tags]
        if stale or fresh:
            self._lvm(
                "lvchange",
                *_each("--deltag", stale),
                *_each("--addtag", fresh),
                f"{self._group}/{row.name}",
            )

    def remove(self, volume_id: str, progress: Progress) -> None:
        """Write zeros over it, as the next owner of its extents must not read it, and remove it."""
        row = self._own(volume_id)
        if row is None:
            return
        device = self.path(volume_id)
        if self._host.exists(device):
            self._wipe(device, row.size, progress)
        self._lvm("lvremove", "--yes", f"{self._group}/{row.name}")

    def path(self, volume_id: str) -> Path:
        """Its block device, while it is active."""
        return Path("/dev") / self._require_group() / (_PREFIX + check_id(volume_id))

    def facts(self, ids: Collection[str] | None) -> Mapping[str, VolumeFact]:
        """The volumes by id: all, or those of `ids` that are there."""
        return {
            row.owner.volume: VolumeFact(row.owner.volume, DRIVER, row.size, row.owner.label)
            for row in self._rows()
            if row.owner.cloud == self._cloud and (ids is None or row.owner.volume in ids)
        }

    def _own(self, volume_id: str) -> _Row | None:
        """The volume, or None. Raises Refused `volume.foreign` where its name is another's."""
        name = _PREFIX + check_id(volume_id)
        listed = self._list(f'vg_name="{self._require_group()}" && lv_name="{name}"')
        if not listed:
            return None
        rows = [row for row in map(_row, listed) if row is not None]
        for row in rows:
            if (row.owner.cloud, row.owner.volume) == (self._cloud, volume_id):
                return row
        raise Refused(
            "volume.foreign",
            f"{self._group}/{name} does not carry the label of cloud {self._cloud}; "
            "it is left alone",
        )

    def _rows(self) -> list[_Row]:
        if not self._group:
            return []
        listed = self._list(f'vg_name="{self._group}" && tags={tags.OWN}')
        return [row for row in map(_row, listed) if row is not None]

    def _list(self, selection: str) -> list[dict[str, str]]:
        done = self._lvm(
            "lvs",
            *("--reportformat", "json", "--units", "b", "--nosuffix"),
            *("--options", "lv_name,lv_size,lv_tags", "--select", selection),
            reads=True,
        )
        rows: list[dict[str, str]] = json.loads(done)["report"][0]["lv"]
        return rows

    def _wipe(self, device: Path, size: int, progress: Progress) -> None:
        for start in range(0, size, _WIPE_CHUNK):
            progress(start / size)
            self._host.run(
                [
                    *("blkdiscard", "--zeroout", "--offset", str(start)),
                    *("--length", str(min(_WIPE_CHUNK, size - start)), str(device)),
                ],
                timeout=_WIPE_DEADLINE,
            )

    def _lvm(self, command: str, *arguments: str, reads: bool = False) -> str:
        argv = [command, *self._arguments, *arguments]
        return self._host.run(argv, reads=reads, timeout=60.0).stdout

    def _require_group(self) -> str:
        if not self._group:
            raise Refused(
                "volume.group.missing", "this cloud has no volume group; use volumes in files"
            )
        return self._group


def _row(values: Mapping[str, str]) -> _Row | None:
    own_tags = tuple(values["lv_tags"].split(","))
    owner = tags.read(own_tags)
    if owner is None:
        return None
    return _Row(values["lv_name"], int(values["lv_size"]), owner, own_tags)


def _each(option: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (option, value)]
