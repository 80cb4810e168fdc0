"""Plugging, QoS policies and trunks: what is refused, with which code, and what is written."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.errors import QuarterdeckError
from backends.plan.plan import Plan
from backends.records.instance import Instance, Power
from backends.records.network import OWNER_INSTANCE, OWNER_ROUTER, Address, Port
from backends.records.qos import QosPolicy
from backends.records.tables import FloatingIp
from backends.records.trunk import Subport
from backends.services.port import FixedAddress
from backends.services.qos import NewQosRule
from backends.services.trunk import NewSubport
from tests.unit.shelf import Shelf
from tests.unit.test_services_router import Chart


def refused(verb: Callable[[], object]) -> str:
    with pytest.raises(QuarterdeckError) as refusal:
        verb()
    assert str(refusal.value).isprintable()
    return refusal.value.code


class Wharf(Chart):
    """An instance on `near`, and what the verbs leave in the store of a change they began.

    No switch is here: a verb's records are looked at as they are within its transaction.
    """

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.instance = self.add(
            Instance(
                project_id=shelf.home, name="boat", hostname="boat", host="deck", flavor_id="f",
                flavor_name="f", vcpus=1, ram=1, disk=1,
            )  # type: ignore[arg-type]
        )  # fmt: skip
        self.plugged = self.port(self.near, "10.1.0.7", self.instance, OWNER_INSTANCE, name="bow")
        self.free = self.port(self.far, "10.2.0.9", "", "", name="free")
        self.spare = self.port(self.near, "10.1.0.8", "", "", name="spare")

    def change(self, **values: object) -> None:
        with self.cloud.context.store.write() as session:
            row = session.get_one(Instance, self.instance)
            for name, value in values.items():
                setattr(row, name, value)


@pytest.fixture
def wharf(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> Wharf:
    made = Wharf(shelf)
    # What the machine would be asked is no matter here: the records are.
    monkeypatch.setattr(
        "backends.converge.Converger.converge", lambda *words, **named: None, raising=True
    )
    monkeypatch.setattr("backends.converge.Converger.plan_records", lambda *words, **named: Plan())
    return made


@pytest.fixture
def cloud(wharf: Wharf) -> Cloud:
    return wharf.cloud


@pytest.mark.parametrize(
    ("verb", "code"),
    [
        (lambda c: c.plugging.add_port("boat", "bow"), "port.in_use"),
        (lambda c: c.plugging.add_port("boat", "nobody"), "port.not_found"),
        (lambda c: c.plugging.add_port("nobody", "free"), "instance.not_found"),
        (lambda c: c.plugging.add_network("boat", "near", address="10.9.0.1"),
         "network.address.outside"),
        (lambda c: c.plugging.add_network("boat", "near", address="10.1.0.5"),
         "network.address.taken"),
        (lambda c: c.plugging.remove_port("boat", "free"), "port.not_plugged"),
        (lambda c: c.plugging.remove_network("boat", "far"), "port.not_plugged"),
        (lambda c: c.plugging.add_address("boat", "far"), "port.not_plugged"),
        (lambda c: c.plugging.add_address("boat", "near", address="nonsense"),
         "network.address.invalid"),
        (lambda c: c.plugging.remove_address("boat", "10.1.0.99"), "network.address.not_found"),
        (lambda c: c.ports.set("bow", fixed=[FixedAddress(address="10.1.0.5")]),
         "network.address.taken"),
        (lambda c: c.ports.set("bow", qos_policy="none"), "qos.not_found"),
    ],
)  # fmt: skip
def test_what_cannot_be_plugged_is_refused(
    cloud: Cloud, verb: Callable[[Cloud], object], code: str
) -> None:
    assert refused(lambda: verb(cloud)) == code


def test_networks_and_ports_are_made_switched_off(cloud: Cloud) -> None:
    network = cloud.networks.create("dark", admin_state_up=False)
    port = cloud.ports.create("near", "dim", admin_state_up=False)
    assert (network.admin_state_up, port.admin_state_up) == (False, False)
    assert cloud.networks.create("lit").admin_state_up
    assert cloud.ports.set("dim", admin_state_up=True).admin_state_up


@pytest.mark.parametrize("power", [Power.SUSPENDED, Power.PAUSED])
def test_a_guest_that_cannot_answer_is_left_as_it_is(wharf: Wharf, power: Power) -> None:
    wharf.change(power=power)
    assert refused(lambda: wharf.cloud.plugging.remove_port("boat", "bow")) == "instance.state"
    if power is Power.SUSPENDED:
        assert refused(lambda: wharf.cloud.plugging.add_port("boat", "free")) == "instance.state"


def test_ports_are_the_next_ones_and_leave_again(cloud: Cloud, wharf: Wharf) -> None:
    given = cloud.plugging.add_port("boat", "free")
    made = cloud.plugging.add_network("boat", "near", address="10.1.0.77")
    assert [given.position, made.position] == [1, 2]
    assert (given.made_for_device, made.made_for_device) == (False, True)
    cloud.plugging.remove_network("boat", "near")
    states = {each.port.id: each.port.leaving for each in cloud.ports.list(device=wharf.instance)}
    assert states == {wharf.plugged: True, given.id: False, made.id: True}
    assert refused(lambda: cloud.ports.delete("free")) == "port.in_use"


def test_a_floating_ip_of_a_port_that_goes_is_free(cloud: Cloud, wharf: Wharf) -> None:
    made = cloud.plugging.add_network("boat", "near", address="10.1.0.77")
    lent = cloud.floating_ips.create("public")
    with cloud.context.store.write() as session:
        row = session.get_one(FloatingIp, lent.id)
        row.port_id, row.fixed_address, row.router_id = made.id, "10.1.0.77", wharf.router
    assert refused(lambda: cloud.plugging.remove_address("boat", "10.1.0.77")) == (
        "network.address.lent"
    )
    cloud.plugging.remove_port("boat", made.id)
    with cloud.context.reading() as session:
        assert session.get_one(FloatingIp, lent.id).port_id is None


def test_addresses_come_and_go_and_those_that_stay_are_kept(cloud: Cloud, wharf: Wharf) -> None:
    def held() -> set[str]:
        return {address for _, address in cloud.ports.show(wharf.plugged).addresses}

    cloud.plugging.add_address("boat", "near")
    assert held() == {"10.1.0.7", "10.1.0.100"}
    kept = [FixedAddress(address="10.1.0.100"), FixedAddress(address="10.1.0.101")]
    cloud.ports.set("bow", fixed=kept)
    assert held() == {"10.1.0.100", "10.1.0.101"}
    cloud.plugging.remove_address("boat", "10.1.0.100")
    assert held() == {"10.1.0.101"}
    with cloud.context.reading() as session:
        assert session.get(Address, ("none", "10.1.0.7")) is None


# QoS


def rule(**values: object) -> NewQosRule:
    usual: dict[str, object] = {"policy": "slow", "type": "bandwidth_limit", "max_kbps": 100}
    return NewQosRule(**(usual | values))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "minimum_bandwidth"}, {"max_kbps": 0}, {"max_kbps": 1 << 31},
        {"max_burst_kbits": -1}, {"direction": "sideways"},
        {"type": "dscp_marking", "dscp_mark": 1}, {"type": "dscp_marking", "dscp_mark": 64},
    ],
)  # fmt: skip
def test_rules_that_cannot_be_kept_are_refused(cloud: Cloud, wrong: dict[str, object]) -> None:
    cloud.qos.create("slow")
    assert refused(lambda: cloud.qos.add_rule(rule(**wrong))) == "qos.rule.invalid"


def test_a_policy_has_one_rule_of_a_kind(cloud: Cloud) -> None:
    cloud.qos.create("slow")
    made = cloud.qos.add_rule(rule())
    assert refused(lambda: cloud.qos.add_rule(rule())) == "qos.rule.exists"
    cloud.qos.add_rule(rule(direction="ingress"))
    cloud.qos.add_rule(rule(type="dscp_marking", dscp_mark=46))
    cloud.qos.set_rule("slow", made.id, max_kbps=7)
    assert [each.max_kbps for each in cloud.qos.show("slow").rules] == [7, 100, 100]
    cloud.qos.remove_rule("slow", made.id)
    assert refused(lambda: cloud.qos.remove_rule("slow", made.id)) == "qos.rule.not_found"


def test_a_policy_that_is_used_stays(cloud: Cloud, wharf: Wharf) -> None:
    cloud.qos.create("slow")
    cloud.networks.set("near", qos_policy="slow")
    assert refused(lambda: cloud.qos.delete("slow")) == "qos.in_use"
    cloud.networks.set("near", qos_policy="")
    cloud.ports.set("bow", qos_policy="slow")
    assert refused(lambda: cloud.qos.delete("slow")) == "qos.in_use"
    cloud.ports.set("bow", qos_policy="")
    cloud.qos.delete("slow")
    with cloud.context.reading() as session:
        assert session.exec(select(QosPolicy)).all() == []


def test_members_use_what_the_admin_made_for_them(shelf: Shelf, wharf: Wharf) -> None:
    admin, ships = wharf.cloud, shelf.member("ships")
    admin.qos.create("all", shared=True)
    admin.qos.create("mine")
    assert [each.policy.name for each in ships.qos.list()] == ["all"]
    assert refused(lambda: ships.qos.create("own")) == "right.missing"
    assert refused(lambda: ships.qos.add_rule(rule(policy="all"))) == "right.missing"
    network = ships.networks.create("sea", qos_policy="all")
    assert network.qos_policy_id == admin.qos.show("all").policy.id
    assert refused(lambda: ships.networks.set("sea", qos_policy="mine")) == "qos.not_found"
    assert refused(lambda: admin.qos.set("all", shared=False)) == "qos.in_use"


def test_a_default_policy_is_for_new_networks(cloud: Cloud) -> None:
    policy = cloud.qos.create("usual", default=True)
    assert refused(lambda: cloud.qos.create("other", default=True)) == "qos.default.exists"
    assert cloud.networks.create("new").qos_policy_id == policy.id
    assert cloud.networks.show("near").qos_policy_id is None
    cloud.qos.set("usual", default=False)
    assert cloud.networks.create("newer").qos_policy_id is None


# Trunks


@pytest.mark.parametrize(
    ("subport", "code"),
    [
        (NewSubport("free", 0), "trunk.segmentation"),
        (NewSubport("free", 4095), "trunk.segmentation"),
        (NewSubport("bow", 5), "port.in_use"),
        (NewSubport("spare", 5), "trunk.network"),
        (NewSubport("nobody", 5), "port.not_found"),
    ],
)
def test_what_cannot_be_a_subport_is_refused(cloud: Cloud, subport: NewSubport, code: str) -> None:
    assert refused(lambda: cloud.trunks.create("t", "bow", subports=[subport])) == code
    assert cloud.trunks.list() == []


def test_a_trunk_holds_its_ports_until_it_goes(cloud: Cloud, wharf: Wharf) -> None:
    made = cloud.trunks.create("t", "bow", subports=[NewSubport("free", 100)])
    assert cloud.ports.show("free").port.device_id == made.id
    assert refused(lambda: cloud.ports.delete("free")) == "port.in_use"
    assert refused(lambda: cloud.plugging.add_port("boat", "free")) == "port.in_use"
    assert refused(lambda: cloud.trunks.create("u", "bow")) == "port.trunk"
    assert refused(lambda: cloud.trunks.create("u", "free")) == "trunk.parent"
    more = [NewSubport("other", 100)]
    assert refused(lambda: cloud.trunks.add_subports("t", more)) == "port.in_use"
    assert refused(lambda: cloud.trunks.remove_subports("t", ["spare"])) == (
        "trunk.subport.not_found"
    )
    cloud.trunks.set("t", name="renamed", admin_state_up=False)
    view = cloud.trunks.show("renamed")
    assert not view.trunk.admin_state_up
    assert [(each.segmentation_id, port.name) for each, port in view.subports] == [(100, "free")]
    cloud.trunks.delete("renamed")
    assert cloud.ports.show("free").port.device_id == ""
    with cloud.context.reading() as session:
        assert session.exec(select(Subport)).all() == []
    cloud.ports.delete("spare")


def test_a_parent_is_a_port_of_its_own(cloud: Cloud, wharf: Wharf) -> None:
    made = cloud.plugging.add_network("boat", "near")
    assert refused(lambda: cloud.trunks.create("t", made.id)) == "trunk.parent"
    gate = wharf.port(wharf.far, "10.2.0.30", wharf.router, OWNER_ROUTER, name="gate-far")
    assert refused(lambda: cloud.trunks.create("t", gate)) == "trunk.parent"
    cloud.trunks.create("t", "spare")
    assert refused(lambda: cloud.ports.delete("spare")) == "port.trunk"
    assert isinstance(cloud.trunks.show("t").parent, Port)
