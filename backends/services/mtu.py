"""What fits through the underlay: the MTU of networks between hosts."""

from __future__ import annotations

import ipaddress

from sqlmodel import Session, col, select

from backends.errors import Refused
from backends.records.host import HostRecord
from backends.records.network import VXLAN, Network

LEAST, MOST = 68, 9216
ETHERNET = 1500
# Bytes that VXLAN puts around a guest's packet (RFC 7348): the outer IP header, 8 of UDP, 8 of
# VXLAN, and the guest's own Ethernet header of 14.
OVERHEAD = {4: 20 + 8 + 8 + 14, 6: 40 + 8 + 8 + 14}


def left(session: Session) -> int:
    """The largest MTU of a network between hosts, as the narrowest underlay leaves it."""
    rows = session.exec(select(HostRecord).where(HostRecord.tunnel_address != ""))
    found = (
        row.underlay_mtu - OVERHEAD[ipaddress.ip_address(row.tunnel_address).version]
        for row in rows
    )
    return min(found, default=ETHERNET - OVERHEAD[4])


def good_mtu(session: Session, wanted: int | None, network_type: str) -> int:
    """What a network gets. Raises Refused `network.mtu`."""
    most = left(session) if network_type == VXLAN else MOST
    if wanted is None:
        return most if network_type == VXLAN else ETHERNET
    if not LEAST <= wanted <= MOST:
        raise Refused("network.mtu", f"an MTU is {LEAST} to {MOST}, not {wanted}")
    if wanted > most:
        raise Refused(
            "network.mtu", f"the underlay leaves {most} bytes to a network of VXLAN, not {wanted}"
        )
    return wanted


def check_leaves(session: Session, most: int) -> None:
    """Raises Refused `host.mtu` where a network's packets would not fit any more."""
    query = select(Network).where(
        Network.network_type == VXLAN, col(Network.absent).is_(False), col(Network.mtu) > most
    )
    row = session.exec(query.order_by(col(Network.mtu).desc())).first()
    if row is not None:
        raise Refused(
            "host.mtu",
            f"the underlay here leaves {most} bytes, and network {row.name} has {row.mtu};"
            f" `quarterdeck network set --mtu {most} {row.id}` first",
        )
