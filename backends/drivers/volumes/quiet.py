"""A moment at which no guest writes: nobody has the volumes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from backends.drivers.step import Progress


class Quiet:
    """Nothing has to be held still."""

    @contextmanager
    def still(self) -> Iterator[None]:
        """It is."""
        yield

    def copy(self, targets: Mapping[str, Path], progress: Progress) -> frozenset[str]:
        """No guest copies anything."""
        return frozenset()
