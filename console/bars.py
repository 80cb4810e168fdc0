"""What the lines above and below a panel say. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from console.actions import Action, keys_of
from console.panels import NUMBERED, PANELS
from console.widgets.line import Part

_NARROW = 100
_SIGNS = {"escape": "esc", "question_mark": "?", "colon": ":", "slash": "/"}


@dataclass(frozen=True, slots=True)
class Standing:
    """Which cloud, as whom, and how it is."""

    cloud: str
    project: str = ""
    host: str = ""
    user: str = ""
    role: str = ""
    read_only: bool = False
    trouble: str = ""


def header(standing: Standing) -> list[Part]:
    """Cloud, project, host and caller; at the right what is out of order."""
    parts = [Part(" Quarterdeck ", "strong"), Part(f" {standing.cloud} ", "here")]
    if standing.user:
        parts += [
            Part("  project ", "dim"),
            Part(standing.project, "", "projects"),
            Part("  host ", "dim"),
            Part(standing.host),
            Part("  as ", "dim"),
            Part(f"{standing.user} ({standing.role})"),
        ]
    else:
        parts.append(Part("  opening …", "dim"))
    if standing.trouble:
        parts.append(Part(f" {standing.trouble} ", "bad", right=True))
    if standing.read_only:
        parts.append(Part(" READ-ONLY ", "warn", right=True))
    return parts


def tabs(current: str, width: int) -> list[Part]:
    """The numbered panels; short names where the line is."""
    parts = []
    for number, entry in enumerate(PANELS[:NUMBERED], 1):
        title = entry.short if width < _NARROW else entry.title
        tone = "here" if entry.slug == current else "dim"
        parts.append(Part(f" {number} {title} ", tone, entry.slug))
    return parts


def title(crumbs: Sequence[str], summary: str, lateness: str, code: str) -> list[Part]:
    """The breadcrumb, how much is shown, and how old it is when it is late."""
    parts = [Part(f" {' › '.join(crumbs)} ", "strong"), Part(f" {summary}", "dim")]
    if lateness or code:
        words = " · ".join(word for word in (lateness, code) if word)
        parts.append(Part(f" {words} ", "bad" if code else "warn", right=True))
    return parts


def keys(
    actions: Iterable[Action], keymap: Mapping[str, str], *, drilled: bool, filtered: bool
) -> list[Part]:
    """The keys of the actions that are offered here, the panel's own first."""
    shown = [action for action in actions if action.hint]
    own = [action for action in shown if not action.id.startswith("view.")]
    parts = []
    for action in [*own, *(each for each in shown if each not in own)]:
        key = key_name(keys_of(action, keymap))
        parts += [Part(f" {key}", "strong", f"act:{action.id}"),
                  Part(f" {action.label.lower()} ", "dim", f"act:{action.id}")]  # fmt: skip
    if drilled or filtered:
        parts += [
            Part(" esc", "strong", "back"),
            Part(" back " if drilled else " unfilter ", "dim"),
        ]
    for key, label in ((":", "go"), ("/", "filter"), ("?", "help")):
        parts += [
            Part(f" {key}", "strong", label, right=True),
            Part(f" {label}", "dim", label, right=True),
        ]
    return parts


def key_name(keys_text: str) -> str:
    """The first of an action's keys, as it is printed on a keyboard."""
    key = keys_text.split(",")[0]
    key = _SIGNS.get(key, key)
    return key.replace("ctrl+", "^")
