"""A topology as Mermaid, DOT and SVG. Pure text; names in it are data and are escaped."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from backends.inspect.topology import INSTANCE, NETWORK, ROUTER, Edge, Node, Topology

_COLOURS = {"good": "#2e7d32", "bad": "#c62828", "warn": "#b26a00", "dim": "#777777"}
_PLAIN = "#37474f"


def _labels(topology: Topology) -> Iterator[tuple[str, Node, list[str]]]:
    """A short key for each node, and the lines that say what it is."""
    for number, node in enumerate(topology.nodes.values()):
        yield (
            f"n{number}",
            node,
            [node.name, *(each for each in (node.status, *node.notes) if each)],
        )


def _edge_words(edge: Edge) -> str:
    floating = f" ⇄ {', '.join(edge.floating)}" if edge.floating else ""
    return edge.said + floating


# Mermaid (https://mermaid.js.org/syntax/flowchart.html)

_SHAPES = {NETWORK: ('(["', '"])'), ROUTER: ('{{"', '"}}'), INSTANCE: ('["', '"]')}


def mermaid(topology: Topology) -> str:
    """A flowchart from the outside to the instances."""
    lines, keys = ["flowchart TB"], {}
    for key, node, said in _labels(topology):
        keys[node.id] = key
        begin, end = _SHAPES[node.kind]
        text = "<br/>".join(_mermaid_text(line) for line in said)
        lines.append(f"  {key}{begin}{text}{end}:::{_class(node)}")
    for edge in topology.edges:
        ends = (edge.network, edge.device)
        if edge.device in topology.nodes and topology.nodes[edge.device].kind == ROUTER:
            ends = ends if edge.outside else (edge.device, edge.network)
        words = _mermaid_text(_edge_words(edge)) or " "
        lines.append(f'  {keys[ends[0]]} ---|"{words}"| {keys[ends[1]]}')
    for tone, colour in (*_COLOURS.items(), ("plain", _PLAIN)):
        lines.append(f"  classDef {tone} stroke:{colour},stroke-width:2px")
    return "\n".join(lines) + "\n"


def _mermaid_text(text: str) -> str:
    # Mermaid's own entities (#35;), so that nothing in a name is read as its syntax.
    plain = (sign if sign.isprintable() else " " for sign in text)
    return "".join(f"#{ord(sign)};" if sign in '"#<>&;|`\\' else sign for sign in plain)


def _class(node: Node) -> str:
    return node.tone or "plain"


# DOT (https://graphviz.org/doc/info/lang.html)


def dot(topology: Topology) -> str:
    """An undirected graph for Graphviz."""
    shapes = {NETWORK: "ellipse", ROUTER: "diamond", INSTANCE: "box"}
    lines = ["graph topology {", '  node [fontname="sans-serif"]; rankdir=TB;']
    keys = {}
    for key, node, said in _labels(topology):
        keys[node.id] = key
        colour = _COLOURS.get(node.tone, _PLAIN)
        label = "\\n".join(_dot_text(line) for line in said)
        lines.append(f'  {key} [label="{label}" shape={shapes[node.kind]} color="{colour}"];')
    for edge in topology.edges:
        label = _dot_text(_edge_words(edge))
        lines.append(f'  {keys[edge.network]} -- {keys[edge.device]} [label="{label}"];')
    return "\n".join([*lines, "}"]) + "\n"


def _dot_text(text: str) -> str:
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain.replace("\\", "\\\\").replace('"', '\\"')


# SVG (https://www.w3.org/TR/SVG11/)

_WIDTH, _HEIGHT, _GAP, _ACROSS = 190, 46, 20, 4


class _Box(NamedTuple):
    x: int
    y: int
    width: int
    height: int

    @property
    def top(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y

    @property
    def bottom(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height


def svg(topology: Topology) -> str:
    """A drawing: external networks, routers, networks, and each network's instances beneath it."""
    boxes = _layout(topology)
    width = max((box.x + box.width for box in boxes.values()), default=0) + _GAP
    height = max((box.y + box.height for box in boxes.values()), default=0) + _GAP
    root = ElementTree.Element(
        "svg", xmlns="http://www.w3.org/2000/svg", width=str(width), height=str(height),
        viewBox=f"0 0 {width} {height}",
    )  # fmt: skip
    root.set("font-family", "sans-serif")
    root.set("font-size", "12")
    for edge in topology.edges:
        _line(root, *sorted((boxes[edge.network], boxes[edge.device]), key=lambda box: box.y))
    words: dict[str, list[str]] = defaultdict(list)
    for edge in topology.edges:
        words[edge.device].append(_edge_words(edge))
    for node in topology.nodes.values():
        notes = [node.status, *node.notes] if node.kind == NETWORK else [
            "  ".join(word for word in (node.status, *words[node.id]) if word)
        ]  # fmt: skip
        _box(root, node, boxes[node.id], [note for note in notes if note])
    return ElementTree.tostring(root, encoding="unicode") + "\n"


def _layout(topology: Topology) -> dict[str, _Box]:
    networks = [node for node in topology.of_kind(NETWORK) if not node.external]
    outside = [node for node in topology.of_kind(NETWORK) if node.external]
    under: dict[str, list[str]] = defaultdict(list)
    placed: set[str] = set()
    inner = {node.id for node in networks}
    guests = {node.id for node in topology.of_kind(INSTANCE)}
    for edge in topology.edges:
        if edge.device in guests and edge.network in inner and edge.device not in placed:
            under[edge.network].append(edge.device)
            placed.add(edge.device)
    # What hangs on no network of its own stands in a column of its own.
    under[""] = [id_ for id_ in guests if id_ not in placed]
    boxes: dict[str, _Box] = {}
    lane = _HEIGHT + 3 * _GAP
    top = _GAP + lane * (bool(outside) + bool(topology.of_kind(ROUTER)))
    x = _GAP
    for id_ in [*(node.id for node in networks), ""]:
        held = under[id_]
        if not id_ and not held:
            continue
        across = max(1, min(_ACROSS, len(held)))
        width = across * (_WIDTH + _GAP) - _GAP
        if id_:
            boxes[id_] = _Box(x, top, width, _HEIGHT)
        for place, guest in enumerate(held):
            column, row = place % across, place // across
            boxes[guest] = _Box(
                x + column * (_WIDTH + _GAP), top + lane + row * (_HEIGHT + _GAP), _WIDTH, _HEIGHT
            )
        x += width + 2 * _GAP
    for row, nodes in enumerate((outside, topology.of_kind(ROUTER))):
        y = _GAP + lane * (row if outside else 0)
        for place, node in enumerate(nodes):
            boxes[node.id] = _Box(_GAP + place * (_WIDTH + 2 * _GAP), y, _WIDTH, _HEIGHT)
    return boxes


def _line(root: ElementTree.Element, upper: _Box, lower: _Box) -> None:
    (x1, y1), (x2, y2) = upper.bottom, lower.top
    # A wide network is met right above what hangs on it.
    x1 = min(max(x2, upper.x), upper.x + upper.width)
    x2 = min(max(x1, lower.x), lower.x + lower.width)
    ElementTree.SubElement(
        root, "line", x1=str(x1), y1=str(y1), x2=str(x2), y2=str(y2), stroke="#90a4ae"
    )


def _box(root: ElementTree.Element, node: Node, box: _Box, notes: list[str]) -> None:
    colour = _COLOURS.get(node.tone, _PLAIN)
    shape = ElementTree.SubElement(
        root, "rect", x=str(box.x), y=str(box.y), width=str(box.width), height=str(box.height),
        rx={NETWORK: "20", ROUTER: "10"}.get(node.kind, "3"), fill="#ffffff", stroke=colour,
    )  # fmt: skip
    shape.set("stroke-width", "2")
    if node.differs:
        shape.set("stroke-dasharray", "6 3")
    for number, text in enumerate((node.name, " · ".join(notes))):
        said = ElementTree.SubElement(
            root, "text", x=str(box.x + 12), y=str(box.y + 19 + 16 * number),
            fill="#000000" if number == 0 else colour,
        )  # fmt: skip
        said.text = _fit("".join(s if s.isprintable() else " " for s in text), box.width)
    title = ElementTree.SubElement(shape, "title")
    title.text = "\n".join(
        "".join(s if s.isprintable() else " " for s in line) for line in (node.name, *notes)
    )


def _fit(text: str, width: int) -> str:
    most = max(8, width // 7)
    return text if len(text) <= most else f"{text[: most - 1]}…"
