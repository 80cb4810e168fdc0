"""Forms that change a thing: they begin with what it is, and ask only for what was changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from backends.cloud import Cloud
from backends.errors import Refused
from backends.records.image import Image
from backends.records.volume import Volume
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from backends.services.security_group import NewRule
from console.screens.create import FORMS, form_for
from console.screens.forms.edit import EditForm
from console.screens.forms.suggest import properties_listed
from tests.unit.paper import on_paper
from tests.unit.shelf import Shelf


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    """One of everything, on paper."""
    shelf = Shelf(tmp_path)
    made = on_paper(shelf)
    made.networks.create("net")
    made.networks.create_subnet(NewSubnet("net", "10.0.0.0/24", name="near", dhcp=False))
    made.security_groups.create("web")
    made.security_groups.create("shop")
    made.ports.create("net", "plug", fixed=[FixedAddress(address="10.0.0.9")], groups=["web"])
    made.routers.create("gate")
    made.subnet_pools.create("ranges", ["10.64.0.0/16"], default_length=24)
    made.address_groups.create("offices", ["10.1.0.0/16"])
    made.security_groups.add_rule(NewRule("web", protocol="tcp", port_min=22, port_max=22))
    with made.context.store.write() as session:
        row = Volume(project_id=shelf.home, name="hold", size=1, driver="file", host="deck",
                     made=True, properties={"owner": "a b"})  # fmt: skip
        session.add_all([row, Image(project_id=shelf.home, name="lab", disk_format="raw")])
    made.volume_groups.create("pair", volumes=["hold"])
    made.volume_types.qos_create("slow", {"total_iops_sec": "100"})
    yield made
    shelf.close()


def rule(cloud: Cloud) -> Any:
    return next(each for each in cloud.security_groups.rules("web") if each.protocol)


SHOWN: dict[str, Callable[[Cloud], Any]] = {
    "network": lambda cloud: cloud.networks.show("net"),
    "subnet": lambda cloud: cloud.networks.subnet("near"),
    "port": lambda cloud: cloud.ports.show("plug").port,
    "router": lambda cloud: cloud.routers.show("gate").router,
    "security_group": lambda cloud: cloud.security_groups.show("web"),
    "subnet_pool": lambda cloud: cloud.subnet_pools.show("ranges"),
    "address_group": lambda cloud: cloud.address_groups.show("offices"),
    "rule": rule,
    "volume": lambda cloud: cloud.volumes.show("hold").volume,
    "image": lambda cloud: cloud.images.show("lab"),
    "volume_group": lambda cloud: cloud.volume_groups.show("pair").group,
    "volume_qos": lambda cloud: cloud.volume_types.qos_show("slow")[0],
}


def change(cloud: Cloud, kind: str, **changed: str) -> Any:
    """Fill the form in and do what it asks for; gives the record as it is then."""
    id_ = SHOWN[kind](cloud).id
    form = form_for(f"{kind} edit", cloud, {"id": id_})
    before = {name: loaded.value for name, loaded in form.load().items()}
    before |= form.chosen
    assert before.keys() == {field.name for field in form.fields}
    form.request({**before, **changed}).verb(cloud)
    return SHOWN[kind](cloud)


# One after the other, on the same things.
CASES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("network", {"mtu": "1400"}, {"mtu": 1400, "admin_state_up": True}),
    ("network", {"up": "", "description": "off"}, {"admin_state_up": False}),
    ("network", {"security": ""}, {"port_security": False, "mtu": 1400}),
    ("subnet", {"dns": "9.9.9.9, 1.1.1.1"}, {"dns_nameservers": ["9.9.9.9", "1.1.1.1"]}),
    ("network", {"domain": "cloud.example."}, {"dns_domain": "cloud.example"}),
    (
        "subnet",
        {"routes": "10.9.0.0/16=10.0.0.7"},
        {"host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.7"}]},
    ),
    (
        "port",
        {"dns_name": "Web", "options": "mtu=1400 6:dns-server=fd00::1"},
        {
            "dns_name": "web",
            "extra_dhcp_opts": [
                {"opt_name": "mtu", "opt_value": "1400", "ip_version": "4"},
                {"opt_name": "dns-server", "opt_value": "fd00::1", "ip_version": "6"},
            ],
        },
    ),
    ("subnet", {"gateway": "none"}, {"gateway_ip": None, "cidr": "10.0.0.0/24"}),
    ("port", {"up": ""}, {"admin_state_up": False, "port_security": True}),
    (
        "port",
        {"allowed": "10.0.0.50 10.9.0.0/24=fa:16:3e:00:00:50"},
        {
            "allowed_address_pairs": [
                {"ip_address": "10.0.0.50", "mac_address": ""},
                {"ip_address": "10.9.0.0/24", "mac_address": "fa:16:3e:00:00:50"},
            ]
        },
    ),
    ("router", {"up": ""}, {"admin_state_up": False, "routes": []}),
    ("router", {"description": "the way out"}, {"description": "the way out"}),
    ("security_group", {"description": "all of it"}, {"stateful": True}),
    ("subnet_pool", {"prefixes": "10.64.0.0/15"}, {"prefixes": ["10.64.0.0/15"]}),
    ("subnet_pool", {"quota": "512", "min": "20"}, {"default_quota": 512, "min_prefixlen": 20}),
    (
        "address_group",
        {"addresses": "10.2.0.7 10.1.0.0/16"},
        {"addresses": ["10.1.0.0/16", "10.2.0.7/32"]},
    ),
    ("address_group", {"addresses": ""}, {"addresses": []}),
    ("rule", {"ports": "80-81"}, {"port_min": 80, "port_max": 81, "protocol": "tcp"}),
    ("rule", {"protocol": "icmp", "ports": "8"}, {"port_min": 8, "port_max": None}),
    ("volume", {"bootable": "yes", "description": "돛"}, {"bootable": True, "read_only": False}),
    ("volume", {"read_only": "yes"}, {"read_only": True, "properties": {"owner": "a b"}}),
    ("volume", {"properties": "tier=1 'note=c d'"}, {"properties": {"tier": "1", "note": "c d"}}),
    ("image", {"visibility": "shared", "min_ram": "256"}, {"min_ram": 256, "min_disk": 0}),
    ("image", {"protected": "yes"}, {"protected": True, "visibility": "shared"}),
    (
        "image",
        {"properties": "hw_disk_bus=scsi hw_firmware_type=uefi"},
        {"properties": {"hw_disk_bus": "scsi", "hw_firmware_type": "uefi"}},
    ),
    ("image", {"properties": ""}, {"properties": {}}),
    ("volume_group", {"description": "both"}, {"description": "both", "name": "pair"}),
    (
        "volume_qos",
        {"total_iops_sec": "", "read_iops_sec": "50"},
        {"specs": {"read_iops_sec": "50"}},
    ),
]


def test_what_was_changed_and_nothing_else(cloud: Cloud) -> None:
    for kind, changed, expected in CASES:
        before = SHOWN[kind](cloud)
        row = change(cloud, kind, **changed)
        assert {name: getattr(row, name) for name in expected} == expected, (kind, changed)
        if kind != "rule":
            assert row.id == before.id


def test_a_ports_groups_and_a_rules_other_side(cloud: Cloud) -> None:
    change(cloud, "port", groups="web, shop")
    assert set(cloud.ports.show("plug").groups) == {"web", "shop"}
    offices = cloud.address_groups.show("offices").id
    row = change(cloud, "rule", addresses=offices)
    assert row.remote_address_group_id == offices
    # The rule that was there is gone: there are the two that a group begins with, and this one.
    assert len(cloud.security_groups.rules("web")) == 3


def test_a_form_that_changes_nothing_says_so(cloud: Cloud) -> None:
    for kind, form in FORMS.items():
        noun = kind.removesuffix(" edit")
        if not issubclass(form, EditForm) or noun not in SHOWN:
            continue
        with pytest.raises(Refused) as refusal:
            change(cloud, noun)
        assert refusal.value.code == "form.unchanged", kind


@pytest.mark.parametrize("text", ["tier", "=1", "note='c d"])
def test_what_is_no_property_is_refused_in_one_line(cloud: Cloud, text: str) -> None:
    with pytest.raises(Refused) as refusal:
        properties_listed(text)
    assert refusal.value.code == "form.properties"
    assert "\n" not in str(refusal.value)


def test_a_group_is_made_of_volumes_or_not_at_all(cloud: Cloud) -> None:
    form = form_for("volume into group", cloud, {"ids": SHOWN["volume"](cloud).id, "names": "hold"})
    assert form.heading == "Into a group: hold"
    with pytest.raises(Refused) as refusal:
        form.request({"group": "", "name": "other"}).verb(cloud)
    assert refusal.value.code == "volume_group.taken"
    assert [row.group.name for row in cloud.volume_groups.list()] == ["pair"]


def test_a_subnet_is_cut_from_a_pool(cloud: Cloud) -> None:
    form = form_for("subnet", cloud, {"pool": cloud.subnet_pools.show("ranges").id})
    values = {name: loaded.value for name, loaded in form.load().items()}
    values |= form.chosen | {"cidr": "", "length": "28", "gateway": "auto", "dns": "", "dhcp": ""}
    form.request(values).verb(cloud)
    assert "10.64.0.0/28" in [row.cidr for row in cloud.networks.subnets(network="net")]
