"""Images: imported once, checked, and kept while anything stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO, NamedTuple

from sqlalchemy import func
from sqlmodel import col, select

from backends.context import Change
from backends.doom import doom
from backends.drivers.qemu_img.steps import UPLOAD
from backends.errors import Refused
from backends.journal import AT_WORK
from backends.records.identity import Role
from backends.records.image import Image, Membership, Visibility
from backends.records.instance import Instance
from backends.records.operation import Operation
from backends.records.unit import Kind, Unit
from backends.services import quota
from backends.services.base import good_name
from backends.services.image_base import (
    CONTAINER_FORMATS,
    DISK_FORMATS,
    check_formats,
    check_hardware,
    check_unused,
    good_image_properties,
    users_of,
)
from backends.services.image_file import LONG, ImageFiles, check_target
from backends.services.image_member import ImageMembers
from backends.services.image_source import source_of

_IMPORT_DEADLINE = LONG


class ImageRow(NamedTuple):
    """One line of a listing. `users` stand on it; `progress` is of what is done to it (0 to 1).

    `hosts` are where its file is kept.
    """

    image: Image
    users: int
    progress: float | None
    operation_id: str
    hosts: tuple[str, ...]

    @property
    def status(self) -> str:
        """Glance's word for it, or what is wrong with it."""
        image = self.image
        if image.absent:
            return "deleting"
        if not image.ready:
            return "converting" if image.imported else "importing"
        if image.damaged:
            return "damaged"
        return "active" if image.active else "deactivated"


class Images(ImageMembers, ImageFiles):
    """Images of the caller's project, public ones, and those shared with it."""

    def create(
        self,
        name: str,
        source: str | BinaryIO,
        *,
        disk_format: str = "qcow2",
        container_format: str = "bare",
        convert_to: str | None = None,
        visibility: str = "private",
        min_disk: int = 0,
        min_ram: int = 0,
        protected: bool = False,
        kernel: str | None = None,
        ramdisk: str | None = None,
        sha256: str | None = None,
        sha512: str | None = None,
        properties: dict[str, str] | None = None,
    ) -> Image:
        """Import an image from a file's path, an http(s) URL, or an open stream of bytes.

        `min_disk` GiB, `min_ram` MiB; `sha256` and `sha512` are what its sums must be; `convert_to`
        is the format it is put into afterwards. A path is opened as the caller. Raises Refused
        `image.format.unknown`, `image.format.target`, `image.source.missing`, `image.path.*`,
        `image.property.invalid`, and what the check of its content raises
        (`image.format.mismatch`, `image.truncated`, ...).
        """
        self.caller.require(Role.MEMBER, "create an image")
        name = good_name(name)
        check_formats(disk_format, container_format)
        if convert_to is not None:
            check_target(disk_format, convert_to)
        shown = self._visibility(visibility)
        described = good_image_properties(properties)
        check_hardware(described)
        where = source_of(source, disk_format, self.reader) if isinstance(source, str) else UPLOAD

        def act(change: Change) -> Image:
            session = change.session
            quota.check(session, self.caller.project_id, {"images": 1})
            row = Image(
                project_id=self.caller.project_id,
                host=self.context.settings.host,
                name=name,
                visibility=shown,
                disk_format=disk_format,
                container_format=container_format,
                source=where,
                source_uid=self.reader,
                convert_to=None if convert_to == disk_format else convert_to,
                sha256=sha256,
                sha512=sha512,
                min_disk=min_disk,
                min_ram=min_ram,
                protected=protected,
                kernel_id=self.require(session, kernel).id if kernel else None,
                ramdisk_id=self.require(session, ramdisk).id if ramdisk else None,
                properties=described,
            )
            session.add(row)
            change.make(Unit(Kind.IMAGE, row.id), name)
            if not isinstance(source, str):
                self.context.machine.qemu_img.offer(row.id, source)
            return row

        row = self.context.perform("image.create", act, deadline=_IMPORT_DEADLINE)
        return self.show(row.id)

    def list(self, *, all_projects: bool = False, membership: str = "accepted") -> Sequence[Image]:
        """The images the caller may use, by name; of those offered the ones with this answer."""
        try:
            statuses = tuple(Membership) if membership == "all" else (Membership(membership),)
        except ValueError:
            raise Refused("image.membership", "accepted, rejected, pending or all") from None
        with self.context.reading() as session:
            query = select(Image).where(col(Image.absent).is_(False))
            if not (all_projects and self.caller.admin):
                query = query.where(
                    (col(Image.project_id) == self.caller.project_id)
                    | (col(Image.visibility) == Visibility.PUBLIC)
                    | col(Image.id).in_(self._shared(*statuses))
                )
            return list(session.exec(query.order_by(col(Image.name), col(Image.id))))

    def rows(self, *, all_projects: bool = False) -> Sequence[ImageRow]:
        """The same with how many disks stand on each, where it is, and how far what is done is."""
        found = self.list(all_projects=all_projects)
        with self.context.reading() as session:
            count = select(Instance.base_id, func.count()).group_by(col(Instance.base_id))
            users = dict(session.exec(count).all())
            work = select(Operation.target, Operation.progress, Operation.id).where(
                col(Operation.outcome).in_(AT_WORK), col(Operation.target).startswith("image:")
            )
            at_work = {target: (share, id_) for target, share, id_ in session.exec(work)}
        here = self.context.machine.qemu_img.images(None)
        host = self.context.settings.host
        return [
            ImageRow(
                row,
                users.get(row.id, 0),
                *at_work.get(f"image:{row.id}", (None, "")),
                (host,) if row.id in here else (),
            )
            for row in found
        ]

    def show(self, ref: str) -> Image:
        """One image by id or name. Raises NotFound `image.not_found`."""
        with self.context.reading() as session:
            return self.require(session, ref)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        visibility: str | None = None,
        protected: bool | None = None,
        active: bool | None = None,
        min_disk: int | None = None,
        min_ram: int | None = None,
        properties: dict[str, str] | None = None,
        unset: Sequence[str] = (),
    ) -> Image:
        """Change an image of the caller's project; `active` false keeps it from being used."""
        self.caller.require(Role.MEMBER, "change an image")

        def act(change: Change) -> Image:
            row = self.own(change.session, ref)
            row.name = row.name if name is None else good_name(name)
            row.visibility = row.visibility if visibility is None else self._visibility(visibility)
            row.protected = row.protected if protected is None else protected
            row.active = row.active if active is None else active
            row.min_disk = row.min_disk if min_disk is None else min_disk
            row.min_ram = row.min_ram if min_ram is None else min_ram
            kept = {key: value for key, value in row.properties.items() if key not in unset}
            row.properties = kept | good_image_properties(properties)
            check_hardware(row.properties)
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("image.set", act)

    def delete(self, ref: str) -> None:
        """Remove an image. Raises Refused `image.protected`, `image.in_use` (naming the users)."""
        self.caller.require(Role.MEMBER, "delete an image")

        def act(change: Change) -> None:
            row = self.own(change.session, ref)
            if row.protected:
                raise Refused(
                    "image.protected", f"image {row.name} is protected; unprotect it first"
                )
            check_unused(change.session, row, self.caller)
            self._check_ground(row)
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            change.touch(*doom(change.session, unit))

        self.context.perform("image.delete", act)

    def _check_ground(self, row: Image) -> None:
        """By the disks' own word too: a record may be wrong, and then the guest's data is lost."""
        for instance_id, files in self.context.machine.qemu_img.files(None).items():
            if row.id in files.bases.values():
                text = f"a disk of instance {instance_id} stands on image {row.name}"
                raise Refused("image.in_use", f"{text}; see `quarterdeck image tree`")


__all__ = ["CONTAINER_FORMATS", "DISK_FORMATS", "Images", "users_of"]
