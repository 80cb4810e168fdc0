"""Networks and subnets."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from backends.context import Change
from backends.doom import doom
from backends.errors import NotFound, Refused
from backends.plan.firewall.zones import last_vlan
from backends.records.host import HostRecord
from backends.records.identity import Role
from backends.records.network import (
    OWNER_DHCP,
    VXLAN,
    Address,
    LocalVlan,
    Network,
    Port,
    Subnet,
)
from backends.records.unit import Kind, Unit
from backends.services import addresses, quota
from backends.services.base import (
    Service,
    check_absent,
    compose,
    find,
    good_name,
    good_text,
    own,
    redescribe,
)
from backends.services.dns_name import good_dns_domain
from backends.services.mtu import good_mtu
from backends.services.own_port import instances_on
from backends.services.provider import (
    Provider,
    check_segment,
    free_vni,
    good_provider,
    good_service,
    usual,
)
from backends.services.qos import default_of, put_on
from backends.services.subnet import (
    NewSubnet,
    check_gateway_free,
    check_no_overlap,
    gateway_of,
    give_dhcp_address,
    range_of,
    route_of,
    subnet_row,
    take_dhcp_address,
)
from backends.services.subnet_mode import check_modes
from backends.services.unrouted import check_unrouted
from backends.settings import Settings

__all__ = ["Networks", "NewSubnet", "require_external"]


class Networks(Service):
    """Networks with their subnets, of the caller's project."""

    def create(
        self,
        name: str,
        *,
        mtu: int | None = None,
        shared: bool = False,
        description: str = "",
        external: bool = False,
        provider: Provider | None = None,
        port_security: bool = True,
        qos_policy: str | None = None,
        dns_domain: str = "",
        admin_state_up: bool = True,
    ) -> Network:
        """A new network, and its VLAN on each host.

        An `external` one is flat on the physical network, unless `provider` says otherwise; any
        other is between hosts (VXLAN) where there are several, else on this one alone. Without an
        `mtu` it has what fits. Nothing passes one that is not up (`admin_state_up`). Raises Refused
        `network.mtu`, `network.provider.*`, `right.missing`.
        """
        self.caller.require(Role.MEMBER, "create a network")
        name = good_name(name)
        if shared:
            self.caller.require_cloud_admin("share a network with all projects")
        if external or provider:
            self.caller.require_cloud_admin("create an external or provider network")
        said = good_provider(provider or (Provider() if external else None))

        def act(change: Change) -> Network:
            session = change.session
            lies = said if provider or external else usual(session)
            check_segment(session, lies)
            quota.check(session, self.caller.project_id, {"networks": 1})
            row = Network(
                project_id=self.caller.project_id,
                name=name,
                mtu=good_mtu(session, mtu, lies.network_type),
                shared=shared,
                external=external,
                port_security=port_security,
                network_type=lies.network_type,
                physical_network=lies.physical or None,
                segmentation_id=(
                    free_vni(session, lies.segment) if lies.network_type == VXLAN else lies.segment
                ),
                host=self.context.settings.host,
                description=good_text(description, "description"),
                dns_domain=good_dns_domain(dns_domain),
                admin_state_up=admin_state_up,
            )
            if qos_policy is None:
                row.qos_policy_id = default_of(session, row.project_id)
            else:
                put_on(session, row, qos_policy, self)
            session.add(row)
            session.flush()
            self._give_vlans(session, row)
            change.make(Unit(Kind.NETWORK, row.id), name)
            self._touch_bridge(change, row)
            return row

        return self.context.perform("network.create", act)

    def list(self, *, all_projects: bool = False) -> Sequence[Network]:
        """The caller's networks, the shared and the external ones, by name."""
        with self.context.reading() as session:
            query = select(Network).where(col(Network.absent).is_(False))
            if not (all_projects and self.caller.admin):
                mine = col(Network.project_id) == self.caller.project_id
                query = query.where(mine | col(Network.shared) | col(Network.external))
            return list(session.exec(query.order_by(col(Network.name), col(Network.id))))

    def show(self, ref: str) -> Network:
        """One network by id or name. Raises NotFound `network.not_found`."""
        with self.context.reading() as session:
            return self._visible(session, ref)

    def set(
        self,
        ref: str,
        *,
        name: str | None = None,
        description: str | None = None,
        mtu: int | None = None,
        host_services: Sequence[str] | None = None,
        port_security: bool | None = None,
        admin_state_up: bool | None = None,
        qos_policy: str | None = None,
        dns_domain: str | None = None,
    ) -> Network:
        """Change a network's name, description, MTU or the domain of its ports' names.

        Nothing passes one that is not up (`admin_state_up`), and its guests see no link. Its ports
        have its `qos_policy` unless they have their own; an empty one takes it away.
        `port_security` says whether ports that are made from now on are filtered.

        `host_services` are all of the host's that guests outside may reach, as `tcp:53`; for the
        cloud's admin. Raises Refused `network.mtu`, `network.host_service.invalid`.
        """
        self.caller.require(Role.MEMBER, "change a network")
        if host_services is not None:
            self.caller.require_cloud_admin("open a service of the host to guests")
            host_services = [good_service(each) for each in host_services]

        def act(change: Change) -> Network:
            row = self.require_own(change.session, ref)
            redescribe(row, name, description)
            if mtu is not None:
                row.mtu = good_mtu(change.session, mtu, row.network_type)
            if dns_domain is not None:
                row.dns_domain = good_dns_domain(dns_domain)
            if port_security is not None:
                row.port_security = port_security
            if qos_policy is not None:
                put_on(change.session, row, qos_policy, self)
            if admin_state_up is not None:
                row.admin_state_up = admin_state_up
                change.touch(*instances_on(change.session, row))
            if host_services is not None:
                if not row.external:
                    text = f"network {row.name} is not external: the host is not on it"
                    raise Refused("network.host_service.invalid", text)
                row.host_services = list(dict.fromkeys(host_services))
            self._touch_bridge(change, row)
            unit = Unit(Kind.NETWORK, row.id)
            change.about(unit, row.name)
            change.touch(unit)
            return row

        return self.context.perform("network.set", act)

    def delete(self, ref: str) -> None:
        """Remove a network with its subnets. Raises Refused `network.in_use` with its ports."""
        self.caller.require(Role.MEMBER, "delete a network")

        def act(change: Change) -> None:
            row = self.require_own(change.session, ref)
            query = select(Port).where(
                Port.network_id == row.id,
                col(Port.device_owner) != OWNER_DHCP,
                col(Port.absent).is_(False),
            )
            used = [port.name or port.id for port in change.session.exec(query)]
            if used:
                more = "" if len(used) < 4 else f" and {len(used) - 3} more"
                raise Refused(
                    "network.in_use",
                    f"network {row.name} has ports: {', '.join(used[:3])}{more}",
                )
            unit = Unit(Kind.NETWORK, row.id)
            change.about(unit, row.name)
            change.touch(*doom(change.session, unit))
            self._touch_bridge(change, row)

        self.context.perform("network.delete", act)

    # Subnets

    def create_subnet(self, new: NewSubnet) -> Subnet:
        """A new subnet; with DHCP the network's server gets an address in it.

        Raises Refused `network.subnet.invalid`, `network.subnet.overlap`,
        `network.address.outside`, `network.pool.invalid`, `subnet.range.missing`, `subnet_pool.*`.
        """
        self.caller.require(Role.MEMBER, "create a subnet")

        def act(change: Change) -> Subnet:
            session = change.session
            network = self.require_own(session, new.network)
            quota.check(session, self.caller.project_id, {"subnets": 1})
            cidr, pool = range_of(session, new, network, self.caller)
            check_no_overlap(session, network, cidr)
            row = subnet_row(new, network, cidr, pool)
            if network.external and network.network_type == "flat" and row.gateway_ip:
                check_unrouted(self.context.machine, cidr)
            session.add(row)
            session.flush()
            if new.dhcp:
                give_dhcp_address(session, network, row, network.host or self.context.settings.host)
            unit = Unit(Kind.NETWORK, network.id)
            change.about(unit, row.name or row.cidr)
            change.touch(unit)
            self._touch_bridge(change, network)
            return row

        return self.context.perform("subnet.create", act)

    def subnets(
        self, *, network: str | None = None, all_projects: bool = False
    ) -> Sequence[Subnet]:
        """The subnets the caller may see, by name."""
        with self.context.reading() as session:
            if network is not None:
                wanted = self._visible(session, network).id
                query = select(Subnet).where(Subnet.network_id == wanted)
                return list(session.exec(query.order_by(col(Subnet.name), col(Subnet.cidr))))
            rows = own(session, Subnet, self.caller, all_projects)
            return rows

    def subnet(self, ref: str) -> Subnet:
        """One subnet by id or name. Raises NotFound `subnet.not_found`."""
        with self.context.reading() as session:
            return find(session, Subnet, ref, "subnet", self.caller)

    def set_subnet(
        self,
        ref: str,
        *,
        name: str | None = None,
        dns: Sequence[str] | None = None,
        dhcp: bool | None = None,
        gateway: str | None = None,
        host_routes: Sequence[tuple[str, str]] | None = None,
    ) -> Subnet:
        """Change a subnet; running guests learn it when they renew their lease."""
        self.caller.require(Role.MEMBER, "change a subnet")

        def act(change: Change) -> Subnet:
            session = change.session
            row = find(session, Subnet, ref, "subnet", self.caller)
            row.name = row.name if name is None else good_name(name)
            if dns is not None:
                row.dns_nameservers = [str(addresses.parse_address(text)) for text in dns]
            if host_routes is not None:
                row.host_routes = [route_of(to, hop) for to, hop in host_routes]
            if gateway is not None:
                check_gateway_free(session, row)
                found = gateway_of(gateway, addresses.parse_network(row.cidr))
                row.gateway_ip = str(found) if found else None
            if dhcp is not None and dhcp != row.enable_dhcp:
                cidr = addresses.parse_network(row.cidr)
                check_modes(row.ipv6_ra_mode, row.ipv6_address_mode, cidr, dhcp)
                row.enable_dhcp = dhcp
                network = session.get_one(Network, row.network_id)
                if dhcp:
                    give_dhcp_address(
                        session, network, row, network.host or self.context.settings.host
                    )
                else:
                    take_dhcp_address(session, row)
            unit = Unit(Kind.NETWORK, row.network_id)
            change.about(unit, row.name or row.cidr)
            change.touch(unit)
            self._touch_bridge(change, session.get_one(Network, row.network_id))
            return row

        return self.context.perform("subnet.set", act)

    def delete_subnet(self, ref: str) -> None:
        """Remove a subnet. Raises Refused `subnet.in_use` while ports have addresses in it."""
        self.caller.require(Role.MEMBER, "delete a subnet")

        def act(change: Change) -> None:
            session = change.session
            row = find(session, Subnet, ref, "subnet", self.caller)
            take_dhcp_address(session, row)
            left = session.exec(select(Address).where(Address.subnet_id == row.id)).all()
            if left:
                raise Refused("subnet.in_use", f"{len(left)} addresses of {row.cidr} are in use")
            unit = Unit(Kind.NETWORK, row.network_id)
            change.about(unit, row.name or row.cidr)
            change.touch(unit)
            self._touch_bridge(change, session.get_one(Network, row.network_id))
            session.delete(row)

        self.context.perform("subnet.delete", act)

    def require(self, session: Session, ref: str) -> Network:
        """A network the caller may use. Raises NotFound `network.not_found`."""
        ref = compose(ref)
        shared = select(Network).where(
            col(Network.shared), (col(Network.id) == ref) | (col(Network.name) == ref)
        )
        mine = select(Network).where(
            Network.project_id == self.caller.project_id, col(Network.name) == ref
        )
        if not session.exec(mine).first() and (row := session.exec(shared).first()) is not None:
            check_absent(row, "network")
            return row
        row = find(session, Network, ref, "network", self.caller)
        check_absent(row, "network")
        return row

    def _visible(self, session: Session, ref: str) -> Network:
        """A network the caller may see: what they may use, and the external ones."""
        try:
            return self.require(session, ref)
        except NotFound:
            return require_external(session, ref)

    def _give_vlans(self, session: Session, network: Network) -> None:
        """Its VLAN on each host that there is."""
        settings = self.context.settings
        for host in dict.fromkeys((settings.host, *session.exec(select(HostRecord.name)))):
            vlan = free_vlan(session, settings, host)
            session.add(LocalVlan(host=host, vlan=vlan, network_id=network.id))
        session.flush()

    def _touch_bridge(self, change: Change, network: Network) -> None:
        """What lies on a physical network concerns the host's external bridge."""
        if network.physical_network:
            change.touch(Unit(Kind.HOST, self.context.settings.host))

    def require_own(self, session: Session, ref: str) -> Network:
        """A network the caller may change. Raises NotFound, Refused `right.missing`."""
        row = self.require(session, ref)
        if not self.caller.sees(row.project_id):
            raise Refused("right.missing", f"network {row.name} belongs to another project")
        return row


def require_external(session: Session, ref: str) -> Network:
    """An external network by id or name, whoever owns it.

    Raises NotFound `network.not_found`.
    """
    named = (col(Network.id) == ref) | (col(Network.name) == ref)
    rows = session.exec(select(Network).where(col(Network.external), named)).all()
    if not rows:
        raise NotFound("network.not_found", f"no external network {ref!r}; see `network list`")
    check_absent(rows[0], "network")
    return rows[0]


def free_vlan(session: Session, settings: Settings, host: str) -> int:
    """One that no network has there. Raises Refused `network.vlan.exhausted`."""
    vlans = range(1, last_vlan(settings) + 1)
    taken = set(session.exec(select(LocalVlan.vlan).where(LocalVlan.host == host)))
    free = next((vlan for vlan in vlans if vlan not in taken), None)
    if free is None:
        raise Refused("network.vlan.exhausted", f"all {len(vlans)} VLANs of {host} are in use")
    return free
