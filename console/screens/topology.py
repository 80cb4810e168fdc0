"""Topology: external networks, routers, networks and what hangs on them, drawn with characters."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import ComposeResult

from backends.errors import Refused
from backends.inspect import rates
from backends.inspect.topology import INSTANCE, NETWORK, ROUTER, Node, Topology
from backends.settings import router_namespace
from console.beside import beside
from console.screens.panel import Panel
from console.widgets.lines import Lines, plain_line
from console.widgets.rails import FLOWS, draw

if TYPE_CHECKING:
    from textual.message import Message

    from backends.cloud import Cloud

_EMPTY = " no networks and no instances here; 6 and then c creates a network"
# How a file of the picture ends, and what is then written into it.
_ENDINGS = {".svg": "svg", ".mmd": "mermaid", ".dot": "dot", ".gv": "dot", ".txt": "text"}


class TopologyPanel(Panel):
    """Networks and routers as rails, instances on them. Enter opens, or unfolds."""

    slug = "topology"
    heading = "Topology"
    topics = frozenset({"records", "domains", "switch"})
    kinds = ("topology",)

    class Counted(Panel.Loaded):
        """The interfaces' counters (from a thread)."""

    def __init__(self) -> None:
        super().__init__()
        self.text = Lines(cursor=True)
        self._found = Topology()
        self._projects: dict[str, str] = {}
        self._zoom = ""
        self._unfolded: set[str] = set()
        self._filter = ""
        self._before = rates.Counters()
        self._rates: dict[str, tuple[float, float]] = {}
        self._counting = False

    def compose(self) -> ComposeResult:
        """Only the drawing."""
        yield self.text

    def load(self, cloud: Cloud) -> Any:
        """The topology and the projects' names."""
        projects = {each.id: each.name for each in cloud.identity.projects()}
        return cloud.topology.show(all_projects=self.desk.everyone), projects

    def show(self, found: Any) -> None:
        """Draw it."""
        self._found, self._projects = found
        self._draw()

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

    def filter(self, text: str) -> None:
        """Show where it matches."""
        self._filter = text
        hits = self.text.find(text)
        if text:
            self.desk.say(f"{hits} lines match", "" if hits else "warn")

    @property
    def filtered(self) -> str:
        """What is looked for."""
        return self._filter

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
            self.desk.tell(Refused("topology.format", f"{name!a} ends in none of {known}"))
            return
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(drawn(self.shown_part, form))
        except OSError as error:
            why = error.strerror or str(error)
            self.desk.tell(Refused("topology.file", f"{path}: {why}; give another name"))
            return
        self.desk.say(f"written to {path.absolute()}", "good")
