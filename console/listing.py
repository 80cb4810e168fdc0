"""What the help lists: the keys of the panel in front, then those that work everywhere. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from console.actions import Action, keys_of
from console.bars import key_name
from console.panels import NUMBERED, PANELS
from console.widgets.column import Column

# A key, what it does, whether it asks first; an empty key begins a group.
Entry = tuple[str, str, bool]

_ROWS = (
    ("↑ ↓ j k", "another row"),
    ("enter", "into what the row is"),
    ("space", "mark; actions are then about all that is marked"),
    ("← →", "scroll sideways"),
    ("g G", "first, last row"),
)
_EVERYWHERE = (
    (":", "another panel by name, or `:instances /web`"),
    ("/", "filter: a regular expression; !not, -f fuzzy, -l column=value"),
    ("esc", "back; unmark; unfilter"),
    ("tab", "the next panel"),
    ("0", "all projects"),
    ("x", "cancel the newest operation"),
    ("^p", "all commands, and themes"),
    ("q", "quit"),
)


def entries(
    heading: str, actions: Iterable[Action], columns: Sequence[Column], keymap: Mapping[str, str]
) -> list[Entry]:
    """All keys, by group."""
    found: list[Entry] = [("", heading, False)]
    for action in actions:
        found.append((key_name(keys_of(action, keymap)), action.label, action.dangerous))
    if columns:
        found.append(("", "Rows", False))
        found += [(key, label, False) for key, label in _ROWS]
        for column in columns:
            if column.letter:
                found.append((column.letter, f"sort by {column.title.lower()}", False))
    found.append(("", "Everywhere", False))
    for number, entry in enumerate(PANELS[:NUMBERED], 1):
        found.append((str(number), entry.title, False))
    found += [(key, label, False) for key, label in _EVERYWHERE]
    found.append(("", "Panels by name", False))
    found += [(f":{entry.slug}", entry.title, False) for entry in PANELS[NUMBERED:]]
    return found
