"""Routers and floating IPs: what is refused, and with which code."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from backends.cloud import Cloud
from backends.errors import QuarterdeckError
from backends.records.network import OWNER_GATEWAY, OWNER_INSTANCE, OWNER_ROUTER
from backends.records.tables import (
    Address,
    FloatingIp,
    LocalVlan,
    Network,
    Port,
    Router,
    Subnet,
)
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from backends.services.provider import Provider
from tests.unit.shelf import Shelf


def refused(verb: Callable[[], object]) -> str:
    with pytest.raises(QuarterdeckError) as refusal:
        verb()
    assert str(refusal.value).isprintable()
    return refusal.value.code


class Chart:
    """Rows as the verbs would have left them; there is no switch here to converge."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.cloud = shelf.open()
        self.outside = self.network("public", "203.0.113.0/24", external=True)
        self.near = self.network("near", "10.1.0.0/24")
        self.far = self.network("far", "10.2.0.0/24")
        self.router = self.add(
            Router(project_id=shelf.home, name="gate", external_network_id=self.outside)
        )
        self.port(self.near, "10.1.0.1", self.router, OWNER_ROUTER, name="gate-near")
        self.port(self.outside, "203.0.113.10", self.router, OWNER_GATEWAY)
        self.guest = self.port(self.near, "10.1.0.5", "guest", OWNER_INSTANCE, name="guest")
        self.other = self.port(self.far, "10.2.0.5", "other", OWNER_INSTANCE, name="other")

    def add(self, row: Network | Subnet | Port | Router | FloatingIp) -> str:
        with self.cloud.context.store.write() as session:
            session.add(row)
            session.flush()
            return row.id

    def network(
        self, name: str, cidr: str, *, external: bool = False, gateway: bool = True,
        version: int = 4,
    ) -> str:  # fmt: skip
        id_ = self.add(
            Network(
                project_id=self.shelf.home, name=name, external=external,
                network_type="flat" if external else "local",
                physical_network="provider" if external else None,
            )
        )  # fmt: skip
        base = cidr.partition("/")[0].removesuffix("0")
        first, pool = f"{base}1", {"start": f"{base}100", "end": f"{base}200"}
        self.add(
            Subnet(
                network_id=id_, project_id=self.shelf.home, name=name, cidr=cidr,
                gateway_ip=first if gateway else None, enable_dhcp=False, ip_version=version,
                allocation_pools=[pool],
            )
        )  # fmt: skip
        with self.cloud.context.store.write() as session:
            taken = len(session.exec(_vlans()).all())
            session.add(LocalVlan(host="deck", vlan=taken + 1, network_id=id_))
        return id_

    def port(self, network: str, address: str, device: str, owner: str, *, name: str = "") -> str:
        octets = address.split(".")
        mac = f"fa:16:3e:00:{int(octets[2]):02x}:{int(octets[3]):02x}"
        id_ = self.add(
            Port(
                network_id=network, project_id=self.shelf.home, name=name, mac=mac,
                device_id=device, device_owner=owner,
            )
        )  # fmt: skip
        subnet = self.cloud.networks.subnets(network=network)[0]
        with self.cloud.context.store.write() as session:
            session.add(Address(subnet_id=subnet.id, address=address, port_id=id_))
        return id_

    def float(self, address: str, port: str | None = None, fixed: str | None = None) -> str:
        plug = self.port(self.outside, address, address, "network:floatingip")
        return self.add(
            FloatingIp(
                project_id=self.shelf.home, network_id=self.outside, floating_port_id=plug,
                address=address, port_id=port, fixed_address=fixed,
                router_id=self.router if port else None,
            )
        )  # fmt: skip


def _vlans():  # type: ignore[no-untyped-def]
    from sqlmodel import select

    return select(LocalVlan)


@pytest.fixture
def chart(shelf: Shelf) -> Chart:
    return Chart(shelf)


def _route(cloud: Cloud, *routes: tuple[str, str]) -> Router:
    return cloud.routers.set("gate", routes=routes)


Verb = Callable[[Cloud], object]
ROUTERS: Sequence[tuple[str, Verb]] = (
    ("router.not_found", lambda c: c.routers.add_subnet("gone", "near")),
    ("subnet.not_found", lambda c: c.routers.add_subnet("gate", "gone")),
    ("router.subnet.overlap", lambda c: c.routers.add_subnet("gate", "near")),
    ("router.subnet.overlap", lambda c: c.routers.add_subnet("gate", "public")),
    ("port.in_use", lambda c: c.routers.add_port("gate", "guest")),
    ("router.interface.not_found", lambda c: c.routers.remove_subnet("gate", "far")),
    ("router.interface.not_found", lambda c: c.routers.remove_subnet("gate", "public")),
    ("router.interface.not_found", lambda c: c.routers.remove_port("gate", "guest")),
    ("router.in_use", lambda c: c.routers.delete("gate")),
    ("router.route.unreachable", lambda c: _route(c, ("10.9.0.0/16", "10.8.0.1"))),
    ("router.route.unreachable", lambda c: _route(c, ("fd00::/64", "10.1.0.9"))),
    ("router.route.invalid", lambda c: _route(c, ("10.9.0.1/16", "10.1.0.9"))),
    ("network.address.invalid", lambda c: _route(c, ("10.9.0.0/16", "near"))),
    ("router.route.twice", lambda c: _route(
        c, ("10.9.0.0/16", "10.1.0.9"), ("10.9.0.0/16", "10.1.0.8"))),
    ("network.not_found", lambda c: c.routers.set_gateway("gate", "near")),
    ("network.not_found", lambda c: c.routers.create("second", external="gone")),
    ("name.invalid", lambda c: c.routers.create("")),
    ("network.address.taken", lambda c: c.routers.create(
        "second", external="public", fixed=[FixedAddress(address="203.0.113.10")])),
    ("network.address.taken", lambda c: c.routers.create(
        "second", external="public", fixed=[FixedAddress(address="203.0.113.1")])),
    ("network.address.outside", lambda c: c.routers.create(
        "second", external="public", fixed=[FixedAddress(address="198.51.100.7")])),
)  # fmt: skip
FLOATS: Sequence[tuple[str, Verb]] = (
    ("network.not_found", lambda c: c.floating_ips.create("near")),
    ("floating_ip.unreachable", lambda c: c.floating_ips.create("public", port="other")),
    ("port.not_found", lambda c: c.floating_ips.create("public", port="gone")),
    ("floating_ip.port.no_address", lambda c: c.floating_ips.create(
        "public", port="guest", fixed="10.1.0.6")),
    ("network.address.taken", lambda c: c.floating_ips.create("public", address="203.0.113.10")),
    ("network.address.outside", lambda c: c.floating_ips.create("public", address="10.1.0.9")),
    ("floating_ip.not_found", lambda c: c.floating_ips.show("203.0.113.99")),
    ("floating_ip.not_found", lambda c: c.floating_ips.delete("near")),
)  # fmt: skip
NETWORKS: Sequence[tuple[str, Verb]] = (
    ("network.provider.taken", lambda c: c.networks.create("second", external=True)),
    ("network.provider.invalid", lambda c: c.networks.create("n", provider=Provider("gre"))),
    ("network.provider.invalid", lambda c: c.networks.create(
        "n", provider=Provider("vxlan", segment=1 << 24))),
    ("network.provider.invalid", lambda c: c.networks.create("n", provider=Provider("vlan"))),
    ("network.provider.invalid", lambda c: c.networks.create(
        "n", provider=Provider("vlan", segment=4095))),
    ("network.provider.invalid", lambda c: c.networks.create(
        "n", provider=Provider("flat", segment=7))),
    ("network.provider.invalid", lambda c: c.networks.create(
        "n", provider=Provider("flat", physical="physnet1"))),
    ("network.host_service.invalid", lambda c: c.networks.set("near", host_services=["tcp:53"])),
    ("network.host_service.invalid", lambda c: c.networks.set("public", host_services=["53"])),
    ("network.host_service.invalid", lambda c: c.networks.set("public", host_services=["tcp:0"])),
    ("subnet.gateway.in_use", lambda c: c.networks.set_subnet("near", gateway="10.1.0.9")),
    ("subnet.in_use", lambda c: c.networks.delete_subnet("near")),
    ("network.in_use", lambda c: c.networks.delete("public")),
)  # fmt: skip


@pytest.mark.parametrize(("code", "verb"), [*ROUTERS, *FLOATS, *NETWORKS])
def test_what_cannot_be_is_refused(chart: Chart, code: str, verb: Verb) -> None:
    assert refused(lambda: verb(chart.cloud)) == code


def test_a_subnet_without_a_gateway_address_has_none_to_give(chart: Chart) -> None:
    chart.network("bare", "10.3.0.0/24", gateway=False)
    routers = chart.cloud.routers
    assert refused(lambda: routers.add_subnet("gate", "bare")) == "router.subnet.no_gateway"


def test_a_gateway_address_is_given_once(chart: Chart) -> None:
    chart.port(chart.far, "10.2.0.1", "elsewhere", OWNER_ROUTER)
    routers = chart.cloud.routers
    assert refused(lambda: routers.add_subnet("gate", "far")) == "network.address.taken"


def test_what_floating_ips_go_by_stays(chart: Chart) -> None:
    chart.float("203.0.113.20", chart.guest, "10.1.0.5")
    routers = chart.cloud.routers
    assert refused(lambda: routers.remove_subnet("gate", "near")) == "router.interface.in_use"
    assert refused(lambda: routers.remove_port("gate", "gate-near")) == "router.interface.in_use"
    assert refused(lambda: routers.unset_gateway("gate")) == "router.gateway.in_use"


def test_what_a_route_goes_by_stays(chart: Chart) -> None:
    with chart.cloud.context.store.write() as session:
        row = session.get_one(Router, chart.router)
        row.routes = [{"destination": "10.9.0.0/16", "nexthop": "10.1.0.9"}]
    verb = chart.cloud.routers.remove_subnet
    assert refused(lambda: verb("gate", "near")) == "router.interface.in_use"


def test_a_router_without_a_gateway_has_none_to_change(chart: Chart) -> None:
    chart.add(Router(project_id=chart.shelf.home, name="inner"))
    routers = chart.cloud.routers
    assert refused(lambda: routers.set_gateway("inner", snat=False)) == "router.gateway.missing"


def test_an_address_has_one_floating_ip_of_a_network(chart: Chart) -> None:
    chart.float("203.0.113.20", chart.guest, "10.1.0.5")
    chart.float("203.0.113.21")
    floats = chart.cloud.floating_ips
    assert refused(lambda: floats.set("203.0.113.21", port="guest")) == "floating_ip.port.in_use"


def test_a_port_with_several_addresses_is_asked_which(chart: Chart) -> None:
    subnet = chart.cloud.networks.subnets(network=chart.near)[0]
    with chart.cloud.context.store.write() as session:
        session.add(Address(subnet_id=subnet.id, address="10.1.0.6", port_id=chart.guest))
    floats = chart.cloud.floating_ips
    assert refused(lambda: floats.create("public", port="guest")) == "floating_ip.port.ambiguous"


def test_others_neither_see_nor_change_them(chart: Chart) -> None:
    chart.float("203.0.113.20")
    member = chart.shelf.member("guests")
    assert member.routers.list() == []
    assert member.floating_ips.list() == []
    assert refused(lambda: member.routers.show("gate")) == "router.not_found"
    assert refused(lambda: member.floating_ips.show("203.0.113.20")) == "floating_ip.not_found"
    assert refused(lambda: member.networks.create("n", external=True)) == "right.missing"
    # The outside is for all to see and to use, but not to change.
    assert [row.name for row in member.networks.list()] == ["public"]
    assert member.networks.show("public").id == chart.outside
    assert refused(lambda: member.networks.set("public", name="mine")) == "network.not_found"
    new = NewSubnet("public", "198.51.100.0/24")
    assert refused(lambda: member.networks.create_subnet(new)) == "network.not_found"
    assert refused(lambda: member.ports.create("public")) == "network.not_found"


def test_a_reader_changes_nothing(chart: Chart) -> None:
    from backends.records.identity import Role

    reader = chart.shelf.member("guests", Role.READER)
    for verb in (
        lambda: reader.routers.create("r"),
        lambda: reader.routers.set_gateway("gate", "public"),
        lambda: reader.floating_ips.create("public"),
        lambda: reader.floating_ips.delete("203.0.113.20"),
    ):
        assert refused(verb) == "right.missing"


def test_quotas_count_them(chart: Chart) -> None:
    chart.float("203.0.113.20")
    quotas = chart.cloud.quotas.show()
    assert quotas["routers"] == (10, 1)
    assert quotas["floatingips"] == (50, 1)
    # Two guests' ports and the router's inner one: what a project did not ask for is not counted.
    assert quotas["ports"] == (500, 3)
    chart.cloud.quotas.set("admin", {"routers": 1, "floatingips": 1})
    assert refused(lambda: chart.cloud.routers.create("r")) == "quota.exceeded"
    assert refused(lambda: chart.cloud.floating_ips.create("public")) == "quota.exceeded"


def test_a_project_that_has_them_stays(chart: Chart) -> None:
    identity = chart.cloud.identity
    project = identity.create_project("ships")
    chart.add(Router(project_id=project.id, name="theirs"))
    assert refused(lambda: identity.delete_project("ships")) == "project.in_use"


def test_a_port_of_an_unfiltered_network_has_no_groups(chart: Chart) -> None:
    with chart.cloud.context.store.write() as session:
        session.get_one(Network, chart.far).port_security = False
    ports = chart.cloud.ports
    assert refused(lambda: ports.create("far", groups=["default"])) == "port.security.groups"
