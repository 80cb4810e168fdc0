"""A trunk as a real guest has it: its kernel tags, the switch knows each tag's network."""

from __future__ import annotations

import pytest

from backends.lab.image import RAM, build
from backends.lab.modules import WANTED
from backends.services.instance import NewInstance, Plug
from backends.services.trunk import NewSubport
from tests.real.conftest import LAB_CACHE
from tests.real.lab import FLAVOR, Lab

VLAN = 100


@pytest.fixture
def tagging(lab: Lab) -> Lab:
    """A cloud whose image `tagging` knows 802.1Q."""
    image = build(LAB_CACHE, modules=(*WANTED, "8021q"))
    lab.cloud.images.create("tagging", str(image.disk), min_ram=RAM)
    return lab


@pytest.mark.long
def test_a_guest_has_a_network_by_each_tag(tagging: Lab) -> None:
    cloud = tagging.cloud
    tagging.network(cloud, "front")
    tagging.network(cloud, "back", "172.16.2.0/24")
    cloud.ports.create("front", "stem")
    leaf = cloud.ports.create("back", "leaf")
    instance = cloud.instances.create(
        NewInstance("boat", FLAVOR, "tagging", (Plug(port="stem"),), config_drive=False)
    )
    guest = tagging.guest(instance)
    # Subports come to a guest that runs.
    cloud.trunks.create("stack", "stem", subports=[NewSubport("leaf", VLAN)])
    # It asks for an address on every interface that comes.
    guest.run(f"ip link add link eth0 name tag address {leaf.mac} type vlan id {VLAN}")
    ((_, address),) = cloud.ports.show("leaf").addresses
    guest.run(f"until ip address show tag | grep -q {address}/24; do usleep 50000; done")
    (server,) = (
        view for view in cloud.ports.list(network="back") if "dhcp" in view.port.device_owner
    )
    ((_, target),) = server.addresses
    assert guest.attempt(f"ping -c 1 -W 2 -I tag {target}")[0] == 0
    cloud.ports.set("leaf", admin_state_up=False)
    assert guest.attempt(f"ping -c 1 -W 1 -I tag {target}")[0] != 0
    cloud.ports.set("leaf", admin_state_up=True)
    guest.run("ip link set tag address fa:16:3e:66:66:66")
    assert guest.attempt(f"ping -c 1 -W 1 -I tag {target}")[0] != 0
    tagging.assert_in_order()
