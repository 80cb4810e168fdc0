"""What an action of the console is, and all of them by their ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

if TYPE_CHECKING:
    from backends.cloud import Cloud

# What an action asks of the cloud, for the ids of the things selected.
Verb = Callable[["Cloud", Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done in a panel. `run` gets the panel.

    `dangerous` asks first and shows the plan; `writes` is not offered in read-only mode; `verb` is
    what it asks of the cloud, where it is nothing more than that. One that is not `bulk` is done
    for one thing after the other. `hint` puts it among the keys that are always shown.
    """

    id: str
    key: str
    label: str
    run: Callable[[Any], None]
    dangerous: bool = False
    writes: bool = False
    verb: Verb | None = None
    bulk: bool = False
    hint: bool = True

    def binding(self) -> Binding:
        """The key that does it, known by the action's id."""
        return Binding(self.key, f"act({self.id!r})", self.label, show=self.hint, id=self.id)


REGISTRY: dict[str, Action] = {}


def offered(action: Action, writes: bool) -> bool:
    """Whether a caller who may (or may not) write is offered the action."""
    return writes or not action.writes


def of(*kinds: str) -> tuple[Action, ...]:
    """The actions of these kinds, in their order: `of("view", "instance")`."""
    return tuple(a for kind in kinds for a in REGISTRY.values() if a.id.split(".")[0] == kind)


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """Their keys."""
    return [action.binding() for action in actions]


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """The keys that do the action, as the key map has them."""
    return keymap.get(action.id, action.key)


def _method(name: str) -> Callable[[Any], None]:
    def run(panel: Any) -> None:
        getattr(panel, name)()

    return run


def view(id_: str, key: str, label: str, method: str, *, hint: bool = True) -> None:
    """Shows something: a method of the panel."""
    REGISTRY[id_] = Action(id_, key, label, _method(method), hint=hint)


def form(id_: str, key: str, label: str, method: str, *, hint: bool = True) -> None:
    """Asks for more, then does a verb."""
    REGISTRY[id_] = Action(id_, key, label, _method(method), writes=True, hint=hint)


def verb(
    id_: str,
    key: str,
    label: str,
    verb: Verb,
    *,
    dangerous: bool = False,
    bulk: bool = False,
    hint: bool = False,
) -> None:
    """Asks the cloud for something, and nothing more."""
    REGISTRY[id_] = Action(
        id_, key, label, lambda panel: panel.do(REGISTRY[id_]), dangerous, True, verb, bulk, hint
    )


def deletion(kind: str, work: Verb, label: str = "Delete", *, bulk: bool = False) -> None:
    """Takes what is selected away, once its plan was seen."""
    verb(f"{kind}.delete", "ctrl+d", label, work, dangerous=True, bulk=bulk, hint=True)
