"""A steady beat of datagrams from one station to another: how long it was not heard."""

from __future__ import annotations

import threading
import time

from tests.real.firewall.station import Station

# Seconds between beats, and until a listener looks whether it is done.
_PACE, _PATIENCE = 0.01, 0.2


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
        pairs = zip(self._heard, self._heard[1:], strict=False)
        return max((after - before for before, after in pairs), default=0.0)

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
