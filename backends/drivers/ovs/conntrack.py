"""Connections of Open vSwitch's tracker, ended by ovs-vswitchd itself over its control socket.

It does so for the userspace datapath and for the kernel's alike (ovs-vswitchd(8), ovs-dpctl(8)).
"""

from __future__ import annotations

from pathlib import Path

from backends.drivers.ovs.ovsdb import Connection, DatabaseRefused
from backends.errors import MachineFailed

_FOLDERS = (Path("/var/run/openvswitch"), Path("/run/openvswitch"))
_FLUSH = "dpctl/flush-conntrack"
_TIMEOUT = 30.0
# Where a host has both datapaths, the switch wants to know which is meant.
_DATAPATHS = {"system": "system@ovs-system", "netdev": "netdev@ovs-netdev"}


def forget(zone: int, datapath: str) -> None:
    """Delete the connections of a zone.

    All of them: ovs-vswitchd 3.1 dies of a flush by a part of a tuple.
    Raises MachineFailed `ovs.conntrack.failed`, `ovs.switch.unreachable`.
    """
    with Connection(_socket(), _TIMEOUT) as connection:
        _flush(connection, [f"zone={zone}"], _DATAPATHS[datapath])


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
