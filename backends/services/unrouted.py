"""Ranges that this host has no way to yet, and may thus be given to an external network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from backends.drivers.machine import Machine
from backends.errors import Refused
from backends.services import addresses


def check_unrouted(machine: Machine, cidr: addresses.IPNetwork) -> None:
    """The host becomes a member of the network, and must not be of another with that range.

    Raises Refused `network.subnet.routed`.
    """
    for text in (*machine.namespaces.host_routes(), *_nameservers(machine)):
        other = addresses.parse_destination(text)
        if other.version == cidr.version and other.overlaps(cidr):
            raise Refused(
                "network.subnet.routed",
                f"this host reaches {other} elsewhere already; give {cidr} another range,"
                " or `--gateway none`",
            )


def _nameservers(machine: Machine) -> Sequence[str]:
    """The host's own name servers (resolv.conf(5)), which may lie behind its default route."""
    text = machine.host.read_text(Path("/etc/resolv.conf")) or ""
    lines = [line.split() for line in text.splitlines() if len(line.split()) > 1]
    return [line[1].partition("%")[0] for line in lines if line[:1] == ["nameserver"]]
