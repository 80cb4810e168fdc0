"""What every step has in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

# Called with the done share (0 to 1) of a long step; may raise Cancelled.
Progress = Callable[[float], None]


class Step(Protocol):
    """The smallest change of the machine: a frozen value that can be printed and compared.

    Applying it twice is the same as applying it once.
    """

    @property
    def text(self) -> str:
        """One line for a person: what will be done, to what."""
        ...


class Driver(Protocol):
    """One real system: applies the steps that are declared beside it."""

    @property
    def handles(self) -> tuple[type, ...]:
        """The kinds of step it applies."""
        ...

    def apply(self, step: Step, progress: Progress) -> None:
        """Do it. Raises MachineFailed with a code; idempotent."""
        ...
