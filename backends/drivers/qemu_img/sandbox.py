"""Running QEMU's tools on files of strangers: as nobody, without a network, within bounds.

A file is handed over open, and lent to a group of its own meanwhile, so that a `qemu-img` that an
image has taken over can read this one file, and nothing else that is not everybody's. It always is
told the format: it never guesses, and it never shares a lock.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from backends.errors import MachineFailed
from backends.hosts import Output

_NOBODY = 65534
# Nobody's by any account: the range that systemd gives to services for as long as they run.
_GROUPS = range(61184, 65520)
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
# OpenStack's bounds for `qemu-img info` (oslo.utils), with twice the memory.
_MEMORY = 2 << 30
_CPU_SECONDS = 30
_MOST_OUTPUT = 1 << 20
_POLL = 0.05

# Called with what the tool has printed so far; may raise to end it.
Watcher = Callable[[str], None]


class Sandbox:
    """Files that are lent for a while; made by `lent`."""

    def __init__(self, group: int, descriptors: tuple[int, ...]) -> None:
        self._group = group
        self._descriptors = descriptors

    def name(self, number: int = 0) -> str:
        """What the tool calls the file with this number."""
        return f"/dev/fd/{self._descriptors[number]}"

    def run(
        self,
        *command: str,
        seconds: float,
        cpu: int = _CPU_SECONDS,
        memory: int = _MEMORY,
        file_size: int | None = None,
        watcher: Watcher | None = None,
    ) -> Output:
        """Run it to its end. `cpu` and `seconds` in seconds; `memory`, `file_size` in bytes.

        `watcher` sees its standard output as it grows. Raises MachineFailed
        `host.command.missing`, `host.command.timeout`, and what `watcher` raises.
        """
        argv = self._confined(command, cpu, memory, file_size)
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                process = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    pass_fds=self._descriptors,
                    env=ENVIRONMENT,
                )
            except FileNotFoundError:
                raise MachineFailed(
                    "host.command.missing", f"{argv[0]} is not installed; run `quarterdeck doctor`"
                ) from None
            try:
                _wait(process, out.fileno(), seconds, watcher)
            finally:
                if process.poll() is None:
                    process.kill()
                process.wait()
            return Output(process.returncode, _text(out.fileno()), _text(err.fileno()))

    def _confined(
        self, command: tuple[str, ...], cpu: int, memory: int, file_size: int | None
    ) -> list[str]:
        bounds = [f"--as={memory}", f"--cpu={cpu}", "--core=0", "--nofile=64"]
        if file_size is not None:
            bounds.append(f"--fsize={file_size}")
        argv = ["prlimit", *bounds, "--"]
        if os.geteuid() == 0:
            argv += ["unshare", "--net", "--ipc", "--"]
            argv += ["setpriv", f"--reuid={_NOBODY}", f"--regid={self._group}", "--clear-groups"]
            argv += ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all", "--"]
        return [*argv, *command]


@contextlib.contextmanager
def lent(*paths: Path, write: Path | None = None) -> Iterator[Sandbox]:
    """Lend files to be read, and after them one to be written; each is opened for that.

    They are their owner's alone again afterwards. Who is not root lends nothing.
    """
    group = _GROUPS[secrets.randbelow(len(_GROUPS))]
    with contextlib.ExitStack() as held:
        descriptors = []
        for path in (*paths, *((write,) if write else ())):
            descriptor = os.open(path, (os.O_RDWR if path == write else os.O_RDONLY))
            held.callback(os.close, descriptor)
            descriptors.append(descriptor)
            if os.geteuid() == 0:
                status = os.fstat(descriptor)
                held.callback(os.fchmod, descriptor, status.st_mode & 0o7777)
                held.callback(os.fchown, descriptor, -1, status.st_gid)
                os.fchown(descriptor, -1, group)
                allowed = 0o060 if path == write else 0o040
                os.fchmod(descriptor, (status.st_mode & 0o700) | allowed)
        yield Sandbox(group, tuple(descriptors))


def _wait(
    process: subprocess.Popen[bytes], out: int, seconds: float, watcher: Watcher | None
) -> None:
    ends = time.monotonic() + seconds
    while True:
        left = ends - time.monotonic()
        if left <= 0:
            raise MachineFailed(
                "host.command.timeout", f"qemu-img gave no answer within {seconds:g} s"
            )
        try:
            process.wait(min(left, _POLL) if watcher else left)
        except subprocess.TimeoutExpired:
            if watcher:
                watcher(_text(out))
            continue
        return


def _text(descriptor: int) -> str:
    return os.pread(descriptor, _MOST_OUTPUT, 0).decode(errors="replace")
