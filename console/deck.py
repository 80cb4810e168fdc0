"""The deck that panels stand on: the lines around them, and the ways from one to another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import events, on
from textual.actions import SkipAction
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import Binding
from textual.containers import Container

from console import bars, panels, themes
from console.actions import Action, offered
from console.screens.panel import Panel
from console.widgets.line import Line, Part
from console.widgets.tray import Tray

if TYPE_CHECKING:
    from textual.command import Provider
    from textual.screen import Screen

# Seconds without a key that end what was typed before the first panel stood.
_REST = 0.5
_THEMES = Path(__file__).resolve().parent.parent / "themes"


def _palette() -> type[Provider]:
    from console.palette import DeckCommands

    return DeckCommands


class Deck(App[int]):
    """Panels by their slugs, and what was opened on top of the one in front. Knows no cloud."""

    TITLE = "Quarterdeck"
    CSS_PATH = [_THEMES / "quarterdeck.tcss"]
    COMMANDS = App.COMMANDS | {_palette}
    BINDINGS: ClassVar = [
        # First in line, so that what is typed behind them in one burst goes where they lead.
        Binding("colon", "command", "Go to", show=False, id="app.command", priority=True),
        Binding("slash", "filter", "Filter", show=False, id="app.filter", priority=True),
        Binding("question_mark", "keys", "Help", show=False, id="app.help"),
        Binding("escape", "up", "Back", show=False, id="app.back"),
        Binding("tab", "turn(1)", "Next panel", show=False, id="app.next"),
        Binding("shift+tab", "turn(-1)", "Previous panel", show=False, id="app.previous"),
        *(
            Binding(
                str(number), f"go({entry.slug!r})", entry.title, show=False, id=f"app.{entry.slug}"
            )
            for number, entry in enumerate(panels.PANELS[: panels.NUMBERED], 1)
        ),
    ]

    def __init__(self, keys: dict[str, str]) -> None:
        super().__init__()
        themes.register(self)
        self.keys = keys
        self._roots: dict[str, Panel] = {panels.FIRST: panels.make(panels.FIRST)}
        self._stack: list[Panel] = [self._roots[panels.FIRST]]
        self._shown = self._listens = False
        self._unheard = 0.0
        # Held, not looked up: what comes while the screen is taken down still finds them.
        self.tray = Tray("tray")
        self._lines: dict[str, Line] = {}

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Of Textual's own only what is of use here: the rest has keys."""
        for command in super().get_system_commands(screen):
            if command.title in ("Theme", "Screenshot"):
                yield command

    # For the application to say

    @property
    def writes(self) -> bool:
        """Whether the caller may change anything."""
        return False

    @property
    def standing(self) -> bars.Standing:
        """What the header says."""
        raise NotImplementedError

    # The screen

    def compose(self) -> ComposeResult:
        """Lines above, a panel, lines below."""
        hint = Part(" ? lists the keys, : goes to any panel", "dim")
        self._lines = {
            "header": Line("header", parts=bars.header(self.standing)),
            "tabs": Line("tabs"),
            "title": Line("title", parts=bars.title([self.panel.heading], "", "loading", "")),
            "message": Line("message", parts=[hint]),
            "keys": Line("keys"),
        }
        yield self._lines["header"]
        yield self._lines["tabs"]
        yield self._lines["title"]
        with Container(id="body"):
            yield self.panel
        yield self.tray
        yield self._lines["message"]
        yield self._lines["keys"]

    def on_mount(self) -> None:
        """The keys are the panel's."""
        self._shown = True
        if self.keys:
            self.set_keymap(self.keys)
        self._focus_panel()
        self.show_bars()
        # Behind what came so far.
        self.call_later(self._listen)

    def _listen(self) -> None:
        """Take keys from now on; later where somebody is typing, lest half a word is taken."""
        rest = self._unheard + _REST - time.monotonic()
        if rest > 0:
            self.set_timer(rest, self._listen)
        else:
            self._listens = True

    async def on_event(self, event: events.Event) -> None:
        """Keys that were pressed before there was a panel to see were not meant for one."""
        if self._listens or not isinstance(event, events.Key | events.Paste):
            await super().on_event(event)
        else:
            self._unheard = time.monotonic()

    def on_resize(self) -> None:
        """Names of tabs are short where the line is."""
        self.show_bars()

    @property
    def panel(self) -> Panel:
        """The panel in front."""
        return self._stack[-1]

    @property
    def all_panels(self) -> list[Panel]:
        """Every panel there is, in front or not."""
        return list(dict.fromkeys([*self._roots.values(), *self._stack]))

    def say(self, text: str, tone: str = "") -> None:
        """Show a line as the last outcome."""
        self._line("message").show(Part(f" {text}", tone))

    def actions(self) -> list[Action]:
        """What is offered in the panel in front."""
        return [action for action in self.panel.actions() if offered(action, self.writes)]

    def show_bars(self) -> None:
        """Say in every line what is so now."""
        if not self._shown:
            return
        root = next(slug for slug, panel in self._roots.items() if panel is self._stack[0])
        drilled, filtered = len(self._stack) > 1, bool(self.panel.filtered)
        self._line("header").show(*bars.header(self.standing))
        self._line("tabs").show(*bars.tabs(root, self.size.width))
        self._line("keys").show(
            *bars.keys(self.actions(), self.keys, drilled=drilled, filtered=filtered)
        )
        self.panel_changed()

    def panel_changed(self) -> None:
        """The panel shows something else in its title."""
        if self._shown:
            panel = self.panel
            code = panel.error.code if panel.error is not None else ""
            crumbs = [each.crumb for each in self._stack]
            # Nothing was counted yet, which is not none.
            summary = panel.summary if panel.fresh_at is not None else ""
            self._line("title").show(*bars.title(crumbs, summary, panel.lateness, code))

    def _line(self, name: str) -> Line:
        return self._lines[name]

    # Going about

    def go(self, slug: str) -> None:
        """Show a panel; it is as it was left."""
        for panel in self._stack[1:]:
            panel.remove()
        self._stack[0].display = False
        if slug not in self._roots:
            self._roots[slug] = panels.make(slug)
            self.query_one("#body").mount(self._roots[slug])
        self._stack = [self._roots[slug]]
        self._to_front()

    def drill(self, panel: Panel) -> None:
        """Open a panel on top of the current one; escape comes back."""
        self.panel.display = False
        self._stack.append(panel)
        self.query_one("#body").mount(panel)
        self._to_front()

    def _to_front(self) -> None:
        self.panel.display = True
        self.call_after_refresh(self._focus_panel)
        self.panel.call_after_refresh(self.panel.shown)
        self.show_bars()

    def _focus_panel(self) -> None:
        for child in self.panel.children:
            if child.can_focus:
                child.focus()

    def action_go(self, slug: str) -> None:
        """Show a panel by its name."""
        self.go(slug)

    def action_turn(self, by: int) -> None:
        """Show the next or the previous panel."""
        slugs = [entry.slug for entry in panels.PANELS[: panels.NUMBERED]]
        here = next((n for n, s in enumerate(slugs) if self._roots.get(s) is self._stack[0]), 0)
        self.go(slugs[(here + by) % len(slugs)])

    def action_up(self) -> None:
        """Out of what was opened; else marks and then the filter are taken off."""
        if len(self._stack) > 1:
            self._stack.pop().remove()
            self._to_front()
        elif not self.panel.unmark() and self.panel.filtered:
            self.panel.filter("")
            self.show_bars()

    # Asking

    def ask(
        self, label: str, value: str, done: Callable[[str], None], suggested: bool = False
    ) -> None:
        """Ask for one line of text. What is empty asks for nothing; so does what is left as it
        was, unless the value is only `suggested`."""

        def entered(text: str) -> None:
            if text.strip() and (suggested or text.strip() != value):
                done(text.strip())

        self.call_later(self._prompt, f"{label}:", value, entered)

    async def action_command(self) -> None:
        """Ask where to go."""
        self._check_free()
        known = sorted({name for e in panels.PANELS for name in (e.slug, *e.aliases)} | {"quit"})
        await self._prompt(":", "", self.command, known=known)

    def command(self, text: str) -> None:
        """Do what was entered after `:`: a panel's name, and what to show only."""
        words = text.split(maxsplit=1)
        if not words:
            return
        entry = panels.named(words[0])
        if entry is None:
            self.say(f"no panel {words[0]!r}; ? lists them", "warn")
            return
        self.go(entry.slug)
        if len(words) == 2:
            self.panel.filter(words[1].removeprefix("/"))
            self.show_bars()

    async def action_filter(self) -> None:
        """Ask what to show only."""
        self._check_free()
        panel, before = self.panel, self.panel.filtered

        def undo() -> None:
            panel.filter(before)
            self.show_bars()

        def done(_text: str) -> None:
            self.show_bars()

        await self._prompt("/", before, done, typed=panel.filter, cancelled=undo)

    def _check_free(self) -> None:
        """Leave the key to whatever takes letters: a field, a guest's console, a question."""
        focused = self.focused
        taken = focused is not None and focused.check_consume_key("a", "a")
        if taken or len(self.screen_stack) > 1:
            raise SkipAction

    async def _prompt(
        self, label: str, value: str, done: Callable[[str], None], **more: Any
    ) -> None:
        from console.widgets.prompt import Prompt

        if not self.query("Prompt"):
            await self.mount(Prompt(label, value, done, **more), before="#message")

    def on_descendant_blur(self) -> None:
        """When a prompt is gone the panel has the keys again."""
        self.call_after_refresh(self._refocus)

    def _refocus(self) -> None:
        if self.focused is None and len(self.screen_stack) == 1:
            self._focus_panel()

    def action_keys(self) -> None:
        """Help for what is in front."""
        from console.listing import entries
        from console.screens.help import Help

        panel = self.panel
        listed = entries(panel.heading, self.actions(), panel.columns, self.keys)
        self.push_screen(Help(panel.heading, listed))

    @on(Line.Clicked)
    async def _take_click(self, message: Line.Clicked) -> None:
        acts = {"go": "command", "filter": "filter", "help": "keys", "back": "up"}
        what, _, rest = message.target.partition(":")
        if what == "act":
            self.panel.action_act(rest)
        elif what in acts:
            await self.run_action(acts[what])
        else:
            self.clicked(what, rest)

    def clicked(self, what: str, rest: str) -> None:
        """A part of a line was clicked that is a panel's name, or the application's to know."""
        self.go(what)
