"""Instances that change what they are made of: captured, rebuilt, rescued, resized, shelved.

Each that stops a running guest asks for another launch (records/instance.py). What the machine
refuses is taken back, and the guest runs again as before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlmodel import Session

from backends.context import Change
from backends.errors import Refused
from backends.plan import hardware
from backends.plan.capture import source_of
from backends.records.flavor import Flavor
from backends.records.identity import Role
from backends.records.image import Image
from backends.records.instance import Instance, Power
from backends.records.unit import Kind, Unit
from backends.services import quota, storage
from backends.services.base import Service, check_absent, find, good_name, good_properties
from backends.services.flavor import Flavors, check_fits_host
from backends.services.image import Images
from backends.services.root import check_image

_COPY_DEADLINE = 6 * 3600.0
_STOPPABLE = (Power.RUNNING, Power.STOPPED)
_REBUILT = ("image_id", "base_id", "hardware", "name", "properties")
_SIZES = ("flavor_id", "flavor_name", "vcpus", "ram", "disk", "disk_generation")


class Reshaping(Service):
    """The verbs, on instances of the caller's project."""

    def capture(
        self, ref: str, name: str | None = None, properties: dict[str, str] | None = None
    ) -> Image:
        """Make an image of an instance's root disk, as it is at one moment; it runs on meanwhile.

        Raises Refused `instance.state` for a suspended or shelved one.
        """
        self.caller.require(Role.MEMBER, "make an image of an instance")

        def act(change: Change) -> Image:
            row = self._find(change, ref)
            _require(row, Power.RUNNING, Power.STOPPED, Power.PAUSED)
            _require_own_disk(row)
            image = _image_of(change.session, row, good_name(name or row.name))
            image.properties |= good_properties(properties)
            change.session.add(image)
            change.make(Unit(Kind.IMAGE, image.id), image.name)
            return image

        made = self.context.perform("instance.capture", act, deadline=_COPY_DEADLINE)
        return Images(self.context).show(made.id)

    def rebuild(
        self,
        ref: str,
        *,
        image: str | None = None,
        name: str | None = None,
        properties: dict[str, str] | None = None,
    ) -> Instance:
        """Give an instance a new root disk from an image (its own, where none is said).

        What was on the old one is lost; identity, ports and volumes stay.
        """

        def act(change: Change, row: Instance) -> None:
            _require_own_disk(row)
            chosen = image or row.image_id
            if not chosen:
                raise Refused("instance.image.none", f"say which image {row.name} is to have")
            found = Images(self.context).require(change.session, chosen)
            check_image(found, _flavor(row))
            row.image_id = row.base_id = found.id
            row.hardware = hardware.of_image(found)
            row.name = row.name if name is None else good_name(name)
            row.properties = row.properties | good_properties(properties)
            _renew_disk(row)

        return self._reshape("rebuild", ref, act, *_REBUILT)

    def rescue(self, ref: str, *, image: str | None = None) -> Instance:
        """Boot an instance from an image, with its own root disk as its last (`root-disk`)."""

        def act(change: Change, row: Instance) -> None:
            _require_own_disk(row)
            chosen = image or row.image_id
            if not chosen:
                raise Refused("instance.image.none", f"say which image is to rescue {row.name}")
            found = Images(self.context).require(change.session, chosen)
            check_image(found, _flavor(row, disk=0))
            row.rescue_image_id = found.id
            row.power = Power.RUNNING

        return self._reshape("rescue", ref, act, "rescue_image_id", "power")

    def unrescue(self, ref: str) -> Instance:
        """Boot a rescued instance from its own root disk again."""

        def act(change: Change, row: Instance) -> None:
            if not row.rescue_image_id:
                raise Refused("instance.state", f"instance {row.name} is not being rescued")
            row.rescue_image_id = None

        return self._reshape("unrescue", ref, act, "rescue_image_id", rescued=True)

    def resize(self, ref: str, flavor: str) -> Instance:
        """Give an instance the sizes of another flavor, to be confirmed or reverted.

        A larger root disk is a copy; the old one is kept until then. Raises Refused
        `flavor.too_small` (a disk does not shrink), `flavor.too_large`, `quota.exceeded`.
        """

        def act(change: Change, row: Instance) -> None:
            wanted = Flavors(self.context).require(change.session, flavor)
            check_fits_host(wanted)
            if row.root_volume_id is None and 0 < wanted.disk < row.disk:
                text = f"the disk of {row.name} has {row.disk} GiB, and does not shrink"
                raise Refused("flavor.too_small", text)
            more = {"cores": wanted.vcpus - row.vcpus, "ram": wanted.ram - row.ram}
            growth = {name: amount for name, amount in more.items() if amount > 0}
            quota.check(change.session, row.project_id, growth)
            row.previous = {name: getattr(row, name) for name in _SIZES}
            row.flavor_id, row.flavor_name = wanted.id, wanted.name
            row.vcpus, row.ram = wanted.vcpus, wanted.ram
            if wanted.disk > row.disk and row.root_volume_id is None:
                row.disk = wanted.disk
                _renew_disk(row)

        return self._reshape("resize", ref, act, *_SIZES, "previous")

    def confirm(self, ref: str) -> Instance:
        """Keep a resize: the old root disk goes."""
        self.caller.require(Role.MEMBER, "confirm a resize")

        def act(change: Change) -> Instance:
            row = self._find(change, ref)
            _require_resized(row)
            row.previous = {}
            change.touch(Unit(Kind.INSTANCE, row.id))
            return row

        return self.context.perform("instance.confirm", act)

    def revert(self, ref: str) -> Instance:
        """Take a resize back; what a larger disk was given since is lost."""

        def act(change: Change, row: Instance) -> None:
            _require_resized(row)
            for name, value in row.previous.items():
                setattr(row, name, value)
            row.previous = {}

        return self._reshape("revert", ref, act, *_SIZES, "previous", resized=True)

    def shelve(self, ref: str) -> Image:
        """Stop an instance, make an image of it, and free all that it held of the machine.

        Its name, addresses and volumes stay its own. Returns the image.
        """
        with self.context.reading() as session:
            row = find(session, Instance, ref, "instance", self.caller)
        self._check_free(row)
        _require_own_disk(row)
        self._stop(row.id)
        image = self.capture(row.id, f"{row.name}-shelved")

        def act(change: Change) -> None:
            found = self._find(change, row.id)
            found.shelved, found.made = True, False
            found.image_id = found.base_id = image.id
            change.touch(Unit(Kind.INSTANCE, found.id))

        self.context.perform("instance.shelve", act)
        return image

    def unshelve(self, ref: str) -> Instance:
        """Run a shelved instance again, on a disk that stands on the image it became."""
        self.caller.require(Role.MEMBER, "unshelve an instance")

        def act(change: Change) -> Instance:
            row = self._find(change, ref)
            if not row.shelved:
                raise Refused("instance.state", f"instance {row.name} is not shelved")
            row.shelved, row.power = False, Power.RUNNING
            row.boots += 1
            row.launches += 1
            _renew_disk(row)
            change.touch(Unit(Kind.INSTANCE, row.id))
            change.revert = _back(row, {"shelved": True, "power": Power.STOPPED})
            return row

        return self.context.perform("instance.unshelve", act)

    def _reshape(
        self,
        verb: str,
        ref: str,
        act_on: Callable[[Change, Instance], None],
        *fields: str,
        rescued: bool = False,
        resized: bool = False,
    ) -> Instance:
        """Change `fields` of an instance, and launch it anew if it runs."""
        self.caller.require(Role.MEMBER, f"{verb} an instance")

        def act(change: Change) -> Instance:
            row = self._find(change, ref)
            self._check_free(row, rescued=rescued, resized=resized)
            before = {name: getattr(row, name) for name in (*fields, "disk_generation", "made")}
            row.launches += 1
            act_on(change, row)
            if row.power is Power.RUNNING:
                row.boots += 1
            change.touch(Unit(Kind.INSTANCE, row.id))
            change.revert = _back(row, before)
            return row

        return self.context.perform(f"instance.{verb}", act, deadline=_COPY_DEADLINE)

    def _find(self, change: Change, ref: str) -> Instance:
        row = find(change.session, Instance, ref, "instance", self.caller)
        check_absent(row, "instance")
        storage.check_still(change.session, row)
        change.about(Unit(Kind.INSTANCE, row.id), row.name)
        return row

    def _check_free(self, row: Instance, *, rescued: bool = False, resized: bool = False) -> None:
        """Whether it is in none of the states that another verb has to end first."""
        _require(row, *_STOPPABLE)
        if row.leaving_id is not None:
            text = f"the root disk of {row.name} is being moved; wait for that first"
            raise Refused("instance.state", text)
        if row.rescue_image_id and not rescued:
            raise Refused("instance.state", f"instance {row.name} is rescued; unrescue it first")
        if row.previous and not resized:
            text = f"the resize of {row.name} is to be confirmed or reverted first"
            raise Refused("instance.state", text)

    def _stop(self, ref: str) -> None:
        from backends.services.instance import Instances

        Instances(self.context).stop(ref)


def _require(row: Instance, *allowed: Power) -> None:
    if row.shelved:
        raise Refused("instance.state", f"instance {row.name} is shelved; unshelve it first")
    if row.power not in allowed:
        raise Refused("instance.state", f"instance {row.name} is {row.power.value}")


def _require_own_disk(row: Instance) -> None:
    if row.root_volume_id:
        text = f"instance {row.name} boots from a volume; snapshot or clone that instead"
        raise Refused("instance.volume_backed", text)


def _require_resized(row: Instance) -> None:
    if not row.previous:
        raise Refused("instance.state", f"instance {row.name} has no resize to end")


def _renew_disk(row: Instance) -> None:
    """Ask for another root disk. Launches only grow, so no generation comes twice."""
    row.disk_generation = row.launches + 1
    row.made = False


def _back(row: Instance, before: dict[str, Any]) -> Callable[[Session], None]:
    """Makes the instance what it was, and runs it so."""
    id_ = row.id

    def revert(session: Session) -> None:
        found = session.get(Instance, id_)
        if found is None:
            return
        for name, value in before.items():
            setattr(found, name, value)
        found.launches += 1
        if found.power is Power.RUNNING:
            found.boots += 1

    return revert


def _flavor(row: Instance, disk: int | None = None) -> Flavor:
    """The instance's own sizes, as its flavor may be gone."""
    size = row.disk if disk is None else disk
    return Flavor(id=row.flavor_id, name=row.flavor_name, vcpus=row.vcpus, ram=row.ram, disk=size)


def _image_of(session: Session, row: Instance, name: str) -> Image:
    """The record of the image that an instance's root disk becomes."""
    base = session.get(Image, row.image_id) if row.image_id else None
    described = dict(base.properties) if base else {}
    described |= {"image_type": "snapshot", "instance_uuid": row.id}
    return Image(
        project_id=row.project_id,
        host=row.host,
        name=name,
        disk_format="qcow2",
        source=source_of(row.id, row.disk_generation),
        min_disk=row.disk,
        min_ram=base.min_ram if base else 0,
        kernel_id=base.kernel_id if base else None,
        ramdisk_id=base.ramdisk_id if base else None,
        properties=described,
    )
