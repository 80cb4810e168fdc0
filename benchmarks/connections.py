"""A million connections read and decoded, against a bare receive loop and conntrack(8)."""

from __future__ import annotations

import resource
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from backends.drivers.conntrack import netlink, reading
from backends.drivers.conntrack.events import Happened
from backends.drivers.conntrack.ledger import Ledger
from backends.drivers.conntrack.table import Connections
from benchmarks import entries
from benchmarks.measure import Result, medians

COUNT = 1_000_000
ZONES = 100
EVENTS = 1_000
_ZONE = 7
_MEMORY = 256.0  # MiB
_RUNS = 3


def main() -> list[Result]:
    """All of them, and one zone of a hundred."""
    with _table() as name:
        argv = ["ip", "netns", "exec", name, "conntrack"]
        ledger = Ledger(reading.read(name))
        changed = _changed(ledger)
        times = medians(
            {
                "ours": lambda: _expect(name, None, COUNT),
                "bare": lambda: _receive(name),
                "conntrack": lambda: _run([*argv, "-L", "-o", "extended"]),
                "zone": lambda: _expect(name, _ZONE, COUNT // ZONES),
                "conntrack zone": lambda: _run([*argv, "-L", "-w", str(_ZONE)]),
                "followed": lambda: _follow(ledger, changed),
            },
            _RUNS,
        )
        used = _memory(name)
    what = f"{COUNT:,} connections decoded"
    return [
        Result(f"{what} / receiving them", times["ours"], times["bare"], 1.35),
        Result(f"{what} / conntrack -L", times["ours"], times["conntrack"], 1 / 1.4),
        Result("one zone's / conntrack -L -w", times["zone"], times["conntrack zone"], 1 / 8),
        Result(f"{EVENTS:,} events followed / reading all again", times["followed"], times["ours"],
               1 / 5),
        Result(f"{what}: memory / limit", used, _MEMORY, 1.0, "MiB"),
    ]  # fmt: skip


@contextmanager
def _table() -> Iterator[str]:
    with entries.namespace(COUNT, ZONES) as name:
        if reading.count(name) != COUNT:
            raise OSError(f"{reading.count(name):,} entries were made, not {COUNT:,}")
        yield name


def _expect(name: str, zone: int | None, count: int) -> None:
    found = len(reading.read(name, zone=zone))
    if found != count:
        raise OSError(f"{found:,} connections were read, not {count:,}")


def _changed(ledger: Ledger) -> Connections:
    """A copy of some connections, of which so many events could be."""
    table = ledger.table
    return table.take(np.arange(0, len(table), len(table) // EVENTS))


def _follow(ledger: Ledger, some: Connections) -> None:
    """Half of the events are ends, half begins: afterwards all is as it was."""
    half, none = some.take(slice(0, len(some) // 2)), Connections.empty(0)
    before = len(ledger)
    ledger.take(Happened(none, none, half))
    ledger.take(Happened(half, none, none))
    if len(ledger) != before:
        raise OSError(f"{len(ledger):,} connections were kept, not {before:,}")


def _receive(name: str) -> None:
    """Ask for the dump, receive all of it, and look at nothing but where it ends."""
    room = memoryview(bytearray(netlink.BUFFER))
    with netlink.connect(name) as opened:
        opened.send(netlink.message(netlink.CT_GET, netlink.DUMP))
        while True:
            opened.recv_into(room)
            if struct.unpack_from("=H", room, 4)[0] == netlink.DONE:
                return


def _memory(name: str) -> float:
    """The largest resident set of a process that reads them all and nothing else, in MiB."""
    argv = [sys.executable, "-m", "benchmarks.connections", name]
    done = subprocess.run(argv, check=True, capture_output=True, text=True)
    return float(done.stdout)


def _run(argv: list[str]) -> None:
    # Its exit status and its count go to stderr; what it prints is made and thrown away.
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    if len(sys.argv) == 2:
        reading.read(sys.argv[1])
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
    else:
        print(*main(), sep="\n")
