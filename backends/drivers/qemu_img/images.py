"""The images of a cloud on this machine: base files that nobody writes to again.

A file `images/<id>` is as it was brought in, byte for byte, unless it was converted; two of the
same content are one file with two names. Beside it `<id>.sums` says what the import found.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

from backends.drivers.labels.names import check_id, is_id
from backends.drivers.qemu_img import owner, probe
from backends.drivers.qemu_img.convert import convert
from backends.drivers.qemu_img.facts import ImageFile
from backends.drivers.qemu_img.source import Source, open_source
from backends.drivers.qemu_img.steps import ConvertImage, ImportImage, VerifyImage
from backends.drivers.qemu_img.transfer import Sums, copy_in, hash_file, same_content
from backends.drivers.step import Progress
from backends.errors import HalfDone, MachineFailed, QuarterdeckError, Refused
from backends.hosts import Host, listing
from backends.hosts.local import disk_error
from backends.settings import Settings

_SUMS = ".sums"
_PARTIAL = ".partial"
# Beside a partial file: what it is a part of.
_NOTE = ".note"
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class ImageDescription:
    """An imported image: `size` of its file and `virtual_size` of its disk in bytes.

    `format` in Glance's words; checksums in lower-case hexadecimal.
    """

    size: int
    virtual_size: int
    format: str
    sha256: str
    sha512: str


class Images:
    """Imports, converts, verifies, describes and removes one cloud's images."""

    def __init__(self, settings: Settings, host: Host) -> None:
        self._settings = settings
        self._host = host
        self._uploads: dict[str, BinaryIO] = {}

    def offer(self, image_id: str, stream: BinaryIO) -> None:
        """What the image's import is to read where its source is what is piped in."""
        self._uploads[image_id] = stream

    def add(self, step: ImportImage, progress: Progress) -> None:
        """Copy, check, describe, then name it: what has the name is whole.

        What a process that died left is gone on with, where its source is still the same.
        Raises what `open_source`, `transfer.copy_in` and `probe.inspect` raise, and Refused
        `image.checksum.mismatch`; nothing is left then.
        """
        if self._host.exists(self._path(step.id)) and not step.replace:
            return
        self._host.make_dir(self._settings.images)
        partial = self._partial(step.id)
        with contextlib.closing(
            open_source(step.source, step.uid, self._uploads.get(step.id))
        ) as source:
            resume = self._is_part_of(step.id, source)
            try:
                if not resume:
                    self._host.remove(partial)
                    self._note(step.id, source)
                sums = copy_in(source, partial, progress, resume=resume)
                self._check_sums(step, sums)
                self._accept(step.id, step.claimed, partial, sums, progress)
            except BaseException:
                self._drop(step.id)
                if not self._host.exists(self._path(step.id)):
                    self._host.remove(self._sums(step.id))
                raise

    def convert(self, step: ConvertImage, progress: Progress) -> None:
        """Write it anew, then put that in its place. Killed in between, it is found to be done."""
        path = self._path(step.id)
        if self._is(path, step.to):
            self.describe_again(step.id, step.to, progress)
            return

        def write(partial: Path) -> str:
            convert(path, step.format, partial, step.to, _part(progress, 0.0, 0.6))
            return step.to

        self.replace(step.id, write, _part(progress, 0.6, 1.0))

    def verify(self, step: VerifyImage, progress: Progress) -> None:
        """Raises MachineFailed `image.damaged`, `image.missing`."""
        path = self._path(step.id)
        if not self._host.exists(path):
            raise MachineFailed("image.missing", f"image {step.id} is not on this host")
        sums = hash_file(path, progress)
        why = ""
        if step.sha256 and sums.sha256 != step.sha256:
            why = f"its SHA-256 is {sums.sha256[:16]}..., not {step.sha256[:16]}..."
        elif step.sha512 and sums.sha512 != step.sha512:
            why = f"its SHA-512 is {sums.sha512[:16]}..., not {step.sha512[:16]}..."
        else:
            try:
                probe.inspect(path, step.format)
            except Refused as refused:
                why = refused.message
        if why:
            raise MachineFailed(
                "image.damaged", f"the file of image {step.id} has changed: {why}; repair the image"
            )

    def close(self, image_id: str) -> None:
        """Give its file back to root. That there is none is no error."""
        with contextlib.suppress(FileNotFoundError):
            owner.close(self._path(image_id))

    def replace(self, image_id: str, write: Callable[[Path], str], progress: Progress) -> None:
        """Put what `write` makes of an empty file, and says the format of, in the image's place.

        Raises HalfDone where that is done and not described.
        """
        path, partial = self._path(image_id), self._partial(image_id)
        self._host.make_dir(self._settings.images)
        self._host.remove(partial)
        try:
            os.close(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            claimed = write(partial)
            found = probe.inspect(partial, claimed)
            sums = hash_file(partial, progress)
            owner.close(partial)
            _sync_file(partial)
            # Other images may share it, and a try that died may have left it lent.
            owner.close(path)
            # Between the two the description is of the file before: done again, it is right again.
            partial.rename(path)
            _sync(self._settings.images)
        except OSError as error:
            raise disk_error(error, partial) from error
        finally:
            self._host.remove(partial)
        try:
            self._describe(image_id, sums, found)
        except MachineFailed as error:
            text = "the file is the new one by now: `drift repair` goes on with it"
            raise HalfDone(error.code, f"{error.message}; {text}") from error

    def describe_again(self, image_id: str, claimed: str, progress: Progress) -> None:
        """Say of its file what it now is. Raises MachineFailed `image.missing`."""
        path = self._path(image_id)
        if not self._host.exists(path):
            raise MachineFailed("image.missing", f"image {image_id} is not on this host")
        self._describe(image_id, hash_file(path, progress), probe.inspect(path, claimed))

    def describe(self, image_id: str) -> ImageDescription:
        """What the import found. Raises MachineFailed `image.missing`."""
        text = self._host.read_text(self._sums(image_id))
        if text is None or not self._host.exists(self._path(image_id)):
            raise MachineFailed("image.missing", f"image {image_id} is not on this host")
        try:
            return ImageDescription(**json.loads(text))
        except (TypeError, ValueError):
            raise MachineFailed(
                "image.sums.damaged", f"{self._sums(image_id)} is damaged; import the image again"
            ) from None

    def remove(self, image_id: str) -> None:
        """Remove its file, its description, and what an interrupted import left."""
        self.close(image_id)
        self._host.remove(self._path(image_id))
        self._host.remove(self._sums(image_id))
        self._drop(image_id)

    def facts(self, ids: Collection[str] | None) -> Mapping[str, ImageFile]:
        """The images by id: all, or those of `ids` that are there."""
        folder = self._settings.images
        if not self._host.exists(folder):
            return {}
        return {
            file.name: ImageFile(
                file.name, file.size, owner.is_closed(file.uid, file.gid, file.mode)
            )
            for file in listing.files(self._host, folder)
            if is_id(file.name)
            and not file.name.endswith(_SUMS)
            and (ids is None or file.name in ids)
        }

    def leftovers(self) -> frozenset[str]:
        """Ids that are no image here, of which an interrupted step left something."""
        names = set(self._host.list_dir(self._settings.images))
        found = {name.removesuffix(_SUMS) for name in names if name.endswith(_SUMS)}
        for ending in (_PARTIAL, _NOTE):
            found |= {
                name[1:].removesuffix(ending)
                for name in names
                if name.startswith(".") and name.endswith(ending)
            }
        return frozenset(each for each in found - names if is_id(each))

    def _check_sums(self, step: ImportImage, sums: Sums) -> None:
        for name, wanted, found in (
            ("SHA-256", step.sha256, sums.sha256),
            ("SHA-512", step.sha512, sums.sha512),
        ):
            if wanted and found != wanted.lower():
                raise Refused(
                    "image.checksum.mismatch",
                    f"the image's {name} is {found}, not {wanted}; fetch it again",
                )

    def _accept(
        self, image_id: str, claimed: str, partial: Path, sums: Sums, progress: Progress
    ) -> None:
        found = probe.inspect(partial, claimed)
        path = self._path(image_id)
        self._describe(image_id, sums, found)
        try:
            twin = self._twin(image_id, partial, sums, progress)
            # What has the name has no note: nobody would look for one beside it.
            self._host.remove(self._note_path(image_id))
            if twin is not None:
                partial.unlink()
                os.link(twin, partial)
            owner.close(partial)
            partial.rename(path)
            # Two names of one file are left both by a rename (rename(2)).
            partial.unlink(missing_ok=True)
            _sync(self._settings.images)
        except OSError as error:
            raise disk_error(error, partial) from error

    def _twin(self, image_id: str, partial: Path, sums: Sums, progress: Progress) -> Path | None:
        """Another image's file with the same content, byte for byte, whatever its sums say."""
        for name in self._host.list_dir(self._settings.images):
            other = name.removesuffix(_SUMS)
            if not name.endswith(_SUMS) or other == image_id or not is_id(other):
                continue
            path = self._settings.image(other)
            try:
                described = self.describe(other)
                if (described.sha256, described.size) == (sums.sha256, sums.size) and same_content(
                    partial, path, progress
                ):
                    return path
            except (QuarterdeckError, FileNotFoundError) as error:
                if not isinstance(error, MachineFailed | FileNotFoundError):
                    raise
        return None

    def _describe(self, image_id: str, sums: Sums, found: probe.Probe) -> None:
        description = ImageDescription(
            sums.size, found.virtual_size, found.format, sums.sha256, sums.sha512
        )
        self._host.write_text(self._sums(image_id), json.dumps(asdict(description)))

    def _is(self, path: Path, claimed: str) -> bool:
        """Whether a file of ours is of this format by its content."""
        try:
            with path.open("rb") as file:
                probe.glance_at(file, claimed)
        except FileNotFoundError:
            raise MachineFailed("image.missing", f"{path.name} is not on this host") from None
        except Refused:
            return False
        return True

    def _note(self, image_id: str, source: Source) -> None:
        note = {"identity": source.identity, "boot": _boot_id()}
        self._host.write_text(self._note_path(image_id), json.dumps(note))

    def _is_part_of(self, image_id: str, source: Source) -> bool:
        """Whether the partial file is of this very source, and not of before a loss of power."""
        text = self._host.read_text(self._note_path(image_id))
        if text is None or not source.identity or not self._host.exists(self._partial(image_id)):
            return False
        try:
            note: dict[str, str] = json.loads(text)
        except ValueError:
            return False
        return note == {"identity": source.identity, "boot": _boot_id()}

    def _drop(self, image_id: str) -> None:
        """What an import has until it is done."""
        for path in (self._partial(image_id), self._note_path(image_id)):
            self._host.remove(path)

    def path(self, image_id: str) -> Path:
        """Where its file is."""
        return self._path(image_id)

    def _path(self, image_id: str) -> Path:
        return self._settings.image(check_id(image_id))

    def _sums(self, image_id: str) -> Path:
        return self._settings.images / (check_id(image_id) + _SUMS)

    def _partial(self, image_id: str) -> Path:
        return self._settings.images / f".{check_id(image_id)}{_PARTIAL}"

    def _note_path(self, image_id: str) -> Path:
        return self._settings.images / f".{check_id(image_id)}{_NOTE}"


def _part(progress: Progress, begin: float, end: float) -> Progress:
    """A stretch of a longer way."""
    return lambda share: progress(begin + (end - begin) * share)


def _boot_id() -> str:
    return _BOOT.read_text(encoding="ascii").strip()


def _sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    """Make a rename in the folder outlast a power cut (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
