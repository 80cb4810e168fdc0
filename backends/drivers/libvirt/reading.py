"""Reading many domains with few calls."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from backends.drivers.libvirt import ownership, xml
from backends.drivers.libvirt.facts import DomainFact, DomainStats, Reason, State
from backends.drivers.libvirt.states import all_states, translate

if TYPE_CHECKING:
    import libvirt

# State and its reason, and whether libvirt keeps the domain when it is off.
_Condition = tuple[tuple[State, Reason], bool]
_LIVE = (State.RUNNING, State.PAUSED, State.STOPPING)


def facts(
    connection: libvirt.virConnect, cloud: str, ids: Collection[str] | None
) -> Mapping[str, DomainFact]:
    """The facts of `cloud`'s domains, of all or of those of `ids` that are there."""
    domains = _domains(connection, ids)
    conditions = _conditions_of_all(connection) if ids is None else _conditions(domains)
    found = {}
    for domain in domains:
        domain_id = domain.UUIDString()
        # One that came after the states were read is for the next look.
        if domain_id not in conditions:
            continue
        live = conditions[domain_id][0][0] in _LIVE
        if (parsed := _parsed(domain, live)) is None:
            continue
        if parsed.metadata is not None and parsed.metadata.cloud == cloud:
            found[domain_id] = _fact(domain_id, parsed, parsed.metadata, *conditions[domain_id])
    return found


def _conditions_of_all(connection: libvirt.virConnect) -> dict[str, _Condition]:
    """By UUID, in three calls for any number of domains."""
    import libvirt

    transient = {
        domain.UUIDString()
        for domain in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_TRANSIENT)
    }
    states = all_states(connection)
    return {domain_id: (state, domain_id not in transient) for domain_id, state in states.items()}


def _conditions(domains: list[libvirt.virDomain]) -> dict[str, _Condition]:
    """By UUID, of these alone: a list of all would wait for whatever is being started elsewhere."""
    import libvirt

    found = {}
    for domain in domains:
        try:
            state, reason = domain.state()
            saved = bool(domain.hasManagedSaveImage())
            condition = translate(state, reason, saved), bool(domain.isPersistent())
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
            continue
        found[domain.UUIDString()] = condition
    return found


def stats(connection: libvirt.virConnect, ids: Collection[str]) -> Mapping[str, DomainStats]:
    """The counters of those of `ids` that run."""
    import libvirt

    domains = _domains(connection, ids)
    if not domains:
        return {}
    rows = connection.domainListGetStats(
        domains,
        libvirt.VIR_DOMAIN_STATS_STATE
        | libvirt.VIR_DOMAIN_STATS_CPU_TOTAL
        | libvirt.VIR_DOMAIN_STATS_BALLOON
        | libvirt.VIR_DOMAIN_STATS_BLOCK
        | libvirt.VIR_DOMAIN_STATS_INTERFACE,
        libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT,
    )
    return {
        domain.UUIDString(): _stats(values)
        for domain, values in rows
        # A domain that is off reports a CPU time that is not its own.
        if translate(values.get("state.state", 0), 0, saved=False)[0] in _LIVE
    }


def disk_counters(
    connection: libvirt.virConnect, ids: Collection[str]
) -> Mapping[str, tuple[int, int]]:
    """Bytes read and written so far by the serial of each disk of those of `ids` that run.

    A disk that several have is counted over all of them.
    """
    import libvirt

    domains = [each for each in _domains(connection, ids) if each.isActive()]
    if not domains:
        return {}
    found: dict[str, tuple[int, int]] = {}
    flags = libvirt.VIR_CONNECT_GET_ALL_DOMAINS_STATS_NOWAIT
    for domain, values in connection.domainListGetStats(
        domains, libvirt.VIR_DOMAIN_STATS_BLOCK, flags
    ):
        serials = xml.serials(domain.XMLDesc())
        for index in range(values.get("block.count", 0)):
            serial = serials.get(values.get(f"block.{index}.name", ""), "")
            read, written = found.get(serial, (0, 0))
            read += values.get(f"block.{index}.rd.bytes", 0)
            found[serial] = (read, written + values.get(f"block.{index}.wr.bytes", 0))
    found.pop("", None)
    return found


def _domains(
    connection: libvirt.virConnect, ids: Collection[str] | None
) -> list[libvirt.virDomain]:
    if ids is None:
        return list(connection.listAllDomains())
    looked_up = (ownership.find(connection, domain_id) for domain_id in ids)
    return [domain for domain in looked_up if domain is not None]


def _parsed(domain: libvirt.virDomain, live: bool) -> xml.Parsed | None:
    """The domain's XML, live where it runs, but with the sizes that its next start will have.

    None where it went meanwhile.
    """
    import libvirt

    try:
        parsed = xml.parse_domain(domain.XMLDesc())
        if not live:
            return parsed
        defined = xml.parse_domain(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
        return replace(parsed, vcpus=defined.vcpus, ram=defined.ram)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return None
        raise


def _fact(
    domain_id: str,
    parsed: xml.Parsed,
    metadata: xml.Metadata,
    state: tuple[State, Reason],
    persistent: bool,
) -> DomainFact:
    return DomainFact(
        id=domain_id,
        name=parsed.name,
        state=state[0],
        reason=state[1],
        # One that somebody undefined while it runs is gone when it ends: no digest fits that.
        digest=metadata.digest if persistent else "",
        label=metadata.label,
        vcpus=parsed.vcpus,
        ram=parsed.ram,
        disks=parsed.disks,
        nics=parsed.nics,
        hard_reboots=metadata.hard_reboots,
        soft_reboots=metadata.soft_reboots,
        launches=metadata.launches,
        unlinked=parsed.unlinked,
        sizes=frozenset(metadata.sizes.split()),
        tunes=parsed.tunes,
    )


def _stats(values: Mapping[str, Any]) -> DomainStats:
    return DomainStats(
        cpu_ns=values.get("cpu.time", 0),
        memory=values.get("balloon.rss", 0) * 1024,
        disk_read=_sum(values, "block", "rd.bytes"),
        disk_written=_sum(values, "block", "wr.bytes"),
        net_received=_sum(values, "net", "rx.bytes"),
        net_sent=_sum(values, "net", "tx.bytes"),
    )


def _sum(values: Mapping[str, Any], group: str, counter: str) -> int:
    count = values.get(f"{group}.count", 0)
    return sum(values.get(f"{group}.{index}.{counter}", 0) for index in range(count))
