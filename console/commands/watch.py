"""Tells on stderr what a verb is doing, and makes ctrl-C cancel it instead of killing it."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from contextlib import ExitStack
from types import FrameType, TracebackType
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError
from console.commands.table import printable

if TYPE_CHECKING:
    from backends.cloud import Cloud

_TICK = 0.1  # seconds between two looks at the journal
_BAR = 30  # cells


class Watch:
    """While it is open: the steps of each operation as they come, and a bar for long ones.

    The first ctrl-C cancels the operation (what it was making is taken away again), the second one
    leaves it as it is, for the next command to finish.
    """

    def __init__(self, cloud: Cloud, say: Callable[[str], None], narrates: bool) -> None:
        self.interrupted = False
        self._cloud = cloud
        self._say = say
        self._narrates = narrates
        self._operation = ""
        self._told = 0
        self._bar = False
        self._done = threading.Event()
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._held = ExitStack()

    def __enter__(self) -> Watch:
        self._held.enter_context(self._cloud.context.on_start(self._started))
        if threading.current_thread() is threading.main_thread():
            before = signal.signal(signal.SIGINT, self._on_interrupt)
            self._held.callback(signal.signal, signal.SIGINT, before)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._held.close()
        self._done.set()
        for thread in self._threads:
            thread.join()
        self._look()

    def check(self) -> None:
        """Raise KeyboardInterrupt when ctrl-C came and no operation took it."""
        if self.interrupted:
            raise KeyboardInterrupt

    def _started(self, operation_id: str) -> None:
        self._look()
        self._operation, self._told = operation_id, 0
        if self._narrates and not self._threads:
            self._run(self._follow)

    def _on_interrupt(self, number: int, frame: FrameType | None) -> None:
        if self.interrupted or not self._operation:
            raise KeyboardInterrupt
        self.interrupted = True
        # Not here: the main thread may be in the middle of a transaction.
        self._run(self._cancel)

    def _cancel(self) -> None:
        self._say("cancelling; ctrl-C again leaves it to the next command")
        try:
            self._cloud.operations.cancel(self._operation)
        except QuarterdeckError:
            return  # It ended meanwhile.

    def _run(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _follow(self) -> None:
        while not self._done.wait(_TICK):
            self._look()

    def _look(self) -> None:
        if not (self._narrates and self._operation):
            return
        with self._lock:
            try:
                operation, steps = self._cloud.operations.show(self._operation)
            except QuarterdeckError:
                return
            for step in steps[self._told :]:
                self._clear()
                print(f"[{step.position}] {printable(step.text)}", file=sys.stderr)
            self._told = len(steps)
            self._clear()
            if operation.progress is not None and sys.stderr.isatty():
                self._draw(operation.progress)

    def _draw(self, share: float) -> None:
        full = round(min(max(share, 0.0), 1.0) * _BAR)
        bar = "#" * full + "." * (_BAR - full)
        print(f"\r    [{bar}] {share:4.0%}", end="", file=sys.stderr, flush=True)
        self._bar = True

    def _clear(self) -> None:
        if self._bar:
            print("\r\x1b[K", end="", file=sys.stderr)
            self._bar = False
