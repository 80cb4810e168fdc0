"""Connections of Open vSwitch's userspace datapath, which keeps its own (dpctl(8))."""

from __future__ import annotations

import re
from pathlib import Path
from socket import AF_INET6
from typing import TYPE_CHECKING

import numpy as np

from backends.drivers.conntrack.table import Connections, words_of
from backends.drivers.ovs.control import ask
from backends.errors import MachineFailed, Refused
from backends.settings import OVS_RUN

if TYPE_CHECKING:
    from backends.drivers.conntrack.connection import Connection

_DATAPATH = "netdev@ovs-netdev"
_NOT_THERE = "No such file or directory"
_ENTRY = re.compile(
    r"^(\w+),orig=\(src=([^,]+),dst=([^,]+),(?:sport|id)=(\d+),(?:dport=(\d+)|type=(\d+),code=(\d+))\)"
    r",reply=\(src=([^,]+),dst=([^,]+),(?:sport|id)=(\d+),(?:dport=(\d+)|type=(\d+),code=(\d+))\)"
    r"(?:,id=(\d+))?(?:,zone=(\d+))?(?:,status=[^,]*)?(?:,timeout=(\d+))?(?:,mark=(\d+))?"
    r"(?:,labels=[^,]+)?(?:,protoinfo=\(state=(\w+))?",
    re.MULTILINE,
)
_PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
_NAMES = {number: name for name, number in _PROTOCOLS.items()}
# The datapath's states as the kernel's numbers (nf_conntrack_tcp.h).
_STATES = {
    "SYN_SENT": 1,
    "SYN_RECV": 2,
    "ESTABLISHED": 3,
    "CLOSING": 4,
    "TIME_WAIT": 7,
    "CLOSED": 8,
}


def read(*, zone: int | None = None, run: Path = OVS_RUN) -> Connections:
    """All connections of the datapath, or those of a zone, which it picks itself.

    Raises MachineFailed `ovs.switch.unreachable`. A switch without such a datapath has none.
    """
    words = ["-s", _DATAPATH]
    if zone is not None:
        words.append(f"zone={zone}")
    try:
        return parse(ask("dpctl/dump-conntrack", *words, run=run))
    except MachineFailed as error:
        if error.code != "ovs.switch.refused":
            raise
        return Connections.empty(0)


def parse(text: str) -> Connections:
    """The entries in what `dpctl/dump-conntrack -s` prints. Pure."""
    found = _ENTRY.findall(text)
    table = Connections.empty(len(found))
    if not found:
        return table
    columns = list(zip(*found, strict=True))
    table.protocol[:] = [_PROTOCOLS.get(name, 0) for name in columns[0]]
    known: dict[str, tuple[int, ...]] = {}
    for side, column in enumerate((columns[1], columns[2], columns[7], columns[8])):
        for address in set(column) - known.keys():
            known[address] = words_of(address)
        words = np.array([known[address] for address in column], np.uint32)
        table.family[:] = words[:, 0]
        table.addresses[side] = words[:, 1:].T
    table.ports[0], table.ports[2] = _numbers(columns[3]), _numbers(columns[9])
    for side, at in ((1, 4), (3, 10)):
        kind = _numbers(columns[at + 1]) << 8 | _numbers(columns[at + 2])
        table.ports[side] = _numbers(columns[at]) | kind
    table.zone[:] = _numbers(columns[14])
    table.timeout[:] = _numbers(columns[15])
    table.mark[:] = _numbers(columns[16])
    table.state[:] = [_STATES.get(name, 0) for name in columns[17]]
    return table


def end(connection: Connection, *, run: Path = OVS_RUN) -> bool:
    """Delete the one connection between these ends in this zone. False where there is none.

    Raises Refused `connection.kept`; MachineFailed `ovs.switch.unreachable`, `ovs.switch.refused`.
    """
    if connection.protocol == _PROTOCOLS["icmpv6"]:
        # Open vSwitch 3.1's userspace datapath aborts when it is asked to (it looks for the reply's
        # type among those of IPv4). All traffic would stop for it.
        raise Refused(
            "connection.kept",
            "Open vSwitch cannot end a single ICMPv6 connection; it ends by itself within"
            f" {connection.timeout or 30} s of its last packet",
        )
    words = (f"zone={connection.zone}", ends_of(connection))
    # Open vSwitch 3.1 takes the datapath's name for a field here, and finds the only one without.
    attempts = (words, (_DATAPATH, *words))
    for attempt in attempts:
        try:
            ask("dpctl/flush-conntrack", *attempt, run=run)
        except MachineFailed as error:
            if _NOT_THERE in error.message:
                return False
            if error.code != "ovs.switch.refused" or attempt is attempts[-1]:
                raise
        else:
            break
    return True


def ends_of(connection: Connection) -> str:
    """Who spoke first, to whom, in dpctl's words (dpctl(8), "flush-conntrack")."""
    family = "ct_ipv6" if connection.family == AF_INET6 else "ct_nw"
    source, destination, *_ = connection.addresses
    near, far, *_ = connection.ports
    ends = f"{family}_src={source},{family}_dst={destination},ct_nw_proto={connection.protocol}"
    if _NAMES.get(connection.protocol, "").startswith("icmp"):
        return f"{ends},icmp_id={near},icmp_type={far >> 8},icmp_code={far & 0xFF}"
    return f"{ends},ct_tp_src={near},ct_tp_dst={far}"


def _numbers(texts: tuple[str, ...]) -> np.ndarray[tuple[int], np.dtype[np.uint32]]:
    return np.array([int(text) if text else 0 for text in texts], np.uint32)
