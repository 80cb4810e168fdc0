"""The topology as it is drawn."""

from __future__ import annotations

from backends.inspect.topology import INSTANCE, NETWORK, ROUTER, Edge, Node, Topology
from console.widgets.rails import FEW, FEWER, LARGE, MANY, Rates, draw


def net(id_: str, name: str, *notes: str, external: bool = False) -> Node:
    return Node(NETWORK, id_, name, "p", notes=notes, external=external)


def guest(id_: str, name: str, status: str = "ACTIVE", tone: str = "good") -> Node:
    return Node(INSTANCE, id_, name, "p", status, tone, differs="≠" in status)


def picture(nodes: list[Node], edges: list[Edge], **more: object) -> list[str]:
    topology = Topology({node.id: node for node in nodes}, edges)
    return [line.text.rstrip() for line in draw(topology, **more)]  # type: ignore[arg-type]


def test_rails_carry_instances_of_one_and_of_several_networks() -> None:
    nodes = [net("a", "front", "10.0.0.0/24"), net("b", "back"), net("c", "idle"),
             guest("1", "web"), guest("2", "db", "SHUTOFF", "dim"),
             guest("3", "alone")]  # fmt: skip
    edges = [Edge("1", "a", "t1", ("10.0.0.5",)), Edge("2", "a", "t2"), Edge("2", "b", "t3")]
    assert picture(nodes, edges) == [
        " ┬── front",
        " │   10.0.0.0/24",
        " ●── web  ACTIVE  10.0.0.5",
        " │  ┬── back",
        " ○──○── db  SHUTOFF",
        " ╌── idle",
        "",
        " on no network",
        "  alone  ACTIVE",
    ]


def test_a_trunks_subports_are_rings_with_their_vlan() -> None:
    nodes = [net("a", "front"), net("b", "back"), net("c", "side"),
             guest("1", "web"), guest("2", "db", "SHUTOFF", "dim")]  # fmt: skip
    edges = [
        Edge("1", "a", "t1", ("10.0.0.5",)), Edge("1", "b", "", ("10.1.0.5",), vlan=100),
        Edge("1", "c", "", vlan=7), Edge("2", "c", "t2"), Edge("2", "c", "", vlan=8),
        Edge("2", "b", "", vlan=9),
    ]  # fmt: skip
    assert picture(nodes, edges) == [
        " ┬── front",
        " │  ┬── back",
        " │  │  ┬── side",
        " ●──◉──◉── web  ACTIVE  10.0.0.5, 10.1.0.5 VLAN 100, VLAN 7",
        " │  ◎──○── db  SHUTOFF  VLAN 8, VLAN 9",
    ]


def test_a_port_and_a_trunk_that_are_off_are_hollow_and_said() -> None:
    nodes = [net("a", "front"), net("b", "back"), guest("1", "web"), guest("2", "db")]
    edges = [
        Edge("1", "a", "t1", ("10.0.0.5",)), Edge("1", "b", "", ("10.1.0.5",), vlan=100, off=True),
        Edge("2", "a", "t2", off=True), Edge("2", "a", "t3"), Edge("2", "b", "t4", off=True),
    ]  # fmt: skip
    assert picture(nodes, edges) == [
        " ┬── front",
        " │  ┬── back",
        " ●──◎── web  ACTIVE  10.0.0.5, 10.1.0.5 VLAN 100 off",
        " ●──○── db  ACTIVE  off, off",
    ]
    lines = draw(Topology({node.id: node for node in nodes}, edges))
    assert [tone for text, tone in lines[2].spans if text in "●◎"] == ["good", "dim"]


def test_routers_hang_on_the_way_out_and_networks_on_their_routers() -> None:
    router = Node(ROUTER, "r", "gate", "p", "SNAT", "good")
    inner = Node(ROUTER, "s", "inner", "p", "", "bad", differs=True)
    outer = net("x", "public", external=True)
    nodes = [net("a", "front"), net("b", "back"), outer, router, inner, guest("1", "web")]
    edges = [
        Edge("r", "x", "qg-1", ("203.0.113.2",), outside=True),
        Edge("r", "a", "qr-1", ("10.0.0.1",)),
        Edge("r", "b", "qr-2", ("10.1.0.1",)),
        Edge("s", "b", "qr-3", ("10.1.0.2",)),
        Edge("1", "a", "tap1", ("10.0.0.5",), ("203.0.113.3",)),
    ]
    assert picture(nodes, edges) == [
        " ║── public",
        " ╙──◆── gate  203.0.113.2  SNAT",
        "    ├──┬── front",
        "    │  ●── web  ACTIVE  10.0.0.5  ⇄ 203.0.113.3",
        "    │  ◆── inner    ≠ drift",
        "    └──┴──╌── back",
    ]


def test_what_an_operation_is_at_work_on_is_no_drift() -> None:
    nodes = [net("a", "front"), guest("1", "web", "SHUTOFF≠running", "bad")]
    edges = [Edge("1", "a", "tap1")]
    assert picture(nodes, edges)[1] == " ●── web  SHUTOFF≠running"
    assert picture(nodes, edges, busy={"1"})[1] == " ●── web  SHUTOFF→running"


def test_what_flows_stands_on_the_edge() -> None:
    nodes, edges = [net("a", "front"), guest("1", "web")], [Edge("1", "a", "tap1")]
    assert picture(nodes, edges, rates={"tap1": (2048.0, 100.0)})[1].endswith("↓2.0 KiB/s ↑100 B/s")
    assert "↓" not in picture(nodes, edges, rates={"tap1": (0.5, 0.0)})[1]


def test_what_passes_a_router_stands_on_its_way_out_and_on_its_networks() -> None:
    gate = Node(ROUTER, "r", "gate", "p")
    nodes = [net("x", "public", external=True), gate, net("a", "front")]
    edges = [Edge("r", "x", "qg-1", outside=True), Edge("r", "a", "qr-1")]
    # The router is sent 2048 and sends 100 outside; into the network it sends what it got there.
    rates = {"qg-1": (2048.0, 100.0), "qr-1": (100.0, 2048.0)}
    assert picture(nodes, edges, rates=rates) == [
        " ║── public",
        " ╙──◆── gate    ↓2.0 KiB/s ↑100 B/s",
        "    └──╌── front    ↓2.0 KiB/s ↑100 B/s",
    ]


def test_routers_and_networks_stand_in_the_order_of_their_names() -> None:
    nodes = [net("x", "public", external=True)]
    nodes += [Node(ROUTER, f"r{n}", f"gate-{n}", "p") for n in (1, 2)]
    nodes += [net("a", "front"), net("b", "side")]
    edges = [Edge("r2", "x", "qg-2", outside=True), Edge("r1", "x", "qg-1", outside=True)]
    # Twice on one network, whose rates are told once.
    edges += [Edge("r1", "b", "qr-3"), Edge("r1", "a", "qr-1"), Edge("r1", "a", "qr-2")]
    lines = picture(nodes, edges, rates={"qr-1": (9.0, 0.0)})
    assert [line.split("── ")[-1] for line in lines] == [
        "public", "gate-1", "front    ↑9 B/s", "side", "gate-2",
    ]  # fmt: skip


def test_many_instances_are_folded_until_they_are_asked_for() -> None:
    def drawn(count: int, unfolded: set[str], rates: Rates | None = None) -> list[str]:
        nodes = [net("a", "front"), *(guest(str(n), f"w{n}") for n in range(count - 1)),
                 guest("x", "broken", "SHUTOFF≠running", "bad")]  # fmt: skip
        topology = Topology(
            {node.id: node for node in nodes},
            [Edge(node.id, "a", f"tap{node.id}") for node in nodes[1:]],
        )
        return [f"{line.key} {line.text}" for line in draw(topology, unfolded, rates)]

    folded = drawn(MANY + 1, set())
    assert sum(line.startswith("instance") for line in folded) == FEW
    assert folded[-1].startswith("fold:a")
    assert f"{MANY + 1 - FEW} more" in folded[-1]
    assert "1 SHUTOFF≠running" in folded[-1]
    assert drawn(MANY + 1, set(), {"tapx": (2048.0, 0.0)})[-1].endswith("unfolds  ↓2.0 KiB/s")
    assert sum(line.startswith("instance") for line in drawn(MANY + 1, {"a"})) == MANY + 1
    assert sum(line.startswith("instance") for line in drawn(LARGE + 1, set())) == FEWER


def test_a_name_is_never_read_as_markup_or_steers() -> None:
    nodes = [net("a", "[red]front[/]"), guest("1", "한글 서버")]
    assert picture(nodes, [Edge("1", "a", "tap1", ("10.0.0.5",))]) == [
        " ┬── [red]front[/]",
        " ●── 한글 서버  ACTIVE  10.0.0.5",
    ]
