"""Labelled things without a record: what to show as orphans, and how to take a whole cloud away."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator

from backends.drivers.dnsmasq.steps import StopAdvertising, StopDhcp
from backends.drivers.facts import Facts
from backends.drivers.labels.steps import RemoveLabel
from backends.drivers.libvirt.facts import State
from backends.drivers.libvirt.steps import DestroyDomain, UndefineDomain
from backends.drivers.metadata.steps import StopMetadata
from backends.drivers.namespaces.steps import RemoveNamespace
from backends.drivers.nftables.steps import HOST_FAMILY, RemoveRules
from backends.drivers.ovs.facts import CLOUD, IFACE_ID, OvsPort, is_bare_tap
from backends.drivers.ovs.steps import RemoveBridge, RemovePort
from backends.drivers.qemu_img.steps import RemoveImage, RemoveInstanceFiles
from backends.drivers.step import Step
from backends.plan import provider, storage_orphans, tunnel
from backends.plan.orphan import Orphan, named
from backends.records.snapshot import Records
from backends.settings import Settings, dhcp_namespace, router_namespace

__all__ = ["Orphan", "orphans", "record_of"]


def orphans(records: Records | None, facts: Facts, settings: Settings) -> Iterator[Orphan]:
    """All orphans, in the order in which they can be taken away.

    With no records at all (None) everything that carries the cloud's label is one: that is how a
    whole cloud is taken off the machine.
    """
    yield from _domains(_keys(records and records.instances), facts)
    yield from _instance_files(_keys(records and records.instances), facts)
    yield from storage_orphans.orphans(records, facts, settings)
    for id_, image in facts.images.items():
        if records is None or id_ not in records.images:
            yield Orphan("image", id_, f"image file of {image.size} bytes", (RemoveImage(id_),))
    for id_ in facts.dhcp:
        if records is None or id_ not in records.networks:
            yield Orphan("dhcp", id_, "dnsmasq's folder", (StopDhcp(id_),))
    for id_ in facts.advertising:
        if records is None or id_ not in records.routers:
            yield Orphan("router", id_, "dnsmasq's folder", (StopAdvertising(id_),))
    wanted = {dhcp_namespace(id_) for id_ in _keys(records and records.networks)}
    wanted |= {router_namespace(id_) for id_ in _keys(records and records.routers)}
    for name in facts.metadata:
        if name not in wanted:
            yield Orphan("metadata", name, "a metadata server's folder", (StopMetadata(name),))
    outside = records is not None and bool(provider.networks(records))
    plugged = {port.interface for port in records.ports.values()} if records else set()
    plugged |= {*(settings.patch if outside else ())}
    tunnels = records is not None and tunnel.is_wanted(records)
    if records is not None and tunnels:
        # Those that another host's ports no longer ask for go with the next converge.
        plugged |= {*settings.tunnel_patch, *tunnel.of_bridge(facts.ovs, settings)}
    yield from _ports(plugged, facts, settings)
    for name in facts.namespaces:
        if name not in wanted:
            yield Orphan("namespace", name, "named after a thing of ours", (RemoveNamespace(name),))
    yield from _labels(records, facts)
    if "" in facts.rules and not outside:
        gone = RemoveRules("", HOST_FAMILY, settings.host_table)
        yield Orphan("rules", settings.host_table, "nftables table on the host", (gone,))
    bridges = {settings.bridge}
    bridges |= {settings.external_bridge} if outside else set()
    bridges |= {settings.tunnel_bridge} if tunnels else set()
    for name, bridge in facts.ovs.bridges.items():
        ours = bridge.labels.get(CLOUD) == settings.cloud
        if ours and (records is None or name not in bridges):
            yield Orphan("bridge", name, f"external_ids {CLOUD}", (RemoveBridge(name),))


def record_of(orphan: Orphan, facts: Facts) -> tuple[str, str] | None:
    """Kind and id of the record that its label can bring back; None where it says too little."""
    kind, id_ = orphan.kind, orphan.id
    if kind == "label":
        kind, _, id_ = id_.partition(":")
    elif kind in ("namespace", "metadata"):
        kind = "router" if id_ == router_namespace(id_.partition("-")[2]) else "network"
        id_ = id_.partition("-")[2]
    elif kind == "port":
        kind, id_ = "port", facts.ovs.ports[id_].labels.get(IFACE_ID, "")
    elif kind in ("dhcp", "files"):
        kind = "network" if kind == "dhcp" else "instance"
    there: dict[str, Container[str]] = {
        "instance": facts.domains,
        "volume": facts.volumes,
        "snapshot": facts.snapshots,
        "image": facts.images,
    }
    if id_ in there.get(kind, ()) or (kind, id_) in facts.labels:
        return None if kind == "cloud" else (kind, id_)
    return None


def _domains(wanted: Iterable[str], facts: Facts) -> Iterator[Orphan]:
    known = set(wanted)
    for id_, fact in facts.domains.items():
        if id_ in known:
            continue
        off = fact.state in (State.SHUTOFF, State.SAVED, State.CRASHED)
        end: tuple[Step, ...] = () if off else (DestroyDomain(id_),)
        name = named(fact.label, "instance")
        yield Orphan("instance", id_, f"domain {fact.name}", (*end, UndefineDomain(id_)), name)


def _instance_files(wanted: Iterable[str], facts: Facts) -> Iterator[Orphan]:
    known = set(wanted)
    for id_ in facts.files:
        if id_ not in known:
            yield Orphan("files", id_, "folder of an instance", (RemoveInstanceFiles(id_),))


def _ports(wanted: set[str], facts: Facts, settings: Settings) -> Iterator[Orphan]:
    for name, port in facts.ovs.ports.items():
        if name not in wanted and _is_ours(port, facts, settings):
            yield Orphan("port", name, f"external_ids {CLOUD}", (RemovePort(name),))


def _labels(records: Records | None, facts: Facts) -> Iterator[Orphan]:
    wanted: set[tuple[str, str]] = set()
    if records is not None:
        wanted.add(("cloud", records.cloud.id))
        for kind, table in (
            ("project", records.projects),
            ("image", records.images),
            ("network", records.networks),
            ("port", records.ports),
            ("instance", records.instances),
            ("router", records.routers),
            ("floatingip", {row.id: row for each in records.floats_on.values() for row in each}),
        ):
            wanted |= {(kind, id_) for id_ in table}
    for kind, id_ in facts.labels:
        if (kind, id_) not in wanted and kind not in storage_orphans.KINDS:
            yield Orphan("label", f"{kind}:{id_}", "label file", (RemoveLabel(kind, id_),))


def _is_ours(port: OvsPort, facts: Facts, settings: Settings) -> bool:
    bridge = facts.ovs.bridges.get(port.bridge)
    own_bridge = bridge is not None and bridge.labels.get(CLOUD) == settings.cloud
    return port.labels.get(CLOUD) == settings.cloud or (
        own_bridge and is_bare_tap(port.name, port.labels)
    )


def _keys(table: dict[str, object] | object | None) -> Iterable[str]:
    return table.keys() if isinstance(table, dict) else ()
