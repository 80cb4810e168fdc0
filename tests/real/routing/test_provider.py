"""Networks on the wire: flat and VLAN, with guests and routers on them, and nothing else."""

from __future__ import annotations

import pytest

from backends.errors import Refused
from backends.services.network import NewSubnet
from backends.services.provider import Provider
from tests.real.lab import eventually
from tests.real.routing.town import PORT, Town
from tests.real.stand_in import StandIn

SEGMENT, RANGE = 77, "198.19.50.0/24"


@pytest.fixture(scope="module", autouse=True)
def wire(town: Town) -> None:
    cloud = town.cloud
    town.let_in(cloud)
    cloud.networks.create("wire", external=True, provider=Provider("vlan", segment=SEGMENT))
    cloud.networks.create_subnet(
        NewSubnet("wire", RANGE, name="wire", dhcp=False, pools=(("198.19.50.10", "198.19.50.99"),))
    )


@pytest.fixture(scope="module")
def tagged(town: Town) -> StandIn:
    found = town.outsider("tagged", 0, address="198.19.50.200/24", vlan=SEGMENT)
    found.serve(PORT)
    return found


@pytest.fixture(scope="module")
def untagged(town: Town) -> StandIn:
    found = town.outsider("plain", 203)
    found.serve(PORT)
    return found


def test_a_guest_on_the_wire_talks_to_its_vlan_alone(
    town: Town, tagged: StandIn, untagged: StandIn
) -> None:
    guest = town.guest(town.cloud, "wire", "wired", gateway="")
    guest.serve(PORT)
    # A port of the wire's bridge without a tag sees all VLANs, each under its tag.
    with untagged.capture("not", "vlan") as seen:
        assert guest.reaches(tagged.address, PORT) == guest.address
        assert tagged.reaches(guest.address, PORT) == tagged.address
        # Everybody asks who has an address that nobody has.
        assert not guest.pings("198.19.50.250")
    assert [line for line in seen if "198.19.50." in line] == []


def test_a_guest_on_the_flat_network_talks_to_what_has_no_tag(
    town: Town, tagged: StandIn, untagged: StandIn
) -> None:
    guest = town.guest(town.cloud, "public", "plainly", gateway="")
    guest.serve(PORT)
    with tagged.capture() as seen:
        assert guest.reaches(untagged.address, PORT) == guest.address
        assert untagged.reaches(guest.address, PORT) == untagged.address
        assert not guest.pings(f"{town.outer}.250")
    assert [line for line in seen if town.outer in line] == []


def test_a_router_leads_out_by_a_vlan(town: Town, tagged: StandIn) -> None:
    cloud = town.cloud
    town.network(cloud, "inland")
    router = town.router(cloud, "canal", "inland", external="wire")
    guest = town.guest(cloud, "inland", "inland")
    guest.serve(PORT)
    assert guest.reaches(tagged.address, PORT) == town.gateway_of(router)
    row = cloud.floating_ips.create("wire", port="inland")
    eventually(lambda: tagged.reaches(row.address, PORT) == tagged.address, "the way in")


def test_what_has_a_local_vlans_tag_comes_into_no_network(town: Town) -> None:
    """A frame with a tag that some network has inside is not let in by it."""
    cloud = town.cloud
    with cloud.context.store.read() as session:
        from backends.records import snapshot

        records = snapshot.read(session, cloud.settings.host)
    inner = next(row for row in records.networks.values() if row.name == "inland")
    stranger = town.outsider("stray", 0, address="10.77.0.200/24", vlan=records.vlans[inner.id])
    guest = next(each for each in town.stand_ins if each.name.endswith("-inland"))
    with guest.capture("arp") as seen:
        assert not stranger.pings(guest.address)
    assert [line for line in seen if "10.77.0.200" in line] == []


def test_a_wire_carries_each_vlan_once(town: Town) -> None:
    networks = town.cloud.networks
    for wanted in (Provider("vlan", segment=SEGMENT), Provider()):
        with pytest.raises(Refused) as refusal:
            networks.create("again", provider=wanted)
        assert refusal.value.code == "network.provider.taken"
