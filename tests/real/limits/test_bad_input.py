"""Bad input to every verb that takes a name, and what does not fit: one line, nothing changed."""

from __future__ import annotations

import dataclasses
import os
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backends.cloud import Cloud
from backends.errors import QuarterdeckError, Refused
from backends.services.dhcp_option import DhcpOption
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from backends.services.qos import NewQosRule
from backends.services.trunk import NewSubport
from tests.real.lab import FLAVOR, IMAGE, Lab
from tests.real.picture import Album
from tests.real.verbs import Verb, furnish, usual, verbs
from tests.unit.test_names import BAD_NAMES

# Parameters that name the thing to be made, and those that name a thing that is there.
NAMES = frozenset({"name"})
REFS = frozenset(
    {
        "ref", "refs", "project", "user", "group", "domain", "network", "instance", "volume",
        "snapshot", "port", "parent", "policy", "kernel", "ramdisk", "id_", "rule_id", "role",
        "device",
    }
)  # fmt: skip
_UNKNOWN = (".not_found", ".invalid", "volume.device", "role.who", "instance.image.none")
# The same inside of the values that say what is to be made.
NEW_NAMES = frozenset({"name"})
NEW_REFS = frozenset(
    {
        "flavor", "image", "key", "network", "group", "remote_group", "remote_address_group",
        "policy", "subnet_pool", "snapshot", "backup", "volume",
    }
)  # fmt: skip


@pytest.fixture(scope="module")
def furnished(shared_lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    furnish(shared_lab, tmp_path_factory.mktemp("sources"))
    return shared_lab


@pytest.fixture(scope="module")
def cloud(furnished: Lab) -> Cloud:
    """The admin, who is refused nothing for want of a right."""
    return furnished.open(project="ships")


@pytest.fixture(scope="module")
def album(furnished: Lab) -> Album:
    return Album(furnished)


def cases() -> list[Any]:
    """Each verb with each of its parameters that is a name."""
    found = []
    for verb in verbs():
        for parameter in verb.parameters:
            if (str(verb), parameter.name) in (("ports.list", "device"), ("flows.rows", "port")):
                continue  # a filter that nothing fits is an empty list
            if parameter.name in NAMES | REFS:
                found.append(pytest.param(verb, parameter.name, id=f"{verb}-{parameter.name}"))
            elif parameter.name == "new":
                for field in dataclasses.fields(usual(verb, "new")):
                    if field.name in NEW_NAMES | NEW_REFS:
                        found.append(
                            pytest.param(verb, f"new.{field.name}", id=f"{verb}-new.{field.name}")
                        )
    return found


@pytest.mark.parametrize(("verb", "parameter"), cases())
def test_no_verb_takes_a_bad_name(album: Album, cloud: Cloud, verb: Verb, parameter: str) -> None:
    outer, _, inner = parameter.partition(".")
    makes = (inner or outer) in NAMES and not (verb.service == "keypairs" and verb.name != "create")
    optional = _takes_nothing(verb, outer, inner)
    for name in BAD_NAMES:
        if name == "" and optional:
            continue
        value = dataclasses.replace(usual(verb, "new"), **{inner: name}) if inner else name
        with pytest.raises(Refused) as refusal:
            verb.call(cloud, **{outer: value})
        assert str(refusal.value).isprintable(), name
        if makes:
            assert refusal.value.code == "name.invalid", name
        else:
            assert refusal.value.code.endswith(_UNKNOWN), name
    assert album.changes() == []


def _takes_nothing(verb: Verb, outer: str, inner: str) -> bool:
    """Whether an empty text means that none is given."""
    if inner:
        optional = ("key", "remote_group", "remote_address_group", "subnet_pool")
        if inner == "volume" and verb.service == "instances":
            return True
        return inner in optional or (inner == "name" and verb.service != "instances")
    parameter = next(each for each in verb.parameters if each.name == outer)
    return parameter.default in (None, "") or str(verb) == "volumes.create"


# Networks


def subnet(cidr: str, **more: Any) -> Callable[[Cloud], object]:
    return lambda cloud: cloud.networks.create_subnet(NewSubnet("net", cidr, **more))


def port(address: str) -> Callable[[Cloud], object]:
    return lambda cloud: cloud.ports.create("net", fixed=[FixedAddress(address=address)])


def launch(flavor: str = FLAVOR, image: str = IMAGE, **more: Any) -> Callable[[Cloud], object]:
    plugs = (Plug(network="net", **more),)
    return lambda cloud: cloud.instances.create(NewInstance("new", flavor, image, plugs))


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (subnet("172.16.9.0/28"), "network.subnet.overlap"),
        (subnet("172.16.9.8/29"), "network.subnet.overlap"),
        (subnet("172.16.0.0/16"), "network.subnet.overlap"),
        (subnet("172.16.12.1/24"), "network.subnet.invalid"),
        (subnet("127.0.0.0/24"), "network.subnet.invalid"),
        (subnet("172.16.12.0/24; id"), "network.subnet.invalid"),
        (subnet("172.16.12.0/24", gateway="172.16.13.1"), "network.address.outside"),
        (subnet("172.16.12.0/24", gateway="$(id)"), "network.address.invalid"),
        (subnet("172.16.12.0/24", dns=("[red]",)), "network.address.invalid"),
        (subnet("172.16.12.0/24", pools=(("172.16.12.9", "172.16.12.2"),)), "network.pool.invalid"),
        (subnet("172.16.12.0/24", pools=(("10.0.0.1", "10.0.0.9"),)), "network.address.outside"),
        (subnet("172.16.12.0/24", ip_version=6), "network.subnet.invalid"),
        (subnet("fd00:9::/64", ra_mode="slaac", address_mode="none"), "subnet.mode.invalid"),
        (subnet("172.16.12.0/24", address_mode="slaac"), "subnet.mode.invalid"),
        (
            subnet("172.16.12.0/24", host_routes=(("10.0.0.0/8", "$(id)"),)),
            "network.address.invalid",
        ),
        (lambda cloud: cloud.networks.set("net", dns_domain="a b"), "dns.domain"),
        (lambda cloud: cloud.ports.set("plug", dns_name="a\nb"), "dns.name"),
        (lambda cloud: cloud.instances.set("anchor", hostname="../x"), "dns.name"),
        (
            lambda cloud: cloud.ports.set("plug", options=[DhcpOption("mtu", "1\ndhcp-script=x")]),
            "port.dhcp_option.invalid",
        ),
        (
            lambda cloud: cloud.ports.create("net", options=[DhcpOption("dhcp-script", "x")]),
            "port.dhcp_option.unknown",
        ),
        (subnet("", subnet_pool="ranges", prefix_length=7), "subnet_pool.length"),
        (subnet("", subnet_pool="ranges", prefix_length=32), "network.subnet.invalid"),
        (subnet("172.16.12.0/24", subnet_pool="ranges"), "subnet_pool.range"),
        (subnet("", use_default_pool=True), "subnet_pool.not_found"),
        (subnet(""), "subnet.range.missing"),
        (lambda cloud: cloud.subnet_pools.create("new", ["$(id)"]), "network.subnet.invalid"),
        (lambda cloud: cloud.subnet_pools.create("new", []), "subnet_pool.prefixes"),
        (
            lambda cloud: cloud.address_groups.create("new", ["10.0.0.1/8"]),
            "address_group.address.invalid",
        ),
        (
            lambda cloud: cloud.address_groups.set("offices", remove=["10.9.9.9"]),
            "address_group.address.missing",
        ),
        (
            lambda cloud: cloud.plugging.add_network("anchor", "net", address="172.16.10.5"),
            "network.address.outside",
        ),
        (lambda cloud: cloud.plugging.remove_port("anchor", "plug"), "port.not_plugged"),
        (
            lambda cloud: cloud.trunks.add_subports("stack", [NewSubport("plug", 0)]),
            "trunk.segmentation",
        ),
        (
            lambda cloud: cloud.trunks.add_subports("stack", [NewSubport("plug", 5)]),
            "trunk.network",
        ),
        (lambda cloud: cloud.ports.delete("stem"), "port.trunk"),
        (
            lambda cloud: cloud.qos.add_rule(NewQosRule("slow", "minimum_bandwidth", max_kbps=9)),
            "qos.rule.invalid",
        ),
        (
            lambda cloud: cloud.qos.add_rule(NewQosRule("slow", "dscp_marking", dscp_mark=1)),
            "qos.rule.invalid",
        ),
        (port("172.16.10.5"), "network.address.outside"),
        (port("172.16.9.0"), "network.address.outside"),
        (port("172.16.9.15"), "network.address.outside"),
        (port("172.16.9.1"), "network.address.taken"),
        (port("fd00::1"), "network.address.outside"),
        (launch(address="172.16.10.5"), "network.address.outside"),
        (lambda cloud: cloud.ports.create("net", mac="01:00:5e:00:00:01"), "port.mac.invalid"),
        (lambda cloud: cloud.ports.create("net", mac="$(id)"), "port.mac.invalid"),
        (lambda cloud: cloud.volumes.create("new", 0), "volume.size"),
        (lambda cloud: cloud.volumes.create("new", 10**30), "volume.size"),
        (lambda cloud: cloud.flavors.create("new", ram=0), "flavor.invalid"),
        (lambda cloud: cloud.flavors.create("new", ram=1, vcpus=10**30), "flavor.invalid"),
        (lambda cloud: cloud.volumes.attach("ballast", "anchor"), "volume.in_use"),
        (lambda cloud: cloud.volumes.attach("cargo", "anchor", device="../vdb"), "volume.device"),
        (lambda cloud: cloud.volumes.delete("ballast"), "volume.in_use"),
        (lambda cloud: cloud.images.delete(IMAGE), "image.in_use"),
        (lambda cloud: cloud.networks.delete("net"), "network.in_use"),
        (lambda cloud: cloud.identity.delete_project("ships"), "project.current"),
    ],
)
def test_what_does_not_fit_is_refused(
    furnished: Lab, cloud: Cloud, verb: Callable[[Cloud], object], code: str
) -> None:
    refused(furnished, lambda: verb(cloud), code)


def test_a_flavor_larger_than_the_host(furnished: Lab, cloud: Cloud) -> None:
    cloud.flavors.create("whale", ram=1 << 24, vcpus=1, disk=1)
    cloud.flavors.create("shoal", ram=64, vcpus=512, disk=1)
    try:
        refused(furnished, lambda: launch("whale")(cloud), "flavor.too_large", "quota.exceeded")
        cloud.quotas.set("ships", {"ram": -1, "cores": -1})
        refused(furnished, lambda: launch("whale")(cloud), "flavor.too_large")
        refused(furnished, lambda: launch("shoal")(cloud), "flavor.too_large")
    finally:
        cloud.flavors.delete("whale")
        cloud.flavors.delete("shoal")


def test_no_address_left(furnished: Lab, cloud: Cloud) -> None:
    taken: list[str] = []
    with pytest.raises(Refused):
        # A /28 has 14, of which the gateway, the DHCP server, the plug and the instance have some.
        taken.extend(cloud.ports.create("net", f"p{number}").id for number in range(14))
    try:
        refused(furnished, lambda: cloud.ports.create("net"), "network.address.exhausted")
        refused(furnished, lambda: launch()(cloud), "network.address.exhausted")
    finally:
        for id_ in taken:
            cloud.ports.delete(id_)


# Images


def test_a_truncated_image(furnished: Lab, cloud: Cloud, tmp_path: Path) -> None:
    whole = furnished.cloud.settings.image(cloud.images.show(IMAGE).id).read_bytes()
    # A last cluster may be short (QEMU reads zeros there), so that only its checksum tells.
    for size in (0, 3, 60, 104, 65536, len(whole) // 2, len(whole) - 65536):
        (tmp_path / "cut.qcow2").write_bytes(whole[:size])
        album = Album(furnished)
        with pytest.raises(Refused) as error:
            cloud.images.create("cut", str(tmp_path / "cut.qcow2"))
        assert error.value.code in (
            "image.truncated", "image.empty", "image.format.mismatch", "image.corrupt",
        )  # fmt: skip
        # What only QEMU's own look tells comes once it is copied: the journal says so.
        changes = [each for each in album.changes() if not each.startswith("row Operation")]
        assert changes == []


@pytest.mark.parametrize("backing", ["/etc/shadow", 'json:{"driver": "file"}', "nbd://127.0.0.1"])
def test_an_image_that_stands_on_a_file_of_the_host(
    furnished: Lab, cloud: Cloud, tmp_path: Path, backing: str
) -> None:
    path = tmp_path / "evil.qcow2"
    subprocess.run(
        ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "raw", "-b", backing, path, "1M"],
        check=True,
    )
    said = refused(
        furnished, lambda: cloud.images.create("evil", str(path)), "image.backing.refused"
    )
    assert "root:" not in said
    # Nor under another name: what is said to be raw and is a qcow2 is not believed.
    refused(
        furnished,
        lambda: cloud.images.create("evil", str(path), disk_format="raw"),
        "image.format.mismatch",
    )


def test_an_image_whose_data_is_elsewhere(furnished: Lab, cloud: Cloud, tmp_path: Path) -> None:
    path = tmp_path / "evil.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "1M"], check=True)
    with path.open("r+b") as file:
        # Incompatible feature bit 2: an external data file (QEMU's docs/interop/qcow2.txt).
        file.seek(72)
        file.write(struct.pack(">Q", 1 << 2))
    refused(
        furnished,
        lambda: cloud.images.create("evil", str(path)),
        "image.backing.refused", "image.corrupt", "image.truncated",
    )  # fmt: skip


def test_what_is_no_file(furnished: Lab, cloud: Cloud, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for source in (
        "",
        "/none",
        str(tmp_path),
        str(tmp_path / "fifo"),
        "/dev/zero",
        "a\0b",
        "\ud800",
    ):
        refused(
            furnished, lambda source=source: cloud.images.create("none", source),  # type: ignore[misc]
            "image.source.missing",
        )  # fmt: skip


def refused(lab: Lab, verb: Callable[[], object], *codes: str) -> str:
    """The verb is refused with one of the codes, in a line, and nothing changed; gives the line."""
    album = Album(lab)
    with pytest.raises(QuarterdeckError) as error:
        verb()
    said = str(error.value)
    assert error.value.code in codes, said
    assert said.isprintable()
    assert album.changes() == []
    return said
