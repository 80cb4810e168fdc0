"""Ports that the cloud plugs for itself: of routers and floating IPs."""

from __future__ import annotations

from sqlmodel import Session, select

from backends.errors import Refused
from backends.records.host import HostRecord
from backends.records.network import OWNER_INSTANCE, Network, Port, Subnet
from backends.records.unit import Kind, Unit
from backends.services import addresses


def add_own_port(
    session: Session, network: Network, *, owner: str, device: str, project_id: str, host: str
) -> Port:
    """Add a port without security groups or addresses to a transaction.

    Raises Refused `network.elsewhere`.
    """
    check_reaches(session, network, host)
    taken = session.exec(select(Port.mac).where(Port.network_id == network.id)).all()
    port = Port(
        network_id=network.id,
        project_id=project_id,
        mac=addresses.fresh_mac(taken),
        port_security=False,
        device_id=device,
        device_owner=owner,
        host=host,
        made_for_device=True,
    )
    session.add(port)
    session.flush()
    return port


def check_reaches(session: Session, network: Network, host: str) -> None:
    """Raises Refused `network.elsewhere` where the network is not on the port's host."""
    if network.network_type != "local" or network.host in ("", host):
        return
    # A cloud's only host may have changed its name.
    if session.get(HostRecord, host) is not None:
        raise Refused(
            "network.elsewhere",
            f"network {network.name} is on host {network.host} alone, not on {host}; make one with"
            " `--provider-network-type vxlan`",
        )


def instances_on(session: Session, network: Network) -> list[Unit]:
    """The instances that are plugged into a network."""
    query = select(Port.device_id).where(
        Port.network_id == network.id, Port.device_owner == OWNER_INSTANCE
    )
    return [Unit(Kind.INSTANCE, id_) for id_ in session.exec(query.distinct())]


def networks_of(session: Session, device: str) -> list[Unit]:
    """The networks that a device is on: metadata tells a guest of all its ports on each of them."""
    query = select(Port.network_id).where(Port.device_id == device).distinct()
    return [Unit(Kind.NETWORK, id_) for id_ in session.exec(query)] if device else []


def subnets_of(session: Session, network: Network) -> list[Subnet]:
    """A network's subnets, the oldest first."""
    rows = session.exec(select(Subnet).where(Subnet.network_id == network.id))
    return sorted(rows, key=lambda each: each.created_at)


def one_of_each(session: Session, network: Network, only: int | None = None) -> list[Subnet]:
    """The oldest subnet of each IP version, or of this one alone.

    Raises Refused `network.subnet.missing` where there is none.
    """
    by_version: dict[int, Subnet] = {}
    for subnet in subnets_of(session, network):
        if only in (None, subnet.ip_version):
            by_version.setdefault(subnet.ip_version, subnet)
    if not by_version:
        version = f"IPv{only} " if only else ""
        raise Refused(
            "network.subnet.missing", f"network {network.name} has no {version}subnet; make one"
        )
    return [by_version[version] for version in sorted(by_version)]
