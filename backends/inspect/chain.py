"""What stands on what: images, the root disks on them, and the snapshots made of those."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from backends.drivers.qemu_img.facts import InstanceFiles
from backends.drivers.qemu_img.usage import Usage
from backends.records.image import Image
from backends.records.instance import Instance
from backends.settings import RESCUE, root_disk

IMAGE, DISK, SNAPSHOT, LOST = "image", "disk", "snapshot", "lost"


@dataclass(frozen=True, slots=True)
class Link:
    """One file of a chain. `usage` is None where it is gone.

    `kind` is `image`, `disk` (an instance's own), `snapshot` (an image made of an instance's disk,
    which stands alone) or `lost` (an image's file that is gone, though others stand on it).
    """

    kind: str
    id: str
    name: str
    format: str
    usage: Usage | None
    note: str = ""
    above: tuple[Link, ...] = field(default=())

    def count(self) -> int:
        """How many stand on it, however far above."""
        return sum(1 + each.count() for each in self.above if each.kind != SNAPSHOT)


def chains(
    images: Iterable[Image],
    instances: Iterable[Instance],
    files: Mapping[str, InstanceFiles],
    usages: Mapping[tuple[str, str], Usage | None],
) -> list[Link]:
    """The roots, by name: images, and disks that stand on nothing.

    `usages` by the id of an image and "", or of an instance and its disk's name.
    """
    known = {image.id: image for image in images}
    snapshots: dict[str, list[Image]] = defaultdict(list)
    for image in known.values():
        if made_of := image.properties.get("instance_uuid"):
            snapshots[made_of].append(image)
    on: dict[str, list[Link]] = defaultdict(list)
    alone: list[Link] = []
    for instance in instances:
        found = files.get(instance.id, InstanceFiles(instance.id))
        for disk in sorted(found.disks):
            base = found.bases.get(disk, "")
            shots = snapshots[instance.id] if disk == root_disk(instance.disk_generation) else ()
            link = _disk(instance, disk, usages.get((instance.id, disk)), shots, usages)
            (on[base] if base else alone).append(link)
    roots = [_image(image, usages, on.pop(image.id, [])) for image in known.values()]
    roots += [
        Link(LOST, base, base, "", None, "no record of it", _by_name(on[base])) for base in on
    ]
    return [*_by_name(roots), *_by_name(alone)]


def _image(image: Image, usages: Mapping[tuple[str, str], Usage | None], above: list[Link]) -> Link:
    found = usages.get((image.id, ""))
    notes = []
    if found is None and image.imported:
        notes.append("its file is gone")
    if image.damaged:
        notes.append("damaged")
    if not image.active:
        notes.append("deactivated")
    if found is not None and found.names > 1:
        notes.append(f"shares its file with {found.names - 1} more")
    kind = LOST if found is None and image.imported else IMAGE
    note = ", ".join(notes)
    return Link(kind, image.id, image.name, image.disk_format, found, note, _by_name(above))


def _disk(
    instance: Instance,
    disk: str,
    found: Usage | None,
    snapshots: Iterable[Image],
    usages: Mapping[tuple[str, str], Usage | None],
) -> Link:
    note = ""
    if disk == RESCUE:
        note = "rescue disk"
    elif disk != root_disk(instance.disk_generation):
        note = "before its resize"
    elif instance.leaving_id:
        note = "moving"
    made = tuple(
        Link(SNAPSHOT, each.id, each.name, each.disk_format, usages.get((each.id, "")))
        for each in snapshots
    )
    return Link(DISK, instance.id, instance.name, "qcow2", found, note, _by_name(made))


def _by_name(links: Iterable[Link]) -> tuple[Link, ...]:
    return tuple(sorted(links, key=lambda link: (link.name, link.id, link.kind)))
