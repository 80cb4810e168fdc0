"""Another machine, over one kept SSH connection."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterable, Sequence

import paramiko

from backends.errors import MachineFailed, Refused
from backends.hosts.base import Output
from backends.hosts.commands import FilesByCommand
from backends.hosts.link import Address, Condition, Link
from backends.hosts.local import ENVIRONMENT, command_error

# What timeout(1) and env(1) say when the time was up, and when there is no such command.
_TIMED_OUT = 124
_MISSING = 127
_CHUNK = 1 << 15
# Seconds more than the command's own: the far side ends it, and then says so.
_GRACE = 5.0


class SshHost(FilesByCommand):
    """Runs commands and keeps files on another machine.

    A command line travels as one string (RFC 4254, section 6.5), so each argument is quoted for
    the login shell there. Its time limit is kept there too, by timeout(1): a command whose caller
    is gone ends all the same. A user other than root needs sudo(8) without a password.
    """

    def __init__(self, name: str, address: Address, *, read_only: bool = False) -> None:
        self.name = name
        self.read_only = read_only
        self._link = Link(address)
        self._before = () if address.user == "root" else ("sudo", "-n", "--")

    @property
    def condition(self) -> Condition:
        """The connection's state as last seen; asking costs nothing."""
        return self._link.condition

    def close(self) -> None:
        """End the connection; the next command makes another."""
        self._link.close()

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
        given = () if stdin is None else (stdin.encode(),)
        out = bytearray()
        status, said = self._exchange(argv, timeout, given, out.extend)
        output = Output(status, out.decode(errors="replace"), said)
        if check and status != 0:
            raise command_error(argv[0], output)
        return output

    def pour(
        self,
        argv: Sequence[str],
        timeout: float,
        source: Iterable[bytes] = (),
        sink: Callable[[bytes], object] | None = None,
    ) -> None:
        """Run a command between two streams: `source` is its input, `sink` takes its output.

        Raises what `run` raises, and what they raise: the command is then left to its end of file.
        """
        if self.read_only and sink is None:
            self._refuse(argv[0])
        status, said = self._exchange(argv, timeout, source, sink or len)
        if status != 0:
            raise command_error(argv[0], Output(status, "", said))

    def _exchange(
        self,
        argv: Sequence[str],
        timeout: float,
        source: Iterable[bytes],
        sink: Callable[[bytes], object],
    ) -> tuple[int, str]:
        """Exit status, and what it said to its error stream."""
        line = shlex.join(
            [
                *self._before,
                *("env", *(f"{name}={value}" for name, value in ENVIRONMENT.items())),
                *("timeout", "--kill-after=5", f"{timeout:g}", *argv),
            ]
        )
        try:
            with self._link.session(timeout + _GRACE) as channel:
                channel.exec_command(line)
                status, said = _Talk(channel, source, sink).hold()
        except TimeoutError:
            status, said = _TIMED_OUT, ""
        except (paramiko.SSHException, EOFError, OSError) as error:
            raise self._link.lost(error) from None
        if status == -1:
            raise self._link.lost(EOFError(f"it went away while {argv[0]} ran"))
        if status == _TIMED_OUT:
            raise MachineFailed(
                "host.command.timeout",
                f"{argv[0]} gave no answer within {timeout:g} s on {self.name}",
            )
        if status == _MISSING:
            raise MachineFailed(
                "host.command.missing", f"{argv[0]} is not installed on {self.name}"
            )
        return status, said

    def _refuse(self, what: str) -> None:
        raise Refused("host.readonly", f"read-only: {what} would change {self.name}")


class _Talk:
    """A command's three streams, each moved on its own, so that none can wait for another."""

    def __init__(
        self,
        channel: paramiko.Channel,
        source: Iterable[bytes],
        sink: Callable[[bytes], object],
    ) -> None:
        self._channel = channel
        self._source = source
        self._sink = sink
        self._said = bytearray()
        self._failure: BaseException | None = None

    def hold(self) -> tuple[int, str]:
        """Move everything. Returns exit status (-1: the connection went) and standard error."""
        beside = [threading.Thread(target=each, daemon=True) for each in (self._feed, self._listen)]
        for each in beside:
            each.start()
        try:
            while chunk := self._channel.recv(_CHUNK):
                self._sink(chunk)
        except BaseException:
            self._channel.close()
            raise
        finally:
            for each in beside:
                each.join()
        if self._failure is not None:
            raise self._failure
        return self._channel.recv_exit_status(), self._said.decode(errors="replace")

    def _feed(self) -> None:
        try:
            for chunk in self._source:
                self._channel.sendall(chunk)
            self._channel.shutdown_write()
        except OSError:
            # It reads no more: its exit status says why.
            return
        except BaseException as failure:
            self._failure = failure
            self._channel.close()

    def _listen(self) -> None:
        try:
            while chunk := self._channel.recv_stderr(_CHUNK):
                self._said += chunk
        except OSError:
            return
