"""Topology: external networks, routers, networks and what hangs on them, drawn with characters."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult
from textual.message import Message
from textual.timer import Timer

from backends.errors import QuarterdeckError, Refused
from backends.inspect import rates
from backends.inspect.topology import INSTANCE, NETWORK, ROUTER, Node, Topology
from backends.settings import router_namespace
from console.beside import beside
from console.screens.lines_panel import LinesPanel
from console.screens.panel import Panel
from console.widgets.lines import Lines, TextLine, plain_line
from console.widgets.rails import FLOWS, draw

if TYPE_CHECKING:
    from backends.cloud import Cloud

_EMPTY = " no networks and no instances here; 6 and then c creates a network"
# How a file of the picture ends, and what is then written into it.
_ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".dot": "dot", ".gv": "dot", ".txt": "text"}


# From so many columns on there is room beside the picture, for what is under the cursor.
_WIDE = 140
# Seconds that the cursor rests before what is under it is looked up.
_REST = 0.2


class TopologyPanel(LinesPanel):
    """Networks and routers as rails, instances on them. Enter opens, or unfolds."""

    DEFAULT_CSS = """
    TopologyPanel { layout: horizontal; }
    TopologyPanel Lines { width: 1fr; }
    TopologyPanel .aside { width: 68; border-left: solid $border-blurred; display: none; }
    """
    slug = "topology"
    heading = "Topology"
    topics = frozenset({"records", "domains", "switch"})
    kinds = ("topology",)

    class Counted(Panel.Loaded):
        """The interfaces' counters (from a thread)."""

    class Told(Message):
        """What is said of the thing with a key (from a thread)."""

        def __init__(self, key: str, lines: list[TextLine]) -> None:
            super().__init__()
            self.key = key
            self.lines = lines

    def __init__(self) -> None:
        super().__init__(cursor=True)
        self.aside = Lines()
        self.aside.can_focus = False
        self.aside.add_class("aside")
        self._told = ""
        self._resting_on: Timer | None = None
        self._found = Topology()
        self._projects: dict[str, str] = {}
        self._zoom = ""
        self._unfolded: set[str] = set()
        self._before = rates.Counters()
        self._rates: dict[str, tuple[float, float]] = {}
        self._counting = False

    def compose(self) -> ComposeResult:
        """The drawing, and in a wide terminal what is under the cursor."""
        yield self.text
        yield self.aside

    def on_resize(self) -> None:
        """The room there is decides what is beside the drawing."""
        self.aside.styles.display = "block" if self.size.width >= _WIDE else "none"
        self._look()

    def on_lines_moved(self, message: Lines.Moved) -> None:
        """Another thing is under the cursor."""
        message.stop()
        self._look()

    def _look(self) -> None:
        """Tell of what is under the cursor, once it rests there."""
        if self._resting_on is not None:
            self._resting_on.stop()
        if self.aside.display and self.desk.cloud is not None and self._node is not None:
            self._resting_on = self.set_timer(_REST, self._ask)

    def _ask(self) -> None:
        node, cloud = self._node, self.desk.cloud
        if node is not None and cloud is not None:
            beside(self, partial(self._tell_of, cloud, node, self.text.key))

    def _tell_of(self, cloud: Cloud, node: Node, key: str) -> Message:
        from console.screens.describe import as_lines
        from console.screens.sections import sections

        try:
            return self.Told(key, list(as_lines(sections(cloud, node.kind, node.id))))
        except QuarterdeckError as error:
            return self.Told(key, [plain_line(f" {error}", "bad")])

    def on_topology_panel_told(self, message: Told) -> None:
        """Show it, unless the cursor went on meanwhile."""
        message.stop()
        if message.key == self.text.key:
            if message.key != self._told:
                self.aside.action_jump(0)
            self._told = message.key
            self.aside.update(message.lines)

    def load(self, cloud: Cloud) -> Any:
        """The topology and the projects' names."""
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return cloud.topology.show(all_projects=self.desk.everyone), projects

    def show(self, found: Any) -> None:
        """Draw it."""
        self._found, self._projects = found
        self._draw()
        self._look()

    @property
    def shown_part(self) -> Topology:
        """What is in view: all, or what the zoom leaves."""
        return self._found.of_project(self._zoom) if self._zoom else self._found

    def _draw(self) -> None:
        part = self.shown_part
        lines = draw(part, self._unfolded, self._rates, self.desk.busy)
        self.text.update(lines or [plain_line(_EMPTY, "dim")])

    def second(self) -> None:
        """Count what passes, in front only."""
        if not self._counting and self._found.edges:
            self._counting = True
            beside(self, self._count)

    def _count(self) -> Message:
        routers = (router_namespace(node.id) for node in self._found.of_kind(ROUTER))
        return self.Counted(0.0, rates.read(routers), None)

    def on_topology_panel_counted(self, message: Counted) -> None:
        """Rates since the last count; where nothing flows, nothing is drawn."""
        message.stop()
        self._counting = False
        found = message.found.rates(self._before)
        flowing = {name: each for name, each in found.items() if max(each) >= FLOWS}
        self._before = message.found
        if flowing != self._rates:
            self._rates = flowing
            self._draw()

    def ids(self) -> list[str]:
        """The id of what the line under the cursor is."""
        return [self.text.key.partition(":")[2]] if self.text.key else []

    @property
    def summary(self) -> str:
        """How many of each, and which project is in view."""
        part = self.shown_part
        counts = ((len(part.of_kind(kind)), kind) for kind in (NETWORK, ROUTER, INSTANCE))
        said = [f"{count:,} {kind}{'' if count == 1 else 's'}" for count, kind in counts]
        if drift := sum(node.differs for node in part.nodes.values()):
            said.append(f"{drift} differ")
        if self._zoom:
            said.append(f"project {self._projects.get(self._zoom, self._zoom)}")
        return " · ".join(said)

    def on_lines_opened(self, message: Lines.Opened) -> None:
        """Enter describes what the line is; a fold is turned."""
        message.stop()
        kind, _, id_ = message.key.partition(":")
        if kind == "fold":
            self._unfolded ^= {id_}
            self._draw()
        else:
            self.describe()

    def describe(self) -> None:
        """All there is to know about the line's thing."""
        from console.screens.describe import Describe

        if (node := self._node) is not None:
            self.desk.drill(Describe(node.kind, node.id, node.name))

    def yaml(self) -> None:
        """Its record as YAML."""
        from console.screens.describe import Yaml

        if (node := self._node) is not None:
            self.desk.drill(Yaml(node.kind, node.id, node.name))

    @property
    def _node(self) -> Node | None:
        return self._found.nodes.get(self.text.key.partition(":")[2])

    def ports(self) -> None:
        """A network's ports, or a router's interfaces."""
        node = self._node
        if node is not None and node.kind == NETWORK:
            from console.screens.networks import Ports

            self.desk.drill(Ports(node.id, node.name))
        elif node is not None and node.kind == ROUTER:
            from console.screens.routers import Interfaces

            self.desk.drill(Interfaces(node.id, node.name))
        else:
            self.describe()

    def zoom(self) -> None:
        """The project of the line under the cursor alone; once more, all again."""
        owners = {node.project_id for node in self._found.nodes.values() if not node.external}
        if len(owners) < 2 and not self._zoom:
            more = "" if self.desk.everyone else "; 0 shows all projects"
            self.desk.say(f"there is one project in view{more}", "warn")
            return
        node = self._node
        if self._zoom:
            self._zoom = ""
        elif node is not None and not node.external:
            self._zoom = node.project_id
        else:
            self._zoom = min(owners, key=lambda id_: self._projects.get(id_, id_))
        self._draw()
        self.desk.panel_changed()

    def export(self) -> None:
        """Ask where the picture is to be written."""
        self.desk.ask(f"export to ({' '.join(_ENDINGS)})", "topology.svg", self._export, True)

    def _export(self, name: str) -> None:
        from console.commands.topology import drawn

        path = Path(name).expanduser()
        form = _ENDINGS.get(path.suffix.lower())
        if form is None:
            known = ", ".join(_ENDINGS)
            self.desk.tell(Refused("topology.format", f"{name!r} ends in none of {known}"))
            return
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(drawn(self.shown_part, form))
        except OSError as error:
            why = error.strerror or str(error)
            self.desk.tell(Refused("topology.file", f"{path}: {why}; give another name"))
            return
        self.desk.say(f"written to {path.absolute()}", "good")
