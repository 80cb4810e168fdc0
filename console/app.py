"""The console: an application around panels, that shows itself before the cloud is open."""

from __future__ import annotations

import contextlib
import gc
import sys
import termios
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding
from textual.message import Message

from backends.access import Access
from backends.errors import QuarterdeckError, Refused
from console import bars, errands, hangup, keymap, opening
from console.beside import Crashed, beside, post
from console.deck import Deck

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.events import Events, Happening
    from console.widgets.form import Request

# Seconds that the first rows are given before the cloud is watched.
_SETTLE = 0.5
_FAILED = 3


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
    with contextlib.suppress(termios.error):
        # What was typed before was for nobody.
        termios.tcflush(0, termios.TCIFLUSH)
    app.run()
    if app.farewell:
        print(f"quarterdeck: {app.farewell}", file=sys.stderr)
    return app.return_code or 0


class Quarterdeck(Deck):
    """The deck of one cloud. `Desk` says what panels may ask of it."""

    BINDINGS: ClassVar = [
        Binding("q", "leave", "Quit", show=False, id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, id="app.quit_too", priority=True),
        Binding("0", "everyone", "All projects", show=False, id="app.everyone"),
        Binding("x", "cancel_newest", "Cancel what runs", show=False, id="app.cancel"),
    ]

    class Happened(Message):
        """Something happened to the cloud."""

        def __init__(self, happening: Happening) -> None:
            super().__init__()
            self.happening = happening

    def __init__(self, access: Access, keys: dict[str, str] | None = None) -> None:
        self.access = access
        self.cloud: Cloud | None = None
        self.everyone = access.project is None
        self.libvirt_down = False
        self.busy: frozenset[str] = frozenset()
        self.farewell = ""
        self._project = ""
        self._events: Events | None = None
        self._reading_tray = self._tray_again = False
        self._at_work = 0
        self._warned = False
        super().__init__(keys or {})

    @property
    def writes(self) -> bool:
        """Whether the caller may change anything."""
        return self.cloud is not None and self.cloud.caller.writes

    @property
    def standing(self) -> bars.Standing:
        """Which cloud, as whom, and how it is."""
        if self.cloud is None:
            return bars.Standing(self.access.cloud)
        trouble = "libvirt.unreachable" if self.libvirt_down else ""
        return opening.standing(self.cloud, self._project, self.everyone, trouble)

    # Opening

    def on_mount(self) -> None:
        """Show the shell first; the library is imported after the first frame."""
        super().on_mount()
        self.call_after_refresh(self._open)
        self.set_interval(1.0, self._second)

    async def on_unmount(self) -> None:
        """Let go of the watchers."""
        if self._events is not None:
            self._events.close()

    def _open(self) -> None:
        beside(self, partial(opening.open_cloud, self.access))

    @on(opening.Opened)
    def _take_cloud(self, message: opening.Opened) -> None:
        error, first = message.error, self.cloud is None
        if error is not None:
            self.tell(error)
            if first:
                self.farewell = str(error)
                self.exit(return_code=error.exit_status)
            return
        assert message.cloud is not None
        self.cloud, self._project = message.cloud, message.project
        self.everyone = first and self.everyone and message.cloud.caller.admin
        self._reload_all()
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

    # What happens

    @on(Happened)
    def _hear(self, message: Happened) -> None:
        happening = message.happening
        if happening.libvirt is not None:
            if happening.libvirt and self.libvirt_down:
                self.say("libvirt answers again", "good")
            self.libvirt_down = not happening.libvirt
        for panel in self.all_panels:
            panel.happened(happening)
        if "records" in happening.topics:
            self._read_tray()
        self.show_bars()

    def _second(self) -> None:
        if not self.is_headless:
            hangup.end_if_gone()
        self.panel.second()
        self.tray.second()
        self.panel_changed()

    def _read_tray(self) -> None:
        if self.cloud is None or self._reading_tray:
            self._tray_again = True
            return
        self._reading_tray, self._tray_again = True, False
        beside(self, partial(opening.running, self.cloud))

    @on(opening.RunningRead)
    def _take_tray(self, message: opening.RunningRead) -> None:
        self._reading_tray = False
        self.tray.update(message.running)
        self.busy = frozenset(id_ for each in message.running for id_ in each.ids)
        self.panel.second()
        if self._tray_again:
            self._read_tray()

    def on_crashed(self, message: Crashed) -> None:
        """What nobody expected is one line too; its trace is kept in a file."""
        from console.keep import keep

        self._reading_tray = False
        where = keep(self.access, message.error)
        self.say(f"unexpected {type(message.error).__name__} [internal]; see {where}", "bad")

    def _handle_exception(self, error: Exception) -> None:
        """Leave with one line where Textual would print a trace; tests get the error itself."""
        if self.is_headless:
            super()._handle_exception(error)
            return
        from console.keep import keep

        where = keep(self.access, error)
        self.farewell = f"{type(error).__name__}, which nobody expected; see {where} [internal]"
        self._return_code = _FAILED
        self._close_messages_no_wait()

    # What panels ask

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
        from console.screens.confirm import ConfirmPlan

        if message.error is not None:
            self.tell(message.error)
        if message.plan is None:
            return

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
            if message.made:
                self.panel.point_at(message.made)
            if message.errand.shows is not None:
                self.push_screen(message.errand.shows(message.gave))
        self.panel.reload()

    def ask_form(self, kind: str, chosen: Mapping[str, str] | None = None) -> None:
        """Open the form that creates a thing, and do what it asks for."""
        if self.cloud is not None and self.writes:
            from console.screens.create import form_for

            self.push_screen(form_for(kind, self.cloud, chosen), self._take_form)

    def _take_form(self, made: Request | None) -> None:
        if made is not None:
            self._run_errand(errands.Errand(made.title, made.verb, True, made.shows))

    def enter(self, project: str) -> None:
        """Work in another project from now on, and look at its instances."""
        if self.cloud is not None:
            beside(self, partial(opening.enter, self.cloud, self.access, project))
            self.go("instances")

    def command(self, text: str) -> None:
        """Also: leave, and work in a project."""
        words = text.split(maxsplit=1)
        if words and words[0] in ("q", "q!", "quit", "exit"):
            self.action_leave()
        elif len(words) == 2 and words[0] in ("project", "p", "use"):
            self.enter(words[1])
        else:
            super().command(text)

    def clicked(self, what: str, rest: str) -> None:
        """Also: cancel an operation."""
        if what == "cancel":
            self._cancel(rest)
        else:
            super().clicked(what, rest)

    def action_everyone(self) -> None:
        """All projects again, for the cloud's admin."""
        if self.cloud is not None and self.cloud.caller.admin:
            self.everyone = True
            self._reload_all()
            self.show_bars()

    def action_cancel_newest(self) -> None:
        """Cancel the newest operation that runs."""
        if self.tray.running:
            self._cancel(self.tray.running[0].id)

    def _cancel(self, id_: str) -> None:
        self.perform("Cancel", lambda cloud: cloud.operations.cancel(id_))

    def action_leave(self) -> None:
        """Leave; once more where something of this console still runs."""
        if self._at_work and not self._warned:
            self._warned = True
            self.say("still at work; leave again, and the next start finishes it", "warn")
            return
        self.exit(return_code=0)

    def _reload_all(self) -> None:
        for panel in self.all_panels:
            panel.reload()
        self.show_bars()
