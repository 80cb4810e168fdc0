"""Flows joined to what put them there: port, instance, network, groups, rules. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from backends.inspect import tunnels
from backends.inspect.names import Names
from backends.plan.firewall import groups, sets
from backends.plan.firewall.tables import EGRESS_RULES, INGRESS_RULES
from backends.records.security import SecurityGroup, SecurityGroupRule
from backends.records.tables import Instance, Network, Port

CANARY_TABLE = 23
_HOST_SETS = {
    sets.BASE: "every port",
    sets.JOINS: "remote groups",
    sets.PROVIDER: "provider networks",
}
# The kind in an owner's highest four bits, as `plan.firewall.sets` has it.
_MEMBERS = 1
_ROLES_INT = {
    0: "where every packet begins",
    23: "canaries: tell which flows are written",
    24: "ARP spoofing",
    25: "MAC spoofing",
    60: "sorts by the port it came from, or by VLAN and MAC",
    71: "what a port may send at all",
    72: "what the groups let a port send",
    73: "to a port here, or on",
    77: "DHCP",
    78: "DHCPv6",
    81: "what a port always receives",
    82: "what the groups let a port receive",
    91: "counts what was let out",
    92: "counts and delivers what was let in",
    93: "counts and drops the denied",
    94: "spreads to many, or to whom is not known",
    95: "leaves for other bridges",
}
_ROLES_TUN = {
    0: "by the port it came from",
    2: "from br-int: to one or to many",
    3: "GRE: tunnel id to VLAN",
    4: "VXLAN: tunnel id to VLAN",
    6: "Geneve: tunnel id to VLAN",
    10: "learns where a MAC is",
    20: "to one: by VLAN and MAC",
    21: "answers ARP",
    22: "to all hosts that have the network",
}
_ROLES_EX = {0: "VLAN of the provider network, both ways", 2: "to br-int", 3: "from br-int"}


@dataclass(frozen=True, slots=True)
class Owner:
    """What put a flow there. `kind` is port, network, group, host or empty where nobody knows."""

    kind: str = ""
    title: str = ""
    project_id: str = ""
    port: Port | None = None
    instance: Instance | None = None
    network: Network | None = None


NOBODY = Owner()


def role(bridge: str, table: int) -> str:
    """What a table is for, in words; empty for one that has no part here."""
    if bridge.startswith("br-tun"):
        return _ROLES_TUN.get(table, "")
    if bridge.startswith("br-ex"):
        return _ROLES_EX.get(table, "")
    return _ROLES_INT.get(table, "")


def owners(canaries: Iterable[tuple[int, int]], names: Names, bridge: str = "") -> dict[int, Owner]:
    """Who owns the flows of each cookie; `canaries` are (cookie, owner's number) from table 23."""
    if bridge == names.settings.tunnel_bridge:
        found = tunnels.owners_of(canaries, names)
        return {cookie: _of_tunnels(*each) for cookie, each in found.items()}
    ports = {sets.port_owner(port.id): port for port in names.records.ports.values()}
    return {cookie: _owner(number, ports, names) for cookie, number in canaries}


def _owner(number: int, ports: Mapping[int, Port], names: Names) -> Owner:
    port = ports.get(number)
    if port is not None:
        return Owner(
            "port",
            names.title(port),
            port.project_id,
            port,
            names.instance_of(port),
            names.network_of(port),
        )
    zone = sets.zone_of(number)
    if zone is not None:
        network = names.zones.get(zone)
        if network is None:
            return Owner("network", f"zone {zone}")
        return Owner("network", network.name, network.project_id, network=network)
    if number in _HOST_SETS:
        return Owner("host", _HOST_SETS[number])
    if number >> 60 == _MEMBERS:
        return Owner("group", "members of remote groups")
    return NOBODY


def _of_tunnels(title: str, thing: object) -> Owner:
    if isinstance(thing, Network):
        return Owner("network", title, thing.project_id, network=thing)
    return Owner("host", title)


def rules_of(
    table: int, priority: int, match: str, port: Port, names: Names
) -> Sequence[tuple[SecurityGroup, SecurityGroupRule]]:
    """The security group rules that a port's flow comes from; a flow can come from several."""
    if table not in (EGRESS_RULES, INGRESS_RULES):
        return ()
    wanted = canonical(match)
    ids = {group.id: number for number, group in names.conjunctions.items()}
    found = []
    for group_id in names.records.groups_of.get(port.id, ()):
        for rule in names.records.rules.get(group_id, ()):
            if rule.peer_id is not None and rule.peer_id not in ids:
                continue
            stateless = not names.groups[group_id].stateful
            for head, tail in groups.templates([rule], ids, stateless=stateless):
                if _same(f"{head}0{tail}", table, priority, wanted):
                    found.append((names.groups[group_id], rule))
                    break
    return tuple(found)


def _same(flow: str, table: int, priority: int, wanted: frozenset[str]) -> bool:
    match, _, _ = flow.partition(",actions=")
    head = f"table={table},priority={priority},"
    return match.startswith(head) and _portless(canonical(match[len(head) :])) == _portless(wanted)


def _portless(parts: frozenset[str]) -> set[str]:
    return {part for part in parts if not part.startswith("reg5=")}


def canonical(match: str) -> frozenset[str]:
    """The parts of a match, each written as the switch tells it, whoever wrote it."""
    return frozenset(_canonical(part) for part in match.split(",") if part)


def _canonical(part: str) -> str:
    name, equals, value = part.partition("=")
    if not equals:
        return part
    if name.startswith("reg"):
        return f"{name}={int(value, 0):#x}" if "/" not in value else part
    if name in ("nw_src", "nw_dst", "ipv6_src", "ipv6_dst"):
        return f"{name}={_address(value)}"
    if name == "ct_state":
        return f"ct_state={''.join(sorted(_flags(value)))}"
    return part


def _address(value: str) -> str:
    try:
        if "/" not in value:
            return str(ip_address(value))
        network = ip_network(value, strict=False)
    except ValueError:
        return value
    return str(network.network_address if network.num_addresses == 1 else network)


def _flags(value: str) -> list[str]:
    return value.replace("+", " +").replace("-", " -").split()
