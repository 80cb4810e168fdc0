"""Projects and how much of their quota they use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.records.identity import Project


class Item(NamedTuple):
    """A project with its quota: by resource (limit, in use)."""

    project: Project
    quota: dict[str, tuple[int, int]]


def _use(resource: str) -> Callable[[Item], str]:
    def text(item: Item) -> str:
        limit, used = item.quota[resource]
        return f"{used}/{'∞' if limit < 0 else limit}"

    return text


def _tone(resource: str) -> Callable[[Item], str]:
    def tone(item: Item) -> str:
        limit, used = item.quota[resource]
        if limit < 0 or not used or used < limit * 0.8:
            return ""
        return "bad" if used >= limit else "warn"

    return tone


def _used(resource: str) -> Callable[[Item], int]:
    return lambda item: item.quota[resource][1]


def _column(resource: str, title: str, width: int, letter: str = "") -> Column:
    return Column(
        resource, title, _use(resource), width, width + 4, letter, _tone(resource), _used(resource)
    )


class Projects(TablePanel):
    """The projects the caller may see."""

    slug = "projects"
    heading = "Projects"
    kinds = ("project",)
    noun = "project"
    columns = (
        Column("name", "NAME", lambda i: i.project.name, 14, 32, "N"),
        _column("instances", "INST", 6, "I"),
        _column("cores", "VCPU", 6, "C"),
        _column("ram", "RAM MiB", 10, "R"),
        _column("volumes", "VOL", 6, "V"),
        _column("gigabytes", "GiB", 7, "B"),
        _column("networks", "NET", 6),
        _column("ports", "PORTS", 6),
        Column(
            "age",
            "AGE",
            lambda i: words.age(i.project.created_at),
            4,
            5,
            "A",
            order=lambda i: -i.project.created_at,
            right=True,
        ),
        Column("description", "DESCRIPTION", lambda i: i.project.description, 12, 60, "D"),
    )

    def key(self, item: Item) -> str:
        """The project's id."""
        return item.project.id

    def title(self, item: Item) -> str:
        """The project's name."""
        return item.project.name

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """Each project, its use counted now."""
        return [Item(each, cloud.quotas.show(each.id)) for each in cloud.identity.projects()]

    def open(self, item: Item) -> None:
        """Work in this project, and look at its instances."""
        self.desk.enter(item.project.id)

    def rename(self) -> None:
        """Ask for another name."""
        if self.item is None:
            return
        project = self.item.project

        def done(name: str) -> None:
            self.desk.perform(
                f"Rename {project.name}", lambda c: c.identity.set_project(project.id, name=name)
            )

        self.desk.ask(f"name of {project.name}", project.name, done)
