"""Tells at once what happens to the cloud's namespaces: one went, a daemon in one, or its rules.

By inotify(7), pidfd_open(2) and netlink(7).
"""

from __future__ import annotations

import os
import selectors
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from backends.drivers.namespaces.driver import NAMES, is_ours
from backends.drivers.nftables.watch import Tables
from backends.settings import Settings

# Seconds between looks at `stop` and `changed`.
_PULSE = 0.5
# What has a daemon has a folder of its own, below one of these.
_DAEMONS = ("dhcp", "ra", "metadata")
_KINDS = {"qdhcp": "network", "qrouter": "router"}


def watch(
    settings: Settings,
    callback: Callable[[], None],
    stop: threading.Event,
    changed: threading.Event,
) -> None:
    """Call back until `stop` is set. Blocks: give it a thread of its own.

    `changed` says that there may be more of them since: labels and pids are read again.
    """
    from inotify_simple import INotify, flags

    with INotify() as inotify, selectors.DefaultSelector() as selector:
        # It is ip-netns(8) that makes the folder, with the first namespace.
        with suppress(OSError):
            inotify.add_watch(os.fspath(NAMES), flags.DELETE)
        selector.register(inotify, selectors.EVENT_READ)
        daemons, tables = _Daemons(settings, selector), Tables(settings, selector)
        try:
            changed.set()
            while not stop.is_set():
                if changed.is_set():
                    changed.clear()
                    daemons.find()
                    tables.find()
                news = False
                for key, _ in selector.select(_PULSE):
                    if key.data is None:
                        gone = [each.name for each in inotify.read(timeout=0)]
                        for name in gone:
                            tables.end(name)
                        news = news or any(_is_own(name, settings) for name in gone)
                    elif isinstance(key.data, str):
                        news = tables.hear(key) or news
                    else:
                        daemons.end(key)
                        news = True
                if news:
                    callback()
        finally:
            daemons.close()
            tables.close()


def _is_own(namespace: str, settings: Settings) -> bool:
    """Whether the cloud has a label for whose namespace it is."""
    kind, _, id_ = namespace.partition("-")
    return is_ours(namespace) and (settings.labels / _KINDS[kind] / f"{id_}.json").exists()


class _Daemons:
    """The daemons whose pid is known, each by a descriptor that is readable when it has ended."""

    def __init__(self, settings: Settings, selector: selectors.BaseSelector) -> None:
        self._settings = settings
        self._selector = selector
        self._watched: dict[int, int] = {}

    def find(self) -> None:
        """Watch those that are new."""
        for pid in set(self._pids()) - self._watched.keys():
            with suppress(OSError):
                descriptor = os.pidfd_open(pid)
                self._watched[pid] = descriptor
                self._selector.register(descriptor, selectors.EVENT_READ, pid)

    def end(self, key: selectors.SelectorKey) -> None:
        """One has ended."""
        self._selector.unregister(key.fileobj)
        os.close(self._watched.pop(key.data))

    def close(self) -> None:
        """Watch none any more."""
        for descriptor in self._watched.values():
            os.close(descriptor)
        self._watched.clear()

    def _pids(self) -> Iterator[int]:
        for kind in _DAEMONS:
            for path in self._settings.state.glob(f"{kind}/*/pid"):
                # A daemon that starts has written nothing yet.
                with suppress(OSError, ValueError):
                    yield int(path.read_text())
