"""Images: imported from their source once, and never again without a checksum to hold them to."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.qemu_img.steps import CloseImage, ConvertImage, ImportImage, RemoveImage
from backends.drivers.step import Step
from backends.plan import capture, chain, labels
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
from backends.records.tables import Image
from backends.records.unit import Unit
from backends.settings import Settings


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Import what is not yet here; remove what should be gone; tell what was lost."""
    image = records.images[unit.id]
    here = unit.id in facts.images
    label = facts.labels.get(("image", unit.id))
    steps: list[Step] = []
    if image.absent:
        # Unconditional: an import that was killed leaves a partial file that is no image yet.
        if here or not image.imported:
            steps.append(RemoveImage(unit.id))
            steps += capture.ended(image)
        if label is not None:
            steps.append(RemoveLabel("image", unit.id))
        return UnitPlan(unit, tuple(steps), removes=True)
    if here and chain.taken_in(image):
        return UnitPlan(unit, tuple(chain.committed(image)), settles=True)
    again = image.damaged and not image.imported
    if not here or again:
        if image.imported or not image.source or chain.taken_in(image):
            return UnitPlan(unit, (), (_lost(image, records),))
        if capture.is_capture(image):
            taken = (*capture.taken(image, settings), *capture.ended(image))
            return UnitPlan(unit, taken, settles=True)
        sums = (image.sha256 or "", image.sha512 or "")
        steps.append(
            ImportImage(
                unit.id, image.source, image.disk_format, *sums, image.source_uid, again
            )
        )  # fmt: skip
        return UnitPlan(unit, tuple(steps), settles=True)
    if image.imported and image.convert_to:
        steps.append(ConvertImage(unit.id, image.disk_format, image.convert_to))
        return UnitPlan(unit, tuple(steps), settles=True)
    # libvirt makes a domain's kernel QEMU's own for as long as it runs, and that is no disk.
    if not facts.images[unit.id].closed and image.disk_format not in ("aki", "ari"):
        steps.append(CloseImage(unit.id))
    if image.imported and label != (wanted := labels.image(image)):
        steps.append(WriteLabel("image", unit.id, wanted))
    if not image.imported:
        steps += capture.ended(image)
    problems = (_damaged(image, records),) if image.damaged else ()
    return UnitPlan(unit, tuple(steps), problems, settles=not image.imported)


def _lost(image: Image, records: Records) -> Problem:
    text = f"the file of image {image.name} is gone from the machine{_users(image, records)}"
    return Problem("image.lost", f"{text}; `image repair` fetches it again")


def _damaged(image: Image, records: Records) -> Problem:
    text = f"the file of image {image.name} is not what was imported{_users(image, records)}"
    return Problem("image.damaged", f"{text}; `image repair` fetches it again")


def _users(image: Image, records: Records) -> str:
    """Whose disks stand on it, as far as they were looked at."""
    names = sorted(each.name for each in records.instances.values() if each.base_id == image.id)
    stand = "stands" if len(names) == 1 else "stand"
    return f", and {', '.join(names)} {stand} on it" if names else ""
