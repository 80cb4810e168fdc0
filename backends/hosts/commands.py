"""A host's files, each read and changed by a command, which has a time limit."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from backends.hosts.base import Host
from backends.hosts.local import command_error, draft_of

_ABSENT = (os.strerror(errno.ENOENT), os.strerror(errno.ENOTDIR))


class FilesByCommand(Host):
    """What a host does with files, by its `run` alone, which also refuses a read-only host's."""

    def read_text(self, path: Path) -> str | None:
        found = self.run(["cat", "--", str(path)], reads=True, check=False)
        if found.status == 0:
            return found.stdout
        if found.stderr.strip().endswith(_ABSENT):
            return None
        raise command_error("cat", found)

    def write_text(self, path: Path, text: str, mode: int = 0o600) -> None:
        self.make_dir(path.parent)
        draft = str(draft_of(path))
        # A draft that a killed process left is written over: nobody else has it by now.
        self.run(["install", "--mode=0600", "/dev/null", draft])
        self.run(["dd", f"of={draft}", "conv=notrunc,fsync", "status=none"], stdin=text)
        self.run(["chmod", f"{mode:04o}", draft])
        self.run(["mv", "--no-target-directory", draft, str(path)])

    def remove(self, path: Path) -> None:
        self.run(["rm", "--force", "--", str(path), str(draft_of(path))])

    def remove_tree(self, path: Path) -> None:
        self.run(["rm", "--recursive", "--force", "--one-file-system", "--", str(path)])

    def make_dir(self, path: Path, mode: int = 0o711) -> None:
        if not self.exists(path):
            self.run(["install", "--directory", f"--mode={mode:04o}", "--", str(path)])

    def exists(self, path: Path) -> bool:
        return self.run(["test", "-e", str(path)], reads=True, check=False).status == 0

    def list_dir(self, path: Path) -> list[str]:
        found = self.run(["ls", "-A1", "--", str(path)], reads=True, check=False)
        return sorted(found.stdout.splitlines())
