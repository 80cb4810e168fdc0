"""The console: an application around panels, that shows itself before the cloud is open."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual import on
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.containers import Container
from textual.message import Message

from backends.access import Access
from backends.errors import QuarterdeckError, Refused
from console import bars, errands, keymap, opening, panels
from console.beside import Crashed, beside, post
from console.screens.panel import Panel
from console.widgets.line import Line, Part
from console.widgets.tray import Tray

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.events import Events, Happening

# Seconds that the first rows are given before the cloud is watched.
_SETTLE = 0.5
_THEMES = Path(__file__).resolve().parent.parent / "themes"


def run(access: Access) -> int:
    """Run the console until it is left; returns the exit status."""
    try:
        keys = keymap.read()
    except Refused as error:
        print(f"quarterdeck: {error}", file=sys.stderr)
        return error.exit_status
    # What is imported and loaded until the first rows stay: a collector that looks at it over and
    # over takes a quarter of the time until then.
    gc.disable()
    app = Quarterdeck(access, keys)
    app.run()
    if app.farewell:
        print(f"quarterdeck: {app.farewell}", file=sys.stderr)
    return app.return_code or 0


class Quarterdeck(App[int]):
    """Panels on a deck: `Desk` says what panels may ask of it."""

    TITLE = "Quarterdeck"
    CSS_PATH = [_THEMES / "quarterdeck.tcss"]
    BINDINGS: ClassVar = [
        Binding("colon", "command", "Go to", show=False, id="app.command"),
        Binding("slash", "filter", "Filter", show=False, id="app.filter"),
        Binding("question_mark", "keys", "Help", show=False, id="app.help"),
        Binding("escape", "up", "Back", show=False, id="app.back"),
        Binding("q", "leave", "Quit", show=False, id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, id="app.quit_too", priority=True),
        Binding("0", "everyone", "All projects", show=False, id="app.everyone"),
        Binding("tab", "turn(1)", "Next panel", show=False, id="app.next"),
        Binding("shift+tab", "turn(-1)", "Previous panel", show=False, id="app.previous"),
        Binding("x", "cancel_newest", "Cancel what runs", show=False, id="app.cancel"),
        *(
            Binding(str(number), f"go({entry.slug!r})", entry.title, show=False,
                    id=f"app.{entry.slug}")
            for number, entry in enumerate(panels.PANELS[: panels.NUMBERED], 1)
        ),
    ]  # fmt: skip

    class Happened(Message):
        """Something happened to the cloud."""

        def __init__(self, happening: Happening) -> None:
            super().__init__()
            self.happening = happening

    def __init__(self, access: Access, keys: dict[str, str] | None = None) -> None:
        super().__init__()
        self.access = access
        self.keys = keys or {}
        self.cloud: Cloud | None = None
        self.everyone = access.project is None
        self.libvirt_down = False
        self.farewell = ""
        self._project = ""
        self._events: Events | None = None
        self._roots: dict[str, Panel] = {}
        self._stack: list[Panel] = []
        self._reading_tray = self._tray_again = False
        self._at_work = 0
        self._warned = False
        self._mounted = False

    # The screen

    def compose(self) -> ComposeResult:
        """Lines above, a panel, lines below."""
        first = panels.make(panels.FIRST)
        self._roots[panels.FIRST] = first
        self._stack = [first]
        yield Line("header", parts=bars.header(bars.Standing(self.access.cloud)))
        yield Line("tabs")
        yield Line("title", parts=bars.title([first.heading], "loading", "", ""))
        with Container(id="body"):
            yield first
        yield Tray("tray")
        yield Line("message")
        yield Line("keys")

    def on_mount(self) -> None:
        """Show the shell first; the library is imported after the first frame."""
        self._mounted = True
        if self.keys:
            self.set_keymap(self.keys)
        self._focus_panel()
        self.call_after_refresh(self._open)
        self.set_interval(1.0, self._second)

    def on_resize(self) -> None:
        """Names of tabs are short where the line is."""
        self._show_bars()

    def _open(self) -> None:
        self._show_bars()
        beside(self, partial(opening.open_cloud, self.access))

    @on(opening.Opened)
    def _take_cloud(self, message: opening.Opened) -> None:
        if message.error is not None and self.cloud is None:
            self.farewell = str(message.error)
            self.exit(return_code=message.error.exit_status)
            return
        if message.error is not None or message.cloud is None:
            self.tell(message.error or Refused("cloud.missing", "no cloud"))
            return
        first = self.cloud is None
        self.cloud, self._project = message.cloud, message.project
        self.everyone = first and self.everyone and message.cloud.caller.admin
        self._reload_all()
        self._show_bars()
        self.refresh_bindings()
        if first:
            # What follows must not come before the first rows.
            self.set_timer(_SETTLE, self._follow)

    def _follow(self) -> None:
        """Hear of what happens from now on, and finish what was interrupted."""
        from backends.events import Events

        assert self.cloud is not None
        gc.freeze()
        gc.enable()
        self._events = Events(self.cloud)
        self._events.subscribe(lambda happening: post(self, self.Happened(happening)))
        self._read_tray()
        if self.writes:
            beside(self, partial(opening.recover, self.cloud))

    @on(opening.Recovered)
    def _take_recovered(self, message: opening.Recovered) -> None:
        if message.error is not None:
            self.tell(message.error)
        elif message.text:
            self.say(message.text, "good")

    @on(Happened)
    def _hear(self, message: Happened) -> None:
        happening = message.happening
        if happening.libvirt is not None:
            if happening.libvirt and self.libvirt_down:
                self.say("libvirt answers again", "good")
            self.libvirt_down = not happening.libvirt
        for panel in {*self._roots.values(), *self._stack}:
            panel.happened(happening)
        if "records" in happening.topics:
            self._read_tray()
        self._show_bars()

    def _second(self) -> None:
        self.panel.second()
        self.query_one("#tray", Tray).second()
        self._show_title()

    def _read_tray(self) -> None:
        if self.cloud is None:
            return
        if self._reading_tray:
            self._tray_again = True
            return
        self._reading_tray, self._tray_again = True, False
        beside(self, partial(opening.running, self.cloud))

    @on(opening.RunningRead)
    def _take_tray(self, message: opening.RunningRead) -> None:
        self._reading_tray = False
        self.query_one("#tray", Tray).update(message.running)
        if self._tray_again:
            self._read_tray()

    # What panels ask

    @property
    def writes(self) -> bool:
        """Whether the caller may change anything."""
        return self.cloud is not None and self.cloud.caller.writes

    @property
    def panel(self) -> Panel:
        """The panel in front."""
        return self._stack[-1]

    def say(self, text: str, tone: str = "") -> None:
        """Show a line as the last outcome."""
        self.query_one("#message", Line).show(Part(f" {text}", tone))

    def tell(self, error: QuarterdeckError) -> None:
        """Show an error as one line with its code."""
        self.say(str(error), "bad")

    def perform(
        self, title: str, verb: Callable[[Cloud], object], *, dangerous: bool = False
    ) -> None:
        """Do a verb in a thread; a dangerous one shows its plan and asks first."""
        if self.cloud is None or not self.writes:
            self.tell(Refused("readonly", f"read-only: {title} is not offered here"))
            return
        errand = errands.Errand(title, verb)
        if dangerous:
            self.say(f"{title}: planning …", "dim")
            beside(self, partial(errands.plan, self.cloud, errand))
        else:
            self._run_errand(errand)

    @on(errands.Planned)
    def _take_plan(self, message: errands.Planned) -> None:
        if message.error is not None or message.plan is None:
            if message.error is not None:
                self.tell(message.error)
            return
        from console.screens.confirm import ConfirmPlan

        def answered(yes: bool | None) -> None:
            if yes:
                self._run_errand(message.errand)
            else:
                self.say(f"{message.errand.title}: not done", "dim")

        self.say("")
        self.push_screen(ConfirmPlan(message.errand.title, message.plan, True), answered)

    def _run_errand(self, errand: errands.Errand) -> None:
        assert self.cloud is not None
        self._at_work += 1
        self.say(f"{errand.title} …", "dim")
        beside(self, partial(errands.perform, self.cloud, errand))

    @on(errands.Performed)
    def _take_performed(self, message: errands.Performed) -> None:
        from console.widgets import words

        self._at_work -= 1
        if message.error is not None:
            self.tell(message.error)
        else:
            self.say(f"{message.errand.title}: done in {words.duration(message.took)}", "good")
        self.panel.reload()

    def ask_form(self, kind: str) -> None:
        """Open the form that creates a thing, and do what it asks for."""
        if self.cloud is None or not self.writes:
            return
        from console.screens.create import form_for

        self.push_screen(form_for(kind, self.cloud), self._take_form)

    def _take_form(self, made: Any) -> None:
        if made is not None:
            self.perform(made.title, made.verb, dangerous=getattr(made, "plan", False))

    def ask(self, label: str, value: str, done: Callable[[str], None]) -> None:
        """Ask for one line of text."""
        self._prompt(f"{label}:", value, done)

    def enter(self, project: str) -> None:
        """Work in another project from now on, and look at its instances."""
        if self.cloud is not None:
            beside(self, partial(opening.enter, self.cloud, self.access, project))
            self.go("instances")

    def panel_changed(self) -> None:
        """The panel shows something else in its title."""
        self._show_title()

    # Going about

    def go(self, slug: str) -> None:
        """Show a panel; it is as it was left."""
        for panel in self._stack[1:]:
            panel.remove()
        if slug not in self._roots:
            self._roots[slug] = panels.make(slug)
            self.query_one("#body").mount(self._roots[slug])
        panel = self._roots[slug]
        self._stack[0].display = False
        self._stack = [panel]
        self._to_front(panel)

    def drill(self, panel: Panel) -> None:
        """Open a panel on top of the current one; escape comes back."""
        self.panel.display = False
        self._stack.append(panel)
        self.query_one("#body").mount(panel)
        self._to_front(panel)

    def _to_front(self, panel: Panel) -> None:
        panel.display = True
        self.call_after_refresh(self._focus_panel)
        self._show_bars()
        panel.call_after_refresh(panel.shown)

    def _focus_panel(self) -> None:
        for child in self.panel.children:
            if child.can_focus:
                child.focus()

    def _reload_all(self) -> None:
        for panel in {*self._roots.values(), *self._stack}:
            panel.reload()

    def action_go(self, slug: str) -> None:
        """Show a panel by its name."""
        self.go(slug)

    def action_turn(self, by: int) -> None:
        """Show the next or the previous panel."""
        slugs = [entry.slug for entry in panels.PANELS[: panels.NUMBERED]]
        here = next((n for n, s in enumerate(slugs) if self._roots.get(s) is self._stack[0]), 0)
        self.go(slugs[(here + by) % len(slugs)])

    def action_up(self) -> None:
        """Out of what was opened; else take the filter off."""
        if len(self._stack) > 1:
            self._stack.pop().remove()
            self._to_front(self.panel)
        elif self.panel.filtered:
            self.panel.filter("")
            self._show_bars()

    def action_everyone(self) -> None:
        """All projects again, for the cloud's admin."""
        if self.cloud is not None and self.cloud.caller.admin:
            self.everyone = True
            self._reload_all()
            self._show_bars()

    def action_command(self) -> None:
        """Ask where to go."""
        known = sorted({name for e in panels.PANELS for name in (e.slug, *e.aliases)} | {"quit"})
        self._prompt(":", "", self._command, known=known)

    def _command(self, text: str) -> None:
        words = text.split(maxsplit=1)
        if not words:
            return
        if words[0] in ("q", "quit", "exit"):
            self.action_leave()
            return
        if words[0] in ("project", "p", "use") and len(words) == 2:
            self.enter(words[1])
            return
        entry = panels.named(words[0])
        if entry is None:
            self.say(f"no panel {words[0]!r}; ? lists them", "warn")
            return
        self.go(entry.slug)
        if len(words) == 2:
            self.panel.filter(words[1].removeprefix("/"))

    def action_filter(self) -> None:
        """Ask what to show only."""
        panel, before = self.panel, self.panel.filtered

        def undo() -> None:
            panel.filter(before)
            self._show_bars()

        self._prompt(
            "/", before, lambda _text: self._show_bars(), typed=panel.filter, cancelled=undo
        )

    def _prompt(self, label: str, value: str, done: Callable[[str], None], **more: Any) -> None:
        from console.widgets.prompt import Prompt

        if self.query("Prompt"):
            return
        self.mount(Prompt(label, value, done, **more), before="#message")

    def on_descendant_blur(self) -> None:
        """When a prompt is gone the panel has the keys again."""
        self.call_after_refresh(self._refocus)

    def _refocus(self) -> None:
        if self.focused is None and len(self.screen_stack) == 1:
            self._focus_panel()

    def action_keys(self) -> None:
        """Help for what is in front."""
        from console.screens.help import Help

        self.push_screen(Help(self._offered()))

    def action_cancel_newest(self) -> None:
        """Cancel the newest operation that runs."""
        running = self.query_one("#tray", Tray).running
        if running:
            self._cancel(running[0].id)

    def _cancel(self, id_: str) -> None:
        self.perform("Cancel", lambda cloud: cloud.operations.cancel(id_))

    def action_leave(self) -> None:
        """Leave; once more where something of this console still runs."""
        if self._at_work and not self._warned:
            self._warned = True
            self.say("still at work; leave again, and the next start finishes it", "warn")
            return
        self.exit(return_code=0)

    async def on_unmount(self) -> None:
        """Let go of the watchers."""
        if self._events is not None:
            self._events.close()

    # Clicks and crashes

    @on(Line.Clicked)
    def _take_click(self, message: Line.Clicked) -> None:
        what, _, rest = message.target.partition(":")
        if what == "act":
            self.panel.action_act(rest)
        elif what == "cancel":
            self._cancel(rest)
        elif what in ("go", "filter", "help", "back"):
            act = {"go": self.action_command, "filter": self.action_filter,
                   "help": self.action_keys, "back": self.action_up}  # fmt: skip
            act[what]()
        else:
            self.go(what)

    def on_crashed(self, message: Crashed) -> None:
        """What nobody expected is one line too; its trace is kept in a file."""
        self._reading_tray = False
        from console.keep import keep

        where = keep(self.access, message.error)
        error = message.error
        self.say(f"{type(error).__name__}, which nobody expected; see {where} [internal]", "bad")

    # Lines

    def _offered(self) -> list[Any]:
        from console.actions import offered

        return [action for action in self.panel.actions() if offered(action, self.writes)]

    def _show_bars(self) -> None:
        if not self._mounted:
            return
        root = next((slug for slug, panel in self._roots.items() if panel is self._stack[0]), "")
        trouble = "libvirt.unreachable" if self.libvirt_down else ""
        if self.cloud is not None:
            standing = opening.standing(self.cloud, self._project, self.everyone, trouble)
            self.query_one("#header", Line).show(*bars.header(standing))
        self.query_one("#tabs", Line).show(*bars.tabs(root, self.size.width))
        self.query_one("#keys", Line).show(
            *bars.keys(self._offered(), self.keys, drilled=len(self._stack) > 1,
                       filtered=bool(self.panel.filtered))
        )  # fmt: skip
        self._show_title()

    def _show_title(self) -> None:
        if not self._mounted:
            return
        crumbs = [panel.crumb for panel in self._stack]
        panel = self.panel
        code = panel.error.code if panel.error is not None else ""
        self.query_one("#title", Line).show(
            *bars.title(crumbs, panel.summary, panel.lateness, code)
        )
