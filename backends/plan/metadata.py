"""The metadata service: where it is served, and what it tells to whom.

Guests reach it by their router. On a subnet whose gateway is none of our routers the network's own
DHCP namespace serves it, and DHCP tells the way there (RFC 3442). Who asks is known by the port
that the question came in by, which is of one network, and by the address on that network.
"""

from __future__ import annotations

from collections.abc import Iterator

import orjson

from backends.drivers.facts import Facts
from backends.drivers.metadata import program
from backends.drivers.metadata.steps import (
    ForgetGuests,
    ServeMetadata,
    StopMetadata,
    TellGuests,
    digest,
)
from backends.drivers.step import Step
from backends.plan import labels
from backends.plan.firewall.ports import link_local
from backends.plan.metadata_tree import trees
from backends.records.network import OWNER_DHCP, OWNER_ROUTER
from backends.records.snapshot import Records
from backends.records.tables import Network, Port, Subnet
from backends.settings import (
    METADATA_ADDRESS,
    METADATA_ADDRESS6,
    dhcp_namespace,
    router_namespace,
)


def isolated(network: Network, records: Records) -> list[Subnet]:
    """The subnets with DHCP whose gateway is none of our routers."""
    return _isolated(network, _ours(network.id, records), records)


def own_addresses(port: Port, records: Records) -> list[str]:
    """The service's addresses on a port of ours that guests reach it by.

    Each is at one place of a network. IPv4's may be at several: there it is asked for by way of a
    gateway, and not looked for on the wire.
    """
    ours = _ours(port.network_id, records)
    routers = _routers(ours)
    if port.device_owner == OWNER_ROUTER:
        first = min((each.id for each in routers), default=port.id) == port.id
        return [f"{METADATA_ADDRESS}/32", *([f"{METADATA_ADDRESS6}/128"] if first else [])]
    if not _isolated(records.networks[port.network_id], ours, records):
        return []
    return [f"{METADATA_ADDRESS}/32", *([] if routers else [f"{METADATA_ADDRESS6}/128"])]


def serve(namespace: str, facts: Facts) -> Iterator[Step]:
    """A server runs in the namespace."""
    found = facts.metadata.get(namespace)
    if found is None or found.pid is None or found.version != program.version():
        yield ServeMetadata(namespace, program.version())


def stop(namespace: str, facts: Facts) -> Iterator[Step]:
    """None does, and nothing of it is left."""
    if namespace in facts.metadata:
        yield StopMetadata(namespace)


def tell(network: Network, records: Records, facts: Facts) -> Iterator[Step]:
    """Every server that guests of this network reach knows them, and no other does."""
    ours = _ours(network.id, records)
    ports = _serving(network, ours, records)
    known = {
        (name, interface): found
        for name, server in facts.metadata.items()
        for interface, found in server.guests.items()
    }
    content = guests(network, records) if ports else ""
    wanted = digest(content)
    for place in ports:
        if known.get(place) != wanted:
            yield TellGuests(*place, content)
    own = {each.interface for each in ours}
    for namespace, interface in sorted(known.keys() - set(ports)):
        # The network's own server goes as a whole where nobody asks it.
        if interface in own and namespace != dhcp_namespace(network.id):
            yield ForgetGuests(namespace, interface)


def guests(network: Network, records: Records) -> str:
    """What a server is told of the instances on a network (see server.py)."""
    names = {row.id: row.name for rows in records.groups.values() for row in rows}
    addresses: dict[str, str] = {}
    instances: dict[str, object] = {}
    for port in records.ports_on.get(network.id, ()):
        id_ = port.device_id
        instance = records.instances.get(id_)
        if instance is None or instance.absent or port.absent or port.leaving:
            continue
        for each in records.addresses.get(port.id, ()):
            addresses[each.address] = id_
        addresses[link_local(port.mac)] = id_
        if id_ not in instances:
            # Written at once: trees by the thousand would be work for the garbage collector.
            instances[id_] = orjson.Fragment(labels.dump(trees(instance, records, names)))
    return labels.dump({"addresses": addresses, "instances": instances})


def _serving(network: Network, ours: list[Port], records: Records) -> list[tuple[str, str]]:
    """Namespace and interface of each port of ours by which guests of a network ask."""
    if network.absent:
        return []
    found = [
        (router_namespace(port.device_id), port.interface)
        for port in _routers(ours)
        if _is_up(port.device_id, records)
    ]
    if _isolated(network, ours, records):
        found += [
            (dhcp_namespace(network.id), port.interface)
            for port in ours
            if port.device_owner == OWNER_DHCP and not port.absent
        ]
    return found


def _ours(network_id: str, records: Records) -> list[Port]:
    """The network's ports of DHCP servers and routers: few of thousands."""
    ports = records.ports_on.get(network_id, ())
    return [port for port in ports if port.device_owner in (OWNER_DHCP, OWNER_ROUTER)]


def _routers(ours: list[Port]) -> list[Port]:
    """Those of routers."""
    return [port for port in ours if port.device_owner == OWNER_ROUTER and not port.absent]


def _isolated(network: Network, ours: list[Port], records: Records) -> list[Subnet]:
    held = {
        (each.subnet_id, each.address)
        for port in _routers(ours)
        for each in records.addresses.get(port.id, ())
    }
    return [
        each
        for each in records.subnets.get(network.id, ())
        if each.enable_dhcp and (each.id, each.gateway_ip) not in held
    ]


def _is_up(router_id: str, records: Records) -> bool:
    """Whether the router has a namespace here."""
    router = records.routers.get(router_id)
    return bool(
        router and router.admin_state_up and not router.absent and records.is_here(router.host)
    )
