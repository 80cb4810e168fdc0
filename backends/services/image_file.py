"""What is done with an image's file: verified, repaired, converted, given out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session, col, select

from backends.context import Change
from backends.drivers.qemu_img.convert import TARGETS
from backends.drivers.qemu_img.steps import SaveImage, VerifyImage
from backends.errors import MachineFailed, Refused
from backends.records.base import now
from backends.records.identity import Role
from backends.records.image import Image
from backends.records.unit import Kind, Unit
from backends.services.image_base import ImageService, check_unused
from backends.services.image_source import source_of

LONG = 6 * 3600.0  # seconds that a copy may take


class ImageFiles(ImageService):
    """The files of images that are here."""

    def verify(self, ref: str) -> Image:
        """Hold an image's file to the checksums that it was imported with.

        Raises MachineFailed `image.damaged` (it is marked so, and launched no more), `image.lost`.
        """
        self.caller.require(Role.MEMBER, "verify an image")
        row = self._ready(ref, own=True)
        step = VerifyImage(row.id, row.disk_format, row.sha256 or "", row.sha512 or "")
        try:
            self.context.apart("image.verify", Unit(Kind.IMAGE, row.id), row.name, lambda: (step,))
        except MachineFailed as error:
            if error.code == "image.damaged":
                self._found(row.id, damaged=True)
            raise
        return self._found(row.id, damaged=False)

    def repair(self, ref: str, source: str | None = None) -> Image:
        """Fetch a lost or damaged file again: from a path or URL, an equal image, or its origin.

        What comes is held to the image's checksum; guests that stand on it see no change. Raises
        Refused `image.whole`, `image.source.none`, `image.checksum.mismatch`.
        """
        self.caller.require(Role.MEMBER, "repair an image")

        def act(change: Change) -> Image:
            session = change.session
            row = self.own(session, ref)
            here = row.id in self.context.machine.qemu_img.images([row.id])
            if here and not row.damaged:
                raise Refused("image.whole", f"the file of image {row.name} is here; verify it")
            row.source, row.source_uid = self._copy_of(session, row, source)
            row.imported = False
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            change.revert = _take_back(row.id)
            return row

        row = self.context.perform("image.repair", act, deadline=LONG)
        return self._fresh(row.id)

    def convert(self, ref: str, disk_format: str) -> Image:
        """Put an image that nothing stands on into another format; its checksums become others.

        Raises Refused `image.in_use`, `image.format.target`, `image.protected`, `image.expands`.
        """
        self.caller.require(Role.MEMBER, "convert an image")

        def act(change: Change) -> Image:
            row = self.own(change.session, ref)
            check_target(row.disk_format, disk_format)
            if row.protected:
                raise Refused(
                    "image.protected", f"image {row.name} is protected; unprotect it first"
                )
            check_ready(row)
            check_unused(change.session, row, self.caller)
            unit = Unit(Kind.IMAGE, row.id)
            change.about(unit, row.name)
            if row.disk_format != disk_format:
                row.convert_to = disk_format
                change.touch(unit)
                change.revert = _stay(row.id)
            return row

        row = self.context.perform("image.convert", act, deadline=LONG)
        return self._fresh(row.id)

    def save(self, ref: str, path: str) -> Image:
        """Copy an image's file to a path of the caller's. Raises Refused `image.path.*`."""
        self.caller.require(Role.MEMBER, "save an image to a file")
        row = self._ready(ref, own=False)
        target = str(Path(path).expanduser().absolute())
        step = SaveImage(row.id, target, self.reader)
        self.context.apart("image.save", Unit(Kind.IMAGE, row.id), row.name, lambda: (step,))
        return row

    def content(self, ref: str) -> BinaryIO:
        """An image's file, open to be read from its beginning; the caller closes it."""
        row = self._ready(ref, own=False)
        return self.context.settings.image(row.id).open("rb")

    def _ready(self, ref: str, *, own: bool) -> Image:
        with self.context.reading() as session:
            row = self.own(session, ref) if own else self.require(session, ref)
        check_ready(row)
        if not row.active and not own and not self.caller.admin:
            raise Refused("image.deactivated", f"image {row.name} is deactivated")
        if row.id not in self.context.machine.qemu_img.images([row.id]):
            raise MachineFailed(
                "image.lost", f"the file of image {row.name} is gone; `image repair` fetches it"
            )
        return row

    def _found(self, image_id: str, *, damaged: bool) -> Image:
        with self.context.store.write() as session:
            row = session.get_one(Image, image_id)
            row.damaged, row.verified_at = damaged, now()
        return self._fresh(image_id)

    def _fresh(self, image_id: str) -> Image:
        with self.context.reading() as session:
            return session.get_one(Image, image_id)

    def _copy_of(self, session: Session, row: Image, source: str | None) -> tuple[str, int | None]:
        """Where its content is still to be had, and as whom it is read."""
        if source is not None:
            return source_of(source, row.disk_format, self.reader), self.reader
        twins = select(Image.id).where(
            Image.sha256 == row.sha256, Image.id != row.id, col(Image.damaged).is_(False)
        )
        here = self.context.machine.qemu_img.images(list(session.exec(twins)))
        if here:
            # It is the cloud's own file, though it may be of a project that the caller is not in:
            # the content is one that theirs had.
            return str(self.context.settings.image(min(here))), None
        if row.origin:
            return row.origin, self.reader
        raise Refused(
            "image.source.none",
            f"nobody here has another copy of {row.name}; name one with its SHA-256 {row.sha256}",
        )


def check_ready(row: Image) -> None:
    """Raises Refused `image.not_ready`."""
    if not row.ready:
        raise Refused("image.not_ready", f"image {row.name} is still being imported or converted")


def check_target(claimed: str, to: str) -> None:
    """Raises Refused `image.format.target`."""
    if to not in TARGETS or claimed in ("aki", "ari"):
        raise Refused(
            "image.format.target",
            f"a {claimed} is not made {to!r}; disks become {', '.join(TARGETS)}",
        )


def _take_back(image_id: str) -> Callable[[Session], None]:
    """The file is what it was before a repair that came to nothing."""

    def revert(session: Session) -> None:
        row = session.get(Image, image_id)
        if row is not None and not row.imported:
            row.imported, row.source = True, None

    return revert


def _stay(image_id: str) -> Callable[[Session], None]:
    """The image stays in the format that it has."""

    def revert(session: Session) -> None:
        row = session.get(Image, image_id)
        if row is not None:
            row.convert_to = None

    return revert
