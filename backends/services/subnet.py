"""What a subnet may be, and the addresses of its DHCP server."""

from __future__ import annotations

from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.caller import Caller
from backends.errors import Refused
from backends.records.network import OWNER_DHCP, OWNER_ROUTER, Address, Network, Port, Subnet
from backends.records.subnet_pool import SubnetPool
from backends.services import addresses
from backends.services.base import good_name
from backends.services.subnet_mode import check_modes
from backends.services.subnet_pool import cut, default_pool, require_pool


@dataclass(frozen=True, slots=True)
class NewSubnet:
    """What a subnet is made of. `gateway` is an address, `auto` (the first) or `none`.

    Its range is `cidr`, or is cut from `subnet_pool` (or the default one of the IP version), with
    `prefix_length` bits where the pool's own length is not wanted.
    `ra_mode` and `address_mode` are of IPv6, as plan.subnet_modes has them.
    """

    network: str
    cidr: str = ""
    name: str = ""
    gateway: str = "auto"
    dhcp: bool = True
    dns: tuple[str, ...] = ()
    pools: tuple[tuple[str, str], ...] = ()
    host_routes: tuple[tuple[str, str], ...] = ()
    ip_version: int | None = None
    subnet_pool: str = ""
    use_default_pool: bool = False
    prefix_length: int | None = None
    ra_mode: str | None = None
    address_mode: str | None = None


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


def range_of(
    session: Session, new: NewSubnet, network: Network, caller: Caller
) -> tuple[addresses.IPNetwork, SubnetPool | None]:
    """The range of a new subnet, and the pool that it is cut from, if any.

    Raises Refused `network.subnet.invalid`, `subnet.range.missing`, `subnet_pool.*`.
    """
    wanted = addresses.parse_network(new.cidr) if new.cidr else None
    if wanted is not None and new.ip_version not in (None, wanted.version):
        raise Refused("network.subnet.invalid", f"{wanted} is not IPv{new.ip_version}")
    if new.subnet_pool and new.use_default_pool:
        raise Refused("subnet.range.invalid", "give a subnet pool or use the default one, not both")
    if new.subnet_pool:
        pool = require_pool(session, new.subnet_pool, caller)
    elif new.use_default_pool:
        pool = default_pool(session, wanted.version if wanted else new.ip_version or 4, caller)
    elif wanted is None or new.prefix_length is not None:
        raise Refused(
            "subnet.range.missing",
            "give a range, or a subnet pool and the length of the range that is wanted of it",
        )
    else:
        return wanted, None
    if new.ip_version not in (None, pool.ip_version):
        text = f"pool {pool.name} is of IPv{pool.ip_version}, not of IPv{new.ip_version}"
        raise Refused("subnet.range.invalid", text)
    if wanted is not None and new.prefix_length is not None:
        raise Refused("subnet.range.invalid", "give a range or its length, not both")
    return cut(session, pool, network, wanted, new.prefix_length), pool


def subnet_row(
    new: NewSubnet, network: Network, cidr: addresses.IPNetwork, pool: SubnetPool | None
) -> Subnet:
    """The record of a new subnet.

    Raises Refused `network.address.*`, `network.pool.invalid`, `subnet.mode.invalid`.
    """
    gateway = gateway_of(new.gateway, cidr)
    check_modes(new.ra_mode, new.address_mode, cidr, new.dhcp)
    pools = (
        addresses.parse_pools(new.pools, cidr)
        if new.pools
        else addresses.default_pools(cidr, gateway)
    )
    return Subnet(
        network_id=network.id,
        project_id=network.project_id,
        name=good_name(new.name) if new.name else "",
        ip_version=cidr.version,
        cidr=str(cidr),
        subnetpool_id=pool.id if pool else None,
        gateway_ip=str(gateway) if gateway else None,
        enable_dhcp=new.dhcp,
        dns_nameservers=[str(addresses.parse_address(text)) for text in new.dns],
        allocation_pools=[{"start": str(a), "end": str(b)} for a, b in pools],
        host_routes=[route_of(destination, hop) for destination, hop in new.host_routes],
        ipv6_ra_mode=new.ra_mode,
        ipv6_address_mode=new.address_mode,
    )


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
