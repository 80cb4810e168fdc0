"""Groups of volumes, the volumes in each, and the snapshots of all of a group at one moment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console import panels
from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.volume import VolumeRow
    from backends.services.volume_group import GroupRow, GroupSnapshotRow


class Item(NamedTuple):
    """A group, how many snapshots it has, and whose it is."""

    row: GroupRow
    snapshots: int
    project: str


class SnapshotItem(NamedTuple):
    """A snapshot of a group, and the names of what it is of."""

    row: GroupSnapshotRow
    group: str
    volumes: str


class VolumeGroups(TablePanel):
    """The groups of the project, or of the cloud."""

    slug = "volume-groups"
    heading = "Volume groups"
    kinds = ("volume_group",)
    noun = "volume_group"
    columns = (
        Column("name", "NAME", lambda i: i.row.group.name or i.row.group.id, 14, 36, "N"),
        Column("volumes", "VOLUMES",
               lambda i: ", ".join(each.name or each.id for each in i.row.volumes), 24, 60, "V"),
        Column("size", "SIZE", lambda i: f"{sum(each.size for each in i.row.volumes)} GiB", 8, 9,
               "Z", order=lambda i: sum(each.size for each in i.row.volumes), right=True),
        Column("snapshots", "SNAP", lambda i: str(i.snapshots or ""), 4, 4, "S",
               order=lambda i: i.snapshots, right=True),
        Column("pool", "POOL", lambda i: i.row.volumes[0].pool if i.row.volumes else "", 8, 20,
               "O"),
        Column("age", "AGE", lambda i: words.age(i.row.group.created_at), 4, 5, "A",
               order=lambda i: -i.row.group.created_at, right=True),
        Column("project", "PROJECT", lambda i: i.project, 8, 24, "P"),
        Column("description", "DESCRIPTION", lambda i: i.row.group.description, 11, 60, "D"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """The group's id."""
        return item.row.group.id

    def title(self, item: Item) -> str:
        """The group's name."""
        return item.row.group.name or item.row.group.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The groups, by name."""
        found = cloud.volume_groups.snapshots(all_projects=everyone)
        kept = Counter(each.snapshot.group_id for each in found)
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return [
            Item(row, kept[row.group.id], projects.get(row.group.project_id, ""))
            for row in cloud.volume_groups.list(all_projects=everyone)
        ]

    def open(self, item: Item) -> None:
        """Its volumes."""
        self.desk.drill(GroupVolumes(self.key(item), self.title(item)))

    def edit(self) -> None:
        """Ask what is to be changed of it."""
        if self.item is not None:
            self.desk.ask_form("volume_group edit", {"id": self.key(self.item)})

    def add_volume(self) -> None:
        """Ask for one more volume of it."""
        if self.item is not None:
            self.desk.ask_form("volume_group volume", {"group": self.key(self.item)})

    def snapshot(self) -> None:
        """Ask what the snapshot of all of it is called."""
        if self.item is not None:
            self.desk.ask_form("group_snapshot", {"group": self.key(self.item)})

    def snapshots(self) -> None:
        """What was kept of groups."""
        self.desk.drill(panels.make("group-snapshots"))


class GroupVolumes(TablePanel):
    """The volumes of one group."""

    slug = "group-volumes"
    heading = "Volumes of a group"
    kinds = ("group_volume",)
    noun = "volume"
    columns = (
        Column("name", "NAME", lambda r: r.volume.name or r.volume.id, 16, 40, "N"),
        Column("status", "STATUS", lambda r: r.status, 10, 17, "S"),
        Column("size", "SIZE", lambda r: f"{r.volume.size} GiB", 8, 9, "Z",
               order=lambda r: r.volume.size, right=True),
        Column("attached", "ATTACHED TO",
               lambda r: ", ".join(f"{name} {device}" for name, device in r.attached), 14, 50, "T"),
        Column("pool", "POOL", lambda r: r.volume.pool, 8, 20, "O"),
    )  # fmt: skip

    def __init__(self, group_id: str, name: str) -> None:
        super().__init__()
        self._group = group_id
        self._called = name

    @property
    def crumb(self) -> str:
        """The group's name."""
        return self._called

    @property
    def nothing(self) -> str:
        """What puts one in."""
        more = "; c adds one" if self.desk.writes else ""
        return super().nothing if self.filtered else f"no volume in this group{more}"

    def key(self, item: VolumeRow) -> str:
        """The volume's id."""
        return item.volume.id

    def title(self, item: VolumeRow) -> str:
        """The volume's name."""
        return item.volume.name or item.volume.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The group's volumes, by name."""
        rows = cloud.volumes.list(all_projects=True)
        return [row for row in rows if row.volume.group_id == self._group]

    def add(self) -> None:
        """Ask for one more."""
        self.desk.ask_form("volume_group volume", {"group": self._group})

    def remove_selected(self) -> None:
        """Take those selected out; they stay what they are."""
        if ids := self.ids():
            group, names = self._group, self.names()
            self.desk.perform(
                f"Take {names} from {self._called}",
                lambda cloud: cloud.volume_groups.remove(group, ids),
            )
            self.unmark()


class GroupSnapshots(TablePanel):
    """The snapshots of groups."""

    slug = "group-snapshots"
    heading = "Group snapshots"
    kinds = ("group_snapshot",)
    noun = "group_snapshot"
    columns = (
        Column("name", "NAME", lambda i: i.row.snapshot.name or i.row.snapshot.id, 20, 40, "N"),
        Column("group", "GROUP", lambda i: i.group, 12, 36, "G"),
        Column("status", "STATUS", lambda i: i.row.status, 9, 10, "S",
               lambda i: "" if i.row.status == "available" else "warn"),
        Column("volumes", "VOLUMES", lambda i: i.volumes, 20, 60, "V"),
        Column("age", "AGE", lambda i: words.age(i.row.snapshot.created_at), 4, 5, "A",
               order=lambda i: -i.row.snapshot.created_at, right=True),
        Column("description", "DESCRIPTION", lambda i: i.row.snapshot.description, 11, 60, "D"),
    )  # fmt: skip

    def key(self, item: SnapshotItem) -> str:
        """The snapshot's id."""
        return item.row.snapshot.id

    def title(self, item: SnapshotItem) -> str:
        """The snapshot's name."""
        return item.row.snapshot.name or item.row.snapshot.id

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """The snapshots, by name."""
        groups = {
            each.group.id: each.group.name or each.group.id
            for each in cloud.volume_groups.list(all_projects=everyone)
        }
        volumes = {
            row.volume.id: row.volume.name or row.volume.id
            for row in cloud.volumes.list(all_projects=everyone)
        }
        return [
            SnapshotItem(
                row, groups.get(row.snapshot.group_id, ""),
                ", ".join(volumes.get(part.volume_id, part.volume_id) for part in row.parts),
            )
            for row in cloud.volume_groups.snapshots(all_projects=everyone)
        ]  # fmt: skip
