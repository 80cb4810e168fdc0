"""Drift: all that is not as it should be, and its repair."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from console.screens.table_panel import TablePanel
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.plan.orphans import Orphan
    from backends.plan.plan import Plan, UnitPlan
    from backends.records.unit import Unit


_OF_HOST = ("host", "firewall")


class Item(NamedTuple):
    """One difference. `unit` is None for an orphan, which no record wants; `id` is then its ref."""

    unit: Unit | None
    kind: str
    id: str
    name: str
    what: str
    code: str
    steps: int


class Drift(TablePanel):
    """Units whose plan is not empty, and labelled things without a record."""

    slug = "drift"
    heading = "Drift"
    kinds = ("drift",)
    noun = "drift"
    topics = frozenset({"records", "domains", "switch"})
    columns = (
        Column("kind", "KIND", lambda i: i.kind, 9, 10, "K"),
        Column("name", "NAME", lambda i: i.name, 16, 38, "N"),
        Column("steps", "STEPS", lambda i: str(i.steps), 5, 5, "S", order=lambda i: i.steps,
               right=True),
        Column("what", "WHAT IT TAKES", lambda i: i.what, 40, 120, "W",
               lambda i: "bad" if i.code else "warn"),
        Column("code", "CODE", lambda i: i.code, 20, 24, "C"),
    )  # fmt: skip

    def key(self, item: Item) -> str:
        """Kind and id."""
        return f"{item.kind}:{item.id}:{item.code}"

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """All differences, now."""
        found = cloud.drift.show()
        items = [item for unit in found.plan.units if unit for item in _of_unit(found.plan, unit)]
        items += [_of_orphan(each) for each in found.orphans]
        return items

    @property
    def summary(self) -> str:
        """How many differences."""
        return "" if not self.table.items else super().summary

    @property
    def nothing(self) -> str:
        """The best news."""
        return "all is as it should be"

    def describe(self) -> None:
        """Describe what differs: its record, or what is known of an orphan."""
        from console.screens.describe import Describe

        item = self.item
        if item is not None:
            noun = "orphan" if item.unit is None else item.kind
            self.desk.drill(Describe(noun, item.id, item.name))

    def yaml(self) -> None:
        """Its record as YAML."""
        from console.screens.describe import Yaml

        item = self.item
        if item is not None and item.unit is not None and item.kind not in _OF_HOST:
            self.desk.drill(Yaml(item.kind, item.id, item.name))

    def repair(self) -> None:
        """Converge what is selected, after its plan was seen."""
        units = list(dict.fromkeys(i.unit for i in self.table.selection if i.unit is not None))
        if not units:
            self._refuse("an orphan has no record to repair it from: adopt or remove it")
            return
        self.desk.perform(f"Repair {self.names()}", lambda c: c.drift.repair(units), dangerous=True)
        self.unmark()

    def repair_all(self) -> None:
        """Converge all that differs, after the plan was seen."""
        self.desk.perform("Repair all", lambda c: c.drift.repair(), dangerous=True)

    def adopt(self) -> None:
        """Make records again of the orphans selected, after the plan was seen."""
        refs = self._orphans()
        if refs:
            title = f"Adopt {self.names()}"
            self.desk.perform(title, lambda c: c.drift.adopt(refs), dangerous=True)
            self.unmark()

    def remove_orphan(self) -> None:
        """Take the orphans selected off the machine, after the steps were seen."""
        refs = self._orphans()
        if refs:
            title = f"Remove {self.names()}"
            self.desk.perform(title, lambda c: c.drift.remove_orphans(refs), dangerous=True)
            self.unmark()

    def forget(self) -> None:
        """Remove the records whose thing is lost, after the plan was seen."""
        units = [i.unit for i in self.table.selection if i.unit and i.code.endswith(".lost")]
        if not units:
            self._refuse("only what is lost is forgotten; r repairs what differs")
            return
        self.desk.perform(f"Forget {self.names()}", lambda c: c.drift.forget(units), dangerous=True)
        self.unmark()

    def _orphans(self) -> list[str]:
        refs = [item.id for item in self.table.selection if item.unit is None]
        if not refs:
            self._refuse("this has a record: r repairs it; f forgets what is lost")
        return refs

    def _refuse(self, why: str) -> None:
        self.desk.say(why if self.table.items else "nothing differs", "warn")


def _of_orphan(orphan: Orphan) -> Item:
    name = orphan.name or orphan.id
    what = f"orphan: {orphan.evidence}"
    return Item(None, orphan.kind, orphan.ref, name, what, "orphan", len(orphan.steps))


def _of_unit(plan: Plan, planned: UnitPlan) -> Iterable[Item]:
    kind, id_ = planned.unit.kind.value, planned.unit.id
    name = plan.names.get(id_, id_)
    for problem in planned.problems:
        yield Item(planned.unit, kind, id_, name, plan.words(problem), problem.code, 0)
    if planned.steps or planned.removes or planned.settles:
        first = next(
            (plan.words(step) for step in planned.steps), "the record learns what the machine is"
        )
        more = f" (+{len(planned.steps) - 1})" if len(planned.steps) > 1 else ""
        yield Item(planned.unit, kind, id_, name, first + more, "", len(planned.steps))
