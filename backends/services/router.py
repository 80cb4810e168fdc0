"""Routers: what joins a project's networks and leads out of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom, doom_ports
from backends.errors import NotFound, Refused
from backends.records.identity import Role
from backends.records.network import (
    OWNER_GATEWAY,
    OWNER_ROUTER,
    Address,
    Network,
    Port,
    Subnet,
)
from backends.records.router import FloatingIp, Router
from backends.records.unit import Kind, Unit
from backends.services import addresses, quota
from backends.services.base import (
    Service,
    check_absent,
    find,
    good_name,
    good_text,
    own,
    redescribe,
)
from backends.services.network import require_external
from backends.services.own_port import add_own_port, one_of_each
from backends.services.port import FixedAddress, fixed_addresses, take_address

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Interface:
    """A router's port: `outside` is its gateway. `addresses` are pairs of subnet id and address."""

    port: Port
    addresses: tuple[tuple[str, str], ...]

    @property
    def outside(self) -> bool:
        return self.port.device_owner == OWNER_GATEWAY


@dataclass(frozen=True, slots=True)
class RouterView:
    """A router with its interfaces."""

    router: Router
    interfaces: tuple[Interface, ...]


class Routers(Service):
    """Routers of the caller's project."""

    def create(
        self,
        name: str,
        *,
        description: str = "",
        external: str | None = None,
        fixed: Sequence[FixedAddress] = (),
        snat: bool = True,
        admin_state_up: bool = True,
    ) -> Router:
        """A new router, with its gateway on the `external` network where one is given.

        Raises what `set_gateway` raises.
        """
        self.caller.require(Role.MEMBER, "create a router")

        def act(change: Change) -> Router:
            session = change.session
            quota.check(session, self.caller.project_id, {"routers": 1})
            row = Router(
                project_id=self.caller.project_id,
                name=good_name(name),
                description=good_text(description, "description"),
                host=self.context.settings.host,
                enable_snat=snat,
                admin_state_up=admin_state_up,
            )
            session.add(row)
            session.flush()
            if external is not None:
                self._lead_out(change, row, require_external(session, external), fixed)
            change.make(Unit(Kind.ROUTER, row.id), row.name)
            return row

        return self.context.perform("router.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[Router]:
        """The caller's routers, by name."""
        with self.context.reading() as session:
            rows = own(session, Router, self.caller, all_projects)
            return [row for row in rows if not row.absent]

    def show(self, ref: str) -> RouterView:
        """One router by id or name. Raises NotFound `router.not_found`."""
        with self.context.reading() as session:
            row = find(session, Router, ref, "router", self.caller)
            return RouterView(row, tuple(_interfaces(session, row)))

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        routes: Sequence[tuple[str, str]] | None = None,
        admin_state_up: bool | None = None,
    ) -> Router:
        """Change a router. `routes` are all its static routes: (destination, next hop).

        One that is switched off (`admin_state_up` false) forwards nothing: its namespace goes, and
        with it the connections it knew; its records stay until it is switched on.

        Raises Refused `router.route.unreachable`, `router.route.twice`.
        """

        def act(change: Change, row: Router) -> Router:
            redescribe(row, name, description)
            if routes is not None:
                row.routes = _routes(change.session, row, routes)
            if admin_state_up is not None:
                row.admin_state_up = admin_state_up
            return row

        return self._change("set", ref, act)

    def delete(self, ref: str) -> None:
        """Remove a router and its gateway. Raises Refused `router.in_use` with its interfaces."""

        def act(change: Change, row: Router) -> None:
            inner = [each for each in _interfaces(change.session, row) if not each.outside]
            if inner:
                held = ", ".join(address for each in inner for _, address in each.addresses)
                raise Refused(
                    "router.in_use",
                    f"router {row.name} has interfaces ({held}); remove its subnets first",
                )
            change.touch(*doom(change.session, Unit(Kind.ROUTER, row.id)))

        self._change("delete", ref, act)

    def add_subnet(self, ref: str, subnet: str) -> Port:
        """Give the router the subnet's gateway address.

        Raises Refused `router.subnet.no_gateway`, `router.subnet.overlap`,
        `network.address.taken`, `right.missing`.
        """

        def act(change: Change, row: Router) -> Port:
            session = change.session
            found = find(session, Subnet, subnet, "subnet", self.caller)
            if found.gateway_ip is None:
                raise Refused(
                    "router.subnet.no_gateway",
                    f"subnet {found.cidr} has no gateway address to give; add a port of it instead",
                )
            network = session.get_one(Network, found.network_id)
            check_absent(network, "network")
            _check_no_overlap(session, row, [found])
            port = add_own_port(
                session, network, owner=OWNER_ROUTER, device=row.id,
                project_id=row.project_id, host=self.context.settings.host,
            )  # fmt: skip
            take_address(session, port, found, found.gateway_ip, gateway=True)
            change.touch(Unit(Kind.NETWORK, network.id))
            return port

        return self._change("add_subnet", ref, act)

    def add_port(self, ref: str, port: str) -> Port:
        """Make a free port the router's. Raises Refused `port.in_use`, `router.subnet.overlap`."""

        def act(change: Change, row: Router) -> Port:
            session = change.session
            found = find(session, Port, port, "port", self.caller)
            check_absent(found, "port")
            if found.device_id:
                raise Refused("port.in_use", f"port {found.name or found.id} is plugged already")
            held = select(Address.subnet_id).where(Address.port_id == found.id)
            subnets = session.exec(select(Subnet).where(col(Subnet.id).in_(held))).all()
            if not subnets:
                raise Refused("router.port.no_address", "the port has no address to route by")
            _check_no_overlap(session, row, subnets)
            found.device_id, found.device_owner = row.id, OWNER_ROUTER
            found.host = self.context.settings.host
            change.touch(Unit(Kind.NETWORK, found.network_id))
            return found

        return self._change("add_port", ref, act)

    def remove_subnet(self, ref: str, subnet: str) -> None:
        """Take the interface on a subnet away.

        Raises NotFound `router.interface.not_found`; Refused `router.interface.in_use` (a floating
        IP or a route goes by it).
        """

        def act(change: Change, row: Router) -> None:
            found = find(change.session, Subnet, subnet, "subnet", self.caller)
            for each in _interfaces(change.session, row):
                if not each.outside and found.id in {id_ for id_, _ in each.addresses}:
                    self._remove(change, row, each)
                    return
            raise _no_interface(row, found.cidr)

        self._change("remove_subnet", ref, act)

    def remove_port(self, ref: str, port: str) -> None:
        """Take an interface away, with its port. Raises what `remove_subnet` raises."""

        def act(change: Change, row: Router) -> None:
            found = find(change.session, Port, port, "port", self.caller)
            for each in _interfaces(change.session, row):
                if not each.outside and found.id == each.port.id:
                    self._remove(change, row, each)
                    return
            raise _no_interface(row, found.id)

        self._change("remove_port", ref, act)

    def set_gateway(
        self,
        ref: str,
        network: str | None = None,
        *,
        fixed: Sequence[FixedAddress] = (),
        snat: bool | None = None,
    ) -> Router:
        """Lead out by an external network; `snat` says whether guests share the gateway's address.

        Raises NotFound `network.not_found`; Refused `network.subnet.missing`, `network.address.*`,
        `router.subnet.overlap`, `router.gateway.in_use`, `router.gateway.missing` (nothing to
        change).
        """

        def act(change: Change, row: Router) -> Router:
            if network is None and row.external_network_id is None:
                raise Refused("router.gateway.missing", f"router {row.name} has no gateway")
            row.enable_snat = row.enable_snat if snat is None else snat
            if network is not None:
                found = require_external(change.session, network)
                if fixed or found.id != row.external_network_id:
                    self._lead_out(change, row, found, fixed)
            return row

        return self._change("set_gateway", ref, act)

    def unset_gateway(self, ref: str) -> Router:
        """Lead out no more. Raises Refused `router.gateway.in_use` with its floating IPs."""

        def act(change: Change, row: Router) -> Router:
            self._close_off(change, row)
            return row

        return self._change("unset_gateway", ref, act)

    def _change(self, verb: str, ref: str, act_on: Callable[[Change, Router], T]) -> T:
        self.caller.require(Role.MEMBER, "change a router")

        def act(change: Change) -> T:
            row = find(change.session, Router, ref, "router", self.caller)
            check_absent(row, "router")
            unit = Unit(Kind.ROUTER, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return act_on(change, row)

        return self.context.perform(f"router.{verb}", act)

    def _remove(self, change: Change, row: Router, interface: Interface) -> None:
        session = change.session
        subnets = [session.get_one(Subnet, id_) for id_, _ in interface.addresses]
        ranges = [addresses.parse_network(each.cidr) for each in subnets]
        lent = session.exec(
            select(FloatingIp.address)
            .join(Port, col(Port.id) == col(FloatingIp.port_id))
            .join(Address, col(Address.port_id) == col(Port.id))
            .where(
                FloatingIp.router_id == row.id,
                Address.address == FloatingIp.fixed_address,
                col(Address.subnet_id).in_([each.id for each in subnets]),
            )
        ).all()
        if lent:
            raise Refused(
                "router.interface.in_use", f"floating IPs go by it: {', '.join(sorted(lent))}"
            )
        for route in row.routes:
            hop = addresses.parse_address(route["nexthop"])
            if any(hop in each for each in ranges):
                raise Refused(
                    "router.interface.in_use", f"the route to {route['destination']} goes by it"
                )
        change.touch(*doom_ports(session, [interface.port]))

    def _lead_out(
        self, change: Change, row: Router, network: Network, fixed: Sequence[FixedAddress]
    ) -> None:
        """A gateway port on the network, in place of the one there was."""
        session = change.session
        wanted = fixed_addresses(session, network, fixed) if fixed else []
        held = {subnet.ip_version for subnet, _ in wanted}
        if not wanted:
            wanted = [(subnet, None) for subnet in one_of_each(session, network)]
        elif 4 not in held and 6 not in held:
            raise Refused("network.subnet.missing", f"network {network.name} has no subnet")
        _check_no_overlap(session, row, [subnet for subnet, _ in wanted], inner_only=True)
        same = row.external_network_id == network.id
        self._close_off(change, row, keep_floats=same)
        port = add_own_port(
            session, network, owner=OWNER_GATEWAY, device=row.id,
            project_id=row.project_id, host=self.context.settings.host,
        )  # fmt: skip
        for subnet, address in wanted:
            take_address(session, port, subnet, address)
        row.external_network_id = network.id
        change.touch(Unit(Kind.NETWORK, network.id))

    def _close_off(self, change: Change, row: Router, *, keep_floats: bool = False) -> None:
        session = change.session
        query = select(FloatingIp.address).where(FloatingIp.router_id == row.id)
        lent = [] if keep_floats else session.exec(query).all()
        if lent:
            raise Refused(
                "router.gateway.in_use",
                f"floating IPs go by router {row.name}: {', '.join(sorted(lent))}",
            )
        old = [each.port for each in _interfaces(session, row) if each.outside]
        change.touch(*doom_ports(session, old))
        row.external_network_id = None


def _interfaces(session: Session, row: Router) -> Sequence[Interface]:
    query = select(Port).where(Port.device_id == row.id, col(Port.absent).is_(False))
    found = []
    for port in session.exec(query.order_by(col(Port.created_at), col(Port.id))):
        held = session.exec(select(Address).where(Address.port_id == port.id))
        pairs = tuple(sorted((each.subnet_id, each.address) for each in held))
        found.append(Interface(port, pairs))
    return found


def _check_no_overlap(
    session: Session, row: Router, new: Sequence[Subnet], *, inner_only: bool = False
) -> None:
    """A router cannot tell apart what has the same address on two sides of it."""
    for interface in _interfaces(session, row):
        if inner_only and interface.outside:
            continue
        for id_, _ in interface.addresses:
            other = session.get_one(Subnet, id_)
            for each in new:
                if addresses.parse_network(other.cidr).overlaps(addresses.parse_network(each.cidr)):
                    raise Refused(
                        "router.subnet.overlap",
                        f"{each.cidr} overlaps {other.cidr}, which router {row.name} has already",
                    )


def _routes(
    session: Session, row: Router, wanted: Sequence[tuple[str, str]]
) -> list[dict[str, str]]:
    ranges = [
        addresses.parse_network(session.get_one(Subnet, id_).cidr)
        for each in _interfaces(session, row)
        for id_, _ in each.addresses
    ]
    found: dict[str, str] = {}
    for text, hop_text in wanted:
        destination, hop = addresses.parse_destination(text), addresses.parse_address(hop_text)
        if destination.version != hop.version or not any(hop in each for each in ranges):
            raise Refused("router.route.unreachable", f"{hop} is on no subnet of router {row.name}")
        if str(destination) in found:
            raise Refused("router.route.twice", f"{destination} has two next hops")
        found[str(destination)] = str(hop)
    return [{"destination": key, "nexthop": hop} for key, hop in sorted(found.items())]


def _no_interface(row: Router, what: str) -> NotFound:
    return NotFound("router.interface.not_found", f"router {row.name} has no interface on {what}")
