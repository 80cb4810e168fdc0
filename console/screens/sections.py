"""What is said of a thing when it is described: its record, what hangs on it, what differs, what
was done."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError
from console.screens.describe import labelled, record_of
from console.widgets import words

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.operation import OperationStep

# (label, text, tone)
Row = tuple[str, str, str]
Section = tuple[str, Sequence[Row]]

_UNITS = {"project", "image", "network", "volume", "instance"}
_OPERATIONS = 200
_OUTCOMES = {"done": "good", "failed": "bad", "interrupted": "bad"}


def sections(cloud: Cloud, noun: str, id_: str) -> Iterator[Section]:
    """Titles with their rows. Raises NotFound."""
    record = record_of(cloud, noun, id_)
    yield noun.capitalize(), [(label, text, "") for label, text in labelled(record)]
    if noun == "instance":
        yield from _instance(cloud, id_)
    if noun == "network":
        yield from _network(cloud, id_)
    if noun == "volume":
        attached = cloud.volumes.show(id_).attached
        yield "Attached to", [(device, name, "") for name, device in attached]
    if noun == "project":
        rows = cloud.quotas.show(id_).items()
        yield "Quota", [(what, f"{used} of {_limit(limit)}", "") for what, (limit, used) in rows]
    if noun == "operation":
        yield "Steps", [_step(step) for step in cloud.operations.show(id_)[1]]
    if noun in _UNITS:
        yield "Should be and is", _differences(cloud, noun, id_)
        yield "Operations", _operations(cloud, f"{noun}:{id_}")


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
            ("state", f"{fact.state.value} ({fact.reason.value})", ""),
            ("vcpus, ram", f"{fact.vcpus}, {fact.ram} MiB", ""),
            ("disks", ", ".join(sorted(each for each in fact.disks if each)), ""),
            ("boots", f"{fact.hard_reboots} hard, {fact.soft_reboots} soft", ""),
        ],
    )


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
