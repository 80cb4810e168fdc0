"""Backups of volumes: pieces of fixed size in a folder, held together by a manifest.

A piece is a file named after its number, with the bytes as they were. The manifest has each
piece's SHA-256 and the backup that holds it; a piece of zeros is held by none. It is written last:
a folder with a manifest is a whole backup.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from backends.drivers.labels.names import check_id
from backends.drivers.step import Progress
from backends.drivers.volumes import streams
from backends.drivers.volumes.copying import CHUNK, is_zero
from backends.errors import MachineFailed
from backends.hosts import Host
from backends.hosts.local import disk_error

MANIFEST = "manifest.json"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: its checksum, and the id of the backup whose folder has it; empty for zeros."""

    sha256: str
    holder: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup's content. `size` in bytes; `stored` what its own pieces take."""

    id: str
    size: int
    pieces: tuple[Piece, ...]

    @property
    def stored(self) -> int:
        """How many bytes its own pieces take."""
        last = len(self.pieces) - 1
        return sum(
            CHUNK if number < last else self.size - last * CHUNK
            for number, piece in enumerate(self.pieces)
            if piece.holder == self.id
        )

    def text(self) -> str:
        """As it is written."""
        pieces = [[piece.sha256, piece.holder] for piece in self.pieces]
        values = {"version": _VERSION, "id": self.id, "size": self.size, "piece": CHUNK}
        return json.dumps(values | {"pieces": pieces, "sum": _sum(pieces)})


class Backups:
    """Backups in folders of this machine; each lies beside those that it stands on."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def make(
        self, folder: Path, source: tuple[Host, Path], size: int, parent: Path | None,
        progress: Progress,
    ) -> None:  # fmt: skip
        """Read a disk of `size` bytes and keep what the parent does not have."""
        if self._host.exists(folder / MANIFEST):
            return
        before = read_manifest(self._host, parent).pieces if parent else ()
        self._host.make_dir(folder, 0o700)
        pieces: list[Piece] = []

        def take(offset: int, data: bytes) -> None:
            number = offset // CHUNK
            old = before[number] if number < len(before) else None
            pieces.append(_kept(folder, number, data, old))
            progress(min(1.0, (offset + len(data)) / max(1, size)))

        length = streams.read(*source, take)
        self._host.run(["sync", "--file-system", str(folder)], timeout=600.0)
        manifest = Manifest(folder.name, length, tuple(pieces))
        self._host.write_text(folder / MANIFEST, manifest.text())

    def pieces(self, folder: Path, progress: Progress) -> Iterator[bytes]:
        """Every piece in order, each held to its checksum.

        Raises MachineFailed `backup.damaged`, `backup.missing`.
        """
        manifest = read_manifest(self._host, folder)
        left = manifest.size
        for number, piece in enumerate(manifest.pieces):
            length = min(CHUNK, left)
            yield _read_piece(folder.parent, number, piece, length)
            left -= length
            progress((number + 1) / len(manifest.pieces))

    def verify(self, folder: Path, progress: Progress) -> None:
        """Read it all and hold it to its checksums. Raises MachineFailed `backup.damaged`."""
        for _ in self.pieces(folder, progress):
            pass

    def remove(self, folder: Path) -> None:
        """Remove its folder. The manifest goes first: what is left is no backup."""
        self._host.remove(folder / MANIFEST)
        self._host.remove_tree(folder)

    def manifest(self, folder: Path) -> Manifest:
        """Its manifest. Raises MachineFailed `backup.missing`, `backup.damaged`."""
        return read_manifest(self._host, folder)

    def is_whole(self, folder: Path) -> bool:
        """Whether it is there, as far as its manifest tells."""
        return self._host.exists(folder / MANIFEST)


def read_manifest(host: Host, folder: Path) -> Manifest:
    """A backup's manifest. Raises MachineFailed `backup.missing`, `backup.damaged`."""
    text = host.read_text(folder / MANIFEST)
    if text is None:
        raise MachineFailed("backup.missing", f"there is no backup in {folder}")
    try:
        values: Mapping[str, object] = json.loads(text)
        rows = values["pieces"]
        if values["version"] != _VERSION or values["piece"] != CHUNK or values["sum"] != _sum(rows):
            raise ValueError
        assert isinstance(rows, list)
        pieces = tuple(Piece(str(digest), str(holder)) for digest, holder in rows)
        return Manifest(str(values["id"]), int(str(values["size"])), pieces)
    except (KeyError, TypeError, ValueError, AssertionError):
        raise _damaged(folder / MANIFEST) from None


def _kept(folder: Path, number: int, data: bytes, old: Piece | None) -> Piece:
    """The piece as the manifest has it; written, unless it is zeros or the parent has it."""
    if is_zero(data):
        return Piece("", "")
    digest = hashlib.sha256(data).hexdigest()
    if old is not None and old.sha256 == digest:
        return old
    path = folder / _name(number)
    try:
        # One that a killed run left is written over: the manifest alone makes it count.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise disk_error(error, path) from error
    return Piece(digest, folder.name)


def _read_piece(container: Path, number: int, piece: Piece, length: int) -> bytes:
    if not piece.holder:
        return bytes(length)
    path = container / check_id(piece.holder) / _name(number)
    try:
        data = path.read_bytes()
    except OSError:
        raise _damaged(path) from None
    if len(data) != length or hashlib.sha256(data).hexdigest() != piece.sha256:
        raise _damaged(path)
    return data


def _damaged(path: Path) -> MachineFailed:
    return MachineFailed("backup.damaged", f"{path} is damaged or gone; use another backup")


def _name(number: int) -> str:
    return f"{number:08d}"


def _sum(pieces: object) -> str:
    return hashlib.sha256(json.dumps(pieces).encode()).hexdigest()
