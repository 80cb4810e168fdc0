"""How a network lies on the host's wire, and what of the host may be reached from there."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.errors import Refused
from backends.records.host import HostRecord
from backends.records.network import VXLAN, Network

VLANS = range(1, 4095)

# RFC 7348: 24 bits, of which 0 is left to underlays that use it for nothing.
VNIS = range(1, 1 << 24)

# The one physical network there is, on the host's external bridge; OpenStack's guides name it so.
PHYSICAL_NETWORK = "provider"


@dataclass(frozen=True, slots=True)
class Provider:
    """How a network lies: `flat` or `vlan` on a physical one, or `vxlan` between hosts.

    `segment` is its VLAN (1 to 4094) or its VNI (1 to 16777215; None: a free one).
    """

    network_type: str = "flat"
    physical: str = PHYSICAL_NETWORK
    segment: int | None = None


def good_provider(provider: Provider | None) -> Provider:
    """How it lies, `local` where nothing is said. Raises Refused `network.provider.invalid`."""
    if provider is None or provider.network_type == "local":
        return Provider("local", "")
    if provider.network_type == VXLAN:
        if provider.segment is not None and provider.segment not in VNIS:
            text = f"a VXLAN network's segment is a VNI of 1 to {VNIS[-1]}"
            raise Refused("network.provider.invalid", text)
        return Provider(VXLAN, "", provider.segment)
    if provider.network_type not in ("flat", "vlan"):
        raise Refused("network.provider.invalid", "a network's type is local, flat, vlan or vxlan")
    if provider.physical != PHYSICAL_NETWORK:
        text = f"the physical network is called {PHYSICAL_NETWORK}, not {provider.physical!r}"
        raise Refused("network.provider.invalid", text)
    if provider.network_type == "vlan" and provider.segment not in VLANS:
        raise Refused("network.provider.invalid", "a VLAN network takes a segment of 1 to 4094")
    if provider.network_type == "flat" and provider.segment is not None:
        raise Refused("network.provider.invalid", "a flat network has no segment")
    return provider


def good_service(text: str) -> str:
    """`tcp:PORT` or `udp:PORT`, in one way. Raises Refused `network.host_service.invalid`."""
    protocol, _, port = text.partition(":")
    if protocol in ("tcp", "udp") and port.isdecimal() and 1 <= int(port) <= 65535:
        return f"{protocol}:{int(port)}"
    raise Refused(
        "network.host_service.invalid", f"a service is tcp:PORT or udp:PORT, not {text!r}"
    )


def usual(session: Session) -> Provider:
    """What a project's network is where nothing is said: between hosts, once there are several."""
    rows = session.exec(select(HostRecord.name).where(HostRecord.tunnel_address != "")).all()
    return Provider(VXLAN, "") if len(rows) > 1 else Provider("local", "")


def free_vni(session: Session, wanted: int | None) -> int:
    """The wanted VNI, or the lowest that is free. Raises Refused `network.provider.taken`."""
    query = select(Network.segmentation_id, Network.name).where(Network.network_type == VXLAN)
    taken = {vni: name for vni, name in session.exec(query) if vni is not None}
    if wanted is None:
        return next(vni for vni in VNIS if vni not in taken)
    if wanted in taken:
        raise Refused("network.provider.taken", f"network {taken[wanted]} has VNI {wanted}")
    return wanted


def check_segment(session: Session, provider: Provider) -> None:
    """Raises Refused `network.provider.taken`: a wire carries each VLAN, and no VLAN, once."""
    if not provider.physical:
        return
    same = select(Network).where(
        Network.physical_network == provider.physical,
        Network.segmentation_id == provider.segment,
        col(Network.absent).is_(False),
    )
    other = session.exec(same).first()
    if other is not None:
        what = f"VLAN {provider.segment}" if provider.segment else "untagged traffic"
        raise Refused(
            "network.provider.taken", f"network {other.name} has {what} of {provider.physical}"
        )
