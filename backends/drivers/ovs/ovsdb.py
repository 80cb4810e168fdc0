"""A small client of Open vSwitch's database (OVSDB, RFC 7047) over its unix socket.

Every transaction opens its own connection (50 us on a unix socket), so that threads never wait for
each other and a restarted server is no special case. A `Connection` that is kept serves a monitor.
"""

from __future__ import annotations

import codecs
import json
import socket
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from backends.errors import MachineFailed
from backends.settings import OVS_RUN

DATABASE = "Open_vSwitch"
_CHUNK = 1 << 20

# An operation, a row or a message, as RFC 7047 writes it in JSON.
Json = dict[str, Any]


class DatabaseRefused(MachineFailed):
    """An operation was refused. `kind` is the server's own word (RFC 7047, 3.1 and 4.1.3)."""

    def __init__(self, kind: str, details: str) -> None:
        super().__init__("ovs.refused", f"Open vSwitch refused a change: {details or kind}")
        self.kind = kind


class Disconnected(MachineFailed):
    """There is no server at the socket, or it went away."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            "ovs.unreachable",
            f"Open vSwitch's database does not answer at {path} ({reason}); start Open vSwitch",
        )


class Ovsdb:
    """The database of a switch. Safe to use from several threads."""

    def __init__(self, run: Path = OVS_RUN, timeout: float = 10.0) -> None:
        """`run` is the folder of the switch's sockets; `timeout` in seconds for each answer."""
        self.path = run / "db.sock"
        self.timeout = timeout

    def connect(self) -> Connection:
        """A connection of its own. Raises MachineFailed `ovs.unreachable`."""
        return Connection(self.path, self.timeout)

    def transact(self, operations: Sequence[Json], *, timeout: float | None = None) -> list[Json]:
        """The results of the operations, which are done together or not at all.

        Raises MachineFailed `ovs.unreachable`, or `ovs.refused` (a DatabaseRefused).
        """
        with self.connect() as connection:
            return connection.transact(operations, timeout=timeout)


class Connection:
    """One connection, for one thread. Answers the server's `echo` while it waits for a message."""

    def __init__(self, path: Path, timeout: float) -> None:
        self._path = path
        self._timeout = timeout
        self._buffer = ""
        # A character may be cut between two reads.
        self._text = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._decoder = json.JSONDecoder()
        self._next_id = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        try:
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise Disconnected(path, error.strerror or "no answer") from None

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def transact(self, operations: Sequence[Json], *, timeout: float | None = None) -> list[Json]:
        """As `Ovsdb.transact`."""
        results = self.request("transact", [DATABASE, *operations], timeout=timeout)
        for result in results:
            if result and "error" in result:
                raise DatabaseRefused(str(result["error"]), str(result.get("details", "")))
        return [result or {} for result in results]

    def monitor(self, tables: Mapping[str, Sequence[str]]) -> Json:
        """Begin to watch columns of tables; the answer holds their rows (RFC 7047, 4.1.5)."""
        wanted = {table: {"columns": list(columns)} for table, columns in tables.items()}
        rows: Json = self.request("monitor", [DATABASE, None, wanted])
        return rows

    def request(self, method: str, params: list[Any], *, timeout: float | None = None) -> Any:
        """The result of a call; `timeout` in seconds."""
        self._next_id += 1
        self._send({"method": method, "params": params, "id": self._next_id})
        deadline = time.monotonic() + (self._timeout if timeout is None else timeout)
        while True:
            message = self.receive(deadline - time.monotonic())
            if message is None:
                raise Disconnected(self._path, "no answer in time")
            if message.get("id") != self._next_id or "method" in message:
                continue
            if message.get("error"):
                raise DatabaseRefused(str(message["error"]), json.dumps(message["error"]))
            return message["result"]

    def receive(self, timeout: float) -> Json | None:
        """The next message that is no `echo`, or None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._parse()
            if message is None:
                remaining = deadline - time.monotonic()
                if remaining <= 0 or not self._fill(remaining):
                    return None
            elif message.get("method") == "echo":
                self._send({"result": message["params"], "error": None, "id": message["id"]})
            else:
                return message

    def _send(self, message: Json) -> None:
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(json.dumps(message).encode())
        except OSError as error:
            raise Disconnected(self._path, error.strerror or "no answer in time") from None

    def _parse(self) -> Json | None:
        """A whole message off the buffer. Messages follow each other without a separator."""
        # What does not end like a message is not whole: trying would cost a scan at each read.
        if not self._buffer.endswith("}"):
            return None
        try:
            message, end = self._decoder.raw_decode(self._buffer)
        except json.JSONDecodeError:
            return None
        self._buffer = self._buffer[end:].lstrip()
        return message if isinstance(message, dict) else {}

    def _fill(self, timeout: float) -> bool:
        """Read until something may be whole; False when `timeout` seconds pass before."""
        self._socket.settimeout(timeout)
        try:
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            return False
        except OSError as error:
            raise Disconnected(self._path, error.strerror or "broken connection") from None
        if not data:
            raise Disconnected(self._path, "it closed the connection")
        self._buffer += self._text.decode(data)
        return True


def atoms(value: Any) -> list[Any]:
    """The members of a set: RFC 7047 writes a set of one as the one."""
    if isinstance(value, list) and value and value[0] == "set":
        return list(value[1])
    return [value]


def mapping(value: Any) -> dict[str, str]:
    """A map of strings."""
    return {str(key): str(each) for key, each in value[1]}


def to_map(pairs: Mapping[str, str]) -> list[Any]:
    """A map as RFC 7047 writes it."""
    return ["map", [[key, value] for key, value in pairs.items()]]


def to_set(values: Iterable[Any]) -> list[Any]:
    """A set as RFC 7047 writes it."""
    return ["set", list(values)]


def row_id(uuid: str) -> list[str]:
    """A reference to a row."""
    return ["uuid", uuid]


def row_ids(value: Any) -> list[str]:
    """The UUIDs in a reference or a set of them."""
    return [str(each[1]) for each in atoms(value)]
