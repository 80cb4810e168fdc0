"""What a host can do for a driver."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Output:
    """The outcome of a command: exit status and both streams as text."""

    status: int
    stdout: str
    stderr: str


class Host(Protocol):
    """A machine that runs commands and keeps files.

    Commands are argument lists; no shell ever sees them. A read-only host refuses `run`
    with `readonly` false and every file change with `host.readonly`.
    """

    name: str
    read_only: bool

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30.0,
        reads: bool = False,
        check: bool = True,
    ) -> Output:
        """Run `argv`; `timeout` in seconds; `reads` says that it changes nothing.

        Raises MachineFailed `host.command.failed` (status not 0 and `check`),
        `host.command.missing`, `host.command.timeout`; Refused `host.readonly`.
        """
        ...

    def read_text(self, path: Path) -> str | None:
        """The file's text, or None where there is no such file."""
        ...

    def write_text(self, path: Path, text: str, mode: int = 0o600) -> None:
        """Write a file whole: temporary file, fsync, rename."""
        ...

    def remove(self, path: Path) -> None:
        """Remove a file; that there is none is no error."""
        ...

    def remove_tree(self, path: Path) -> None:
        """Remove a folder of ours and all in it; that there is none is no error."""
        ...

    def make_dir(self, path: Path, mode: int = 0o711) -> None:
        """Make a folder and its parents, all of this mode; that it is there is no error."""
        ...

    def exists(self, path: Path) -> bool:
        """Whether a file or folder is there."""
        ...

    def list_dir(self, path: Path) -> list[str]:
        """The names in a folder, sorted; empty where there is none."""
        ...
