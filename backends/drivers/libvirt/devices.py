"""The devices of a domain as XML elements. Pure."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement

from backends.drivers.libvirt.spec import Disk, DomainSpec, Nic

# Ports for disks and interfaces that are plugged in while the guest runs.
SPARE_PORTS = 8
# virtio-serial, memory balloon and random numbers take a port each.
_OWN_PORTS = 3
# Open vSwitch in userspace sends what it is given: the sender must compute checksums and segment.
_HOST_OFFLOADS = ("csum", "gso", "tso4", "tso6", "ecn", "ufo")
_GUEST_OFFLOADS = ("csum", "tso4", "tso6", "ecn", "ufo")


def devices(spec: DomainSpec) -> Element:
    """All devices. What would only slow the start (USB, option ROMs) is left out."""
    element = Element("devices")
    SubElement(element, "controller", type="usb", model="none")
    if spec.machine == "q35":
        SubElement(element, "controller", type="pci", model="pcie-root", index="0")
        for index in range(1, _root_ports(spec) + 1):
            SubElement(element, "controller", type="pci", model="pcie-root-port", index=str(index))
    if any(each.bus == "scsi" for each in spec.disks):
        SubElement(element, "controller", type="scsi", model="virtio-scsi")
    element.extend(disk(each) for each in spec.disks)
    element.extend(interface(nic, spec.datapath) for nic in spec.nics)
    element.extend(_serial_line(spec.console_log))
    agent = SubElement(element, "channel", type="unix")
    SubElement(agent, "target", type="virtio", name="org.qemu.guest_agent.0")
    screen = SubElement(element, "graphics", type="vnc")
    SubElement(screen, "listen", type="socket")
    SubElement(SubElement(element, "video"), "model", type="vga")
    SubElement(SubElement(element, "memballoon", model="virtio"), "stats", period="10")
    random = SubElement(element, "rng", model="virtio")
    SubElement(random, "backend", model="random").text = "/dev/urandom"
    return element


def disk(disk: Disk) -> Element:
    """One disk: virtio-blk, or a SATA CD-ROM where its target is `sdX`."""
    optical = disk.target.startswith("sd") and not disk.bus
    kind = "network" if disk.portal else "block" if disk.block else "file"
    element = Element("disk", type=kind, device="cdrom" if optical else "disk")
    driver = SubElement(element, "driver", name="qemu", type=disk.format)
    if not disk.read_only and not optical:
        driver.set("discard", "unmap")
    source = _target(element, disk) if disk.portal else SubElement(element, "source")
    if not disk.portal:
        source.set("dev" if disk.block else "file", disk.path)
    if disk.size:
        # What a volume's pool refuses waits for it: the guest halts, and goes on later. One that
        # moves under its guest may come to a storage host, and the policy stays what it was.
        driver.set("error_policy", "stop")
        driver.set("rerror_policy", "stop")
    if disk.kept:
        _keep(source)
    if disk.key:
        encryption = SubElement(source, "encryption", format="luks")
        SubElement(encryption, "secret", type="passphrase", uuid=disk.key)
    if disk.base:
        element.append(_backing(*disk.base))
    SubElement(element, "target", dev=disk.target, bus=_bus(disk))
    if disk.serial:
        SubElement(element, "serial").text = disk.serial
    if disk.read_only or optical:
        SubElement(element, "readonly")
    if disk.shared:
        SubElement(element, "shareable")
    if disk.tune:
        limits = SubElement(element, "iotune")
        for name, value in disk.tune:
            SubElement(limits, name).text = str(value)
    return element


def copy(target: Disk) -> Element:
    """What a disk is copied to while its guest writes: its place alone changes."""
    element = disk(target)
    for each in list(element):
        if each.tag not in ("driver", "source"):
            element.remove(each)
    return element


def _target(element: Element, disk: Disk) -> Element:
    """The first unit of an iSCSI target, which QEMU itself logs in to."""
    host, _, port = disk.portal.rpartition(":")
    source = SubElement(element, "source", protocol="iscsi", name=f"{disk.path}/1")
    SubElement(source, "host", name=host, port=port)
    # The target's name is the cloud's own, the volume and its pool.
    cloud, volume, pool = disk.path.rpartition(disk.serial)
    auth = SubElement(source, "auth", username=volume + pool)
    SubElement(auth, "secret", type="iscsi", uuid=disk.serial)
    initiator = SubElement(source, "initiator")
    SubElement(initiator, "iqn", name=cloud.rstrip("."))
    return source


def _bus(disk: Disk) -> str:
    if disk.bus:
        return disk.bus
    return "sata" if disk.target.startswith("sd") else "virtio"


def _backing(path: str, form: str) -> Element:
    """Said rather than found out: nothing in the disk itself decides what else is opened."""
    backing = Element("backingStore", type="file")
    SubElement(backing, "format", type=form)
    _keep(SubElement(backing, "source", file=path))
    SubElement(backing, "backingStore")
    return backing


def _keep(source: Element) -> None:
    """Without this libvirt makes it QEMU's own, which others that stand on it would not survive."""
    SubElement(source, "seclabel", model="dac", relabel="no")


def interface(nic: Nic, datapath: str) -> Element:
    """One interface: virtio, on the integration bridge under its network's tag."""
    element = Element("interface", type="bridge")
    SubElement(element, "mac", address=nic.mac)
    SubElement(element, "source", bridge=nic.bridge)
    switch = SubElement(element, "virtualport", type="openvswitch")
    SubElement(switch, "parameters", interfaceid=nic.port_id)
    if nic.vlan:
        SubElement(SubElement(element, "vlan"), "tag", id=str(nic.vlan))
    SubElement(element, "target", dev=nic.tap)
    SubElement(element, "model", type=nic.model)
    if datapath == "netdev":
        driver = SubElement(element, "driver", name="qemu")
        SubElement(driver, "host", dict.fromkeys(_HOST_OFFLOADS, "off"))
        SubElement(driver, "guest", dict.fromkeys(_GUEST_OFFLOADS, "off"))
    SubElement(element, "mtu", size=str(nic.mtu))
    if not nic.link:
        SubElement(element, "link", state="down")
    SubElement(element, "rom", enabled="no")
    return element


def _serial_line(log: str) -> tuple[Element, Element]:
    serial = Element("serial", type="pty")
    SubElement(serial, "log", file=log, append="on")
    SubElement(serial, "target", type="isa-serial", port="0")
    console = Element("console", type="pty")
    SubElement(console, "target", type="serial", port="0")
    return serial, console


def _root_ports(spec: DomainSpec) -> int:
    buses = [_bus(each) for each in spec.disks]
    virtio_disks = buses.count("virtio") + min(1, buses.count("scsi"))
    return virtio_disks + len(spec.nics) + _OWN_PORTS + SPARE_PORTS
