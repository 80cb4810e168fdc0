"""One thing in full: described, as YAML, or what its guest wrote."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from rich.cells import cell_len

from console.actions import REGISTRY, Action
from console.screens.lines_panel import LinesPanel
from console.widgets import words
from console.widgets.cells import fit
from console.widgets.lines import TextLine, plain_line

if TYPE_CHECKING:
    from sqlmodel import SQLModel

    from backends.cloud import Cloud

_LOG_LINES = 5000
# What a terminal would obey (ECMA-48 control sequences), and controls but for tab and newline.
_CONTROLS = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])|[\x00-\x08\x0b-\x1f\x7f]"
)
# Cells that labels take: at least, and at most.
_LABEL, _WIDEST = 18, 36
# Fields that nobody is shown.
_SECRET = re.compile("password|key_hash")


class TextPanel(LinesPanel):
    """Text about one thing."""

    heading = "Text"
    verb: ClassVar[str] = ""

    def __init__(self, noun: str, id_: str, name: str) -> None:
        super().__init__()
        self.noun = noun
        self.id_ = id_
        self.name_ = name

    @property
    def crumb(self) -> str:
        """Whose it is, and what is shown of it."""
        return f"{self.name_} › {self.verb}"

    @property
    def summary(self) -> str:
        """How many lines."""
        found = f" · /{self._filter}" if self._filter else ""
        return f"{len(self.text.lines):,} lines{found}"

    @classmethod
    def actions(cls) -> tuple[Action, ...]:
        """It is described already."""
        return tuple(REGISTRY[name] for name in ("view.refresh", "view.copy"))

    def ids(self) -> list[str]:
        """The one thing."""
        return [self.id_]

    def show(self, found: Any) -> None:
        """Show the lines."""
        self.text.update(found)


class Describe(TextPanel):
    """A thing's record and what is on the machine of it."""

    verb = "describe"
    topics = frozenset({"records", "domains", "switch"})

    def load(self, cloud: Cloud) -> Any:
        """Its sections, as lines."""
        from console.screens.sections import sections

        return list(as_lines(sections(cloud, self.noun, self.id_)))


class Yaml(TextPanel):
    """A thing's record as YAML."""

    verb = "yaml"

    def load(self, cloud: Cloud) -> Any:
        """The record's fields."""
        import yaml

        record = record_of(cloud, self.noun, self.id_)
        text = yaml.safe_dump(fields(record), allow_unicode=True, sort_keys=False, width=120)
        return [plain_line(line) for line in text.splitlines()]


class Log(TextPanel):
    """What a guest wrote to its serial line, without what would command a terminal."""

    verb = "console log"
    topics = frozenset({"domains"})

    def on_mount(self) -> None:
        """The log grows without an event: look once a second while it is in front."""
        self.set_interval(1.0, self.reload)

    def load(self, cloud: Cloud) -> Any:
        """The last lines."""
        text = cloud.instances.console_log(self.id_, lines=_LOG_LINES)
        plain = _CONTROLS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
        return [plain_line(line.expandtabs()) for line in plain.splitlines()]

    def show(self, found: Any) -> None:
        """Follow its end, unless one has scrolled back."""
        first = not self.text.lines
        self.text.update(found, end=True)
        if first:
            self.call_after_refresh(self.text.action_jump, -1)


def fields(record: SQLModel) -> dict[str, Any]:
    """A record's fields as plain values, without secrets."""
    values = record.model_dump(mode="json")
    names = [name for name in type(record).model_fields if not _SECRET.search(name)]
    return {name: values[name] for name in names if name in values}


def record_of(cloud: Cloud, noun: str, id_: str) -> Any:
    """The record of a thing. Raises NotFound."""
    show: dict[str, Callable[[], Any]] = {
        "project": lambda: cloud.identity.project(id_),
        "user": lambda: cloud.identity.user(id_),
        "instance": lambda: cloud.instances.show(id_),
        "volume": lambda: cloud.volumes.show(id_).volume,
        "snapshot": lambda: cloud.snapshots.show(id_).snapshot,
        "backup": lambda: cloud.backups.show(id_).backup,
        "volume_group": lambda: cloud.volume_groups.show(id_).group,
        "group_snapshot": lambda: cloud.volume_groups.show_snapshot(id_).snapshot,
        "transfer": lambda: cloud.transfers.show(id_),
        "volume_qos": lambda: cloud.volume_types.qos_show(id_)[0],
        "pool": lambda: cloud.pools.show(id_).pool,
        "volume_type": lambda: cloud.volume_types.show(id_),
        "image": lambda: cloud.images.show(id_),
        "network": lambda: cloud.networks.show(id_),
        "port": lambda: cloud.ports.show(id_).port,
        "flavor": lambda: cloud.flavors.show(id_),
        "keypair": lambda: cloud.keypairs.show(id_),
        "host": lambda: cloud.hosts.show(id_).row,
        "router": lambda: cloud.routers.show(id_).router,
        "floating_ip": lambda: cloud.floating_ips.show(id_),
        "security_group": lambda: cloud.security_groups.show(id_),
        "rule": lambda: cloud.security_groups.rule(id_),
        "subnet_pool": lambda: cloud.subnet_pools.show(id_),
        "qos": lambda: cloud.qos.show(id_).policy,
        "trunk": lambda: cloud.trunks.show(id_).trunk,
        "address_group": lambda: cloud.address_groups.show(id_),
        "subnet": lambda: cloud.networks.subnet(id_),
        "operation": lambda: cloud.operations.show(id_)[0],
    }
    return show[noun]()


# What people look for first, in this order; the rest follows as it is recorded, times last.
_FIRST = ("name", "address", "id", "description", "status", "power", "outcome", "project_id")
# What only the work on the record needs.
_HIDDEN = frozenset(
    {"absent", "made", "position", "made_for_device", "source", "user_data", "flavor_id"}
)
_OF_GIB = frozenset({"Volume", "VolumeSnapshot", "VolumeBackup"})
_UNITS = {"ram": "MiB", "disk": "GiB", "min_ram": "MiB", "min_disk": "GiB", "mtu": "bytes"}


def labelled(record: SQLModel, names: Mapping[str, str] | None = None) -> Iterable[tuple[str, str]]:
    """A record's fields as words: what identifies it first. `names` are of what ids refer to."""
    found = fields(record)
    order = [*(key for key in _FIRST if key in found), *sorted(found, key=_is_time)]
    for key in dict.fromkeys(order):
        value = found[key]
        if key in _HIDDEN or value is None or value == "" or value == [] or value == {}:
            continue
        name = (names or {}).get(str(value), "") if key.endswith("_id") else ""
        text = f"{name}  ({value})" if name else _word(record, key, value)
        yield key.removesuffix("_id" if name else "").removesuffix("_at").replace("_", " "), text


def _is_time(key: str) -> bool:
    return key.endswith("_at") or key == "deadline"


def _word(record: SQLModel, key: str, value: Any) -> str:
    if key in _UNITS:
        return f"{value} {_UNITS[key]}"
    if key == "size" and type(record).__name__ in _OF_GIB:
        return f"{value} GiB"
    if key.endswith("_at") and isinstance(value, float):
        return f"{words.clock(value)} ({_ago(value)})"
    if key == "deadline":
        return words.clock(float(value))
    if key in ("size", "virtual_size", "stored") and isinstance(value, int):
        return f"{words.size(value)} ({value:,} bytes)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name}={each}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_word(record, "", each) for each in value)
    return str(value)


def _ago(at: float) -> str:
    said = words.age(at)
    return said if said == "now" else f"{said} ago"


def as_lines(found: Iterable[tuple[str, Sequence[tuple[str, str, str]]]]) -> Iterable[TextLine]:
    """Sections as lines: titles, and labels with what is said."""
    for title, rows in found:
        yield plain_line("")
        yield plain_line(f" {title}", "strong")
        # Names stand here too, which are longer than the words for fields.
        width = min(_WIDEST, max([_LABEL, *(cell_len(label) for label, _, _ in rows)]))
        for label, text, tone in rows:
            first, *rest = text.splitlines() or [""]
            yield TextLine(((f"   {fit(label, width)} ", "dim"), (first, tone)))
            for more in rest:
                yield TextLine(((" " * (width + 4), ""), (more, tone)))
