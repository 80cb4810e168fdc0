"""Plugging a port into an instance, and out again: the rows, in a verb's transaction."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import Session, col, select

from backends.context import Change, Context
from backends.doom import take_back
from backends.errors import Refused
from backends.records.instance import Instance
from backends.records.network import OWNER_INSTANCE, Network, Port
from backends.records.router import FloatingIp
from backends.records.trunk import Subport, Trunk
from backends.records.unit import Kind, Unit
from backends.services.base import check_absent, find
from backends.services.network import Networks
from backends.services.own_port import check_reaches
from backends.services.port import FixedAddress, Ports


@dataclass(frozen=True, slots=True)
class Plug:
    """Where an instance is plugged: a network (with a wanted address), or a port that exists."""

    network: str = ""
    address: str = ""
    port: str = ""


def plug_in(
    context: Context,
    change: Change,
    instance: Instance,
    plug: Plug,
    position: int,
    groups: Sequence[str] | None,
) -> Port:
    """Give the instance its next port. Raises Refused `port.in_use`, `network.address.*`."""
    session = change.session
    if plug.port:
        port = find(session, Port, plug.port, "port", context.caller)
        check_absent(port, "port")
        if port.device_id:
            raise Refused("port.in_use", f"port {port.name or port.id} is plugged already")
        port.device_id, port.device_owner = instance.id, OWNER_INSTANCE
        check_reaches(session, session.get_one(Network, port.network_id), instance.host)
        port.host, port.position = instance.host, position
        _move_subports(session, port)
    else:
        network = Networks(context).require(session, plug.network)
        fixed = [FixedAddress(address=plug.address)] if plug.address else []
        port = Ports(context).add(
            session,
            network,
            name="",
            fixed=fixed,
            mac=None,
            groups=groups,
            owner=OWNER_INSTANCE,
            device=instance.id,
            position=position,
        )
    change.touch(Unit(Kind.NETWORK, port.network_id))
    return port


def leave(session: Session, ports: Collection[str], leaving: bool) -> None:
    """Want these ports out of their instance, or in it again."""
    for port in session.exec(select(Port).where(col(Port.id).in_(ports))):
        port.leaving = leaving


@dataclass(frozen=True, slots=True)
class Lent:
    """Whom a floating IP was lent to, so that it can be lent to it again."""

    floating_ip: str
    port_id: str
    fixed_address: str | None
    router_id: str | None

    def again(self, session: Session) -> None:
        """Lend it again, if it is still free."""
        row = session.get(FloatingIp, self.floating_ip)
        if row is not None and row.port_id is None and not row.absent:
            row.port_id, row.fixed_address = self.port_id, self.fixed_address
            row.router_id = self.router_id


def take_out(change: Change, ports: Collection[Port]) -> list[Lent]:
    """Want these ports out of their instance, which is to be converged too.

    Those that were made for it go, and free what floating IPs were lent to them: these are told.
    """
    session = change.session
    own = {port.id for port in ports if port.made_for_device}
    lent: list[Lent] = []
    for row in session.exec(select(FloatingIp).where(col(FloatingIp.port_id).in_(own))):
        assert row.port_id is not None
        lent.append(Lent(row.id, row.port_id, row.fixed_address, row.router_id))
        change.touch(*take_back(row))
    leave(session, {port.id for port in ports}, True)
    change.touch(*(Unit(Kind.NETWORK, port.network_id) for port in ports))
    return lent


def _move_subports(session: Session, parent: Port) -> None:
    """The subports of a trunk are where their parent is."""
    query = (
        select(Port)
        .join(Subport, col(Subport.port_id) == col(Port.id))
        .join(Trunk, col(Trunk.id) == col(Subport.trunk_id))
        .where(Trunk.port_id == parent.id)
    )
    for port in session.exec(query):
        port.host = parent.host
