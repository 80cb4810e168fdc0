"""The topology, drawn with characters or as text that other programs draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

from console.commands.command import ALL_PROJECTS, PROJECT, Command, arg
from console.commands.job import Job
from console.commands.output import Text

if TYPE_CHECKING:
    from backends.inspect.topology import Topology

FORMATS = ("text", "mermaid", "dot", "svg")


def show(job: Job) -> Text:
    args = job.args
    found = job.cloud.topology.show(all_projects=args.all_projects)
    return Text(drawn(found, args.drawing, whole=args.whole))


def drawn(found: Topology, form: str, *, whole: bool = True) -> str:
    """The topology in one of `FORMATS`; `whole` unfolds networks of many instances."""
    if form == "text":
        from console.commands.table import printable
        from console.widgets.rails import draw

        lines = draw(found, found.nodes if whole else ())
        return "".join(f"{printable(line.text.rstrip())}\n" for line in lines)
    from backends.inspect import topology_export

    text: str = getattr(topology_export, form)(found)
    return text


COMMANDS = (
    Command(
        "topology", show, "Draw networks, routers and instances.",
        (arg("-f", "--format", dest="drawing", choices=FORMATS, default="text", metavar="FORMAT",
             help=f"{', '.join(FORMATS)} (text)"),
         arg("--whole", action="store_true", help="networks of many instances unfolded"),
         ALL_PROJECTS, PROJECT),
        "topology -f svg",
    ),
)  # fmt: skip
