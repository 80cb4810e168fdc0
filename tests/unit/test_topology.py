"""The topology's model, and what other programs read of it."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from backends.drivers.libvirt.facts import State
from backends.inspect.instance_row import InstanceRow
from backends.inspect.rates import Counters
from backends.inspect.topology import Edge, Found, Node, Topology, topology
from backends.inspect.topology_export import dot, mermaid, svg
from backends.records.instance import Power
from backends.records.network import Network, Port, Subnet
from backends.records.router import FloatingIp, Router
from backends.records.trunk import Subport, Trunk
from backends.services.port import PortView
from backends.services.trunk import TrunkView

NASTY = 'a "b" <c> & \\ # ; | `d` 한글\x1b[31m'


def row(id_: str, state: State | None = State.RUNNING, power: Power = Power.RUNNING) -> InstanceRow:
    return InstanceRow(id_, f"vm-{id_}", "p", power, False, "m1", None, "box", 0.0, True, False,
                       None, {}, (), state, None)  # fmt: skip


def port(id_: str, network: str, device: str, owner: str, *addresses: str) -> PortView:
    found = Port(id=id_ * 8, network_id=network, project_id="p", mac="", device_id=device,
                 device_owner=owner)  # fmt: skip
    return PortView(found, tuple((f"s-{network}", each) for each in addresses), ())


@pytest.fixture
def found() -> Found:
    inner = Network(id="in", project_id="p", name="front")
    outer = Network(id="out", project_id="q", name="public", external=True)
    lent = FloatingIp(id="f", project_id="p", network_id="out", floating_port_id="x",
                      address="203.0.113.3", port_id="a" * 8, fixed_address="10.0.0.5",
                      router_id="r")  # fmt: skip
    subnet = Subnet(id="s-in", network_id="in", project_id="p", cidr="10.0.0.0/24",
                    gateway_ip="10.0.0.1")  # fmt: skip
    return Found(
        networks=[inner, outer],
        subnets=[subnet],
        ports=[
            port("a", "in", "1", "compute:nova", "10.0.0.5"),
            port("b", "in", "r", "network:router_interface", "10.0.0.1"),
            port("c", "out", "r", "network:router_gateway", "203.0.113.2"),
            port("d", "in", "dhcp-in", "network:dhcp", "10.0.0.2"),
            port("e", "in", "", "", "10.0.0.9"),
            port("f", "in", "of-another", "compute:nova", "10.0.0.7"),
        ],
        routers=[Router(id="r", project_id="p", name="gate", external_network_id="out")],
        floating_ips=[lent],
        instances=[row("1"), row("2", State.SHUTOFF), row("3", None)],
        differing={"r"},
    )


def test_a_topology_is_who_hangs_on_what(found: Found) -> None:
    made = topology(found)
    assert {edge.device: edge.addresses for edge in made.edges if edge.network == "in"} == {
        "1": ("10.0.0.5",), "r": ("10.0.0.1",)}  # fmt: skip
    assert [edge.outside for edge in made.edges if edge.device == "r"] == [False, True]
    assert made.edges[0].floating == ("203.0.113.3",)
    assert made.nodes["in"].notes == ("10.0.0.0/24  gateway 10.0.0.1  DHCP 10.0.0.2",)
    assert "1 free port" in made.nodes["in"].status
    assert (made.nodes["r"].differs, made.nodes["in"].differs) == (True, False)


def test_a_trunk_joins_its_instance_to_the_networks_of_its_subports(found: Found) -> None:
    back = Network(id="back", project_id="p", name="back")
    view = port("g", "back", "t", "trunk:subport", "10.1.0.5")
    parent = found.ports[0].port
    trunk = Trunk(id="t", project_id="p", name="stem", port_id=parent.id)
    held = Subport(port_id=view.port.id, trunk_id="t", segmentation_id=100)
    made = topology(
        replace(
            found,
            networks=[*found.networks, back],
            ports=[*found.ports, view],
            trunks=[TrunkView(trunk, parent, ((held, view.port),))],
        )
    )
    (edge,) = (each for each in made.edges if each.network == "back")
    assert edge == Edge("1", "back", "", ("10.1.0.5",), vlan=100)
    assert edge.said == "10.1.0.5 VLAN 100"
    for form in (mermaid, dot, svg):
        assert "VLAN 100" in form(made)
    assert "back" in {node.name for node in made.of_project("p").nodes.values()}


@pytest.mark.parametrize("off", ["trunk", "parent", "subport"])
def test_a_trunk_that_is_off_is_said_to_be(found: Found, off: str) -> None:
    back = Network(id="back", project_id="p", name="back", admin_state_up=False)
    view = port("g", "back", "t", "trunk:subport")
    parent = found.ports[0].port
    trunk = Trunk(id="t", project_id="p", name="stem", port_id=parent.id)
    held = Subport(port_id=view.port.id, trunk_id="t", segmentation_id=100)
    {"trunk": trunk, "parent": parent, "subport": view.port}[off].admin_state_up = False
    made = topology(
        replace(
            found,
            networks=[*found.networks, back],
            ports=[*found.ports, view],
            trunks=[TrunkView(trunk, parent, ((held, view.port),))],
        )
    )
    (edge,) = (each for each in made.edges if each.vlan)
    assert edge.said == "VLAN 100 off"
    assert [each.off for each in made.edges if each.network == "in" and each.device == "1"] == [
        off == "parent"
    ]
    assert made.nodes["back"].status == "switched off  MTU 1500"


def test_a_trunk_that_is_plugged_nowhere_joins_nothing(found: Found) -> None:
    parent = Port(id="x" * 8, network_id="in", project_id="p", mac="")
    view = port("g", "in", "t", "trunk:subport")
    trunk = Trunk(id="t", project_id="p", name="stem", port_id=parent.id)
    held = Subport(port_id=view.port.id, trunk_id="t", segmentation_id=100)
    trunks = [TrunkView(trunk, parent, ((held, view.port),))]
    assert topology(replace(found, trunks=trunks)) == topology(found)


def test_an_instances_state_is_its_colour(found: Found) -> None:
    nodes = topology(found).nodes
    said = {id_: (nodes[id_].status, nodes[id_].tone, nodes[id_].differs) for id_ in "123"}
    assert said == {
        "1": ("ACTIVE", "good", False),
        "2": ("SHUTOFF≠running", "bad", True),
        "3": ("MISSING≠running", "bad", True),
    }


def test_a_project_is_seen_with_the_networks_it_hangs_on(found: Found) -> None:
    part = topology(found).of_project("p")
    assert set(part.nodes) == {"in", "out", "r", "1", "2", "3"}
    assert set(topology(found).of_project("q").nodes) == set()


@pytest.mark.parametrize("form", [mermaid, dot, svg])
def test_every_thing_is_in_every_form(found: Found, form: object) -> None:
    text = form(topology(found))  # type: ignore[operator]
    for word in ("front", "public", "gate", "vm-1", "vm-2", "vm-3", "203.0.113.3", "10.0.0.5"):
        assert word in text


def test_names_are_data_in_every_form() -> None:
    nodes = {"n": Node("network", "n", NASTY, "p"), "i": Node("instance", "i", NASTY, "p", NASTY)}
    nasty = Topology(nodes, [Edge("i", "n", "tap", (NASTY,))])
    drawn = ElementTree.fromstring(svg(nasty))
    assert NASTY.replace("\x1b", " ") in "".join(drawn.itertext())
    for line in mermaid(nasty).splitlines()[1:4]:
        inside = line[line.index('"') + 1 : line.rindex('"')].replace("<br/>", "")
        assert not set('"<>`|\\') & set(inside), line
    for line in dot(nasty).splitlines()[2:5]:
        assert line.replace("\\\\", "").replace('\\"', "").count('"') % 2 == 0, line
    assert "\x1b" not in mermaid(nasty) + dot(nasty) + svg(nasty)


def test_an_empty_cloud_is_an_empty_picture() -> None:
    assert mermaid(Topology()).startswith("flowchart")
    assert dot(Topology()).endswith("}\n")
    assert ElementTree.fromstring(svg(Topology())).tag.endswith("svg")


def test_no_box_of_a_drawing_lies_on_another(found: Found) -> None:
    root = ElementTree.fromstring(svg(topology(found)))
    boxes = [
        tuple(int(each.attrib[key]) for key in ("x", "y", "width", "height"))
        for each in root.iter("{http://www.w3.org/2000/svg}rect")
    ]
    for number, (x, y, width, height) in enumerate(boxes):
        for x2, y2, width2, height2 in boxes[:number]:
            assert x >= x2 + width2 or x2 >= x + width or y >= y2 + height2 or y2 >= y + height


def test_rates_are_since_the_last_count() -> None:
    before = Counters(10.0, {"tap1": (100, 1000), "tap2": (500, 500), "gone": (1, 1)})
    after = Counters(12.0, {"tap1": (300, 5000), "tap2": (0, 0), "new": (9, 9)})
    # What the guest is sent is what its tap sends; a tap made anew has sent nothing yet.
    assert after.rates(before) == {"tap1": (2000.0, 100.0), "tap2": (0.0, 0.0)}
    assert after.rates(after) == {}
