"""A steady beat of datagrams, or connections one after another: how long none came."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack, suppress
from itertools import pairwise

from tests.real.firewall.station import Station, inside
from tests.real.lab import eventually

# Seconds between beats, and until a listener looks whether it is done.
_PACE, _PATIENCE = 0.01, 0.2
# Seconds between two connections, and for each.
_REST, _PATIENT = 0.05, 0.5


class Beat:
    """Beats while it is entered; `outage` is then the longest time without one, in seconds."""

    def __init__(self, source: Station, target: Station, port: int) -> None:
        self._here, self._there = source.datagrams(4), target.datagrams(4, port)
        self._there.settimeout(_PATIENCE)
        self._target = (target.v4, port)
        self._stop = threading.Event()
        self._heard = [time.monotonic()]
        self._threads = [threading.Thread(target=each) for each in (self._send, self._hear)]

    def __enter__(self) -> Beat:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for each in self._threads:
            each.join()

    @property
    def last(self) -> float:
        """When a beat was heard last (time.monotonic)."""
        return self._heard[-1]

    @property
    def outage(self) -> float:
        return max((after - before for before, after in pairwise(self._heard)), default=0.0)

    def _send(self) -> None:
        while not self._stop.wait(_PACE):
            try:
                self._here.sendto(b"beat", self._target)
            except OSError:
                # A network that is down for the moment has no route or no room.
                continue

    def _hear(self) -> None:
        while not self._stop.is_set():
            try:
                self._there.recv(16)
            except OSError:
                continue
            self._heard.append(time.monotonic())


class Calls:
    """Connections to a guest's web server while this is entered; when each came about.

    Not pings: where its translation is gone, a router answers those for the guest. From this host,
    or from a namespace.
    """

    def __init__(self, address: str, namespace: str = "") -> None:
        self.made: list[float] = []
        self._address, self._namespace = (address, 80), namespace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Calls:
        self._thread.start()
        eventually(lambda: self.made, "a connection")
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def outage(self, since: float) -> float:
        """The longest time without one that ended since then, in seconds."""
        return max(after - before for before, after in pairwise(self.made) if after > since)

    def _run(self) -> None:
        with ExitStack() as place:
            if self._namespace:
                place.enter_context(inside(self._namespace))
            while not self._stop.wait(_REST):
                with suppress(OSError), socket.create_connection(self._address, _PATIENT):
                    self.made.append(time.monotonic())
