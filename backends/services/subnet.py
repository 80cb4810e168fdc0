"""What a subnet may be, and the addresses of its DHCP server."""

from __future__ import annotations

from sqlmodel import Session, col, select

from backends.errors import Refused
from backends.records.network import OWNER_DHCP, OWNER_ROUTER, Address, Network, Port, Subnet
from backends.services import addresses


def gateway_of(text: str, cidr: addresses.IPNetwork) -> addresses.IPAddress | None:
    """The address that `auto` (the first), `none` or an address means in the range."""
    if text == "none":
        return None
    if text == "auto":
        return cidr[1]
    address = addresses.parse_address(text)
    addresses.check_inside(address, cidr, "gateway")
    return address


def route_of(destination: str, hop: str) -> dict[str, str]:
    """A route for guests, as a record keeps it."""
    network = addresses.parse_network(destination) if destination != "0.0.0.0/0" else destination
    return {"destination": str(network), "nexthop": str(addresses.parse_address(hop))}


def check_no_overlap(session: Session, network: Network, cidr: addresses.IPNetwork) -> None:
    """Raises Refused `network.subnet.overlap` for a range that the network has."""
    for other in session.exec(select(Subnet).where(Subnet.network_id == network.id)):
        if addresses.parse_network(other.cidr).overlaps(cidr):
            raise Refused(
                "network.subnet.overlap",
                f"{cidr} overlaps {other.cidr} on network {network.name}",
            )


def check_gateway_free(session: Session, subnet: Subnet) -> None:
    """Raises Refused `subnet.gateway.in_use` while a router has the gateway address."""
    query = (
        select(Port.device_id)
        .join(Address, col(Address.port_id) == col(Port.id))
        .where(
            Address.subnet_id == subnet.id,
            Address.address == subnet.gateway_ip,
            Port.device_owner == OWNER_ROUTER,
        )
    )
    if (router := session.exec(query).first()) is not None:
        raise Refused("subnet.gateway.in_use", f"router {router} has {subnet.gateway_ip}")


def give_dhcp_address(session: Session, network: Network, subnet: Subnet, host: str) -> None:
    """An address in the subnet for the network's DHCP port, which is made when there is none."""
    from backends.services.port import take_address

    port = session.exec(
        select(Port).where(Port.network_id == network.id, Port.device_owner == OWNER_DHCP)
    ).first()
    if port is None:
        taken = session.exec(select(Port.mac).where(Port.network_id == network.id)).all()
        port = Port(
            network_id=network.id,
            project_id=network.project_id,
            mac=addresses.fresh_mac(taken),
            device_id=f"dhcp-{network.id}",
            device_owner=OWNER_DHCP,
            host=host,
        )
        session.add(port)
        session.flush()
    port.absent = False
    take_address(session, port, subnet, None)


def take_dhcp_address(session: Session, subnet: Subnet) -> None:
    """Take it back; a DHCP port without an address goes."""
    query = (
        select(Address)
        .join(Port, col(Port.id) == col(Address.port_id))
        .where(Address.subnet_id == subnet.id, Port.device_owner == OWNER_DHCP)
    )
    for address in session.exec(query):
        port = session.get_one(Port, address.port_id)
        session.delete(address)
        session.flush()
        if session.exec(select(Address).where(Address.port_id == port.id)).first() is None:
            port.absent = True
