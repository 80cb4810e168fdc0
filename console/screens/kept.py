"""What was kept of volumes: their snapshots and backups, as a tree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from console.screens.chains import ChainTree
from console.widgets import words
from console.widgets.lines import TextLine, plain_line

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.services.backup import BackupRow
    from backends.services.snapshot import SnapshotRow
    from backends.services.volume import VolumeRow


class KeptTree(ChainTree):
    """Volumes with their snapshots and backups; an incremental one below what it stands on."""

    slug = "kept"
    heading = "Snapshots"
    topics = frozenset({"records"})

    def load(self, cloud: Cloud) -> Any:
        """Volumes, snapshots and backups."""
        everyone = self.desk.everyone
        return (
            cloud.volumes.list(all_projects=everyone),
            cloud.snapshots.list(all_projects=everyone),
            cloud.backups.list(all_projects=everyone),
        )

    def show(self, found: Any) -> None:
        """Draw it."""
        self.text.update(list(drawn(*found)) or [plain_line(" no volumes here", "dim")])


def drawn(
    volumes: Sequence[VolumeRow], snapshots: Sequence[SnapshotRow], backups: Sequence[BackupRow]
) -> Iterator[TextLine]:
    """A line for each volume, and below it what was kept of it; backups of gone ones at the end."""
    for row in volumes:
        volume = row.volume
        said = f"  {volume.size} GiB {row.status}"
        yield TextLine(((f" {volume.name or volume.id}", "strong"), (said, "dim")))
        mine = [each for each in snapshots if each.snapshot.volume_id == volume.id]
        for snapshot in sorted(mine, key=lambda each: each.snapshot.created_at):
            yield _snapshot(snapshot)
        yield from _backups([each for each in backups if each.backup.volume_id == volume.id])
    there = {row.volume.id for row in volumes}
    gone = [each for each in backups if each.backup.volume_id not in there]
    if gone:
        yield plain_line(" of volumes that are gone", "strong")
        yield from _backups(gone)


def _snapshot(row: SnapshotRow) -> TextLine:
    snapshot = row.snapshot
    said = f"  {snapshot.size} GiB, {row.status}, {words.age(snapshot.created_at)}"
    return TextLine((("   ├─ snapshot ", "dim"), (snapshot.name or snapshot.id, ""), (said, "dim")))


def _backups(
    rows: Sequence[BackupRow], parent: str | None = None, depth: int = 1
) -> Iterator[TextLine]:
    ids = {row.backup.id for row in rows}
    for row in rows:
        backup = row.backup
        above = backup.parent_id if backup.parent_id in ids else None
        if above != parent:
            continue
        kind = "changes" if backup.parent_id else "backup"
        said = f"  {words.size(backup.stored)}, {row.status}, {words.age(backup.created_at)}"
        lead = f" {'  ' * depth}├─ {kind} "
        yield TextLine(((lead, "dim"), (backup.name or backup.id, ""), (said, "dim")))
        yield from _backups(rows, backup.id, depth + 1)
