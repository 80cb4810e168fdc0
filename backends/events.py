"""What happens to a cloud: its domains, its switch, its records; a burst of it told as one."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from backends.errors import QuarterdeckError
from backends.records.store import is_path

if TYPE_CHECKING:
    from backends.cloud import Cloud

# Seconds in which what happens is told as one.
BURST = 0.1
# Seconds between looks at a store that tells nothing by itself (PostgreSQL).
_POLL = 2.0
_PULSE_MS = 500


class Topic(StrEnum):
    """What changed."""

    RECORDS = "records"
    DOMAINS = "domains"
    # And what hangs on it: flows, namespaces and the daemons in them.
    SWITCH = "switch"


@dataclass(frozen=True, slots=True)
class Happening:
    """All that happened within one burst. `libvirt` is None while its daemon did not come or go.

    `switch` says that Open vSwitch can be reached again, its database or the flows of a bridge.
    """

    topics: frozenset[Topic]
    libvirt: bool | None = None
    switch: bool = False


Callback = Callable[[Happening], None]


@dataclass(slots=True)
class _Burst:
    topics: set[Topic] = field(default_factory=set)
    libvirt: bool | None = None
    switch: bool = False


class Events:
    """Follows one cloud until it is closed. `subscribe` as often as wanted; callbacks run in a
    thread of its own and must be quick."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._settings = cloud.settings
        self._store = cloud.context.store.url
        self._own: set[str] = set()
        self._callbacks: list[Callback] = []
        self._burst = _Burst()
        self._lock = threading.Lock()
        self._news = threading.Event()
        self._stop = threading.Event()
        # Since the daemons in namespaces were last looked for.
        self._changed = threading.Event()
        self._libvirt: bool | None = None

    def subscribe(self, callback: Callback) -> Callable[[], None]:
        """Call back after each burst; returns what ends that. The first one starts the watchers."""
        with self._lock:
            self._callbacks.append(callback)
            first = len(self._callbacks) == 1
        if first:
            self._start()
        return lambda: self._callbacks.remove(callback)

    def close(self) -> None:
        """End the watchers; each notices within a second."""
        self._stop.set()
        self._news.set()

    def _start(self) -> None:
        watchers = (
            self._watch_records, self._watch_domains, self._watch_switch, self._watch_flows,
            self._watch_namespaces,
        )  # fmt: skip
        for each in (self._tell, *watchers):
            threading.Thread(target=each, name=f"events{each.__name__}", daemon=True).start()

    def _note(
        self, topic: Topic, libvirt: bool | None = None, *, switch: bool = False
    ) -> None:  # fmt: skip
        with self._lock:
            self._burst.topics.add(topic)
            self._burst.switch = self._burst.switch or switch
            if libvirt is not None:
                self._burst.libvirt = libvirt
        # Whoever starts a daemon notes it in the store.
        self._changed.set()
        self._news.set()

    def _tell(self) -> None:
        while not self._stop.is_set():
            self._news.wait()
            self._stop.wait(BURST)
            with self._lock:
                self._news.clear()
                burst, self._burst = self._burst, _Burst()
                callbacks = list(self._callbacks)
            if self._stop.is_set() or not burst.topics:
                continue
            happening = Happening(frozenset(burst.topics), burst.libvirt, burst.switch)
            for callback in callbacks:
                callback(happening)

    def _watch_domains(self) -> None:
        from backends.drivers.libvirt import watch

        def hear(domain: str, what: str) -> None:
            if domain and not self._is_own(domain):
                return
            if what == watch.UNREACHABLE:
                # It is tried again every second, and told once.
                if self._libvirt is not False:
                    self._libvirt = False
                    self._note(Topic.DOMAINS, libvirt=False)
                return
            came = what == watch.CONNECTED
            self._libvirt = True
            self._note(Topic.DOMAINS, libvirt=True if came else None)

        watch.watch(self._settings, hear, self._stop)

    def _is_own(self, domain: str) -> bool:
        """Whether the cloud has a record of the domain: libvirt tells of everybody's."""
        if domain in self._own:
            return True
        from backends.records.instance import Instance

        with suppress(QuarterdeckError), self._cloud.context.reading() as session:
            if session.get(Instance, domain) is None:
                return False
        self._own.add(domain)
        return True

    def _watch_switch(self) -> None:
        from backends.drivers.ovs import watch

        def hear(names: frozenset[str]) -> None:
            self._note(Topic.SWITCH, switch=not names)

        watch.watch(self._settings, hear, self._stop)

    def _watch_flows(self) -> None:
        from backends.drivers.ovs import canary

        canary.watch(self._settings, lambda came: self._note(Topic.SWITCH, switch=came), self._stop)

    def _watch_namespaces(self) -> None:
        from backends.drivers.namespaces import watch

        watch.watch(self._settings, lambda: self._note(Topic.SWITCH), self._stop, self._changed)

    def _watch_records(self) -> None:
        if not is_path(self._store):
            while not self._stop.wait(_POLL):
                self._note(Topic.RECORDS)
            return
        from inotify_simple import INotify, flags

        path = Path(self._store)
        # A commit is a write to the log; a checkpoint is one to the file itself.
        names = {path.name, f"{path.name}-wal"}
        with INotify() as inotify:
            inotify.add_watch(os.fspath(path.parent), flags.MODIFY | flags.CREATE | flags.MOVED_TO)
            while not self._stop.is_set():
                if any(event.name in names for event in inotify.read(timeout=_PULSE_MS)):
                    self._note(Topic.RECORDS)
