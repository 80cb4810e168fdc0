"""The numbers of the tables (Neutron's, where it has one), and the parts flows are made of."""

from __future__ import annotations

CLASSIFY = 0
SORT = 60
EGRESS_BASE, EGRESS_RULES, EGRESS_ACCEPT = 71, 72, 73
INGRESS_BASE, INGRESS_RULES = 81, 82
SENT, RECEIVED, DROPPED = 91, 92, 93
SPREAD = 94
UPLINKS = 95

ZONE = "zone=NXM_NX_REG6[0..15]"
COMMIT = f"ct(commit,{ZONE})"
# ct_mark 1: the rule that allowed the connection is gone.
CUT = f"ct(commit,{ZONE},exec(set_field:1->ct_mark))"
MEND = f"ct(commit,{ZONE},exec(set_field:0->ct_mark))"
TO_MANY = "dl_dst=01:00:00:00:00:00/01:00:00:00:00:00"
TO_ONE = "dl_dst=00:00:00:00:00:00/01:00:00:00:00:00"
UNTAGGED = "vlan_tci=0x0000/0x1000"
VLAN_PRESENT = 0x1000


def flow(table: int, priority: int, match: str, actions: str) -> str:
    """A flow in ovs-ofctl's syntax."""
    comma = "," if match else ""
    return f"table={table},priority={priority},{match}{comma}actions={actions}"


def tag(vlan: int) -> str:
    """Put a VLAN tag on (IEEE 802.1Q)."""
    return f"push_vlan:0x8100,set_field:{VLAN_PRESENT | vlan}->vlan_vid"


def to(table: int) -> str:
    """Go on in that table."""
    return f"resubmit(,{table})"
