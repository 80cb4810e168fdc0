"""Connections of Open vSwitch's tracker, ended by ovs-vswitchd itself over its control socket.

It does so for the userspace datapath and for the kernel's alike (ovs-vswitchd(8), ovs-dpctl(8)).
"""

from __future__ import annotations

from pathlib import Path

from backends.drivers.ovs.control import ask
from backends.errors import MachineFailed
from backends.settings import OVS_RUN

_FLUSH = "dpctl/flush-conntrack"
# Where a host has both datapaths, the switch wants to know which is meant.
_DATAPATHS = {"system": "system@ovs-system", "netdev": "netdev@ovs-netdev"}


def forget(zone: int, datapath: str, run: Path = OVS_RUN) -> None:
    """Delete the connections of a zone.

    All of them: ovs-vswitchd 3.1 dies of a flush by a part of a tuple.
    Raises MachineFailed `ovs.switch.refused`, `ovs.switch.unreachable`.
    """
    try:
        ask(_FLUSH, f"zone={zone}", run=run)
    except MachineFailed as error:
        if error.code != "ovs.switch.refused":
            raise
        # Older switches take the datapath's name only where they need it.
        ask(_FLUSH, _DATAPATHS[datapath], f"zone={zone}", run=run)
