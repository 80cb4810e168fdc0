"""A topology in characters: networks and routers are rails that run down, and what belongs to them
hangs on them. Pure.

 ║── public  MTU 1500  external
 ╙──◆── lighthouse  203.0.113.2  SNAT
    ├──┬── front  MTU 1500
    │  │   10.0.0.0/24  gateway 10.0.0.1
    │  ●── web-1  ACTIVE  10.0.0.5  ⇄ 203.0.113.3
    └──│──┬── back  MTU 1500
       ●──●── db-1  ACTIVE  10.0.0.6, 10.1.0.5
       ●──◉── tap-1  ACTIVE  10.0.0.7, 10.1.0.7 VLAN 100
          ●── db-2  SHUTOFF  10.1.0.6

A ring is a trunk's subport: the instance is on that network by the VLAN that is said. What is
hollow is off: the instance, its port, or the trunk.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from backends.inspect.topology import INSTANCE, NETWORK, ROUTER, Edge, Node, Topology
from console.widgets import words
from console.widgets.textline import TextLine

# A network with more instances than this is folded to its first few; to fewer in a large cloud.
MANY, FEW = 12, 8
LARGE, FEWER = 120, 3
_RAILS = {NETWORK: "│", ROUTER: "│"}
_OUTER = "║"
_DOT, _OFF, _GATE, _CROSS = "●", "○", "◆", "┼"
_TRUNK, _TRUNK_OFF = "◉", "◎"
_GAP = "  "
# Bytes a second below which nothing is said to flow.
FLOWS = 1.0

Span = tuple[str, str]
Rates = Mapping[str, tuple[float, float]]


def draw(
    topology: Topology,
    unfolded: Collection[str] = (),
    rates: Rates | None = None,
    busy: Collection[str] = (),
) -> list[TextLine]:
    """The lines. Each has the key `network:ID`, `router:ID`, `instance:ID` or `fold:ID`.

    `rates` are bytes a second by interface, to and from its device; a router's line tells those of
    its way out, a network's those of the routers on it. `busy` are the ids of what an operation is
    at work on, which is no drift.
    """
    return list(_Drawing(topology, unfolded, rates or {}, busy).lines())


class _Order:
    """What comes after what, under what instances hang, and where each rail ends."""

    def __init__(self, topology: Topology) -> None:
        self.on: dict[str, list[Edge]] = defaultdict(list)
        self.near: dict[str, list[str]] = defaultdict(list)
        for edge in topology.edges:
            self.on[edge.device].append(edge)
            if topology.nodes[edge.device].kind == ROUTER:
                self.near[edge.device].append(edge.network)
                self.near[edge.network].append(edge.device)
        # In the order of their names, each once: a router may be on a network twice.
        named = {id_: number for number, id_ in enumerate(topology.nodes)}
        for id_, others in self.near.items():
            self.near[id_] = sorted(set(others), key=named.__getitem__)
        self.nodes = list(self._sorted(topology))
        self.place = {node.id: number for number, node in enumerate(self.nodes)}
        self.under: dict[str, list[Node]] = defaultdict(list)
        self.last: dict[str, str] = {}
        for node in self.nodes:
            for other in self.near[node.id]:
                if self.place[other] < self.place[node.id]:
                    self._reaches(other, node.id)
        for guest in topology.of_kind(INSTANCE):
            on = [edge.network for edge in self.on[guest.id]]
            # An instance is drawn once the last of its networks is there to hang it on.
            under = max(on, key=self.place.__getitem__, default="")
            self.under[under].append(guest)
            for network in on:
                self._reaches(network, under)

    def _reaches(self, rail: str, node: str) -> None:
        before = self.last.get(rail)
        if before is None or self.place[node] > self.place[before]:
            self.last[rail] = node

    def _sorted(self, topology: Topology) -> Iterator[Node]:
        """From the outside in: a router after its way out, a network after its last router."""
        done: set[str] = set()
        nodes = topology.nodes

        def router(id_: str) -> Iterator[Node]:
            if id_ not in done:
                done.add(id_)
                yield nodes[id_]
                for network in self.near[id_]:
                    if network not in done and done.issuperset(self.near[network]):
                        done.add(network)
                        yield nodes[network]

        for node in topology.of_kind(NETWORK):
            if node.external:
                done.add(node.id)
                yield node
                for id_ in self.near[node.id]:
                    yield from router(id_)
        for node in topology.of_kind(ROUTER):
            yield from router(node.id)
        for node in topology.of_kind(NETWORK):
            if node.id not in done:
                yield node


class _Drawing:
    def __init__(
        self, topology: Topology, unfolded: Collection[str], rates: Rates, busy: Collection[str]
    ) -> None:
        self._topology = topology
        self._unfolded = unfolded
        self._rates = rates
        self._busy = busy
        self._order = _Order(topology)
        large = len(topology.of_kind(INSTANCE)) > LARGE
        self._many, self._few = (FEWER + 1, FEWER) if large else (MANY, FEW)
        self._rails: list[str | None] = []

    def lines(self) -> Iterator[TextLine]:
        order = self._order
        for node in order.nodes:
            yield self._head(node)
            self._end(node, order.near[node.id])
            yield from (self._note(node, note) for note in node.notes)
            if node.kind == NETWORK:
                yield from self._guests(node)
            self._end(node, [rail for rail in self._rails if rail])
        if loose := order.under[""]:
            yield TextLine((("", ""),))
            yield TextLine(((" on no network", "dim"),))
            yield from (self._guest(guest) for guest in loose)

    def _end(self, node: Node, rails: Sequence[str]) -> None:
        """These rails end here, where nothing hangs on them any more."""
        for slot, rail in enumerate(self._rails):
            if rail in rails and rail is not None and self._order.last.get(rail, rail) == node.id:
                self._rails[slot] = None
        while self._rails and self._rails[-1] is None:
            self._rails.pop()

    def _head(self, node: Node) -> TextLine:
        parents = {slot for slot, rail in enumerate(self._rails) if rail in self._near(node)}
        least = max(parents, default=-1) + 1
        if not parents and any(rail and self._leads(rail) for rail in self._rails):
            # What hangs on nothing is not to look as if it hung on a router.
            least = len(self._rails)
        free = (n for n in range(least, len(self._rails)) if self._rails[n] is None)
        slot = next(free, max(least, len(self._rails)))
        self._rails += [None] * (slot + 1 - len(self._rails))
        self._rails[slot] = node.id
        spans: list[Span] = [(" ", "")]
        hung = False
        for place, rail in enumerate(self._rails):
            if place == slot:
                spans.append((self._mark(node), node.tone if node.kind == ROUTER else ""))
                hung = True
            elif place in parents:
                assert rail is not None
                spans.append((self._joint(rail, node, first=not hung), ""))
                hung = True
            else:
                spans.append((self._glyph(rail, crossed=hung), ""))
            spans.append(("──" if hung else _GAP, ""))
        differs = node.differs and node.id not in self._busy
        spans += [
            (f" {node.name}", "strong"),
            (f"  {self._said(node)}", "dim"),
            (self._passing(node), "good"),
            ("  ≠ drift" if differs else "", "bad"),
        ]
        return TextLine(tuple(span for span in spans if span[0]), f"{node.kind}:{node.id}")

    def _leads(self, rail: str) -> bool:
        node = self._topology.nodes[rail]
        return node.kind == ROUTER or node.external

    def _near(self, node: Node) -> list[str]:
        return self._order.near[node.id]

    def _mark(self, node: Node) -> str:
        if node.kind == ROUTER:
            return _GATE
        used = node.id in self._order.last
        return (_OUTER if node.external else "┬") if used else "╌"

    def _joint(self, rail: str, node: Node, *, first: bool) -> str:
        ends = self._order.last.get(rail) == node.id
        if self._topology.nodes[rail].external:
            return ("╙" if ends else "╟") if first else ("╨" if ends else "╫")
        return ("└" if ends else "├") if first else ("┴" if ends else "╋")

    def _glyph(self, rail: str | None, *, crossed: bool) -> str:
        if rail is None:
            return "─" if crossed else " "
        if crossed:
            return _CROSS
        node = self._topology.nodes[rail]
        return _OUTER if node.external else _RAILS[node.kind]

    def _said(self, node: Node) -> str:
        if node.kind != ROUTER:
            return node.status
        out = [edge for edge in self._order.on[node.id] if edge.outside]
        found = [address for edge in out for address in edge.addresses]
        return "  ".join(word for word in (", ".join(found), node.status) if word)

    def _plain(self) -> str:
        return "".join(self._glyph(rail, crossed=False) + _GAP for rail in self._rails)

    def _note(self, node: Node, note: str) -> TextLine:
        return TextLine(((f" {self._plain()} ", ""), (note, "dim")), f"{node.kind}:{node.id}")

    def _guests(self, node: Node) -> Iterator[TextLine]:
        guests = self._order.under[node.id]
        folded = len(guests) > self._many and node.id not in self._unfolded
        shown = guests[: self._few] if folded else guests
        yield from (self._guest(guest) for guest in shown)
        if len(guests) > self._many:
            hidden = guests[len(shown) :]
            text = (
                f"… {len(hidden)} more: {_tally(hidden)}; enter unfolds"
                if hidden
                else "enter folds"
            )
            bad = any(guest.tone == "bad" for guest in hidden)
            flow = self._flowing(edge for guest in hidden for edge in self._order.on[guest.id])
            spans = ((f" {self._plain()} ", ""), (text, "bad" if bad else "dim"), (flow, "good"))
            yield TextLine(tuple(span for span in spans if span[0]), f"fold:{node.id}")

    def _guest(self, guest: Node) -> TextLine:
        # What is on counts for more, and a port of its own for more than a trunk's.
        ports = sorted(self._order.on[guest.id], key=lambda each: (not each.off, not each.vlan))
        edges = {edge.network: edge for edge in ports}
        busy = guest.id in self._busy and guest.differs
        tone = "warn" if busy else guest.tone
        spans: list[Span] = [(" ", "")]
        hung = False
        for rail in self._rails:
            if rail in edges:
                edge = edges[rail]
                spans += [(_joint(edge, tone), "dim" if edge.off else tone), ("──", "")]
                hung = True
            else:
                spans.append((self._glyph(rail, crossed=hung) + ("──" if hung else _GAP), ""))
        status = guest.status.replace("≠", "→") if busy else guest.status
        spans += [(f" {guest.name}  ", ""), (status, tone)]
        addresses = ", ".join(edge.said for edge in self._order.on[guest.id] if edge.said)
        floating = ", ".join(a for edge in self._order.on[guest.id] for a in edge.floating)
        spans += [(f"  {addresses}", "dim"), (f"  ⇄ {floating}" if floating else "", "")]
        spans.append((self._flow(guest), "good"))
        return TextLine(tuple(span for span in spans if span[0]), f"instance:{guest.id}")

    def _flow(self, guest: Node) -> str:
        return self._flowing(self._order.on[guest.id])

    def _passing(self, node: Node) -> str:
        """What passes a router's way out, or between a network and the routers on it."""
        if node.kind == ROUTER:
            return self._flowing([edge for edge in self._order.on[node.id] if edge.outside])
        inside = (
            edge
            for router in self._order.near[node.id]
            for edge in self._order.on[router]
            if edge.network == node.id and not edge.outside
        )
        return self._flowing(inside, turned=True)

    def _flowing(self, edges: Iterable[Edge], *, turned: bool = False) -> str:
        """Their rates together: to the device and from it, or the other way round."""
        found = [self._rates.get(edge.interface, (0.0, 0.0)) for edge in edges]
        down, up = sum(each[0] for each in found), sum(each[1] for each in found)
        if turned:
            down, up = up, down
        if down < FLOWS and up < FLOWS:
            return ""
        said = [
            f"{sign}{words.size(rate)}/s"
            for sign, rate in (("↓", down), ("↑", up))
            if rate >= FLOWS
        ]
        return f"  {' '.join(said)}"


def _joint(edge: Edge, tone: str) -> str:
    """How an instance hangs on a network: a dot, or a ring by a trunk; hollow where that is off."""
    on, off = (_TRUNK, _TRUNK_OFF) if edge.vlan else (_DOT, _OFF)
    return off if edge.off or tone == "dim" else on


def _tally(guests: Sequence[Node]) -> str:
    """How many are in which state, the commonest first."""
    counted = Counter(guest.status for guest in guests).most_common(3)
    return ", ".join(f"{count} {status}" for status, count in counted)
