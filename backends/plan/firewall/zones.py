"""Conntrack zones: one for each network of each cloud on a host."""

from __future__ import annotations

import zlib
from collections.abc import Collection

from backends.errors import Refused
from backends.settings import DEFAULT_CLOUD, Settings

# All bridges of a datapath share their zones, 16 bits. The default cloud's are those of its VLANs,
# 1 to 4095; each other cloud has a slot of 1024 above them, claimed when it is made.
SLOT_BITS = 10
SLOTS = range(4, 64)


def zone(settings: Settings, vlan: int) -> int:
    """The zone of the network with this VLAN: 1 to 65535."""
    return settings.zone_slot << SLOT_BITS | vlan


def vlan(zone: int) -> int:
    """The VLAN of a zone's network."""
    if zone >> SLOT_BITS in SLOTS:
        return zone & (1 << SLOT_BITS) - 1
    return zone


def last_vlan(settings: Settings) -> int:
    """The highest VLAN that has a zone."""
    return (1 << SLOT_BITS) - 1 if settings.zone_slot else 4094


def pick_slot(cloud: str, taken: Collection[int]) -> int:
    """The usual slot of a cloud of this name, or the next that is free."""
    if cloud == DEFAULT_CLOUD:
        return 0
    first = usual_slot(cloud) - SLOTS.start
    for step in range(len(SLOTS)):
        slot = SLOTS[(first + step) % len(SLOTS)]
        if slot not in taken:
            return slot
    raise Refused(
        "cloud.zones.exhausted",
        f"{len(SLOTS)} clouds beside the default one are on this machine; destroy one first",
    )


def usual_slot(cloud: str) -> int:
    """The slot that a cloud of this name has where nothing else is known of it."""
    if cloud == DEFAULT_CLOUD:
        return 0
    return SLOTS[zlib.crc32(cloud.encode()) % len(SLOTS)]
