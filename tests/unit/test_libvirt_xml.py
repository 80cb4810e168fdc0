"""Domain XML, built and read again."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.drivers.libvirt import states, xml
from backends.drivers.libvirt.facts import Reason, State
from backends.drivers.libvirt.spec import Disk, DomainSpec, Nic

ID = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"
PORT = "0d7c41c2-7a0e-4fd7-9b5e-4a45c5d6e7f8"
VOLUME = "d2b7a1ce-95a3-4ce3-8f39-5b33e3f8a0a7"

SPEC = DomainSpec(
    id=ID,
    name="instance-1",
    title="web & <db>",
    cloud="t-xml",
    type="qemu",
    datapath="netdev",
    vcpus=2,
    ram=128,
    disks=(
        Disk("/s/disk.qcow2", "qcow2", "vda"),
        Disk("/dev/pool/volume-1", "raw", "vdb", serial=VOLUME, block=True),
        Disk("/s/config.iso", "raw", "sda", read_only=True),
    ),
    nics=(Nic(PORT, "fa:16:3e:00:00:01", "tap0d7c41c2-7a", "br-int", 7, 1450),),
    console_log="/s/console.log",
    label='{"project": "[red]"}',
)


def build(spec: DomainSpec = SPEC) -> ElementTree.Element:
    return ElementTree.fromstring(xml.domain_xml(spec))


def test_what_is_written_is_read_again() -> None:
    known = xml.Metadata("t-xml", "an older one", "{}", 3, 4)
    assert xml.parse_domain(xml.domain_xml(SPEC, known)) == xml.Parsed(
        name="instance-1",
        metadata=xml.Metadata("t-xml", SPEC.digest, SPEC.label, 3, 4),
        vcpus=2,
        ram=128,
        disks=frozenset({VOLUME}),
        nics=frozenset({PORT}),
    )


def test_disks_are_virtio_and_a_config_drive_is_a_cd() -> None:
    root, volume, drive = build().findall("devices/disk")
    assert (root.get("type"), volume.get("type"), drive.get("device")) == ("file", "block", "cdrom")
    assert root.find("driver").attrib == {"name": "qemu", "type": "qcow2", "discard": "unmap"}
    assert volume.find("source").attrib == {"dev": "/dev/pool/volume-1"}
    assert volume.findtext("serial") == VOLUME
    assert root.find("serial") is None
    assert drive.find("target").attrib == {"dev": "sda", "bus": "sata"}
    assert drive.find("readonly") is not None
    assert xml.find_disk(xml.domain_xml(SPEC), VOLUME) == xml.disk_xml(SPEC.disks[1])
    assert xml.find_disk(xml.domain_xml(SPEC), PORT) is None


def test_an_interface_is_on_its_bridge_with_its_port_and_vlan() -> None:
    (interface,) = build().findall("devices/interface")
    assert interface.find("source").attrib == {"bridge": "br-int"}
    assert interface.find("virtualport").attrib == {"type": "openvswitch"}
    assert interface.find("virtualport/parameters").attrib == {"interfaceid": PORT}
    assert interface.find("vlan/tag").attrib == {"id": "7"}
    assert interface.find("target").attrib == {"dev": "tap0d7c41c2-7a"}
    assert interface.find("mtu").attrib == {"size": "1450"}
    assert interface.find("driver/host").get("csum") == "off"
    assert interface.find("driver/guest").get("tso4") == "off"


def test_a_pulled_cable_is_written_read_and_put_in_again() -> None:
    down = replace(SPEC, nics=(SPEC.nics[0]._replace(link=False),))
    text = xml.domain_xml(down)
    assert build(down).find("devices/interface/link").attrib == {"state": "down"}
    assert xml.parse_domain(text).unlinked == {PORT}
    assert xml.with_link(text, PORT, False) is None
    again = xml.with_link(text, PORT, True)
    assert '<link state="up"' in again
    pulled = xml.with_link(xml.domain_xml(SPEC), PORT, False)
    assert ElementTree.fromstring(pulled).find("link").get("state") == "down"
    assert xml.with_link(text, VOLUME, True) is None


def test_an_interface_is_found_by_its_port() -> None:
    assert xml.find_nic(xml.domain_xml(SPEC), PORT) == xml.nic_xml(SPEC.nics[0], SPEC.datapath)
    assert xml.find_nic(xml.domain_xml(SPEC), VOLUME) is None


def test_the_kernel_datapath_keeps_its_offloads() -> None:
    assert build(replace(SPEC, datapath="system")).find("devices/interface/driver") is None


def test_the_screen_has_no_open_port_and_the_serial_line_a_log() -> None:
    domain = build()
    assert [e.attrib for e in domain.findall("devices/graphics/listen")] == [{"type": "socket"}]
    log = domain.find("devices/serial/log")
    assert log.attrib == {"file": "/s/console.log", "append": "on"}


def test_ports_are_spare_for_what_is_plugged_in_later() -> None:
    def ports(spec: DomainSpec) -> int:
        return len(build(spec).findall("devices/controller[@model='pcie-root-port']"))

    # Two virtio disks, an interface, three devices of every guest, eight spare.
    assert ports(SPEC) == 2 + 1 + 3 + 8
    assert ports(replace(SPEC, disks=(), nics=())) == 3 + 8


@pytest.mark.parametrize(("kind", "mode"), [("kvm", "host-passthrough"), ("qemu", "maximum")])
def test_the_cpu_follows_the_kind_of_domain(kind: str, mode: str) -> None:
    assert build(replace(SPEC, type=kind)).find("cpu").get("mode") == mode


def test_a_kernel_is_booted_directly_where_there_is_one() -> None:
    assert build().find("os/kernel") is None
    direct = build(replace(SPEC, kernel="/s/k", ramdisk="/s/r", cmdline="quiet <&>"))
    assert [direct.findtext(f"os/{tag}") for tag in ("kernel", "initrd", "cmdline")] == [
        "/s/k",
        "/s/r",
        "quiet <&>",
    ]


def test_a_strangers_domain_has_no_metadata() -> None:
    assert xml.parse_domain("<domain><name>x</name></domain>").metadata is None
    other = '<domain><metadata><instance xmlns="urn:other" cloud="t-xml"/></metadata></domain>'
    assert xml.parse_domain(other).metadata is None


@given(text=st.text())
def test_any_title_makes_well_formed_xml_on_one_line(text: str) -> None:
    title = build(replace(SPEC, title=text)).findtext("title", "")
    assert "\n" not in title


@given(
    label=st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff"))
)
def test_any_label_comes_back(label: str) -> None:
    metadata = xml.Metadata("t-xml", "abc", label, 1, 2)
    assert xml.parse_metadata(xml.metadata_xml(metadata)) == metadata


def test_generations_that_are_no_numbers_are_none() -> None:
    read = xml.parse_metadata('<instance cloud="c" digest="d" hard_reboots="-1" soft_reboots="x"/>')
    assert (read.hard_reboots, read.soft_reboots) == (0, 0)


@pytest.mark.parametrize(
    ("state", "reason", "saved", "expected"),
    [
        (1, 1, False, (State.RUNNING, Reason.UNKNOWN)),
        (2, 0, False, (State.RUNNING, Reason.UNKNOWN)),
        (3, 1, False, (State.PAUSED, Reason.UNKNOWN)),
        (3, 5, False, (State.PAUSED, Reason.IO_ERROR)),
        (3, 2, False, (State.PAUSED, Reason.MIGRATING)),
        (4, 1, False, (State.STOPPING, Reason.UNKNOWN)),
        (5, 0, False, (State.SHUTOFF, Reason.UNKNOWN)),
        (5, 1, False, (State.SHUTOFF, Reason.GUEST)),
        (5, 2, False, (State.SHUTOFF, Reason.KILLED)),
        (5, 3, False, (State.SHUTOFF, Reason.KILLED)),
        (5, 5, True, (State.SAVED, Reason.UNKNOWN)),
        (5, 0, True, (State.SAVED, Reason.UNKNOWN)),
        (5, 5, False, (State.SHUTOFF, Reason.UNKNOWN)),  # its image was removed
        (5, 6, False, (State.SHUTOFF, Reason.KILLED)),
        (6, 1, False, (State.CRASHED, Reason.KILLED)),
    ],
)
def test_states_and_reasons_are_translated(
    state: int, reason: int, saved: bool, expected: tuple[State, Reason]
) -> None:
    assert states.translate(state, reason, saved) == expected


def test_a_disk_says_what_opens_it_who_shares_it_and_what_limits_it() -> None:
    tune = (("total_iops_sec", 500),)
    disk = Disk("/v", "raw", "vdb", VOLUME, size=1 << 30, key=PORT, shared=True, tune=tune)
    text = xml.disk_xml(disk)
    assert f'<encryption format="luks"><secret type="passphrase" uuid="{PORT}" />' in text
    assert "<shareable />" in text
    assert "<iotune><total_iops_sec>500</total_iops_sec></iotune>" in text
    found = xml.parse_domain(xml.domain_xml(replace(SPEC, disks=(disk,))))
    assert found.tunes == {(VOLUME, "total_iops_sec", 500)}
    assert found.metadata is not None
    assert found.metadata.sizes == f"{VOLUME}={1 << 30}"
