"""Ports: plugs with a MAC, addresses and security groups."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlmodel import Session, col, delete, select

from backends.context import Change
from backends.doom import doom_ports
from backends.drivers.ovs.counters import Counters
from backends.errors import NotFound, Refused
from backends.plan.firewall.ports import subport_number
from backends.records.host import HostRecord
from backends.records.identity import Role
from backends.records.network import OWNER_DHCP, OWNER_INSTANCE, Address, Network, Port
from backends.records.router import FloatingIp
from backends.records.security import PortSecurityGroup, SecurityGroup
from backends.records.unit import Kind, Unit
from backends.services import addresses, quota
from backends.services.allowed_address import AddressPair, parse
from backends.services.base import Service, check_absent, find, good_name
from backends.services.dhcp_option import DhcpOption, merged
from backends.services.dns_name import good_dns_name
from backends.services.fixed_address import (
    FixedAddress,
    fixed_addresses,
    set_addresses,
    take_address,
)
from backends.services.network import Networks
from backends.services.own_port import check_reaches, networks_of
from backends.services.qos import put_on
from backends.services.trunk import check_no_trunk, places

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")


@dataclass(frozen=True, slots=True)
class PortView:
    """A port with its addresses and the names of its groups."""

    port: Port
    addresses: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]


class Ports(Service):
    """Ports of the caller's project."""

    def create(
        self,
        network: str,
        name: str = "",
        *,
        fixed: Sequence[FixedAddress] = (),
        mac: str | None = None,
        groups: Sequence[str] | None = None,
        qos_policy: str | None = None,
        host: str = "",
        dns_name: str = "",
        options: Sequence[DhcpOption] = (),
        admin_state_up: bool = True,
    ) -> Port:
        """A new, free port; on a `host` where the cloud's admin will plug something by hand.

        `dns_name` is what DNS calls it, `options` what DHCP tells its guest besides the subnet's.
        Nothing passes one that is not up (`admin_state_up`).
        Raises Refused `network.address.*`, `port.mac.*`, `port.dhcp_option.*`, `dns.name`,
        `network.elsewhere`; NotFound `host.not_found`.
        """
        self.caller.require(Role.MEMBER, "create a port")
        if host:
            self.caller.require_cloud_admin("bind a port to a host")

        def act(change: Change) -> Port:
            session = change.session
            row_network = Networks(self.context).require(session, network)
            port = self.add(
                session, row_network, name=name, fixed=fixed, mac=mac, groups=groups, owner=""
            )
            put_on(session, port, qos_policy, self)
            port.admin_state_up = admin_state_up
            port.dns_name = good_dns_name(dns_name)
            port.extra_dhcp_opts = merged([], options)
            if host:
                _bind(session, port, host)
            unit = Unit(Kind.NETWORK, row_network.id)
            change.about(unit, name or port.id)
            change.touch(unit)
            return port

        return self.context.perform("port.create", act)

    def list(
        self,
        *,
        network: str | None = None,
        device: str | None = None,
        all_projects: bool = False,
    ) -> Sequence[PortView]:
        """Ports with their addresses; of a network, of an instance, or all the caller may see."""
        with self.context.reading() as session:
            query = select(Port).where(col(Port.absent).is_(False))
            if not (all_projects and self.caller.admin):
                query = query.where(Port.project_id == self.caller.project_id)
            if network is not None:
                wanted = Networks(self.context).require(session, network).id
                query = query.where(Port.network_id == wanted)
            if device is not None:
                query = query.where(Port.device_id == device)
            ports = session.exec(query.order_by(col(Port.name), col(Port.position), col(Port.id)))
            return _views(session, list(ports))

    def of_instances(
        self, *, all_projects: bool = False
    ) -> Mapping[str, Mapping[str, Sequence[str]]]:
        """The addresses of instances: by instance id, then by network name. One query for all.

        Each is followed by the floating IP that it was lent, as Nova shows them.
        """
        with self.context.reading() as session:
            lent = (col(FloatingIp.port_id) == col(Port.id)) & (
                col(FloatingIp.fixed_address) == col(Address.address)
            )
            query = (
                select(Port.device_id, Network.name, Address.address, FloatingIp.address)
                .join(Network, col(Network.id) == col(Port.network_id))
                .join(Address, col(Address.port_id) == col(Port.id))
                .join(FloatingIp, lent, isouter=True)
                .where(Port.device_owner == OWNER_INSTANCE)
                .order_by(col(Port.position))
            )
            if not (all_projects and self.caller.admin):
                query = query.where(Port.project_id == self.caller.project_id)
            found: dict[str, dict[str, Any]] = {}
            for device, network, address, floating in session.exec(query):
                shown = found.setdefault(device, {}).setdefault(network, [])
                shown += [each for each in (address, floating) if each and each not in shown]
            return found

    def show(self, ref: str) -> PortView:
        """One port by id or name. Raises NotFound `port.not_found`."""
        with self.context.reading() as session:
            return _views(session, [find(session, Port, ref, "port", self.caller)])[0]

    def counters(self, *, all_projects: bool = False) -> dict[str, Counters]:
        """What each plugged port's flows let through and dropped, by the port's id."""
        views = self.list(all_projects=all_projects)
        plugged = self.context.machine.ovs.facts().ports
        counted = self.context.machine.ovs.counters()
        numbers = {
            view.port.id: plugged[view.port.interface].ofport
            for view in views
            if view.port.interface in plugged
        }
        mine = {view.port.id for view in views}
        with self.context.reading() as session:
            for id_, (interface, vlan) in places(session).items():
                if interface in plugged and id_ in mine:
                    numbers[id_] = subport_number(plugged[interface].ofport, vlan)
        return {id_: counted[number] for id_, number in numbers.items() if number in counted}

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        groups: Sequence[str] | None = None,
        allowed: Sequence[AddressPair] | None = None,
        port_security: bool | None = None,
        admin_state_up: bool | None = None,
        fixed: Sequence[FixedAddress] | None = None,
        qos_policy: str | None = None,
        host: str | None = None,
        dns_name: str | None = None,
        options: Sequence[DhcpOption] | None = None,
    ) -> Port:
        """Change a port: its name, groups, addresses, whom it may be, if it is filtered and up.

        `fixed` are all its addresses. One that is down passes nothing, and its guest sees no link.
        An empty `qos_policy` takes its own away: then its network's holds. `options` are DHCP's
        that change; one with an empty value is taken away.
        `allowed` and `port_security` are for the network's owner and the cloud's admin.
        Raises Refused `port.security.groups`, `port.allowed_address.*`, `port.forbidden`,
        `network.address.*`, `port.dhcp_option.*`, `dns.name`, NotFound `qos.not_found`.
        """
        self.caller.require(Role.MEMBER, "change a port")
        if host is not None:
            self.caller.require_cloud_admin("bind a port to a host")
        pairs = None if allowed is None else parse(allowed)

        def act(change: Change) -> Port:
            session = change.session
            port = find(session, Port, ref, "port", self.caller)
            check_absent(port, "port")
            port.name = port.name if name is None else good_name(name)
            if groups is not None:
                held = col(PortSecurityGroup.port_id) == port.id
                session.execute(delete(PortSecurityGroup).where(held))
                self._join(session, port, groups)
            if pairs is not None or port_security is not None:
                self._require_network(session, port)
            if admin_state_up is not None:
                port.admin_state_up = admin_state_up
                if port.device_owner == OWNER_INSTANCE:
                    change.touch(Unit(Kind.INSTANCE, port.device_id))
            if fixed is not None:
                set_addresses(session, port, fixed)
                change.touch(*networks_of(session, port.device_id))
            if qos_policy is not None:
                put_on(session, port, qos_policy, self)
            if host is not None:
                _bind(session, port, host)
            if dns_name is not None:
                port.dns_name = good_dns_name(dns_name)
            if options is not None:
                port.extra_dhcp_opts = merged(port.extra_dhcp_opts, options)
            if pairs is not None:
                port.allowed_address_pairs = pairs
            if port_security is not None:
                port.port_security = port_security
            _check_security(session, port)
            unit = Unit(Kind.NETWORK, port.network_id)
            change.about(unit, port.name or port.id)
            change.touch(unit)
            return port

        return self.context.perform("port.set", act)

    def delete(self, ref: str) -> None:
        """Remove a free port. Raises Refused `port.in_use`."""
        self.caller.require(Role.MEMBER, "delete a port")

        def act(change: Change) -> None:
            port = find(change.session, Port, ref, "port", self.caller)
            if port.device_id:
                raise Refused(
                    "port.in_use", f"port {port.name or port.id} is plugged: {port.device_id}"
                )
            check_no_trunk(change.session, port)
            unit = Unit(Kind.NETWORK, port.network_id)
            change.about(unit, port.name or port.id)
            change.touch(*doom_ports(change.session, [port]))

        self.context.perform("port.delete", act)

    def add(
        self,
        session: Session,
        network: Network,
        *,
        name: str,
        fixed: Sequence[FixedAddress],
        mac: str | None,
        groups: Sequence[str] | None,
        owner: str,
        device: str = "",
        position: int = 0,
    ) -> Port:
        """Add a port's rows to a transaction: one address of each IP version, or the fixed ones.

        On a network without port security it has no groups. Raises Refused `port.security.groups`.
        """
        quota.check(session, self.caller.project_id, {"ports": 1})
        if device:
            check_reaches(session, network, self.context.settings.host)
        port = Port(
            network_id=network.id,
            project_id=self.caller.project_id,
            name=good_name(name) if name else "",
            mac=_mac(session, network, mac),
            port_security=network.port_security,
            device_id=device,
            device_owner=owner,
            host=self.context.settings.host if device else "",
            made_for_device=bool(device),
            position=position,
        )
        session.add(port)
        session.flush()
        for subnet, address in fixed_addresses(session, network, fixed):
            take_address(session, port, subnet, address)
        if groups is None:
            groups = ("default",) if port.port_security else ()
        self._join(session, port, groups)
        session.flush()
        _check_security(session, port)
        return port

    def _require_network(self, session: Session, port: Port) -> None:
        network = session.get_one(Network, port.network_id)
        if not self.caller.admin and network.project_id != self.caller.project_id:
            raise Refused(
                "port.forbidden", f"network {network.name} is another project's: ask its owner"
            )

    def _join(self, session: Session, port: Port, groups: Sequence[str]) -> None:
        """Give a port these groups. Raises Refused `port.security.mixed`, as Neutron does."""
        found = [find(session, SecurityGroup, ref, "security_group", self.caller) for ref in groups]
        if len({group.stateful for group in found}) > 1:
            raise Refused(
                "port.security.mixed",
                "a port has stateful security groups or stateless ones, not both",
            )
        for id_ in dict.fromkeys(group.id for group in found):
            session.add(PortSecurityGroup(port_id=port.id, group_id=id_))


def _bind(session: Session, port: Port, host: str) -> None:
    """Say on which host a port is that nothing of ours plugs; on none where it is empty.

    Raises Refused `port.in_use`, `network.elsewhere`; NotFound `host.not_found`.
    """
    if port.device_id:
        raise Refused("port.in_use", f"port {port.name or port.id} is where {port.device_id} is")
    if host and session.get(HostRecord, host) is None:
        raise NotFound("host.not_found", f"no host {host!r}; see `quarterdeck host list`")
    if host:
        check_reaches(session, session.get_one(Network, port.network_id), host)
    port.host = host


def _check_security(session: Session, port: Port) -> None:
    if port.port_security:
        return
    member = select(PortSecurityGroup).where(PortSecurityGroup.port_id == port.id)
    if port.allowed_address_pairs or session.exec(member).first() is not None:
        raise Refused(
            "port.security.groups",
            "a port without port security has no security groups and no allowed addresses;"
            " take them off first",
        )


def _mac(session: Session, network: Network, wanted: str | None) -> str:
    taken = set(session.exec(select(Port.mac).where(Port.network_id == network.id)))
    if wanted is None:
        return addresses.fresh_mac(taken)
    mac = wanted.lower()
    # The lowest bit of the first byte marks a group address (IEEE 802), which no port can have.
    if not _MAC.fullmatch(mac) or int(mac[:2], 16) & 1:
        raise Refused("port.mac.invalid", f"no MAC address for a port: {wanted!r}")
    if mac in taken:
        raise Refused("port.mac.taken", f"{mac} is in use on network {network.name}")
    return mac


def _views(session: Session, ports: Sequence[Port]) -> list[PortView]:
    ids = [port.id for port in ports]
    found: dict[str, list[tuple[str, str]]] = {}
    groups: dict[str, list[str]] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        for row in session.exec(select(Address).where(col(Address.port_id).in_(part))):
            found.setdefault(row.port_id, []).append((row.subnet_id, row.address))
        for port_id, name in session.exec(
            select(PortSecurityGroup.port_id, SecurityGroup.name)
            .join(SecurityGroup, col(SecurityGroup.id) == col(PortSecurityGroup.group_id))
            .where(col(PortSecurityGroup.port_id).in_(part))
        ):
            groups.setdefault(port_id, []).append(name)
    return [
        PortView(
            port, tuple(sorted(found.get(port.id, ()))), tuple(sorted(groups.get(port.id, ())))
        )
        for port in ports
    ]


__all__ = [
    "OWNER_DHCP",
    "AddressPair",
    "FixedAddress",
    "PortView",
    "Ports",
    "fixed_addresses",
    "take_address",
]
