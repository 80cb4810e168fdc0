"""All facts of one look at the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from backends.drivers.dnsmasq.facts import Dhcp
from backends.drivers.libvirt.facts import DomainFact
from backends.drivers.metadata.facts import MetadataServer
from backends.drivers.namespaces.facts import Namespace
from backends.drivers.nftables.facts import Rules
from backends.drivers.ovs.facts import OvsFacts
from backends.drivers.qemu_img.facts import ImageFile, InstanceFiles
from backends.drivers.volumes.facts import PoolFact, SnapshotFact, VolumeFact


@dataclass(frozen=True, slots=True)
class Facts:
    """What is. Everything is keyed by the id it carries as its label.

    `labels` is keyed by `(kind, id)`, `rules` and `metadata` by namespace, "" for the host's own. A
    look may be at a few units only; then the rest is empty. `backups` are those that are whole,
    `pools` (by name) tell those that cannot be reached, `mounts` (by the pool's name) the exports
    that are mounted.
    """

    ovs: OvsFacts = field(default_factory=OvsFacts)
    namespaces: Mapping[str, Namespace] = field(default_factory=dict)
    dhcp: Mapping[str, Dhcp] = field(default_factory=dict)
    labels: Mapping[tuple[str, str], str] = field(default_factory=dict)
    images: Mapping[str, ImageFile] = field(default_factory=dict)
    files: Mapping[str, InstanceFiles] = field(default_factory=dict)
    volumes: Mapping[str, VolumeFact] = field(default_factory=dict)
    domains: Mapping[str, DomainFact] = field(default_factory=dict)
    host: Namespace = field(default_factory=lambda: Namespace(""))
    rules: Mapping[str, Rules] = field(default_factory=dict)
    advertising: Mapping[str, Dhcp] = field(default_factory=dict)
    metadata: Mapping[str, MetadataServer] = field(default_factory=dict)
    snapshots: Mapping[str, SnapshotFact] = field(default_factory=dict)
    backups: frozenset[str] = frozenset()
    pools: Mapping[str, PoolFact] = field(default_factory=dict)
    mounts: Mapping[str, str] = field(default_factory=dict)
