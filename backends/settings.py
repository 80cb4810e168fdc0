"""Where a cloud keeps its things, and what its host can do. Pure: no file is touched here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from backends.errors import Refused

DEFAULT_CLOUD = "default"
# Where Open vSwitch has its sockets, as its own tools know it (OVS_RUNDIR).
OVS_RUN = Path("/var/run/openvswitch")
OVERLAY = "disk.qcow2"
CONSOLE_LOG = "console.log"
_CLOUD_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


@dataclass(frozen=True, slots=True)
class Settings:
    """One cloud on one host.

    `bridge` is its integration bridge; `domain_type` is `kvm` or `qemu` (emulation); `datapath` is
    Open vSwitch's `system` (kernel module) or `netdev` (userspace); `volume_group` is the LVM group
    that holds its volumes, empty where volumes are plain files. `ovs_run` is the folder of the
    switch's sockets; libvirt plugs guests into the machine's own one alone.
    """

    cloud: str
    state: Path
    run: Path
    host: str
    bridge: str = "br-int"
    domain_type: str = "qemu"
    datapath: str = "netdev"
    volume_group: str = ""
    libvirt_uri: str = "qemu:///system"
    ovs_run: Path = OVS_RUN

    @property
    def images(self) -> Path:
        return self.state / "images"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def labels(self) -> Path:
        return self.state / "labels"

    @property
    def locks(self) -> Path:
        return self.run / "locks"

    def image(self, image_id: str) -> Path:
        """The image's file."""
        return self.images / image_id

    def volume(self, volume_id: str) -> Path:
        """A plain-file volume's file (raw)."""
        return self.volumes / volume_id

    def instance(self, instance_id: str) -> Path:
        """The folder of an instance's own files."""
        return Path(self.instance_folder(instance_id))

    def instance_folder(self, instance_id: str) -> str:
        """The same as text: a plan names it for every instance."""
        return f"{self.state}/instances/{instance_id}"

    def overlay(self, instance_id: str) -> Path:
        """The instance's root disk: a qcow2 overlay on its image."""
        return self.instance(instance_id) / OVERLAY

    def console_log(self, instance_id: str) -> Path:
        """What the guest wrote to its serial line, kept by virtlogd."""
        return self.instance(instance_id) / CONSOLE_LOG

    @property
    def external_bridge(self) -> str:
        """The bridge of provider networks: `br-ex` beside `br-int`, `br-ex-ab12` beside another."""
        return f"br-ex{self._suffix}"

    @property
    def patch(self) -> tuple[str, str]:
        """The patch ports between the two: br-int's end and br-ex's, as Neutron names them."""
        return f"int-br-ex{self._suffix}", f"phy-br-ex{self._suffix}"

    @property
    def host_table(self) -> str:
        """The cloud's nftables table in the host's own namespace."""
        return f"quarterdeck-{self.cloud}"

    @property
    def _suffix(self) -> str:
        return self.bridge.removeprefix("br-int").removeprefix("br")

    def advertisements(self, router_id: str) -> Path:
        """The folder of a router's dnsmasq, which advertises its IPv6 prefixes."""
        return self.state / "ra" / router_id

    def dhcp(self, network_id: str) -> Path:
        """The folder of a network's dnsmasq: configuration, hosts, options, leases, pid."""
        return self.state / "dhcp" / network_id


def check_cloud_name(name: str) -> str:
    """The name, if a cloud can have it. Raises Refused `cloud.name.invalid`."""
    if not _CLOUD_NAME.fullmatch(name):
        raise Refused(
            "cloud.name.invalid",
            "a cloud's name is 1 to 32 of a-z, 0-9 and '-', and does not begin with '-'",
        )
    return name


def dhcp_namespace(network_id: str) -> str:
    """The name space of a network's DHCP server, as Neutron names it."""
    return f"qdhcp-{network_id}"


def router_namespace(router_id: str) -> str:
    """The name space of a router, as Neutron names it."""
    return f"qrouter-{router_id}"
