"""This machine."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from backends.errors import MachineFailed, Refused
from backends.hosts.base import Host, Output

# The command's own words, not the caller's language: what it prints is parsed.
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LC_ALL": "C.UTF-8",
}

# Others may pass through a folder, and not see what is in it.
_PASSABLE = 0o711
# Seconds for a process that was killed to be gone.
_DYING = 1.0
_FULL = (errno.ENOSPC, errno.EDQUOT)


class LocalHost(Host):
    """Runs commands and keeps files on the machine this process is on."""

    def __init__(self, name: str = "", *, read_only: bool = False) -> None:
        self.name = name or os.uname().nodename
        self.read_only = read_only

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: str | None = None,
        timeout: float = 30.0,
        reads: bool = False,
        check: bool = True,
    ) -> Output:
        if self.read_only and not reads:
            self._refuse(argv[0])
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                env=ENVIRONMENT,
            )
        except FileNotFoundError:
            raise MachineFailed(
                "host.command.missing", f"{argv[0]} is not installed; run `quarterdeck doctor`"
            ) from None
        try:
            said, complained = process.communicate(stdin, timeout)
        except subprocess.TimeoutExpired:
            raise MachineFailed(
                "host.command.timeout", f"{argv[0]} gave no answer within {timeout:g} s"
            ) from None
        finally:
            _end(process)
        output = Output(process.returncode, said, complained)
        if check and output.status != 0:
            raise command_error(argv[0], output)
        return output

    def read_text(self, path: Path) -> str | None:
        try:
            return path.read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            # The last is a file of /proc whose process ended between its opening and its reading.
            return None

    def write_text(self, path: Path, text: str, mode: int = 0o600) -> None:
        self._refuse_if_read_only(path)
        self.make_dir(path.parent)
        draft = draft_of(path)
        try:
            # A draft that a killed process left is written over: nobody else has it by now.
            draft.unlink(missing_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with os.fdopen(os.open(draft, flags, 0o600), "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fchmod(file.fileno(), mode)
                os.fsync(file.fileno())
            os.replace(draft, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise disk_error(error, path) from error

    def remove(self, path: Path) -> None:
        self._refuse_if_read_only(path)
        try:
            path.unlink(missing_ok=True)
            draft_of(path).unlink(missing_ok=True)
        except NotADirectoryError:
            return
        except OSError as error:
            raise disk_error(error, path) from error

    def remove_tree(self, path: Path) -> None:
        self._refuse_if_read_only(path)
        try:
            shutil.rmtree(path)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise disk_error(error, path) from error

    def make_dir(self, path: Path, mode: int = _PASSABLE) -> None:
        if path.is_dir():
            return
        self._refuse_if_read_only(path)
        missing = [each for each in (path, *path.parents) if not each.is_dir()]
        try:
            for each in reversed(missing):
                each.mkdir(exist_ok=True)
                # Exactly this, whatever the caller's umask: QEMU's and dnsmasq's users must pass
                # through what is above a folder of their own.
                each.chmod(mode if each == path else _PASSABLE)
        except OSError as error:
            raise disk_error(error, path) from error

    def exists(self, path: Path) -> bool:
        return path.exists()

    def list_dir(self, path: Path) -> list[str]:
        try:
            return sorted(os.listdir(path))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _refuse_if_read_only(self, path: Path) -> None:
        if self.read_only:
            self._refuse(str(path))

    def _refuse(self, what: str) -> None:
        raise Refused("host.readonly", f"read-only: {what} would change the machine")


def _end(process: subprocess.Popen[str]) -> None:
    """Kill what still runs. What waits in the kernel, for a server or a disk, is not waited for."""
    if process.poll() is None:
        process.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_DYING)
        for each in (process.stdin, process.stdout, process.stderr):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.close()


def command_error(command: str, output: Output) -> MachineFailed:
    """What a command that failed says, as an error (`disk.full`, `host.command.failed`)."""
    if any(os.strerror(number) in output.stderr for number in _FULL):
        return MachineFailed("disk.full", f"no space left ({command}); free some and try again")
    lines = (output.stderr or output.stdout).strip().splitlines() or ["no message"]
    return MachineFailed("host.command.failed", f"{command}: {lines[-1]}")


def draft_of(path: Path) -> Path:
    """Where a file's new text is written before it takes the file's name."""
    return path.with_name(f".{path.name}.draft")


def disk_error(error: OSError, path: Path) -> MachineFailed:
    """A file system's refusal as an error with a code (`disk.full`, `disk.failed`)."""
    if error.errno in _FULL:
        return MachineFailed("disk.full", f"no space left for {path}; free some and try again")
    return MachineFailed("disk.failed", f"{path}: {error.strerror}")
