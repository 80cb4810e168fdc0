"""What a panel asks of the application around it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.errors import QuarterdeckError
    from console.screens.panel import Panel


class Desk(Protocol):
    """The application, as panels know it."""

    cloud: Cloud | None
    # Whether all projects are shown (only to the cloud's admin), or the caller's.
    everyone: bool
    libvirt_down: bool
    # The ids of what an operation is at work on.
    busy: frozenset[str]

    @property
    def writes(self) -> bool:
        """Whether the caller may change anything."""
        ...

    def say(self, text: str, tone: str = "") -> None:
        """Show a line as the last outcome."""
        ...

    def tell(self, error: QuarterdeckError) -> None:
        """Show an error as one line with its code."""
        ...

    def drill(self, panel: Panel) -> None:
        """Open a panel on top of the current one; escape comes back."""
        ...

    def go(self, slug: str) -> None:
        """Show a panel by its name."""
        ...

    def ask(
        self, label: str, value: str, done: Callable[[str], None], suggested: bool = False
    ) -> None:
        """Ask for one line of text; a `suggested` value may be left as it is."""
        ...

    def ask_form(self, kind: str, chosen: Mapping[str, str] | None = None) -> None:
        """Open the form that creates a thing, and do what it asks for.

        `chosen` are values of its fields, as the panel in front implies them.
        """
        ...

    def perform(
        self, title: str, verb: Callable[[Cloud], object], *, dangerous: bool = False
    ) -> None:
        """Do a verb in a worker; a dangerous one shows its plan and asks first."""
        ...

    def enter(self, project: str) -> None:
        """Work in another project from now on."""
        ...

    def panel_changed(self) -> None:
        """The panel shows something else in its title."""
        ...
