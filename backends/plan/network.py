"""Networks on this host: the DHCP namespace, its port, dnsmasq, and the labels of ports."""

from __future__ import annotations

from collections.abc import Sequence

from backends.drivers.dnsmasq.config import DhcpHost, DhcpNetwork, DhcpSubnet, build
from backends.drivers.dnsmasq.steps import ServeDhcp, StopDhcp, digest
from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.namespaces.steps import AddNamespace, RemoveNamespace
from backends.drivers.ovs.steps import RemovePort
from backends.drivers.step import Step
from backends.plan import inner, labels, metadata, subnet_modes
from backends.plan.plan import UnitPlan
from backends.records.network import OWNER_DHCP
from backends.records.snapshot import Records
from backends.records.tables import Network, Port, Subnet
from backends.records.unit import Unit
from backends.settings import Settings, dhcp_namespace

DNS_DOMAIN = "quarterdeck.internal"


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps for the network itself and its DHCP server; instances plug their own ports."""
    network = records.networks[unit.id]
    served = [each for each in records.subnets.get(unit.id, ()) if each.enable_dhcp]
    dhcp_port = next(
        (
            port
            for port in records.ports_on.get(unit.id, ())
            if port.device_owner == OWNER_DHCP and not port.absent
        ),
        None,
    )
    if network.absent:
        steps = [*metadata.tell(network, records, facts), *_stop(unit.id, records, facts)]
        steps += _remove_labels(unit.id, records, facts)
        return UnitPlan(unit, tuple(steps), removes=True)
    steps = [*_labels(network, records, facts), *metadata.tell(network, records, facts)]
    if served and dhcp_port is not None:
        steps += _serve(network, dhcp_port, served, records, facts, settings)
    else:
        steps += _stop(unit.id, records, facts)
    settles = any(
        row.absent
        for row in (*records.ports_on.get(unit.id, ()), *records.floats_on.get(unit.id, ()))
    )
    return UnitPlan(unit, tuple(steps), settles=settles)


def _serve(
    network: Network,
    port: Port,
    served: list[Subnet],
    records: Records,
    facts: Facts,
    settings: Settings,
) -> list[Step]:
    steps: list[Step] = []
    name = dhcp_namespace(network.id)
    if name not in facts.namespaces:
        steps.append(AddNamespace(name))
    more = metadata.own_addresses(port, records)
    steps += inner.steps(name, port, records, facts, settings, more=more)
    steps += metadata.serve(name, facts) if more else metadata.stop(name, facts)
    files = dhcp_files(network, port, served, records, settings)
    dhcp = facts.dhcp.get(network.id)
    if dhcp is None or dhcp.pid is None or not dhcp.files == dhcp.loaded == digest(files):
        steps.append(ServeDhcp(network.id, name, files))
    return steps


def dhcp_files(
    network: Network, port: Port, served: list[Subnet], records: Records, settings: Settings
) -> tuple[tuple[str, str], ...]:
    """dnsmasq's files: one host line for every port, the DHCP port's own aside."""
    own = {each.subnet_id: each.address for each in records.addresses.get(port.id, ())}
    far = {each.id for each in metadata.isolated(network, records)}
    subnets = tuple(
        DhcpSubnet(
            id=subnet.id,
            cidr=subnet.cidr,
            gateway=subnet.gateway_ip,
            dns=tuple(subnet.dns_nameservers),
            host_routes=tuple(
                (route["destination"], route["nexthop"]) for route in subnet.host_routes
            ),
            metadata=own.get(subnet.id, "") if subnet.id in far else "",
            leases=subnet_modes.leases(subnet),
        )
        for subnet in sorted(served, key=lambda each: each.id)
        if subnet_modes.is_served(subnet)
    )
    own_id = port.id
    hosts = tuple(
        _host(each, records)
        for each in records.ports_on.get(network.id, ())
        if each.id != own_id and not each.absent
    )
    return build(
        DhcpNetwork(
            folder=settings.dhcp(network.id),
            interface=port.interface,
            mtu=network.mtu,
            subnets=subnets,
            hosts=hosts,
            domain=domain_of(network),
        )
    )


def domain_of(network: Network) -> str:
    """The domain of the names of its ports."""
    return network.dns_domain or DNS_DOMAIN


def _host(port: Port, records: Records) -> DhcpHost:
    id_ = port.id
    rows = records.addresses.get(id_, ())
    addresses = tuple([(each.subnet_id, each.address) for each in rows])
    options = [
        (option["opt_name"], option["opt_value"], int(option["ip_version"]))
        for option in port.extra_dhcp_opts
    ]
    name = port.dns_name or _hostname(port, addresses, records)
    return DhcpHost(port.mac, addresses, name, f"port-{id_}", tuple(options))


def _hostname(port: Port, addresses: Sequence[tuple[str, str]], records: Records) -> str:
    instance = records.instances.get(port.device_id)
    if instance is not None:
        return instance.hostname
    if not addresses:
        return ""
    _, address = addresses[0]
    return "host-" + address.replace(".", "-").replace(":", "-").strip("-")


def _stop(network_id: str, records: Records, facts: Facts) -> list[Step]:
    """Everything of the DHCP server away: processes, ports of ours in its namespace, namespace."""
    steps: list[Step] = list(metadata.stop(dhcp_namespace(network_id), facts))
    if network_id in facts.dhcp:
        steps.append(StopDhcp(network_id))
    for port in records.ports_on.get(network_id, ()):
        if port.device_owner == OWNER_DHCP and port.interface in facts.ovs.ports:
            steps.append(RemovePort(port.interface))
    if dhcp_namespace(network_id) in facts.namespaces:
        steps.append(RemoveNamespace(dhcp_namespace(network_id)))
    return steps


def _labels(network: Network, records: Records, facts: Facts) -> list[Step]:
    steps: list[Step] = []
    label = labels.network(records, network)
    if facts.labels.get(("network", network.id)) != label:
        steps.append(WriteLabel("network", network.id, label))
    for port in records.ports_on.get(network.id, ()):
        id_ = port.id
        found = facts.labels.get(("port", id_))
        if port.absent:
            if found is not None:
                steps.append(RemoveLabel("port", id_))
        elif found != (wanted := labels.port(records, port)):
            steps.append(WriteLabel("port", id_, wanted))
    for row in records.floats_on.get(network.id, ()):
        found = facts.labels.get(("floatingip", row.id))
        if row.absent:
            if found is not None:
                steps.append(RemoveLabel("floatingip", row.id))
        elif found != (wanted := labels.floating_ip(row)):
            steps.append(WriteLabel("floatingip", row.id, wanted))
    return steps


def _remove_labels(network_id: str, records: Records, facts: Facts) -> list[Step]:
    keys = [("port", port.id) for port in records.ports_on.get(network_id, ())]
    keys += [("floatingip", row.id) for row in records.floats_on.get(network_id, ())]
    keys.append(("network", network_id))
    return [RemoveLabel(kind, id_) for kind, id_ in keys if (kind, id_) in facts.labels]
