"""The machine: every driver together, one look at it, one way to change it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING

from backends.drivers.facts import Facts
from backends.drivers.step import Driver, Progress, Step
from backends.errors import QuarterdeckError, Refused
from backends.hosts import Host
from backends.records.unit import Kind, Unit
from backends.settings import Settings, dhcp_namespace, router_namespace

if TYPE_CHECKING:
    from backends.drivers.conntrack.driver import ConntrackDriver
    from backends.drivers.dnsmasq.advertise import AdvertisingDriver
    from backends.drivers.dnsmasq.driver import DnsmasqDriver
    from backends.drivers.labels.driver import LabelDriver
    from backends.drivers.libvirt.driver import LibvirtDriver
    from backends.drivers.metadata.driver import MetadataDriver
    from backends.drivers.namespaces.driver import NamespaceDriver
    from backends.drivers.nftables.driver import NftablesDriver
    from backends.drivers.ovs.driver import OvsDriver
    from backends.drivers.ovs.facts import OvsFacts
    from backends.drivers.qemu_img.driver import QemuImgDriver
    from backends.drivers.volumes.backend import Moment
    from backends.drivers.volumes.driver import VolumeDriver
    from backends.drivers.volumes.facts import Storage
    from backends.drivers.volumes.pool import Pool

LabelKeys = Collection[tuple[str, str]]
Labels = Mapping[tuple[str, str], str]


class Machine:
    """One host's real systems. Steps reach them only through `apply`.

    Each driver is imported when it is first used: a command that lists needs but one.
    """

    def __init__(self, settings: Settings, host: Host) -> None:
        self.settings = settings
        self.host = host

    @cached_property
    def ovs(self) -> OvsDriver:
        from backends.drivers.ovs.driver import OvsDriver

        return OvsDriver(self.settings, self.host)

    @cached_property
    def namespaces(self) -> NamespaceDriver:
        from backends.drivers.namespaces.driver import NamespaceDriver

        return NamespaceDriver(self.settings, self.host)

    @cached_property
    def dnsmasq(self) -> DnsmasqDriver:
        from backends.drivers.dnsmasq.driver import DnsmasqDriver

        return DnsmasqDriver(self.settings, self.host)

    @cached_property
    def advertising(self) -> AdvertisingDriver:
        from backends.drivers.dnsmasq.advertise import AdvertisingDriver

        return AdvertisingDriver(self.settings, self.host)

    @cached_property
    def metadata(self) -> MetadataDriver:
        from backends.drivers.metadata.driver import MetadataDriver

        return MetadataDriver(self.settings, self.host)

    @cached_property
    def nftables(self) -> NftablesDriver:
        from backends.drivers.nftables.driver import NftablesDriver

        return NftablesDriver(self.settings, self.host)

    @cached_property
    def conntrack(self) -> ConntrackDriver:
        from backends.drivers.conntrack.driver import ConntrackDriver

        return ConntrackDriver(self.host, self.settings.ovs_run)

    @cached_property
    def labels(self) -> LabelDriver:
        from backends.drivers.labels.driver import LabelDriver

        return LabelDriver(self.settings, self.host)

    @cached_property
    def qemu_img(self) -> QemuImgDriver:
        from backends.drivers.qemu_img.driver import QemuImgDriver

        return QemuImgDriver(self.settings, self.host)

    @cached_property
    def volumes(self) -> VolumeDriver:
        from backends.drivers.volumes.driver import VolumeDriver
        from backends.drivers.volumes.far import StorageHosts
        from backends.drivers.volumes.quiet import Quiet

        def moment(guests: Collection[str], halts: bool) -> Moment:
            # What no guest has needs no libvirt.
            return self.libvirt.moment(guests, halts=halts) if guests else Quiet()

        return VolumeDriver(
            self.settings,
            self.host,
            moments=moment,
            hosts=StorageHosts(self.host.read_only),
            mirrors=lambda guest: self.libvirt.mirror(guest),
        )

    @cached_property
    def libvirt(self) -> LibvirtDriver:
        from backends.drivers.libvirt.driver import LibvirtDriver

        return LibvirtDriver(self.settings, self.host)

    @cached_property
    def _drivers(self) -> dict[type, Driver]:
        drivers: tuple[Driver, ...] = (
            self.ovs,
            self.namespaces,
            self.dnsmasq,
            self.advertising,
            self.metadata,
            self.nftables,
            self.conntrack,
            self.labels,
            self.qemu_img,
            self.volumes,
            self.libvirt,
        )
        return {kind: driver for driver in drivers for kind in driver.handles}

    def apply(self, step: Step, progress: Progress) -> None:
        """Do one step. Raises MachineFailed, Refused `host.readonly`."""
        if self.host.read_only:
            raise Refused("host.readonly", f"read-only: will not {step.text}")
        self._drivers[type(step)].apply(step, progress)

    def mount(self) -> None:
        """Mount what the labels of pools tell of, if it can be: it may hold more labels."""
        from backends.drivers.volumes.pool import NFS
        from backends.drivers.volumes.steps import MountPool

        for pool in _pools(self.labels.facts(None)):
            if pool.driver == NFS:
                with suppress(QuarterdeckError):
                    self.apply(MountPool(pool), lambda share: None)

    def look(self) -> Facts:
        """Everything on this host that carries the cloud's label."""
        labels = self.labels.facts(None)
        networks = {id_ for kind, id_ in labels if kind == "network"} | set(
            self.host.list_dir(self.settings.state / "dhcp")
        )
        ovs = self.ovs.facts(flows=True)
        routers = {id_ for kind, id_ in labels if kind == "router"} | self._plugged_routers(ovs)
        homes = [router_namespace(id_) for id_ in routers]
        namespaces = self.namespaces.facts([*map(dhcp_namespace, networks), *homes])
        storage = self._storage(_pools(labels), None, snapshots=True)
        return Facts(
            ovs=ovs,
            namespaces=namespaces,
            dhcp=self.dnsmasq.facts(networks),
            host=self.namespaces.host(),
            rules=self.nftables.facts([each for each in homes if each in namespaces], host=True),
            advertising=self.advertising.facts(routers),
            metadata=self.metadata.facts(None),
            labels=labels,
            images=self.qemu_img.images(None),
            files=self.qemu_img.files(None),
            volumes=storage.volumes,
            snapshots=storage.snapshots,
            backups=self.volumes.whole_backups(_labels(labels, "backup")),
            pools=storage.away,
            mounts=self.volumes.mounts(),
            domains=self.libvirt.facts(None),
        )

    def look_at(self, units: Collection[Unit], labels: LabelKeys) -> Facts:
        """What these units consist of, and no more; `labels` are the label files they have."""
        ids: dict[Kind, list[str]] = defaultdict(list)
        for unit in units:
            ids[unit.kind].append(unit.id)
        found = self.labels.facts(labels)
        facts: dict[str, object] = {"labels": found}
        flows = bool(ids[Kind.HOST] or ids[Kind.FIREWALL])
        if flows or any(ids[kind] for kind in (Kind.NETWORK, Kind.ROUTER, Kind.INSTANCE)):
            facts["ovs"] = self.ovs.facts(flows=flows)
        facts |= self._look_at_networks(ids[Kind.NETWORK], ids[Kind.ROUTER], bool(ids[Kind.HOST]))
        if ids[Kind.NETWORK] or ids[Kind.ROUTER]:
            homes = map(router_namespace, ids[Kind.ROUTER])
            facts["metadata"] = self.metadata.facts(
                [*map(dhcp_namespace, ids[Kind.NETWORK]), *homes], _interfaces(labels)
            )
        if images := ids[Kind.IMAGE]:
            facts["images"] = self.qemu_img.images(images)
        facts |= self._look_at_volumes(ids, found)
        if ids[Kind.POOL]:
            facts["mounts"] = self.volumes.mounts()
        if instances := ids[Kind.INSTANCE]:
            facts["files"] = self.qemu_img.files(instances)
            facts["domains"] = self.libvirt.facts(instances)
        return Facts(**facts)  # type: ignore[arg-type]

    def _look_at_networks(
        self, networks: Collection[str], routers: Collection[str], host: bool
    ) -> dict[str, object]:
        facts: dict[str, object] = {}
        homes = [router_namespace(id_) for id_ in routers]
        if networks or routers:
            names = [*map(dhcp_namespace, networks), *homes]
            facts["namespaces"] = namespaces = self.namespaces.facts(names)
            homes = [each for each in homes if each in namespaces]
        if networks:
            facts["dhcp"] = self.dnsmasq.facts(networks)
        if routers:
            facts["advertising"] = self.advertising.facts(routers)
        if routers or host:
            facts["rules"] = self.nftables.facts(homes, host=host)
        if host:
            facts["host"] = self.namespaces.host()
        return facts

    def _look_at_volumes(
        self, ids: Mapping[Kind, Collection[str]], labels: Labels
    ) -> dict[str, object]:
        kinds = (Kind.VOLUME, Kind.SNAPSHOT, Kind.BACKUP)
        if not any(ids[kind] for kind in kinds):
            return {}
        found = self._storage(_pools(labels), ids[Kind.VOLUME], snapshots=bool(ids[Kind.SNAPSHOT]))
        facts: dict[str, object] = {
            "volumes": found.volumes, "snapshots": found.snapshots, "pools": found.away
        }  # fmt: skip
        if ids[Kind.BACKUP]:
            facts["backups"] = self.volumes.whole_backups(_labels(labels, "backup"))
        return facts

    def _storage(
        self, pools: Collection[Pool], ids: Collection[str] | None, *, snapshots: bool
    ) -> Storage:
        from backends.drivers.volumes.backend import Look

        return self.volumes.look(pools, Look(ids, snapshots))

    def _plugged_routers(self, ovs: OvsFacts) -> set[str]:
        """The routers that have interfaces, also where a label or a folder is lost."""
        from backends.drivers.ovs.facts import CLOUD, VM_UUID

        return {
            port.labels[VM_UUID]
            for port in ovs.ports.values()
            if port.name.startswith(("qr-", "qg-"))
            and port.labels.get(CLOUD) == self.settings.cloud
            and VM_UUID in port.labels
        }

    def close(self) -> None:
        """Close the connections that are kept."""
        if "libvirt" in self.__dict__:
            self.libvirt.close()


def _interfaces(labels: LabelKeys) -> frozenset[str]:
    """What the ports that have these labels can be plugged as, by which guests ask for metadata."""
    ports = [id_ for kind, id_ in labels if kind == "port"]
    return frozenset(f"{prefix}{id_[:11]}" for id_ in ports for prefix in ("tap", "qr-"))


def _labels(labels: Labels, kind: str) -> list[str]:
    return [text for (found, _), text in labels.items() if found == kind]


def _pools(labels: Labels) -> list[Pool]:
    """The pools beside the default one, of which most clouds have none."""
    texts = _labels(labels, "pool")
    if not texts:
        return []
    from backends.drivers.volumes.pool import of_labels

    return of_labels(texts)
