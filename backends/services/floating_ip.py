"""Floating IPs: addresses of an external network, lent to ports."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import take_back
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.instance import Instance
from backends.records.network import (
    OWNER_FLOATING,
    OWNER_ROUTER,
    Address,
    Network,
    Port,
    Subnet,
)
from backends.records.router import FloatingIp, Router
from backends.records.unit import Kind, Unit
from backends.services import quota
from backends.services.base import Service, check_absent, find, good_text, is_id
from backends.services.network import require_external
from backends.services.own_port import add_own_port, one_of_each
from backends.services.port import FixedAddress, fixed_addresses, take_address


class FloatingIps(Service):
    """Floating IPs of the caller's project."""

    def create(
        self,
        network: str,
        *,
        address: str | None = None,
        subnet: str | None = None,
        port: str | None = None,
        fixed: str | None = None,
        description: str = "",
    ) -> FloatingIp:
        """Take an address of an external network, and lend it to `port` where one is given.

        Raises Refused `network.subnet.missing`, `network.address.*`,
        `quota.exceeded`, and what `set` raises.
        """
        self.caller.require(Role.MEMBER, "create a floating IP")

        def act(change: Change) -> FloatingIp:
            session = change.session
            project_id = self.caller.project_id
            quota.check(session, project_id, {"floatingips": 1})
            outside = require_external(session, network)
            row = FloatingIp(
                project_id=project_id,
                description=good_text(description, "description"),
                network_id=outside.id,
                floating_port_id="",
                address="",
            )
            plug = add_own_port(
                session, outside, owner=OWNER_FLOATING, device=row.id,
                project_id=project_id, host="",
            )  # fmt: skip
            found, wanted = self._place(session, outside, subnet, address)
            row.floating_port_id = plug.id
            row.address = take_address(session, plug, found, wanted).address
            session.add(row)
            session.flush()
            if port is not None:
                self._lend(change, row, port, fixed)
            self._touch(change, row)
            return row

        return self.context.perform("floating_ip.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[FloatingIp]:
        """The caller's floating IPs, by address."""
        with self.context.reading() as session:
            query = select(FloatingIp).where(col(FloatingIp.absent).is_(False))
            if not (all_projects and self.caller.admin):
                query = query.where(FloatingIp.project_id == self.caller.project_id)
            return list(session.exec(query.order_by(col(FloatingIp.address), col(FloatingIp.id))))

    def show(self, ref: str) -> FloatingIp:
        """One floating IP by id or address. Raises NotFound `floating_ip.not_found`."""
        with self.context.reading() as session:
            return self._find(session, ref)

    def set(
        self,
        ref: str,
        *,
        port: str | None = None,
        fixed: str | None = None,
        description: str | None = None,
    ) -> FloatingIp:
        """Lend it to a port's (`fixed`) address; who had it before loses it.

        Raises Refused `floating_ip.unreachable` (no router between), `floating_ip.port.in_use`,
        `floating_ip.port.no_address`, `floating_ip.port.ambiguous`.
        """

        def act(change: Change, row: FloatingIp) -> None:
            if description is not None:
                row.description = good_text(description, "description")
            if port is not None:
                self._lend(change, row, port, fixed)

        return self._change("set", ref, act)

    def unset(self, ref: str) -> FloatingIp:
        """Take it back from its port. Connections that used it end."""
        return self._change("unset", ref, lambda change, row: change.touch(*take_back(row)))

    def lend_to_instance(self, ref: str, instance: str, *, fixed: str | None = None) -> FloatingIp:
        """Lend it to an instance: to its first port that a router joins to the floating network.

        Raises what `set` raises; NotFound `instance.not_found`.
        """

        def act(change: Change, row: FloatingIp) -> None:
            session = change.session
            found = find(session, Instance, instance, "instance", self.caller)
            ports = _ports_of(session, found)
            if not ports:
                raise Refused("floating_ip.port.no_address", f"{found.name} has no port")
            refusal: Refused | None = None
            for port in ports:
                try:
                    self._lend(change, row, port.id, fixed)
                except Refused as error:
                    refusal = refusal or error
                else:
                    return
            assert refusal is not None
            raise refusal

        return self._change("set", ref, act)

    def take_from_instance(self, ref: str, instance: str) -> FloatingIp:
        """Take it back from an instance. Raises Refused `floating_ip.not_lent`."""

        def act(change: Change, row: FloatingIp) -> None:
            found = find(change.session, Instance, instance, "instance", self.caller)
            if row.port_id not in [port.id for port in _ports_of(change.session, found)]:
                raise Refused("floating_ip.not_lent", f"{found.name} does not have {row.address}")
            change.touch(*take_back(row))

        return self._change("unset", ref, act)

    def delete(self, ref: str) -> None:
        """Give the address back. Connections that used it end."""

        def act(change: Change, row: FloatingIp) -> None:
            change.touch(*take_back(row))
            row.absent = True
            change.session.get_one(Port, row.floating_port_id).absent = True

        self._change("delete", ref, act)

    def _change(
        self, verb: str, ref: str, act_on: Callable[[Change, FloatingIp], None]
    ) -> FloatingIp:
        self.caller.require(Role.MEMBER, "change a floating IP")

        def act(change: Change) -> FloatingIp:
            row = self._find(change.session, ref)
            check_absent(row, "floating_ip")
            act_on(change, row)
            change.session.add(row)
            self._touch(change, row)
            return row

        return self.context.perform(f"floating_ip.{verb}", act)

    def _touch(self, change: Change, row: FloatingIp) -> None:
        unit = Unit(Kind.NETWORK, row.network_id)
        change.about(unit, row.address)
        change.touch(unit)

    def _find(self, session: Session, ref: str) -> FloatingIp:
        column = FloatingIp.id if is_id(ref) else FloatingIp.address
        query = select(FloatingIp).where(column == ref)
        rows = [row for row in session.exec(query) if self.caller.sees(row.project_id)]
        if not rows:
            raise NotFound("floating_ip.not_found", f"no floating IP {ref!r} here")
        if len(rows) > 1:
            raise Refused("floating_ip.ambiguous", f"{ref} is on several networks; give the id")
        return rows[0]

    def _place(
        self, session: Session, network: Network, subnet: str | None, address: str | None
    ) -> tuple[Subnet, str | None]:
        if subnet or address:
            return fixed_addresses(session, network, [FixedAddress(subnet or "", address or "")])[0]
        return one_of_each(session, network, only=4)[0], None

    def _lend(self, change: Change, row: FloatingIp, ref: str, fixed: str | None) -> None:
        session = change.session
        port = find(session, Port, ref, "port", self.caller)
        check_absent(port, "port")
        address = _own_address(session, port, fixed)
        same = select(FloatingIp.address).where(
            FloatingIp.port_id == port.id,
            FloatingIp.fixed_address == address.address,
            FloatingIp.network_id == row.network_id,
            FloatingIp.id != row.id,
        )
        if (other := session.exec(same).first()) is not None:
            raise Refused("floating_ip.port.in_use", f"{address.address} has {other} already")
        router = _router_between(session, row, address)
        change.touch(*take_back(row))
        row.port_id, row.fixed_address, row.router_id = port.id, address.address, router.id
        change.touch(Unit(Kind.ROUTER, router.id))


def _ports_of(session: Session, instance: Instance) -> list[Port]:
    query = select(Port).where(Port.device_id == instance.id, col(Port.absent).is_(False))
    return list(session.exec(query.order_by(col(Port.position), col(Port.id))))


def _own_address(session: Session, port: Port, fixed: str | None) -> Address:
    held = session.exec(select(Address).where(Address.port_id == port.id))
    found = [each for each in held if ":" not in each.address and fixed in (None, each.address)]
    what = fixed or "IPv4 address"
    if not found:
        raise Refused("floating_ip.port.no_address", f"the port has no {what}")
    if len(found) > 1:
        listed = ", ".join(sorted(each.address for each in found))
        raise Refused("floating_ip.port.ambiguous", f"say which fixed address: {listed}")
    return found[0]


def _router_between(session: Session, row: FloatingIp, address: Address) -> Router:
    """The router that has the floating network outside and the address's subnet inside."""
    subnet = session.get_one(Subnet, address.subnet_id)
    query = (
        select(Router, Address.address)
        .join(Port, col(Port.device_id) == col(Router.id))
        .join(Address, col(Address.port_id) == col(Port.id))
        .where(
            Port.device_owner == OWNER_ROUTER,
            col(Port.absent).is_(False),
            col(Router.absent).is_(False),
            Router.external_network_id == row.network_id,
            Address.subnet_id == subnet.id,
        )
        .order_by(col(Router.created_at))
    )
    found = session.exec(query).all()
    if not found:
        raise Refused(
            "floating_ip.unreachable",
            f"no router leads from {subnet.cidr} to the network of {row.address}; give one its"
            " gateway there and add the subnet",
        )
    return next((router for router, held in found if held == subnet.gateway_ip), found[0][0])
