"""A panel: what fills the screen between the title and the keys, loads beside the event loop, and
says how old it is when it is late."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, cast

from textual.binding import Binding
from textual.message import Message
from textual.widget import Widget

from backends.errors import QuarterdeckError
from console.actions import REGISTRY, Action, bindings, of, offered
from console.beside import beside

if TYPE_CHECKING:
    from collections.abc import Sequence

    from backends.cloud import Cloud
    from backends.events import Happening
    from console.desk import Desk
    from console.widgets.column import Column

# Seconds after which a load that has not come back is said to be late.
LATE = 2.0
# A panel spends at most this share of the time loading, however often things happen.
_SHARE = 3.0
_SOONEST = 0.1


class Panel(Widget):
    """Base of all panels. Subclasses name themselves, say what they load and how to show it.

    `load` runs in a thread and may block; `show` gets what it returned, in the event loop.
    """

    slug: ClassVar[str] = ""
    heading: ClassVar[str] = ""
    kinds: ClassVar[tuple[str, ...]] = ()
    columns: ClassVar[Sequence[Column]] = ()
    topics: ClassVar[frozenset[str]] = frozenset({"records"})

    class Loaded(Message):
        """A load came back."""

        def __init__(self, asked_at: float, found: Any, error: QuarterdeckError | None) -> None:
            super().__init__()
            self.asked_at = asked_at
            self.found = found
            self.error = error

    def __init_subclass__(cls, **options: Any) -> None:
        if "BINDINGS" not in cls.__dict__:
            cls.BINDINGS = [*cls.own_bindings()]
        super().__init_subclass__(**options)

    @classmethod
    def own_bindings(cls) -> list[Binding]:
        """The keys of its actions."""
        return bindings(cls.actions())

    @classmethod
    def actions(cls) -> tuple[Action, ...]:
        """What can be done here."""
        return of("view", *cls.kinds)

    def __init__(self) -> None:
        super().__init__()
        self.error: QuarterdeckError | None = None
        self.fresh_at: float | None = None
        self._asked_at: float | None = None
        self._resting = False
        self._again = False
        self._stale = True

    @property
    def desk(self) -> Desk:
        """The application."""
        return cast("Desk", self.app)

    @property
    def crumb(self) -> str:
        """What the breadcrumb calls it."""
        return self.heading

    @property
    def summary(self) -> str:
        """What stands at the right of the title."""
        return ""

    def load(self, cloud: Cloud) -> Any:
        """What is to be shown. Runs in a thread. Raises QuarterdeckError."""
        raise NotImplementedError

    def show(self, found: Any) -> None:
        """Show what was loaded."""
        raise NotImplementedError

    def filter(self, text: str) -> None:
        """Show only what passes, or where it is."""

    @property
    def filtered(self) -> str:
        """The filter that is on."""
        return ""

    def unmark(self) -> bool:
        """Mark nothing; whether anything was marked."""
        return False

    def ids(self) -> list[str]:
        """The ids that an action is about."""
        return []

    def names(self) -> str:
        """What those are called."""
        return ""

    def point_at(self, id_: str) -> None:
        """Put the cursor on what was just made, where it is shown."""

    # Loading

    def reload(self) -> None:
        """Load again: now, or when the load that is under way is done."""
        cloud = self.desk.cloud
        if cloud is None or not self.display:
            self._stale = True
            return
        if self._asked_at is not None or self._resting:
            self._again = True
            return
        self._stale = self._again = False
        self._asked_at = time.monotonic()
        beside(self, partial(self._load_beside, cloud, self._asked_at))

    def happened(self, happening: Happening) -> None:
        """Something changed: load again where it concerns this panel."""
        if self.topics & happening.topics:
            self.reload()

    def shown(self) -> None:
        """It came to the front."""
        if self._stale:
            self.reload()

    def second(self) -> None:
        """Once a second, in front: age what is shown."""

    @property
    def lateness(self) -> str:
        """How old what is shown is, when that is worth a word."""
        now = time.monotonic()
        late = self._asked_at is not None and now - self._asked_at > LATE
        if not late and self.error is None:
            return ""
        if self.fresh_at is None:
            return "loading" if self.error is None else ""
        return f"as of {int(now - self.fresh_at)} s ago"

    def _load_beside(self, cloud: Cloud, asked_at: float) -> Message:
        try:
            return self.Loaded(asked_at, self.load(cloud), None)
        except QuarterdeckError as error:
            return self.Loaded(asked_at, None, error)

    def on_crashed(self) -> None:
        """The load ended in what nobody expected; the application says so."""
        self._asked_at = None

    def on_panel_loaded(self, message: Loaded) -> None:
        """Take what came, and pace the next load by what this one took."""
        message.stop()
        took = time.monotonic() - message.asked_at
        self._asked_at = None
        self.error = message.error
        if message.error is None:
            self.fresh_at = message.asked_at
            self.show(message.found)
        else:
            self.desk.tell(message.error)
        self.desk.panel_changed()
        self._resting = True
        self.set_timer(max(_SOONEST, took * _SHARE), self._rested)

    def _rested(self) -> None:
        self._resting = False
        if self._again:
            self.reload()

    # Actions

    def action_act(self, id_: str) -> None:
        """Do an action by its id."""
        action = REGISTRY[id_]
        if offered(action, self.desk.writes):
            action.run(self)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only offers no action that writes."""
        if action != "act":
            return True
        return offered(REGISTRY[str(parameters[0])], self.desk.writes)

    def do(self, action: Action) -> None:
        """Do an action's verb for the things selected."""
        ids, verb = self.ids(), action.verb
        if not ids or verb is None:
            self.desk.say("nothing is selected", "warn")
            return
        title = f"{action.label} {self.names()}"
        if action.bulk or len(ids) == 1:
            self.desk.perform(title, lambda c: verb(c, ids), dangerous=action.dangerous)
        else:
            steps = [lambda c, id_=id_: verb(c, [id_]) for id_ in ids]
            self.desk.perform(title, OneByOne(steps), dangerous=action.dangerous)
        self.unmark()

    def describe(self) -> None:
        """Show all there is to know about one thing."""

    def yaml(self) -> None:
        """Show its record as YAML."""

    def copy_id(self) -> None:
        """Copy the ids of what is selected, over SSH too (OSC 52)."""
        if ids := self.ids():
            self.app.copy_to_clipboard("\n".join(ids))
            self.desk.say(f"copied {len(ids)} id{'s' if len(ids) > 1 else ''}")


class OneByOne:
    """Verbs one after the other, as one verb. They go on after one that was refused, and the first
    refusal is raised at the end."""

    def __init__(self, verbs: Any) -> None:
        self.verbs = verbs

    def __call__(self, cloud: Cloud) -> None:
        first: QuarterdeckError | None = None
        for verb in self.verbs:
            try:
                verb(cloud)
            except QuarterdeckError as error:
                first = first or error
        if first is not None:
            raise first
