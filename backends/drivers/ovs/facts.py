"""What Open vSwitch has: read from OVSDB and the switch, never cached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

# external_ids keys. The first four are os-vif's and Neutron's; the rest are Quarterdeck's label.
IFACE_ID = "iface-id"
IFACE_STATUS = "iface-status"
ATTACHED_MAC = "attached-mac"
VM_UUID = "vm-uuid"
# libvirt's own word for the same.
VM_ID = "vm-id"
CLOUD = "quarterdeck-cloud"
KIND = "quarterdeck-kind"
RECORD = "quarterdeck-record"
# Of an integration bridge: which of the host's conntrack zones are its cloud's.
ZONE_SLOT = "quarterdeck-zone-slot"


# The bit that is set in the cookies of flows which the switch learns, and in no other of ours.
LEARNED = 1 << 63


def is_bare_tap(name: str, labels: Mapping[str, str]) -> bool:
    """Whether libvirt plugged this for a guest, by the name we give, and nobody labelled it yet.

    On a bridge of ours such a port is ours too: libvirt may have been killed in between.
    """
    port_id = labels.get(IFACE_ID, "")
    named = bool(port_id) and name == f"tap{port_id[:11]}"
    return named and VM_ID in labels and CLOUD not in labels


@dataclass(frozen=True, slots=True)
class OvsPort:
    """A port with its one interface. `vlan` 0 is untagged; `ofport` is -1 while it has none.

    `peer` is where a patch port leads, `tunnel` a VXLAN port's local and remote address; both are
    empty for any other.
    """

    name: str
    bridge: str
    vlan: int = 0
    internal: bool = False
    ofport: int = -1
    error: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    peer: str = ""
    tunnel: tuple[str, ...] = ()


class Meter(NamedTuple):
    """What drops packets above a `rate` in kbit/s, beyond a `burst` in kbit."""

    rate: int
    burst: int


@dataclass(frozen=True, slots=True)
class OvsBridge:
    """A bridge. `flows` is the cookie of the canary in table 23; 0: none, the flows are gone.

    Where flows are kept in sets, `sets` are the cookies by owner, from each set's canary, and
    `flow_count` is the number of all flows there are; `meters` are by their numbers.
    """

    name: str
    datapath: str = ""
    fail_mode: str = ""
    flows: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    sets: Mapping[int, int] = field(default_factory=dict)
    flow_count: int = 0
    meters: Mapping[int, Meter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OvsFacts:
    """All bridges and ports by name."""

    bridges: Mapping[str, OvsBridge] = field(default_factory=dict)
    ports: Mapping[str, OvsPort] = field(default_factory=dict)
