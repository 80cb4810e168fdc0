"""Images: imported from their source once, and never again without a checksum to hold them to."""

from __future__ import annotations

from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.qemu_img.steps import ImportImage, RemoveImage
from backends.drivers.step import Step
from backends.plan import labels
from backends.plan.plan import Problem, UnitPlan
from backends.records.snapshot import Records
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
        if label is not None:
            steps.append(RemoveLabel("image", unit.id))
        return UnitPlan(unit, tuple(steps), removes=True)
    if not here:
        if image.imported or not image.source:
            lost = Problem("image.lost", f"the file of image {image.name} is gone from the machine")
            return UnitPlan(unit, (), (lost,))
        sums = (image.sha256 or "", image.sha512 or "")
        steps.append(ImportImage(unit.id, image.source, image.disk_format, *sums))
        return UnitPlan(unit, tuple(steps), settles=True)
    if image.imported and label != (wanted := labels.image(image)):
        steps.append(WriteLabel("image", unit.id, wanted))
    return UnitPlan(unit, tuple(steps), settles=not image.imported)
