"""Domain XML: from a specification, and back to what facts need. Pure.

The format is libvirt's (https://libvirt.org/formatdomain.html).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from backends.drivers.libvirt import devices
from backends.drivers.libvirt.spec import TUNES, Disk, DomainSpec, Nic

NAMESPACE = "urn:quarterdeck:1"
PREFIX = "quarterdeck"
_ELEMENT = f"{{{NAMESPACE}}}instance"
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ElementTree.register_namespace(PREFIX, NAMESPACE)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a domain of ours carries: its cloud, its specification's digest, its records' label.

    `hard_reboots` and `soft_reboots` are the generations of reboots that were done, `launches` that
    of starts from a changed definition. `sizes` are those that the guest was told of its volumes.
    """

    cloud: str
    digest: str
    label: str
    hard_reboots: int = 0
    soft_reboots: int = 0
    launches: int = 0
    sizes: str = ""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a domain's XML tells; `metadata` None where it is not ours, `ram` in MiB.

    `nics` are ports, and `unlinked` those of them whose link is down; `tunes` are limits of disks,
    as (serial, limit, value).
    """

    name: str
    metadata: Metadata | None
    vcpus: int
    ram: int
    disks: frozenset[str]
    nics: frozenset[str]
    unlinked: frozenset[str] = frozenset()
    tunes: frozenset[tuple[str, str, int]] = frozenset()


class Attached(NamedTuple):
    """A disk of a domain: `target` (`vdb`) is its name there, `place` the path of its `Disk`.

    `is_target`: it is that of a storage host. `copied`: all of it is in the copy that is made of
    it, too; `goes_over`: it was told to become that.
    """

    target: str
    place: str
    is_target: bool
    copied: bool
    goes_over: bool


def domain_xml(spec: DomainSpec, known: Metadata | None = None) -> str:
    """The domain's definition, carrying the generations of the `known` one."""
    domain = Element("domain", type=spec.type)
    _text(domain, "name", spec.name)
    _text(domain, "uuid", spec.id)
    if title := _one_line(spec.title):
        _text(domain, "title", title)
    metadata = renewed(spec, known)
    SubElement(domain, "metadata").append(_metadata_element(metadata, _ELEMENT))
    _text(domain, "memory", str(spec.ram), unit="MiB")
    _text(domain, "vcpu", str(spec.vcpus))
    domain.append(_boot(spec))
    features = SubElement(domain, "features")
    SubElement(features, "acpi")
    SubElement(features, "apic")
    SubElement(domain, "cpu", mode="host-passthrough" if spec.type == "kvm" else "maximum")
    SubElement(domain, "clock", offset="utc")
    _text(domain, "on_poweroff", "destroy")
    _text(domain, "on_reboot", "restart")
    _text(domain, "on_crash", "destroy")
    domain.append(devices.devices(spec))
    return ElementTree.tostring(domain, encoding="unicode")


def renewed(spec: DomainSpec, known: Metadata | None) -> Metadata:
    """The metadata of a specification, with the generations that the domain has carried so far."""
    if known is None:
        return Metadata(spec.cloud, spec.digest, spec.label, sizes=spec.sizes)
    return replace(known, cloud=spec.cloud, digest=spec.digest, label=spec.label, sizes=spec.sizes)


def disk_xml(disk: Disk) -> str:
    """One disk, as it is plugged into a running domain."""
    return ElementTree.tostring(devices.disk(disk), encoding="unicode")


def copy_xml(disk: Disk) -> str:
    """A disk that a running domain's is copied to."""
    return ElementTree.tostring(devices.copy(disk), encoding="unicode")


def nic_xml(nic: Nic, datapath: str) -> str:
    """One interface, as it is plugged into a running domain."""
    return ElementTree.tostring(devices.interface(nic, datapath), encoding="unicode")


def metadata_xml(metadata: Metadata) -> str:
    """The metadata as virDomainSetMetadata takes it: without a namespace, which it adds."""
    return ElementTree.tostring(_metadata_element(metadata, "instance"), encoding="unicode")


def parse_metadata(xml: str) -> Metadata:
    """The metadata as virDomainGetMetadata gives it."""
    return _read_metadata(ElementTree.fromstring(xml))


def parse_domain(xml: str) -> Parsed:
    """What facts need from a domain's XML."""
    domain = ElementTree.fromstring(xml)
    own = domain.find(f"metadata/{_ELEMENT}")
    serials = (disk.findtext("serial") for disk in domain.iterfind("devices/disk"))
    ports = {port: _is_linked(nic) for nic in _nics(domain) if (port := _port_of(nic))}
    return Parsed(
        name=domain.findtext("name", ""),
        metadata=None if own is None else _read_metadata(own),
        vcpus=int(domain.findtext("vcpu", "0")),
        ram=_mebibytes(domain.find("memory")),
        disks=frozenset(serial for serial in serials if serial),
        nics=frozenset(ports),
        unlinked=frozenset(port for port, linked in ports.items() if not linked),
        tunes=frozenset(_tunes(domain)),
    )


def find_disk(xml: str, serial: str) -> str | None:
    """The XML of a domain's disk with this serial, or None."""
    disk = _disk(xml, serial)
    return None if disk is None else ElementTree.tostring(disk, encoding="unicode")


def target_of_serial(xml: str, serial: str) -> str | None:
    """The target (`vdb`) of a domain's disk with this serial, or None."""
    return _part(_disk(xml, serial), "target").get("dev")


def attached(xml: str, serial: str) -> Attached | None:
    """A domain's disk with this serial, or None."""
    disk = _disk(xml, serial)
    if disk is None:
        return None
    source, mirror = _part(disk, "source"), _part(disk, "mirror")
    # The unit of an iSCSI target follows its name.
    name = source.get("name", "").rpartition("/")[0]
    return Attached(
        target=_part(disk, "target").get("dev", ""),
        place=source.get("file") or source.get("dev") or name,
        is_target=bool(name),
        copied=mirror.get("job") == "copy" and mirror.get("ready") == "yes",
        goes_over=mirror.get("ready") == "pivot",
    )


def serials(xml: str) -> dict[str, str]:
    """The serials of a domain's disks by their targets (`vdb`)."""
    found = {}
    for disk in ElementTree.fromstring(xml).iterfind("devices/disk"):
        target = disk.find("target")
        if target is not None:
            found[target.get("dev", "")] = disk.findtext("serial", "")
    return found


def secret_usage(key_id: str, cloud: str) -> str:
    """What a key of this cloud is for, as libvirt names it."""
    return f"quarterdeck/{cloud}/{key_id}"


def secret_xml(key_id: str, cloud: str, use: str = "volume") -> str:
    """A secret that libvirt keeps in memory alone and shows to nobody.

    Its usage is what it opens: a LUKS `volume`, or the target of an `iscsi` disk.
    """
    secret = Element("secret", ephemeral="yes", private="yes")
    _text(secret, "uuid", key_id)
    usage = SubElement(secret, "usage", type=use)
    _text(usage, "target" if use == "iscsi" else use, secret_usage(key_id, cloud))
    return ElementTree.tostring(secret, encoding="unicode")


def target_of(xml: str, path: str) -> str | None:
    """The target (`vda`) of a domain's disk that is this file, or None."""
    return _part(_disk_of(xml, path), "target").get("dev")


def stands_on(xml: str, path: str) -> str:
    """What the disk of a running domain that is this file stands on; empty for nothing."""
    return _part(_part(_disk_of(xml, path), "backingStore"), "source").get("file", "")


def find_nic(xml: str, port_id: str) -> str | None:
    """The XML of a domain's interface with this port, or None."""
    for nic in _nics(ElementTree.fromstring(xml)):
        if _port_of(nic) == port_id:
            return ElementTree.tostring(nic, encoding="unicode")
    return None


def with_link(xml: str, port_id: str, up: bool) -> str | None:
    """The XML of the domain's interface with its link so; None where it is so, or is not there."""
    for nic in _nics(ElementTree.fromstring(xml)):
        if _port_of(nic) == port_id and _is_linked(nic) != up:
            link = nic.find("link")
            if link is None:
                link = SubElement(nic, "link")
            link.set("state", "up" if up else "down")
            return ElementTree.tostring(nic, encoding="unicode")
    return None


def _disk(xml: str, serial: str) -> Element | None:
    """A domain's disk with this serial, or None."""
    disks = ElementTree.fromstring(xml).iterfind("devices/disk")
    return next((disk for disk in disks if disk.findtext("serial") == serial), None)


def _disk_of(xml: str, path: str) -> Element | None:
    """A domain's disk that is this file, or None."""
    disks = ElementTree.fromstring(xml).iterfind("devices/disk")
    return next((disk for disk in disks if _part(disk, "source").get("file") == path), None)


def _part(disk: Element | None, tag: str) -> Element:
    """What a disk has by this name; one without attributes where it has none."""
    found = None if disk is None else disk.find(tag)
    return Element(tag) if found is None else found


def _nics(domain: Element) -> Iterator[Element]:
    return domain.iterfind("devices/interface")


def _port_of(nic: Element) -> str:
    parameters = nic.find("virtualport/parameters")
    return "" if parameters is None else parameters.get("interfaceid", "")


def _is_linked(nic: Element) -> bool:
    link = nic.find("link")
    return link is None or link.get("state") != "down"


def _tunes(domain: Element) -> Iterator[tuple[str, str, int]]:
    for disk in domain.iterfind("devices/disk"):
        for limit in disk.iterfind("iotune/*"):
            if limit.tag in TUNES and (value := _number(limit.text)):
                yield disk.findtext("serial", ""), limit.tag, value


def _boot(spec: DomainSpec) -> Element:
    boot = Element("os", {"firmware": "efi"} if spec.firmware == "uefi" else {})
    _text(boot, "type", "hvm", machine=spec.machine)
    if spec.firmware == "uefi":
        # Guests of one's own making are signed by nobody that the firmware knows.
        firmware = SubElement(boot, "firmware")
        SubElement(firmware, "feature", enabled="no", name="enrolled-keys")
        SubElement(firmware, "feature", enabled="no", name="secure-boot")
    for tag, value in (
        ("kernel", spec.kernel),
        ("initrd", spec.ramdisk),
        ("cmdline", spec.cmdline),
    ):
        if value:
            _text(boot, tag, value)
    SubElement(boot, "boot", dev="hd")
    if any(each.target.startswith("sd") and not each.bus for each in spec.disks):
        SubElement(boot, "boot", dev="cdrom")
    return boot


def _metadata_element(metadata: Metadata, tag: str) -> Element:
    element = Element(
        tag,
        cloud=metadata.cloud,
        digest=metadata.digest,
        hard_reboots=str(metadata.hard_reboots),
        soft_reboots=str(metadata.soft_reboots),
        launches=str(metadata.launches),
        sizes=metadata.sizes,
    )
    element.text = _clean(metadata.label)
    return element


def _read_metadata(element: Element) -> Metadata:
    return Metadata(
        cloud=element.get("cloud", ""),
        digest=element.get("digest", ""),
        label=element.text or "",
        hard_reboots=_number(element.get("hard_reboots")),
        soft_reboots=_number(element.get("soft_reboots")),
        launches=_number(element.get("launches")),
        sizes=element.get("sizes", ""),
    )


def _mebibytes(memory: Element | None) -> int:
    """libvirt answers in KiB; we ask in MiB."""
    if memory is None:
        return 0
    return _number(memory.text) // (1 if memory.get("unit") == "MiB" else 1024)


def _number(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() else 0


def _text(parent: Element, tag: str, text: str, **attributes: str) -> None:
    SubElement(parent, tag, attributes).text = _clean(text)


def _clean(text: str) -> str:
    """Without the characters that XML 1.0 cannot hold at all, escaped or not."""
    return _NOT_XML.sub("\N{REPLACEMENT CHARACTER}", text)


def _one_line(text: str) -> str:
    # libvirt refuses a title with a line break.
    return " ".join(text.split())
