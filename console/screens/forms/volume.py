"""Forms for volumes: a new one, its growth, the instance that gets it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from backends.cloud import Cloud
from backends.services.base import good_name
from backends.services.volume import NewVolume
from console.screens.forms.suggest import description, next_name, number
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_MOST = 1 << 16


class VolumeForm(Form):
    """A new volume, empty or with the content of something."""

    heading = "New volume"
    fields = (
        Text("name", "Name", good_name),
        Choice("source", "Content of", optional=True, hint="nothing: an empty volume"),
        Text("size", "Size (GiB)", number("a volume's GiB", 1, _MOST), value="1"),
        Choice("type", "Type", optional=True, hint="none"),
        Choice("pool", "In pool", optional=True, hint="the type's, its source's or the default"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        pools = self.cloud.pools.list() if self.cloud.caller.admin else []
        taken = {row.volume.name for row in self.cloud.volumes.list()}
        types = [(row.name, row.id) for row in self.cloud.volume_types.list()]
        sources = list(_sources(self.cloud))
        self._sizes = {value: size for _, value, size in sources}
        chosen = str(self.chosen.get("source") or "")
        return {
            "name": Loaded(next_name("volume", taken)),
            "source": Loaded(chosen, [(shown, value) for shown, value, _ in sources]),
            "size": Loaded(str(self._sizes.get(chosen, 1))),
            "type": Loaded("", types),
            "pool": Loaded("", [(each.pool.name, each.pool.name) for each in pools]),
        }

    def changed(self, name: str) -> None:
        """A source has a size that has to fit."""
        size = getattr(self, "_sizes", {}).get(self.row("source").value)
        if name == "source" and size is not None:
            self.row("size").take(Loaded(str(size)))

    def request(self, values: Values) -> Request:
        kind, _, id_ = values["source"].partition(":")
        source: dict[str, Any] = {kind: id_} if kind else {}
        new = NewVolume(
            values["name"],
            int(values["size"]),
            values["description"],
            type=values["type"] or None,
            pool=values["pool"] or None,
            **source,
        )
        return Request(f"Create volume {new.name}", lambda cloud: cloud.volumes.make(new))


class ExtendForm(Form):
    """More room in a volume, also while a guest has it."""

    heading = "Extend volume"
    does = "Extend"
    fields = (
        Choice("volume", "Volume"),
        Text("size", "To (GiB)", number("a volume's GiB", 1, _MOST)),
    )

    def load(self) -> dict[str, Loaded]:
        rows = self.cloud.volumes.list(all_projects=True)
        chosen = str(self.chosen.get("volume") or "")
        sizes = {row.volume.id: row.volume.size for row in rows}
        options = [(row.volume.name or row.volume.id, row.volume.id) for row in rows]
        return {
            "volume": Loaded(chosen, options),
            "size": Loaded(str(sizes.get(chosen, 0) + 1)),
        }

    def request(self, values: Values) -> Request:
        volume, size = values["volume"], int(values["size"])
        return Request("Extend volume", lambda cloud: cloud.volumes.extend(volume, size))


class AttachForm(Form):
    """Which instance gets a volume."""

    heading = "Attach volume"
    does = "Attach"
    fields = (
        Choice("volume", "Volume"),
        Choice("instance", "To instance"),
        Toggle("read_only", "Read-only"),
    )

    def load(self) -> dict[str, Loaded]:
        cloud, everyone = self.cloud, bool(self.chosen)
        rows = [
            row
            for row in cloud.volumes.list(all_projects=everyone)
            if row.volume.multiattach or not row.attached
        ]
        volume = self.chosen.get("volume") or (rows[0].volume.id if rows else "")
        chosen = next((row for row in rows if row.volume.id == volume), None)
        guests = [
            (each.name, each.id)
            for each in cloud.instances.recorded(all_projects=everyone)
            if chosen
            and each.project_id == chosen.volume.project_id
            and each.id not in chosen.guests
        ]
        return {
            "volume": Loaded(
                volume, [(row.volume.name or row.volume.id, row.volume.id) for row in rows]
            ),
            "instance": Loaded(guests[0][1] if guests else "", guests),
        }

    def request(self, values: Values) -> Request:
        volume, instance = values["volume"], values["instance"]
        read_only = bool(values["read_only"])
        return Request(
            "Attach volume",
            lambda cloud: cloud.volumes.attach(volume, instance, read_only=read_only),
        )


def _sources(cloud: Cloud) -> Iterator[tuple[str, str, int]]:
    """What a volume can be made of: how it is shown, `kind:id`, and its size in GiB."""
    for image in cloud.images.list():
        if image.imported and image.disk_format not in ("aki", "ari"):
            size = max(1, image.min_disk, -(-(image.virtual_size or 0) // (1 << 30)))
            yield f"image {image.name}", f"image:{image.id}", size
    for snapshot in cloud.snapshots.list():
        row = snapshot.snapshot
        if row.made:
            name = f"{row.name or row.id} of {snapshot.volume}"
            yield f"snapshot {name}", f"snapshot:{row.id}", row.size
    for volume in cloud.volumes.list():
        if volume.volume.made:
            name = volume.volume.name or volume.volume.id
            yield f"volume {name}", f"source:{volume.volume.id}", volume.volume.size
    for backup in cloud.backups.list():
        if backup.backup.made:
            name = backup.backup.name or backup.backup.id
            yield f"backup {name}", f"backup:{backup.backup.id}", backup.backup.size
