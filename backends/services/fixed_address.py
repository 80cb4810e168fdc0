"""Fixed addresses: which ones are asked for, and taking one, exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.errors import Refused
from backends.plan.subnet_modes import makes_own
from backends.records.network import Address, Network, Port, Subnet
from backends.records.router import FloatingIp
from backends.services import addresses
from backends.services.subnet_mode import made_only


@dataclass(frozen=True, slots=True)
class FixedAddress:
    """A wanted address: `subnet` by id or name, `address`, or both."""

    subnet: str = ""
    address: str = ""


def take_address(
    session: Session, port: Port, subnet: Subnet, wanted: str | None, *, gateway: bool = False
) -> Address:
    """Give a port an address of a subnet. Within a write transaction, thus exactly once.

    Only a router (`gateway`) can have the subnet's gateway address. Where guests make their IPv6
    addresses themselves, one that nobody asked for is that one.

    Raises Refused `network.address.exhausted`, `.outside`, `.taken`, `.automatic`.
    """
    taken = set(session.exec(select(Address.address).where(Address.subnet_id == subnet.id)))
    if makes_own(subnet):
        made = addresses.made_of(port.mac, addresses.parse_network(subnet.cidr))
        if wanted is not None and wanted != made and made_only(subnet) and not gateway:
            raise Refused(
                "network.address.automatic",
                f"guests make their own addresses of {subnet.cidr}; name the subnet alone",
            )
        wanted = wanted or made
    if wanted is None:
        pools = [
            (addresses.parse_address(pool["start"]), addresses.parse_address(pool["end"]))
            for pool in subnet.allocation_pools
        ]
        kept = {subnet.gateway_ip} if subnet.gateway_ip else set()
        address = str(addresses.next_free(pools, taken | kept))
    else:
        parsed = addresses.parse_address(wanted)
        addresses.check_inside(parsed, addresses.parse_network(subnet.cidr), "address")
        address = str(parsed)
        if address in taken or (address == subnet.gateway_ip and not gateway):
            raise Refused("network.address.taken", f"{address} is in use on {subnet.cidr}")
    row = Address(subnet_id=subnet.id, address=address, port_id=port.id)
    session.add(row)
    session.flush()
    return row


def fixed_addresses(
    session: Session, network: Network, fixed: Sequence[FixedAddress]
) -> list[tuple[Subnet, str | None]]:
    """The subnets, and the address in each, that are asked for; none named: one of each version.

    Raises Refused `subnet.not_found`, `network.address.outside`.
    """
    subnets = list(
        session.exec(
            select(Subnet).where(Subnet.network_id == network.id).order_by(col(Subnet.created_at))
        )
    )
    if not fixed:
        by_version = {subnet.ip_version: subnet for subnet in reversed(subnets)}
        return [(by_version[version], None) for version in sorted(by_version)]
    return [_fixed(each, subnets, network) for each in fixed]


def set_addresses(session: Session, port: Port, fixed: Sequence[FixedAddress]) -> None:
    """Have the port these addresses alone; those that it has of them stay.

    Raises Refused `subnet.not_found`, `network.address.*`.
    """
    network = session.get_one(Network, port.network_id)
    wanted = fixed_addresses(session, network, fixed) if fixed else []
    kept = {(subnet.id, address) for subnet, address in wanted}
    held = set()
    for row in session.exec(select(Address).where(Address.port_id == port.id)).all():
        if (row.subnet_id, row.address) in kept:
            held.add((row.subnet_id, row.address))
            continue
        check_not_lent(session, port, row.address)
        session.delete(row)
    session.flush()
    for subnet, address in wanted:
        if (subnet.id, address) not in held:
            take_address(session, port, subnet, address)


def check_not_lent(session: Session, port: Port, address: str) -> None:
    """Raises Refused `network.address.lent` where a floating IP leads to the port's address."""
    query = select(FloatingIp).where(
        FloatingIp.port_id == port.id, FloatingIp.fixed_address == address
    )
    row = session.exec(query).first()
    if row is not None:
        raise Refused(
            "network.address.lent", f"floating IP {row.address} leads to {address}; withdraw it"
        )


def _fixed(
    fixed: FixedAddress, subnets: Sequence[Subnet], network: Network
) -> tuple[Subnet, str | None]:
    fitting = [each for each in subnets if fixed.subnet in ("", each.id, each.name)]
    if not fitting:
        raise Refused("subnet.not_found", f"no subnet {fixed.subnet!r} on {network.name}")
    if not fixed.address:
        return fitting[0], None
    address = addresses.parse_address(fixed.address)
    for subnet in fitting:
        if address in addresses.parse_network(subnet.cidr):
            return subnet, str(address)
    raise Refused("network.address.outside", f"{address} is on no subnet of {network.name}")
