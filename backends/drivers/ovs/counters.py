"""What a port's flows counted: dropped, let out, let in."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from backends.drivers.ovs.flows import read_counted
from backends.hosts import Host
from backends.settings import OVS_RUN

# The tables that count (Neutron's numbers): 91 sent, 92 received, 93 dropped.
_SENT, _RECEIVED, _DROPPED = 91, 92, 93
_FLOW = re.compile(
    r"table=(\d+), n_packets=(\d+), n_bytes=\d+, (?:\S+ )*?(\S*reg5=(0x[0-9a-f]+)\S*) actions"
)


@dataclass(frozen=True, slots=True)
class Counters:
    """Packets since the port's flows were last made anew.

    `blocked_out` is what the port sent and was not let out, `blocked_in` what it was sent and not
    let in.
    """

    sent: int = 0
    received: int = 0
    blocked_out: int = 0
    blocked_in: int = 0


def read_counters(host: Host, bridge: str, run: Path = OVS_RUN) -> dict[int, Counters]:
    """The counters of each port by its OpenFlow number. Raises MachineFailed."""
    found: dict[int, Counters] = {}
    for table in (_SENT, _RECEIVED, _DROPPED):
        for name, port, packets in counts_of(read_counted(host, bridge, f"table={table}", run=run)):
            before = found.get(port, Counters())
            found[port] = replace(before, **{name: getattr(before, name) + packets})
    return found


def counts_of(dump: str) -> list[tuple[str, int, int]]:
    """(name of the counter, port, packets) for each counting flow of a dump with statistics."""
    counts = []
    for table, packets, match, port in _FLOW.findall(dump):
        if int(table) == _DROPPED:
            name = "blocked_out" if "in_port=" in match else "blocked_in"
        else:
            name = {_SENT: "sent", _RECEIVED: "received"}.get(int(table), "")
        if name:
            counts.append((name, int(port, 16), int(packets)))
    return counts
