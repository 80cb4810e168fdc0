"""What is said of a thing when it is described: its record, what hangs on it, what differs, what
was done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError
from console.screens.describe import labelled, record_of
from console.screens.sections_storage import STORAGE, storage_names
from console.widgets import words

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.drivers.libvirt.facts import DomainFact
    from backends.records.operation import OperationStep

# (label, text, tone)
Row = tuple[str, str, str]
Section = tuple[str, Sequence[Row]]

_UNITS = {
    "project", "image", "network", "router", "volume", "snapshot", "backup", "instance",
}  # fmt: skip
_OPERATIONS = 200
_OUTCOMES = {"done": "good", "failed": "bad", "interrupted": "bad"}


def sections(cloud: Cloud, noun: str, id_: str) -> Iterator[Section]:
    """Titles with their rows. Raises NotFound."""
    if noun in _NO_RECORD:
        yield from _NO_RECORD[noun](cloud, id_)
        return
    record = record_of(cloud, noun, id_)
    rows = [(label, text, "") for label, text in labelled(record, _names(cloud, noun))]
    if noun == "instance":
        rows.insert(2, _status(cloud, id_))
    yield _TITLES.get(noun, noun.capitalize()), rows
    if noun in _MORE:
        yield from _MORE[noun](cloud, id_)
    if noun == "project":
        quota = cloud.quotas.show(id_).items()
        yield "Quota", [(what, f"{used} of {_limit(limit)}", "") for what, (limit, used) in quota]
    if noun == "operation":
        yield "Steps", [_step(step) for step in cloud.operations.show(id_)[1]]
    if noun in _UNITS:
        yield "Should be and is", _differences(cloud, noun, id_)
        yield "Operations", _operations(cloud, f"{noun}:{id_}")


def _orphan(cloud: Cloud, ref: str) -> Iterator[Section]:
    from backends.errors import NotFound

    found = next((each for each in cloud.drift.orphans() if each.ref == ref), None)
    if found is None:
        raise NotFound("orphan.not_found", f"no orphan {ref!r} any more")
    yield (
        "Orphan",
        [
            ("kind", found.kind, ""),
            ("id", found.id, ""),
            ("name", found.name, ""),
            ("label", found.evidence, ""),
        ],
    )
    yield "To remove it", [("", step.text, "") for step in found.steps]


def _machine(cloud: Cloud, name: str) -> Iterator[Section]:
    """A host, as this one sees it; what differs on it is known on itself."""
    if not cloud.caller.admin:
        yield from _host(cloud, name, "host")
        return
    found = cloud.hosts.show(name)
    bad = found.state not in ("up", "linked", "apart", "no tunnel address")
    seen = "never" if found.seen is None else f"{words.duration(found.seen)} ago"
    yield (
        "Host",
        [
            ("name", name, ""),
            ("state", found.state, "bad" if bad else ""),
            ("tunnel address", found.row.tunnel_address or "none", ""),
            ("underlay MTU", f"{found.row.underlay_mtu or ''}", ""),
            ("tunnel from here", found.tunnel or "none", ""),
            ("instances", str(found.instances), ""),
            ("networks", str(found.networks), ""),
            ("last seen", seen, ""),
            ("age", words.age(found.row.created_at), ""),
        ],
    )
    if found.is_here:
        yield from list(_host(cloud, name, "host"))[1:]


def _host(cloud: Cloud, id_: str, kind: str) -> Iterator[Section]:
    yield kind.capitalize(), [("name", cloud.settings.host, "")]
    yield "Should be and is", _differences(cloud, kind, id_)
    yield "Operations", _operations(cloud, f"{kind}:{id_}")


_NO_RECORD: dict[str, Callable[[Cloud, str], Iterator[Section]]] = {
    "orphan": _orphan,
    "host": _machine,
    "firewall": lambda cloud, id_: _host(cloud, id_, "firewall"),
}


def _names(cloud: Cloud, noun: str) -> dict[str, str]:
    """What the ids in a record stand for."""
    found = {each.id: each.name for each in cloud.identity.projects()}
    if noun in ("image", "instance"):
        found |= {each.id: each.name for each in cloud.images.list(all_projects=True)}
    if noun in ("volume", "snapshot", "backup", "transfer", "group_snapshot"):
        found |= storage_names(cloud)
    if noun == "volume_type":
        found |= {each.id: each.name for each in cloud.volume_types.qos_list()}
    if noun == "subnet":
        found |= {each.id: each.name for each in cloud.subnet_pools.list(all_projects=True)}
    if noun in ("subnet", "port", "router", "floating_ip"):
        found |= {each.id: each.name for each in cloud.networks.list(all_projects=True)}
        found |= {each.id: each.name for each in cloud.routers.list(all_projects=True)}
    if noun == "port":
        recorded = cloud.instances.recorded(all_projects=True)
        found |= {each.id: f"instance {each.name}" for each in recorded}
    if noun in ("rule", "security_group"):
        groups = cloud.security_groups.list(all_projects=True)
        found |= {each.id: each.name for each in groups}
    if cloud.caller.user_id:
        found[cloud.caller.user_id] = cloud.caller.user
    return found


def _status(cloud: Cloud, id_: str) -> Row:
    try:
        row = cloud.instances.row(id_)
    except QuarterdeckError as error:
        return "status", str(error), "bad"
    return "status", row.status, "bad" if row.differs else ""


def _router(cloud: Cloud, id_: str) -> Iterator[Section]:
    view = cloud.routers.show(id_)
    names = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
    rows = []
    for each in view.interfaces:
        side = "gateway" if each.outside else "inside"
        held = ", ".join(address for _, address in each.addresses)
        network = names.get(each.port.network_id, each.port.network_id)
        rows.append((side, f"{held}  on {network}  {each.port.interface}", ""))
    yield "Interfaces", rows or [("", "none", "dim")]
    routes = [(each["destination"], f"via {each['nexthop']}", "") for each in view.router.routes]
    if routes:
        yield "Routes", routes
    lent = [
        (row.address, f"for {row.fixed_address}", "")
        for row in cloud.floating_ips.list(all_projects=True)
        if row.router_id == id_
    ]
    yield "Floating IPs", lent or [("", "none", "dim")]


def _rules(cloud: Cloud, id_: str) -> list[Row]:
    names = {each.id: each.name for each in cloud.security_groups.list(all_projects=True)}
    held = {each.id: each.name for each in cloud.address_groups.list(all_projects=True)}
    rows = []
    for rule in cloud.security_groups.rules(id_):
        low, high = rule.port_min, rule.port_max
        ports = "" if low is None else f" {low}" if high in (None, low) else f" {low}-{high}"
        group = names.get(rule.remote_group_id or "", rule.remote_group_id or "")
        remote = f"group {group}" if group else rule.remote_prefix or "anywhere"
        if rule.remote_address_group_id:
            named = rule.remote_address_group_id
            remote = f"addresses {held.get(named, named)}"
        what = f"{rule.ethertype} {rule.protocol or 'any'}{ports}  {remote}  {rule.description}"
        rows.append((rule.direction, what.rstrip(), ""))
    return sorted(rows, reverse=True) or [("", "none: nothing passes", "dim")]


def _security_group(cloud: Cloud, id_: str) -> Iterator[Section]:
    yield "Rules", _rules(cloud, id_)
    row = cloud.security_groups.show(id_)
    held = [
        (", ".join(address for _, address in view.addresses), view.port.id, "")
        for view in cloud.ports.list(all_projects=True)
        if row.name in view.groups and view.port.project_id == row.project_id
    ]
    yield "Ports", held or [("", "none", "dim")]


def _limit(limit: int) -> str:
    return "no limit" if limit < 0 else str(limit)


def _instance(cloud: Cloud, id_: str) -> Iterator[Section]:
    views = cloud.ports.list(device=id_, all_projects=True)
    networks = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
    yield (
        "Ports",
        [
            (
                networks.get(view.port.network_id, view.port.network_id),
                f"{', '.join(address for _, address in view.addresses)}  {view.port.mac}"
                f"  {view.port.interface}  groups: {', '.join(view.groups) or 'none'}",
                "",
            )
            for view in views
        ],
    )
    floating = {row.port_id: row.address for row in cloud.floating_ips.list(all_projects=True)}
    lent = [(floating[v.port.id], "lent to it", "") for v in views if v.port.id in floating]
    if lent:
        yield "Floating IPs", lent
    held = {(view.port.project_id, name) for view in views for name in view.groups}
    for group in cloud.security_groups.list(all_projects=True):
        if (group.project_id, group.name) in held:
            yield f"Rules of {group.name}", _rules(cloud, group.id)
    try:
        fact = cloud.machine.libvirt.facts([id_]).get(id_)
    except QuarterdeckError as error:
        yield "Domain", [("", str(error), "bad")]
        return
    if fact is None:
        yield "Domain", [("", "libvirt has no domain of it", "warn")]
        return
    yield (
        "Domain",
        [
            ("name", fact.name, ""),
            ("state", _state(fact), ""),
            ("vcpus, ram", f"{fact.vcpus}, {fact.ram} MiB", ""),
            ("disks", ", ".join(sorted(each for each in fact.disks if each)), ""),
            ("boots", f"{fact.hard_reboots} hard, {fact.soft_reboots} soft", ""),
        ],
    )


def _state(fact: DomainFact) -> str:
    why = "" if fact.reason.value == "unknown" else f" ({fact.reason.value})"
    return f"{fact.state.value}{why}"


def _network(cloud: Cloud, id_: str) -> Iterator[Section]:
    subnets = cloud.networks.subnets(network=id_)
    rows = []
    for each in subnets:
        pools = ", ".join(f"{pool['start']}-{pool['end']}" for pool in each.allocation_pools)
        text = f"gateway {each.gateway_ip or 'none'}, DHCP {'on' if each.enable_dhcp else 'off'}"
        dns = f", DNS {', '.join(each.dns_nameservers)}" if each.dns_nameservers else ""
        rows.append((each.cidr, f"{each.name}\n{text}{dns}\npool {pools}".strip(), ""))
    yield "Subnets", rows
    leases = []
    for lease in cloud.machine.dnsmasq.leases(id_):
        until = "for ever" if not lease.expires else f"until {words.clock(lease.expires)}"
        leases.append((lease.address, f"{lease.mac}  {lease.hostname or '-'}  {until}", ""))
    yield "Leases", leases or [("", "none", "dim")]


def _port(cloud: Cloud, id_: str) -> Iterator[Section]:
    view = cloud.ports.show(id_)
    subnets = {each.id: each.cidr for each in cloud.networks.subnets(all_projects=True)}
    held = [
        (address, f"of {subnets.get(subnet, subnet)}", "") for subnet, address in view.addresses
    ]
    yield "Addresses", held or [("", "none", "dim")]
    for group in cloud.security_groups.list(all_projects=True):
        if group.project_id == view.port.project_id and group.name in view.groups:
            kind = "" if group.stateful else ", stateless"
            yield f"Rules of {group.name}{kind}", _rules(cloud, group.id)


def _qos(cloud: Cloud, id_: str) -> Iterator[Section]:
    rows = []
    for rule in cloud.qos.show(id_).rules:
        burst = f", {rule.max_burst_kbits} kbit at once" if rule.max_burst_kbits else ""
        said = (
            f"marked with DSCP {rule.dscp_mark}"
            if rule.type == "dscp_marking"
            else f"at most {rule.max_kbps:,} kbit/s{burst}"
        )
        rows.append(("sent" if rule.direction == "egress" else "received", said, ""))
    yield "Rules", rows or [("", "none: it changes nothing", "dim")]
    held = [each for each in cloud.networks.list(all_projects=True) if each.qos_policy_id == id_]
    ports = [
        view.port for view in cloud.ports.list(all_projects=True) if view.port.qos_policy_id == id_
    ]
    used = [("network", each.name, "") for each in held]
    used += [("port", each.name or each.id, "") for each in ports]
    yield "Used by", used or [("", "nothing", "dim")]


def _trunk(cloud: Cloud, id_: str) -> Iterator[Section]:
    view = cloud.trunks.show(id_)
    networks = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
    yield (
        "Ports",
        [
            ("untagged", f"{view.parent.name or view.parent.id}  on "
             f"{networks.get(view.parent.network_id, '')}", ""),
            *(
                (f"VLAN {each.segmentation_id}",
                 f"{port.name or port.id}  on {networks.get(port.network_id, '')}", "")
                for each, port in view.subports
            ),
        ],
    )  # fmt: skip


def _subnet_pool(cloud: Cloud, id_: str) -> Iterator[Section]:
    networks = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
    rows = [
        (each.cidr, f"{each.name}  on {networks.get(each.network_id, each.network_id)}".strip(), "")
        for each in cloud.networks.subnets(all_projects=True)
        if each.subnetpool_id == id_
    ]
    yield "Subnets", rows or [("", "none", "dim")]


def _address_group(cloud: Cloud, id_: str) -> Iterator[Section]:
    groups = {each.id: each.name for each in cloud.security_groups.list(all_projects=True)}
    rows = [
        (groups.get(rule.group_id, rule.group_id), f"{rule.direction} {rule.protocol or 'any'}", "")
        for rule in cloud.security_groups.rules(all_projects=True)
        if rule.remote_address_group_id == id_
    ]
    yield "Rules", rows or [("", "no rule names it", "dim")]


_TITLES = {
    "qos": "QoS policy",
    "address_group": "Address group",
    "floating_ip": "Floating IP",
    "keypair": "Key pair",
    "security_group": "Security group",
    "subnet_pool": "Subnet pool",
    "volume_group": "Volume group",
    "group_snapshot": "Group snapshot",
    "volume_qos": "Volume limits",
    "volume_type": "Volume type",
}
_MORE: dict[str, Callable[[Cloud, str], Iterator[Section]]] = {
    **STORAGE,
    "qos": _qos,
    "trunk": _trunk,
    "instance": _instance,
    "network": _network,
    "port": _port,
    "router": _router,
    "subnet_pool": _subnet_pool,
    "address_group": _address_group,
    "security_group": _security_group,
}


def _differences(cloud: Cloud, noun: str, id_: str) -> list[Row]:
    from backends.records.unit import Kind, Unit

    try:
        plan = cloud.context.converger.plan([Unit(Kind(noun), id_)])
    except QuarterdeckError as error:
        return [("", str(error), "bad")]
    rows = [("missing", plan.words(step), "bad") for step in plan.steps]
    rows += [(problem.code, plan.words(problem), "bad") for problem in plan.problems]
    return rows or [("", "no difference", "good")]


def _operations(cloud: Cloud, unit: str) -> list[Row]:
    rows = []
    for each in cloud.operations.list(limit=_OPERATIONS):
        if unit in each.units:
            outcome = each.outcome.value
            error = f"  {each.error} [{each.error_code}]" if each.error else ""
            text = f"{each.verb} by {each.user}: {outcome}{error}"
            rows.append((words.clock(each.started_at)[5:], text, _OUTCOMES.get(outcome, "")))
    return rows[:10] or [("", "none", "dim")]


def _step(step: OperationStep) -> Row:
    took = words.duration((step.ended_at or time.time()) - step.started_at)
    error = f"\n{step.error}" if step.error else ""
    outcome = step.outcome.value
    return f"{outcome} {took}", f"{step.text}{error}", _OUTCOMES.get(outcome, "")
