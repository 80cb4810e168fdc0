"""Where a cloud keeps its things, and what its host can do. Pure: no file is touched here."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from backends.errors import Refused

DEFAULT_CLOUD = "default"
# The pool that every cloud has without a record: its volume group, or its folder of files.
DEFAULT_POOL = "default"
# Where guests ask for their metadata (link-local: RFC 3927, RFC 4291).
METADATA_ADDRESS = "169.254.169.254"
METADATA_ADDRESS6 = "fe80::a9fe:a9fe"
# Where Open vSwitch has its sockets, as its own tools know it (OVS_RUNDIR).
OVS_RUN = Path("/var/run/openvswitch")
OVERLAY = "disk.qcow2"
RESCUE = "rescue.qcow2"
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
    # Which of the host's conntrack zones are its own: 0 for the default cloud, 4 to 63 for others.
    zone_slot: int = 0
    libvirt_uri: str = "qemu:///system"
    ovs_run: Path = OVS_RUN

    @property
    def images(self) -> Path:
        return self.state / "images"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def keys(self) -> Path:
        """Keys of encrypted volumes."""
        return self.state / "keys"

    @property
    def backups(self) -> Path:
        """Containers of volume backups, unless the operator names a folder."""
        return self.state / "backups"

    @property
    def mounts(self) -> Path:
        """Where pools on other machines' exports are mounted."""
        return self.run.parent / f"{self.run.name}-mounts"

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

    def overlay(self, instance_id: str, generation: int = 1) -> Path:
        """The instance's root disk: a qcow2 overlay on its image."""
        return self.instance(instance_id) / root_disk(generation)

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
    def tunnel_bridge(self) -> str:
        """The bridge of tunnels to other hosts: `br-tun` beside `br-int`."""
        return f"br-tun{self._suffix}"

    @property
    def tunnel_patch(self) -> tuple[str, str]:
        """The patch ports between the two: br-int's end and br-tun's, as Neutron names them."""
        return f"patch-tun{self._suffix}", f"patch-int{self._suffix}"

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

    @property
    def metadata_servers(self) -> Path:
        """The folder of all metadata servers' folders."""
        return self.state / "metadata"

    def metadata(self, namespace: str) -> Path:
        """The folder of a namespace's metadata server: program, what it tells, pid, log."""
        return self.metadata_servers / namespace

    def dhcp(self, network_id: str) -> Path:
        """The folder of a network's dnsmasq: configuration, hosts, options, leases, pid."""
        return self.state / "dhcp" / network_id


def root_disk(generation: int) -> str:
    """The file's name of an instance's root disk; each generation has its own."""
    return OVERLAY if generation == 1 else f"disk-{generation}.qcow2"


def captured_disk(image_id: str) -> str:
    """The file's name of a copy of an instance's root disk, which becomes an image."""
    return f"capture-{image_id}.qcow2"


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
