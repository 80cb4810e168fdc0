"""Conntrack zones: one for each network of each cloud on a host."""

from __future__ import annotations

import zlib

from backends.settings import DEFAULT_CLOUD

_VLAN_BITS = 12


def zone(cloud: str, vlan: int) -> int:
    """The zone of the network with this VLAN: 1 to 65535.

    The VLAN itself in the default cloud. All bridges of a datapath share their zones, so other
    clouds add one of 15 numbers above the VLAN's 12 bits, from their name's checksum.
    """
    slot = 0 if cloud == DEFAULT_CLOUD else 1 + zlib.crc32(cloud.encode()) % 15
    return slot << _VLAN_BITS | vlan


def vlan(zone: int) -> int:
    """The VLAN of a zone's network."""
    return zone & (1 << _VLAN_BITS) - 1
