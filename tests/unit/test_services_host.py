"""Hosts and the networks between them: what is refused, what is counted, whose turn it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.drivers.namespaces.facts import Interface
from backends.drivers.ovs.facts import OvsFacts, OvsPort
from backends.errors import QuarterdeckError
from backends.inspect.instance_row import InstanceRow
from backends.journal import interrupted
from backends.records.host import HostRecord
from backends.records.instance import Power
from backends.records.network import OWNER_DHCP, LocalVlan, Network, Port
from backends.records.operation import Operation, Outcome
from backends.services import mtu
from backends.services.network import NewSubnet
from backends.services.provider import VNIS, Provider
from tests.unit.shelf import Shelf


class _Underlay:
    """The machine's addresses and ports, as far as a host's verbs look at them."""

    def __init__(self) -> None:
        self.mtu = 1500
        self.bridged = True

    def holder(self, address: str) -> Interface | None:
        here = address in ("10.0.0.1", "fd00::1")
        return Interface("br-phy", "", self.mtu, True, frozenset()) if here else None

    def facts(self, **_: object) -> OvsFacts:
        found = OvsPort("br-phy", "br-phy", internal=True)
        return OvsFacts({}, {found.name: found} if self.bridged else {})


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    yield made
    made.close()


@pytest.fixture
def underlay() -> _Underlay:
    return _Underlay()


@pytest.fixture
def cloud(shelf: Shelf, underlay: _Underlay, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """The cloud of two hosts, `deck` (this one) and `far`; nothing is converged."""
    opened = shelf.open()
    with opened.context.store.write() as session:
        for row in session.exec(select(HostRecord)).all():
            session.delete(row)
        session.flush()
        session.add(HostRecord(name="deck", created_at=1.0))
        session.add(
            HostRecord(name="far", created_at=2.0, tunnel_address="10.0.0.2", underlay_mtu=1500)
        )
    vars(opened.machine).update({"ovs": underlay, "namespaces": underlay})

    class Idle:
        def converge(self, *_: Any, **__: Any) -> None:
            """As if the machine were in order."""

    vars(opened.context)["converger"] = Idle()
    return opened


def code(act: Any) -> str:
    with pytest.raises(QuarterdeckError) as caught:
        act()
    return caught.value.code


def join(cloud: Cloud) -> None:
    cloud.hosts.set("deck", tunnel_address="10.0.0.1")


def test_an_address_is_taken_with_what_passes_there(cloud: Cloud, underlay: _Underlay) -> None:
    underlay.mtu = 9000
    row = cloud.hosts.set("deck", tunnel_address="10.0.0.1")
    assert (row.tunnel_address, row.underlay_mtu) == ("10.0.0.1", 9000)
    row = cloud.hosts.set("deck", tunnel_address="")
    assert (row.tunnel_address, row.underlay_mtu) == ("", 0)


@pytest.mark.parametrize(
    ("name", "address", "refusal"),
    [
        ("deck", "10.0.0.9", "host.tunnel.missing"),
        ("deck", "here", "host.tunnel.invalid"),
        ("deck", "127.0.0.1", "host.tunnel.invalid"),
        ("deck", "0.0.0.0", "host.tunnel.invalid"),
        ("deck", "224.0.0.1", "host.tunnel.invalid"),
        ("deck", "fe80::1", "host.tunnel.invalid"),
        ("deck", "fd00::1", "host.tunnel.version"),
        ("far", "10.0.0.3", "host.elsewhere"),
        ("none", "10.0.0.3", "host.not_found"),
    ],
)
def test_what_is_no_address_of_the_host_is_refused(
    cloud: Cloud, name: str, address: str, refusal: str
) -> None:
    assert code(lambda: cloud.hosts.set(name, tunnel_address=address)) == refusal


def test_an_address_that_another_host_has_is_refused(cloud: Cloud) -> None:
    with cloud.context.store.write() as session:
        session.get_one(HostRecord, "far").tunnel_address = "10.0.0.1"
    assert code(lambda: join(cloud)) == "host.tunnel.taken"


def test_the_userspace_datapath_wants_the_address_on_a_bridge(
    cloud: Cloud, underlay: _Underlay
) -> None:
    underlay.bridged = False
    assert code(lambda: join(cloud)) == "host.tunnel.unbridged"


def test_a_member_has_no_business_with_hosts(shelf: Shelf) -> None:
    member = shelf.member("ships")
    assert code(lambda: member.hosts.list()) == "right.missing"
    assert code(lambda: member.hosts.set("deck", tunnel_address="")) == "right.missing"
    assert code(lambda: member.hosts.delete("deck")) == "right.missing"
    vxlan = Provider("vxlan")
    assert code(lambda: member.networks.create("n", provider=vxlan)) == "right.missing"


def test_a_network_gets_a_free_vni_a_vlan_on_each_host_and_the_mtu_that_is_left(
    cloud: Cloud,
) -> None:
    join(cloud)
    one = cloud.networks.create("one", provider=Provider("vxlan"))
    two = cloud.networks.create("two", provider=Provider("vxlan", segment=VNIS[-1]))
    three = cloud.networks.create("three", provider=Provider("vxlan"))
    assert [each.segmentation_id for each in (one, two, three)] == [1, 16777215, 2]
    assert one.mtu == 1450
    with cloud.context.reading() as session:
        hosts = session.exec(select(LocalVlan.host).where(LocalVlan.network_id == one.id)).all()
    assert sorted(hosts) == ["deck", "far"]
    again = Provider("vxlan", segment=2)
    assert code(lambda: cloud.networks.create("x", provider=again)) == "network.provider.taken"


def test_over_ipv6_twenty_bytes_less_are_left(cloud: Cloud) -> None:
    with cloud.context.store.write() as session:
        session.get_one(HostRecord, "far").tunnel_address = "fd00::2"
        assert mtu.left(session) == 1430


def test_the_narrowest_underlay_decides(cloud: Cloud, underlay: _Underlay) -> None:
    underlay.mtu = 9000
    join(cloud)
    row = cloud.networks.create("wide", provider=Provider("vxlan"))
    assert row.mtu == 1450
    assert code(lambda: cloud.networks.set(row.id, mtu=1451)) == "network.mtu"
    assert cloud.networks.set(row.id, mtu=1400).mtu == 1400
    local = Provider("local")
    assert cloud.networks.create("here", provider=local, mtu=9000).mtu == 9000


def test_an_underlay_too_narrow_for_a_network_is_refused(cloud: Cloud, underlay: _Underlay) -> None:
    cloud.networks.create("one", provider=Provider("vxlan"))
    underlay.mtu = 1400
    assert code(lambda: join(cloud)) == "host.mtu"


def test_projects_networks_are_between_hosts_once_there_are_several(cloud: Cloud) -> None:
    assert cloud.networks.create("alone").network_type == "local"
    join(cloud)
    assert cloud.networks.create("spread").network_type == "vxlan"


def test_a_network_of_one_host_does_not_reach_another(cloud: Cloud) -> None:
    row = cloud.networks.create("alone")
    assert code(lambda: cloud.ports.create(row.id, host="far")) == "network.elsewhere"
    assert code(lambda: cloud.ports.create(row.id, host="nowhere")) == "host.not_found"
    assert cloud.ports.create(row.id, host="deck").host == "deck"


def test_a_host_goes_when_nothing_is_on_it(cloud: Cloud) -> None:
    join(cloud)
    row = cloud.networks.create("spread")
    port = cloud.ports.create(row.id, host="far")
    assert code(lambda: cloud.hosts.delete("far")) == "host.in_use"
    assert code(lambda: cloud.hosts.delete("deck")) == "host.here"
    cloud.ports.set(port.id, host="")
    cloud.hosts.delete("far")
    with cloud.context.reading() as session:
        assert session.get(HostRecord, "far") is None
        assert set(session.exec(select(LocalVlan.host))) == {"deck"}
    assert code(lambda: cloud.hosts.delete("far")) == "host.not_found"


def test_a_host_is_seen_by_what_it_did_and_what_leads_there(cloud: Cloud) -> None:
    join(cloud)
    states = {each.row.name: each.state for each in cloud.hosts.list()}
    assert states == {"deck": "up", "far": "apart"}
    row = cloud.networks.create("spread")
    for host in ("deck", "far"):
        cloud.ports.create(row.id, host=host)
    found = cloud.hosts.show("far")
    assert (found.state, found.networks, found.seen) == ("tunnel missing", 1, None)
    assert cloud.hosts.show("deck").seen is not None


def test_an_address_that_went_is_told(cloud: Cloud, underlay: _Underlay) -> None:
    join(cloud)
    underlay.mtu = 1400
    assert cloud.hosts.show("deck").state == "underlay MTU fell to 1400"
    underlay.holder = lambda address: None  # type: ignore[method-assign]
    assert cloud.hosts.show("deck").state == "tunnel address missing"


def test_another_hosts_operations_are_its_own_to_finish(cloud: Cloud) -> None:
    settings = cloud.settings
    with cloud.context.store.write() as session:
        for host in ("deck", "far", ""):
            session.add(
                Operation(verb="x", host=host, units=[], deadline=1.0, outcome=Outcome.RUNNING)
            )
    with cloud.context.reading() as session:
        mine = {row.host for row in interrupted(session, settings.locks, settings.host)}
    assert mine == {"deck", ""}


def test_a_dhcp_server_is_where_its_network_is_at_home(cloud: Cloud) -> None:
    row = cloud.networks.create("net", provider=Provider("vxlan"))
    with cloud.context.store.write() as session:
        session.get_one(Network, row.id).host = "far"
    cloud.networks.create_subnet(NewSubnet(row.id, "10.9.0.0/24"))
    with cloud.context.reading() as session:
        port = session.exec(select(Port).where(Port.network_id == row.id)).one()
        assert (port.device_owner, port.host) == (OWNER_DHCP, "far")


def test_a_guest_of_another_host_is_unknown_here_and_not_missing() -> None:
    row = InstanceRow(
        "id", "vm", "p", Power.RUNNING, False, "m1", None, "far", 0.0, True, False, None, {}, (),
        None, None,
    )  # fmt: skip
    assert (row.status, row.differs) == ("MISSING", True)
    away = row._replace(away=True)
    assert (away.status, away.differs) == ("UNKNOWN", False)
