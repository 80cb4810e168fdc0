"""What a plan is: for each unit an ordered list of steps, and what stands in the way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from backends.drivers.step import Step
from backends.plan.names import readable
from backends.records.unit import Unit


@dataclass(frozen=True, slots=True)
class Problem:
    """A difference that no step may mend by itself, with a stable code and one line."""

    code: str
    text: str


@dataclass(frozen=True, slots=True)
class FollowGuest:
    """The guest shut itself down, which is its right: the record follows the machine."""

    instance_id: str

    @property
    def text(self) -> str:
        return f"note that {self.instance_id} was shut down by its guest"


@dataclass(frozen=True, slots=True)
class UnitPlan:
    """The steps of one unit.

    `removes` says that its record wants it gone; `settles` that the record has yet to learn what
    the machine is (made, imported, detached), also when no step is left; `final` that nothing is
    left to do once it has, so that nobody need look.
    """

    unit: Unit
    steps: tuple[Step, ...] = ()
    problems: tuple[Problem, ...] = ()
    removes: bool = False
    settles: bool = False
    final: bool = False

    def __bool__(self) -> bool:
        return bool(self.steps or self.problems or self.removes or self.settles)


@dataclass(frozen=True, slots=True)
class Plan:
    """Unit plans in the order they are to be applied. An empty plan is a cloud in order."""

    units: tuple[UnitPlan, ...] = ()
    # Names by id, for whoever shows the plan; no part of what is planned.
    names: Mapping[str, str] = field(default_factory=dict, compare=False, repr=False)

    def words(self, what: Step | Problem) -> str:
        """A step's or a problem's line as a person reads it: names instead of ids."""
        return readable(what.text, self.names)

    @property
    def steps(self) -> Iterator[Step]:
        """All steps in order."""
        return (step for unit in self.units for step in unit.steps)

    @property
    def problems(self) -> Iterator[Problem]:
        """All problems."""
        return (problem for unit in self.units for problem in unit.problems)

    def __bool__(self) -> bool:
        return any(self.units)


def together(plans: Iterable[Plan]) -> Plan:
    """Plans one after the other, as one."""
    units: list[UnitPlan] = []
    names: dict[str, str] = {}
    for plan in plans:
        units += plan.units
        names |= plan.names
    return Plan(tuple(units), names)
