"""Routers: a namespace with their interfaces, routes, NAT and router advertisements."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from backends.drivers.conntrack.steps import CutConnections
from backends.drivers.dnsmasq.advertisement import Prefix, build
from backends.drivers.dnsmasq.steps import Advertise, StopAdvertising, digest
from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel, WriteLabel
from backends.drivers.namespaces.routing import ROUTER_SYSCTLS, Route
from backends.drivers.namespaces.steps import (
    AddNamespace,
    RemoveNamespace,
    SetInterface,
    SetRoutes,
    SetSysctls,
)
from backends.drivers.nftables.facts import Rules
from backends.drivers.nftables.steps import (
    ROUTER_FAMILY,
    ROUTER_TABLE,
    ForgetWithdrawn,
    Pair,
    WriteRules,
)
from backends.drivers.ovs.facts import CLOUD, VM_UUID
from backends.drivers.ovs.steps import RemovePort
from backends.drivers.step import Step
from backends.plan import inner, labels, metadata, nat
from backends.plan.plan import UnitPlan
from backends.plan.subnet_modes import advertised
from backends.records.network import OWNER_GATEWAY
from backends.records.snapshot import Records
from backends.records.tables import Port, Router, Subnet
from backends.records.unit import Unit
from backends.settings import Settings, router_namespace

_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def plan(unit: Unit, records: Records, facts: Facts, settings: Settings) -> UnitPlan:
    """Steps that make the router what its record says, or take it away.

    NAT comes before the addresses and goes before them, so that no packet to a floating address
    ever reaches the router itself.
    """
    router = records.routers[unit.id]
    if router.absent:
        return UnitPlan(unit, tuple(_remove(router, facts, settings)), removes=True)
    if not router.admin_state_up:
        return UnitPlan(unit, (*_label(router, facts), *_take_down(router, facts, settings)))
    ports = [each for each in records.ports_of.get(router.id, ()) if not each.absent]
    gateway = next((each for each in ports if each.device_owner == OWNER_GATEWAY), None)
    pairs = _pairs(router, records) if gateway else frozenset()
    steps: list[Step] = [*_home(router, facts)]
    write, cut = _nat(router, gateway, pairs, records, facts)
    steps += write
    steps += _unplug(router, {each.interface for each in ports}, facts, settings)
    interfaces = list(_interfaces(router, ports, gateway, pairs, records, facts, settings))
    steps += [*interfaces, *cut]
    steps += _routes(router, gateway, interfaces, records, facts)
    steps += _advertise(router, ports, records, facts, settings)
    inside = any(each is not gateway for each in ports)
    home = router_namespace(router.id)
    steps += metadata.serve(home, facts) if inside else metadata.stop(home, facts)
    return UnitPlan(unit, tuple(steps))


def _label(router: Router, facts: Facts) -> Iterator[Step]:
    label = labels.router(router)
    if facts.labels.get(("router", router.id)) != label:
        yield WriteLabel("router", router.id, label)


def _home(router: Router, facts: Facts) -> Iterator[Step]:
    yield from _label(router, facts)
    name = router_namespace(router.id)
    found = facts.namespaces.get(name)
    if found is None:
        yield AddNamespace(name)
    # A kernel may lack a parameter: one without IPv6 has nothing to forward.
    wrong = found is None or any(
        found.sysctls.get(key, value) != value for key, value in ROUTER_SYSCTLS
    )
    if wrong:
        yield SetSysctls(name, ROUTER_SYSCTLS)


def _pairs(router: Router, records: Records) -> frozenset[Pair]:
    return frozenset(
        (row.address, row.fixed_address)
        for row in records.floats_of.get(router.id, ())
        if not row.absent and row.fixed_address and row.network_id == router.external_network_id
    )


def _nat(
    router: Router, gateway: Port | None, pairs: frozenset[Pair], records: Records, facts: Facts
) -> tuple[list[Step], list[Step]]:
    """The steps that write it, and those that cut off what is no longer lent."""
    name = router_namespace(router.id)
    found = facts.rules.get(name, Rules())
    gone = tuple(sorted((found.lent | found.withdrawn) - pairs))
    own = [] if gateway is None else [each.address for each in records.addresses[gateway.id]]
    body = nat.router(
        gateway.interface if gateway else "",
        next((each for each in own if ":" not in each), ""),
        router.enable_snat,
        pairs,
    )
    wanted = WriteRules(name, ROUTER_FAMILY, ROUTER_TABLE, body, gone)
    write: list[Step] = [] if found.digest == wanted.digest else [wanted]
    if not gone:
        # An address may be lent again to whom it was just taken from, and is then no longer gone.
        again: list[Step] = [ForgetWithdrawn(name, ROUTER_FAMILY, ROUTER_TABLE)]
        return write, again if found.withdrawn and not write else []
    cut: list[Step] = [
        CutConnections(name, gone),
        ForgetWithdrawn(name, ROUTER_FAMILY, ROUTER_TABLE),
    ]
    return write, cut


def _unplug(
    router: Router, wanted: Iterable[str], facts: Facts, settings: Settings
) -> Iterator[Step]:
    """Interfaces that carry the router's id, and that it no longer has."""
    kept = set(wanted)
    for name, port in sorted(facts.ovs.ports.items()):
        mine = port.labels.get(VM_UUID) == router.id and port.labels.get(CLOUD) == settings.cloud
        if mine and name not in kept:
            yield RemovePort(name)


def _interfaces(
    router: Router,
    ports: list[Port],
    gateway: Port | None,
    pairs: frozenset[Pair],
    records: Records,
    facts: Facts,
    settings: Settings,
) -> Iterator[Step]:
    for port in ports:
        outside = port is gateway
        yield from inner.steps(
            router_namespace(router.id), port, records, facts, settings,
            more=[f"{floating}/32" for floating, _ in pairs]
            if outside
            else metadata.own_addresses(port, records),
            announce=outside,
        )  # fmt: skip


def _routes(
    router: Router, gateway: Port | None, interfaces: list[Step], records: Records, facts: Facts
) -> Iterator[Step]:
    """Also where an interface is set up anew: its routes go with an address that goes."""
    name = router_namespace(router.id)
    wanted: set[Route] = {(route["destination"], route["nexthop"]) for route in router.routes}
    for subnet in _subnets(gateway, records) if gateway else ():
        if subnet.gateway_ip:
            wanted.add((_DEFAULT[subnet.ip_version], subnet.gateway_ip))
    found = facts.namespaces.get(name)
    moved = any(isinstance(step, SetInterface) for step in interfaces)
    if (found is None and wanted) or (found and (found.routes != wanted or (moved and wanted))):
        yield SetRoutes(name, frozenset(wanted))


def _advertise(
    router: Router, ports: list[Port], records: Records, facts: Facts, settings: Settings
) -> Iterator[Step]:
    prefixes = tuple(
        Prefix(
            subnet.id, port.interface, subnet.cidr, advertised(subnet),
            tuple(each for each in subnet.dns_nameservers if ":" in each),
        )
        for port in sorted(ports, key=lambda each: each.id)
        for subnet in _subnets(port, records)
        if port.device_owner != OWNER_GATEWAY and advertised(subnet)
    )  # fmt: skip
    found = facts.advertising.get(router.id)
    if not prefixes:
        if found is not None:
            yield StopAdvertising(router.id)
        return
    files = build(settings.advertisements(router.id), prefixes)
    if found is None or found.pid is None or not found.files == found.loaded == digest(files):
        yield Advertise(router.id, router_namespace(router.id), files)


def _subnets(port: Port, records: Records) -> list[Subnet]:
    """Those the port has an address in."""
    ids = {each.subnet_id for each in records.addresses.get(port.id, ())}
    return [each for each in records.subnets.get(port.network_id, ()) if each.id in ids]


def _take_down(router: Router, facts: Facts, settings: Settings) -> Iterator[Step]:
    """Everything that forwards; its namespace takes rules and connections along."""
    yield from metadata.stop(router_namespace(router.id), facts)
    if router.id in facts.advertising:
        yield StopAdvertising(router.id)
    yield from _unplug(router, (), facts, settings)
    if router_namespace(router.id) in facts.namespaces:
        yield RemoveNamespace(router_namespace(router.id))


def _remove(router: Router, facts: Facts, settings: Settings) -> Iterator[Step]:
    yield from _take_down(router, facts, settings)
    if ("router", router.id) in facts.labels:
        yield RemoveLabel("router", router.id)
