"""Connections of Open vSwitch's tracker, ended by ovs-vswitchd itself over its control socket.

It does so for the userspace datapath and for the kernel's alike (ovs-vswitchd(8), ovs-dpctl(8)).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backends.drivers.ovs.ovsdb import Connection, DatabaseRefused
from backends.errors import MachineFailed

_FOLDERS = (Path("/var/run/openvswitch"), Path("/run/openvswitch"))
_FLUSH = "dpctl/flush-conntrack"
_TIMEOUT = 30.0
# Where a host has both datapaths, the switch wants to know which is meant.
_DATAPATHS = {"system": "system@ovs-system", "netdev": "netdev@ovs-netdev"}


def forget(zone: int, addresses: Sequence[str], datapath: str) -> None:
    """Delete the connections of a zone: those from or to these addresses, or all.

    Raises MachineFailed `ovs.conntrack.failed`, `ovs.switch.unreachable`.
    """
    wanted = [[f"zone={zone}", tuple_] for address in addresses for tuple_ in _tuples(address)]
    with Connection(_socket(), _TIMEOUT) as connection:
        for arguments in wanted or [[f"zone={zone}"]]:
            _flush(connection, arguments, _DATAPATHS[datapath])


def _tuples(address: str) -> list[str]:
    family = "ipv6" if ":" in address else "nw"
    return [f"ct_{family}_src={address}", f"ct_{family}_dst={address}"]


def _flush(connection: Connection, arguments: list[str], datapath: str) -> None:
    try:
        connection.request(_FLUSH, arguments)
    except DatabaseRefused:
        # Older switches take the datapath's name only where they need it.
        try:
            connection.request(_FLUSH, [datapath, *arguments])
        except DatabaseRefused as error:
            raise MachineFailed(
                "ovs.conntrack.failed", f"Open vSwitch keeps its connections: {error.kind.strip()}"
            ) from None


def _socket() -> Path:
    """The control socket of the ovs-vswitchd that runs: its name carries the process's id."""
    for folder in _FOLDERS:
        try:
            pid = (folder / "ovs-vswitchd.pid").read_text(encoding="ascii").strip()
        except OSError:
            continue
        return folder / f"ovs-vswitchd.{pid}.ctl"
    raise MachineFailed("ovs.switch.unreachable", "ovs-vswitchd does not run; start Open vSwitch")
