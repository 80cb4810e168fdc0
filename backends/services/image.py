"""Images: imported once, checked, and kept while anything stands on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from backends.caller import Caller
from backends.context import Change
from backends.doom import doom
from backends.drivers.qemu_img.probe import inspect
from backends.errors import NotFound, Refused
from backends.records.identity import Project, Role
from backends.records.image import Image, ImageMember, Visibility
from backends.records.instance import Instance
from backends.records.unit import Kind, Unit
from backends.services.base import Service, check_absent, compose, find, good_name, good_properties

DISK_FORMATS = ("raw", "qcow2", "aki", "ari", "ami")
CONTAINER_FORMATS = ("bare", "aki", "ari", "ami", "ovf", "docker")
_IMPORT_DEADLINE = 6 * 3600.0


class Images(Service):
    """Images of the caller's project, public ones, and those shared with it."""

    def create(
        self,
        name: str,
        source: str,
        *,
        disk_format: str = "qcow2",
        container_format: str = "bare",
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
        """Import an image from a file's path or an http(s) URL.

        `min_disk` GiB, `min_ram` MiB; `sha256` and `sha512` are what its sums must be.
        Raises Refused `image.format.unknown`, `image.source.missing` and what the check of its
        content raises (`image.format.mismatch`, `image.truncated`, ...).
        """
        self.caller.require(Role.MEMBER, "create an image")
        name = good_name(name)
        _check_formats(disk_format, container_format)
        shown = self._visibility(visibility)
        origin = self._source(source, disk_format)

        def act(change: Change) -> Image:
            session = change.session
            row = Image(
                project_id=self.caller.project_id,
                name=name,
                visibility=shown,
                disk_format=disk_format,
                container_format=container_format,
                source=origin,
                sha256=sha256,
                sha512=sha512,
                min_disk=min_disk,
                min_ram=min_ram,
                protected=protected,
                kernel_id=self.require(session, kernel).id if kernel else None,
                ramdisk_id=self.require(session, ramdisk).id if ramdisk else None,
                properties=good_properties(properties),
            )
            session.add(row)
            change.make(Unit(Kind.IMAGE, row.id), name)
            return row

        row = self.context.perform("image.create", act, deadline=_IMPORT_DEADLINE)
        return self.show(row.id)

    def list(self, *, all_projects: bool = False) -> Sequence[Image]:
        """The images the caller may use, by name."""
        with self.context.reading() as session:
            query = select(Image).where(col(Image.absent).is_(False))
            if not (all_projects and self.caller.admin):
                query = query.where(
                    (col(Image.project_id) == self.caller.project_id)
                    | (col(Image.visibility) == Visibility.PUBLIC)
                    | col(Image.id).in_(self._shared_with_caller())
                )
            return list(session.exec(query.order_by(col(Image.name), col(Image.id))))

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
        min_disk: int | None = None,
        min_ram: int | None = None,
        properties: dict[str, str] | None = None,
        unset: Sequence[str] = (),
    ) -> Image:
        """Change an image of the caller's project."""
        self.caller.require(Role.MEMBER, "change an image")

        def act(change: Change) -> Image:
            row = self._own(change.session, ref)
            row.name = row.name if name is None else good_name(name)
            row.visibility = row.visibility if visibility is None else self._visibility(visibility)
            row.protected = row.protected if protected is None else protected
            row.min_disk = row.min_disk if min_disk is None else min_disk
            row.min_ram = row.min_ram if min_ram is None else min_ram
            kept = {key: value for key, value in row.properties.items() if key not in unset}
            row.properties = kept | good_properties(properties)
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("image.set", act)

    def share(self, ref: str, project: str, member: bool = True) -> None:
        """Let a project use a shared image, or no longer."""
        self.caller.require(Role.MEMBER, "share an image")

        def act(change: Change) -> None:
            session = change.session
            row = self._own(session, ref)
            # The other project is named by its id, as it is not the caller's to look up.
            other = session.get(Project, project) or find(
                session, Project, project, "project", self.caller
            )
            found = session.get(ImageMember, (row.id, other.id))
            if member and found is None:
                session.add(ImageMember(image_id=row.id, project_id=other.id))
            elif not member and found is not None:
                session.delete(found)

        self.context.perform("image.share", act)

    def members(self, ref: str) -> Sequence[str]:
        """Ids of the projects that an image is shared with."""
        with self.context.reading() as session:
            row = self._own(session, ref)
            query = select(ImageMember.project_id).where(ImageMember.image_id == row.id)
            return list(session.exec(query))

    def delete(self, ref: str) -> None:
        """Remove an image. Raises Refused `image.protected`, `image.in_use` (naming the users)."""
        self.caller.require(Role.MEMBER, "delete an image")

        def act(change: Change) -> None:
            row = self._own(change.session, ref)
            if row.protected:
                raise Refused(
                    "image.protected", f"image {row.name} is protected; unprotect it first"
                )
            users = users_of(change.session, row.id, self.caller)
            if users:
                raise Refused("image.in_use", f"image {row.name} is stood on by {', '.join(users)}")
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            change.touch(*doom(change.session, unit))

        self.context.perform("image.delete", act)

    def require(self, session: Session, ref: str) -> Image:
        """An image that the caller may use. Raises NotFound `image.not_found`."""
        ref = compose(ref)
        mine = select(Image).where(
            (col(Image.id) == ref) | (col(Image.name) == ref), col(Image.absent).is_(False)
        )
        shared = set(session.exec(self._shared_with_caller()))
        rows = [
            row
            for row in session.exec(mine)
            if self.caller.sees(row.project_id)
            or row.visibility is Visibility.PUBLIC
            or row.id in shared
        ]
        exact = [row for row in rows if row.id == ref] or [
            row for row in rows if row.project_id == self.caller.project_id
        ]
        rows = exact or rows
        if not rows:
            raise NotFound(
                "image.not_found", f"no image {ref!a} here; see `quarterdeck image list`"
            )
        if len(rows) > 1:
            raise Refused("image.ambiguous", f"{len(rows)} images are named {ref!a}; give the id")
        return rows[0]

    def _own(self, session: Session, ref: str) -> Image:
        row = self.require(session, ref)
        if not self.caller.sees(row.project_id):
            raise Refused("right.missing", f"image {row.name} belongs to another project")
        check_absent(row, "image")
        return row

    def _visibility(self, text: str) -> Visibility:
        try:
            wanted = Visibility(text)
        except ValueError:
            raise Refused("image.visibility", "an image is private, shared or public") from None
        if wanted is Visibility.PUBLIC:
            self.caller.require_cloud_admin("make an image public")
        return wanted

    def _shared_with_caller(self) -> SelectOfScalar[str]:
        return (
            select(ImageMember.image_id)
            .join(Image, col(Image.id) == col(ImageMember.image_id))
            .where(
                ImageMember.project_id == self.caller.project_id,
                col(Image.visibility) == Visibility.SHARED,
            )
        )

    def _source(self, source: str, disk_format: str) -> str:
        if urlsplit(source).scheme in ("http", "https"):
            return source
        path = Path(source).expanduser().absolute()
        if not path.is_file():
            raise Refused("image.source.missing", f"no file {source!a}")
        # Checked before anything is recorded; the copy is checked again once it is made.
        inspect(path, disk_format)
        return str(path)


def users_of(session: Session, image_id: str, caller: Caller) -> list[str]:
    """Names of the instances and images that stand on an image; others' are only counted."""
    instances = select(Instance.name, Instance.project_id).where(Instance.image_id == image_id)
    parts = select(Image.name, Image.project_id).where(
        (col(Image.kernel_id) == image_id) | (col(Image.ramdisk_id) == image_id)
    )
    # Instances of an ami boot from its kernel and ramdisk, which the second query covers.
    found = [*session.exec(instances), *session.exec(parts)]
    names = sorted(name for name, project_id in found if caller.sees(project_id))
    if hidden := len(found) - len(names):
        names.append(f"{hidden} of other projects")
    return names


def _check_formats(disk_format: str, container_format: str) -> None:
    if disk_format not in DISK_FORMATS:
        known = ", ".join(DISK_FORMATS)
        raise Refused("image.format.unknown", f"disk format {disk_format!a}: there are {known}")
    if container_format not in CONTAINER_FORMATS:
        known = ", ".join(CONTAINER_FORMATS)
        raise Refused(
            "image.format.unknown", f"container format {container_format!a}: there are {known}"
        )
