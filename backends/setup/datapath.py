"""Which of Open vSwitch's datapaths works here: the kernel's, or the one in user space."""

from __future__ import annotations

from backends.hosts import Host
from backends.setup.check import ask

KERNEL = "system"
USERSPACE = "netdev"


def working(host: Host) -> str:
    """`system` where the kernel has Open vSwitch's module or can load it, else `netdev`.

    Nothing is loaded: openvswitch-switch does that when it starts.
    """
    if ask(host, ("ovs-dpctl", "dump-dps")).status == 0:
        return KERNEL
    if ask(host, ("modprobe", "--dry-run", "--quiet", "openvswitch")).status == 0:
        return KERNEL
    return USERSPACE
