"""Forms for what is kept of volumes: snapshots and backups."""

from __future__ import annotations

from backends.services.backup import NewBackup
from backends.services.base import good_name
from console.moment import moment
from console.screens.forms.suggest import description
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values

_NAME = Text("name", "Name", good_name)
_DESCRIPTION = Text("description", "Description", description, optional=True)
_FULL, _CHANGES = "full", "changes"


class _OfVolume(Form):
    """A form about a volume, one that is made."""

    def volumes(self) -> Loaded:
        """The volumes that there are."""
        rows = self.cloud.volumes.list(all_projects=bool(self.chosen))
        options = [(row.volume.name or row.volume.id, row.volume.id) for row in rows]
        return Loaded(self.chosen.get("volume") or (options[0][1] if options else ""), options)


class SnapshotForm(_OfVolume):
    """What a volume holds now; a guest that has it goes on."""

    heading = "New snapshot"
    fields = (Choice("volume", "Volume"), _NAME, _DESCRIPTION)

    def load(self) -> dict[str, Loaded]:
        return {"volume": self.volumes(), "name": Loaded(moment())}

    def request(self, values: Values) -> Request:
        volume, name, text = values["volume"], values["name"], values["description"]
        return Request(
            f"Snapshot {name}",
            lambda cloud: cloud.snapshots.create(volume, name, description=text, force=True),
        )


class BackupForm(_OfVolume):
    """A copy of a volume in a container, of all of it or of what changed; its guest goes on."""

    heading = "New backup"
    fields = (
        Choice("volume", "Volume"),
        Choice("kind", "What of it", (("all", _FULL), ("what changed since the last", _CHANGES)),
               _FULL),
        _NAME,
        Text("container", "Container", optional=True, hint="a name, or (admin) a folder"),
        _DESCRIPTION,
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        return {"volume": self.volumes(), "name": Loaded(moment())}

    def request(self, values: Values) -> Request:
        new = NewBackup(
            values["volume"],
            values["name"],
            values["description"],
            values["container"] or None,
            incremental=values["kind"] == _CHANGES,
            force=True,
        )
        return Request(f"Backup {new.name}", lambda cloud: cloud.backups.create(new))


class RestoreForm(Form):
    """A backup is written over a volume that nobody has."""

    heading = "Restore backup: what the volume holds is lost"
    does = "Restore"
    fields = (Choice("backup", "Backup"), Choice("volume", "Over volume"))

    def load(self) -> dict[str, Loaded]:
        everyone = bool(self.chosen)
        backups = {row.backup.id: row.backup for row in self.cloud.backups.list(
            all_projects=everyone)}  # fmt: skip
        chosen = self.chosen.get("backup") or next(iter(backups), "")
        backup = backups.get(chosen)
        free = [
            (f"{row.volume.name or row.volume.id}  {row.volume.size} GiB", row.volume.id)
            for row in self.cloud.volumes.list(all_projects=everyone)
            if backup and not row.attached and row.volume.project_id == backup.project_id
        ]
        own = backup.volume_id if backup else ""
        return {
            "backup": Loaded(
                chosen, [(each.name or each.id, each.id) for each in backups.values()]
            ),
            "volume": Loaded(own if own in [id_ for _, id_ in free] else "", free),
        }

    def request(self, values: Values) -> Request:
        backup, volume = values["backup"], values["volume"]
        return Request("Restore backup", lambda cloud: cloud.backups.restore(backup, volume))
