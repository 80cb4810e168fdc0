"""Chains: what instances' disks stand on, and moving them to something else."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmodel import Session

from backends.context import Change
from backends.drivers.libvirt.facts import State
from backends.drivers.qemu_img.formats import FOREIGN
from backends.drivers.qemu_img.steps import CheckDisk
from backends.drivers.qemu_img.usage import Usage, usage
from backends.errors import MachineFailed, Refused
from backends.inspect.chain import Link, chains
from backends.plan.chain import source_of
from backends.records.identity import Role
from backends.records.image import Image
from backends.records.instance import Instance
from backends.records.unit import Kind, Unit
from backends.services import storage
from backends.services.base import Service, check_absent, find, own
from backends.services.image import Images
from backends.services.image_base import check_unused
from backends.services.image_file import LONG, check_ready
from backends.settings import root_disk
from backends.settle import learn_image

_LIVE = (State.RUNNING, State.PAUSED, State.STOPPING)


class Chains(Service):
    """The chains of the caller's instances."""

    def tree(self, *, all_projects: bool = False) -> Sequence[Link]:
        """Images and what stands on them, with what each takes on disk; read from the disks."""
        self.caller.require(Role.READER, "look at chains")
        machine, settings = self.context.machine, self.context.settings
        images = Images(self.context).list(all_projects=all_projects)
        with self.context.reading() as session:
            guests = own(session, Instance, self.caller, all_projects)
        files = machine.qemu_img.files([each.id for each in guests])
        usages: dict[tuple[str, str], Usage | None] = {
            (image.id, ""): usage(settings.image(image.id)) for image in images
        }
        for id_, found in files.items():
            for disk in found.disks:
                usages[id_, disk] = usage(settings.instance(id_) / disk)
        return chains(images, guests, files, usages)

    def flatten(self, ref: str) -> Instance:
        """Make an instance's root disk stand on nothing, while it runs or not.

        Its image can be deleted then. Raises Refused `instance.state`, `disk.flat`.
        """

        def act(session: Session, row: Instance) -> str | None:
            if row.base_id is None:
                raise Refused("disk.flat", f"the root disk of {row.name} stands on nothing")
            return None

        return self._move("flatten", ref, act)

    def rebase(self, ref: str, image: str) -> Instance:
        """Put the root disk of an instance that is off on another image.

        What its guest sees stays the same. Raises Refused `instance.running`, `instance.state`,
        `disk.same`, `image.not_base`.
        """

        def act(session: Session, row: Instance) -> str | None:
            base = Images(self.context).require(session, image)
            check_ready(base)
            if base.disk_format in FOREIGN or base.disk_format in ("iso", "aki", "ari"):
                text = f"no disk stands on a {base.disk_format}; convert {base.name} to qcow2"
                raise Refused("image.not_base", text)
            if base.id == row.base_id:
                raise Refused("disk.same", f"{row.name} stands on {base.name} already")
            if not base.active or base.damaged:
                raise Refused("image.not_base", f"image {base.name} is deactivated or damaged")
            self._check_off(row)
            return base.id

        return self._move("rebase", ref, act)

    def commit(self, ref: str) -> Instance:
        """Write the root disk of an instance that is off into its image, which it alone stands on.

        The image's checksums become others; what is made of it later begins as the instance is.
        Raises Refused `disk.flat`, `image.in_use` (with the list), `image.protected`,
        `image.damaged`, `instance.running`, `instance.state`; MachineFailed `image.lost`.
        """
        self.caller.require(Role.MEMBER, "commit a disk")

        def act(change: Change) -> Instance:
            session = change.session
            row = find(session, Instance, ref, "instance", self.caller)
            check_absent(row, "instance")
            storage.check_still(session, row)
            _check_settled(row)
            if row.base_id is None:
                raise Refused("disk.flat", f"the root disk of {row.name} stands on nothing")
            self._check_off(row)
            image = Images(self.context).own(session, row.base_id)
            self._check_alone(session, image, row)
            change.about(Unit(Kind.INSTANCE, row.id), row.name)
            change.touch(Unit(Kind.IMAGE, image.id))
            image.source, image.source_uid = source_of(row.id, row.disk_generation), None
            image.imported = False
            # Neither started nor moved until the image is whole.
            row.leaving_id = row.base_id
            change.revert = self._uncommit(image.id, row.id)
            return row

        row = self.context.perform("disk.commit", act, deadline=LONG)
        with self.context.reading() as session:
            return session.get_one(Instance, row.id)

    def check(self, ref: str) -> Instance:
        """Have all tables of the root disk of an instance that is off read.

        Raises Refused `instance.running`; MachineFailed `disk.damaged`.
        """
        self.caller.require(Role.MEMBER, "check a disk")
        with self.context.reading() as session:
            row = find(session, Instance, ref, "instance", self.caller)
        check_absent(row, "instance")
        _check_settled(row)
        self._check_off(row)
        step = CheckDisk(row.id, root_disk(row.disk_generation))
        self.context.apart("disk.check", Unit(Kind.INSTANCE, row.id), row.name, lambda: (step,))
        return row

    def _move(
        self, verb: str, ref: str, base: Callable[[Session, Instance], str | None]
    ) -> Instance:
        self.caller.require(Role.MEMBER, f"{verb} a disk")

        def act(change: Change) -> Instance:
            session = change.session
            row = find(session, Instance, ref, "instance", self.caller)
            check_absent(row, "instance")
            storage.check_still(session, row)
            _check_settled(row)
            unit = Unit(Kind.INSTANCE, row.id)
            change.about(unit, row.name)
            row.leaving_id, row.base_id = row.base_id or "", base(session, row)
            change.touch(unit)
            change.revert = _stay(row.id, row.leaving_id)
            return row

        row = self.context.perform(f"disk.{verb}", act, deadline=LONG)
        with self.context.reading() as session:
            return session.get_one(Instance, row.id)

    def _check_alone(self, session: Session, image: Image, row: Instance) -> None:
        """Whether an image may become what one instance's disk is. Raises what `commit` does."""
        check_ready(image)
        if image.protected:
            raise Refused("image.protected", f"image {image.name} is protected; unprotect it first")
        if image.damaged:
            raise Refused("image.damaged", f"image {image.name} is damaged; repair it first")
        check_unused(session, image, self.caller, but=row.id)
        machine = self.context.machine
        if image.id not in machine.qemu_img.images([image.id]):
            raise MachineFailed(
                "image.lost", f"the file of image {image.name} is gone; `image repair` fetches it"
            )
        own_disk = (row.id, root_disk(row.disk_generation))
        for id_, files in machine.qemu_img.files().items():
            for disk, base in files.bases.items():
                if base == image.id and (id_, disk) != own_disk:
                    text = f"{disk} of instance {id_} stands on image {image.name} too"
                    raise Refused("image.in_use", text)

    def _uncommit(self, image_id: str, instance_id: str) -> Callable[[Session], None]:
        """The image is what its file is: as before, or whole and new with the disk not emptied."""
        machine = self.context.machine

        def revert(session: Session) -> None:
            image, row = session.get(Image, image_id), session.get(Instance, instance_id)
            if image is not None and not image.imported:
                before = image.sha256
                if learn_image(image, machine).sha256 != before:
                    image.origin = None
                image.imported, image.source = True, None
            if row is not None:
                row.leaving_id = None

        return revert

    def _check_off(self, row: Instance) -> None:
        fact = self.context.machine.libvirt.facts([row.id]).get(row.id)
        if fact is not None and (fact.state in _LIVE or fact.state is State.SAVED):
            raise Refused("instance.running", f"instance {row.name} runs; stop it first")


def _check_settled(row: Instance) -> None:
    """Raises Refused `instance.state` where other verbs are to be ended first."""
    if row.leaving_id is not None:
        raise Refused("instance.state", f"the root disk of {row.name} is being moved already")
    if row.shelved or row.rescue_image_id or row.previous or not row.made:
        text = f"instance {row.name} is shelved, rescued, resized or not made yet; end that first"
        raise Refused("instance.state", text)


def _stay(instance_id: str, base_id: str) -> Callable[[Session], None]:
    """The disk is whole on what it stood on, however much was copied."""

    def revert(session: Session) -> None:
        row = session.get(Instance, instance_id)
        if row is not None and row.leaving_id is not None:
            row.base_id, row.leaving_id = base_id or None, None

    return revert
