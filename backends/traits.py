"""What this host can do, found out cheaply: each is one look, no probe."""

from __future__ import annotations

from pathlib import Path

from backends.setup import kvm


def domain_type() -> str:
    """`kvm` where the set-up saw it run a guest since the host booted, else `qemu`."""
    return kvm.domain_type()


def datapath() -> str:
    """`system` where Open vSwitch's kernel module is loaded, else `netdev` (userspace)."""
    return "system" if Path("/sys/module/openvswitch").exists() else "netdev"
