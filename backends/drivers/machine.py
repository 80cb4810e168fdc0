"""The machine: every driver together, one look at it, one way to change it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING

from backends.drivers.facts import Facts
from backends.drivers.step import Driver, Progress, Step
from backends.errors import Refused
from backends.hosts import Host
from backends.records.unit import Kind, Unit
from backends.settings import Settings, dhcp_namespace

if TYPE_CHECKING:
    from backends.drivers.dnsmasq.driver import DnsmasqDriver
    from backends.drivers.labels.driver import LabelDriver
    from backends.drivers.libvirt.driver import LibvirtDriver
    from backends.drivers.namespaces.driver import NamespaceDriver
    from backends.drivers.ovs.driver import OvsDriver
    from backends.drivers.qemu_img.driver import QemuImgDriver
    from backends.drivers.volumes.driver import VolumeDriver

LabelKeys = Collection[tuple[str, str]]


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

        return VolumeDriver(self.settings, self.host)

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

    def look(self) -> Facts:
        """Everything on this host that carries the cloud's label."""
        labels = self.labels.facts(None)
        networks = {id_ for kind, id_ in labels if kind == "network"} | set(
            self.host.list_dir(self.settings.state / "dhcp")
        )
        return Facts(
            ovs=self.ovs.facts(flows=True),
            namespaces=self.namespaces.facts([dhcp_namespace(id_) for id_ in networks]),
            dhcp=self.dnsmasq.facts(networks),
            labels=labels,
            images=self.qemu_img.images(None),
            files=self.qemu_img.files(None),
            volumes=self.volumes.facts(None),
            domains=self.libvirt.facts(None),
        )

    def look_at(self, units: Collection[Unit], labels: LabelKeys) -> Facts:
        """What these units consist of, and no more; `labels` are the label files they have."""
        ids: dict[Kind, list[str]] = defaultdict(list)
        for unit in units:
            ids[unit.kind].append(unit.id)
        facts: dict[str, object] = {"labels": self.labels.facts(labels)}
        flows = bool(ids[Kind.HOST] or ids[Kind.FIREWALL])
        if flows or ids[Kind.NETWORK] or ids[Kind.INSTANCE]:
            facts["ovs"] = self.ovs.facts(flows=flows)
        if networks := ids[Kind.NETWORK]:
            facts["namespaces"] = self.namespaces.facts([dhcp_namespace(id_) for id_ in networks])
            facts["dhcp"] = self.dnsmasq.facts(networks)
        if images := ids[Kind.IMAGE]:
            facts["images"] = self.qemu_img.images(images)
        if volumes := ids[Kind.VOLUME]:
            facts["volumes"] = self.volumes.facts(volumes)
        if instances := ids[Kind.INSTANCE]:
            facts["files"] = self.qemu_img.files(instances)
            facts["domains"] = self.libvirt.facts(instances)
        return Facts(**facts)  # type: ignore[arg-type]

    def close(self) -> None:
        """Close the connections that are kept."""
        if "libvirt" in self.__dict__:
            self.libvirt.close()
