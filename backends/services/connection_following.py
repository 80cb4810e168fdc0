"""Connection tables that follow what happens: told at once, and large ones not read again."""

from __future__ import annotations

import selectors
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from backends.context import Context
from backends.drivers.conntrack.events import Happened, Listener
from backends.errors import MachineFailed
from backends.inspect.places import SWITCH, Source
from backends.services.connection import NETDEV, ConnectionTables

if TYPE_CHECKING:
    from backends.drivers.conntrack.ledger import Ledger
    from backends.drivers.conntrack.table import Connections

# Seconds that reading a place takes, above which it is followed instead.
_SLOW = 0.25
# So many times as long as reading it took, a place is followed before it is read again: only a
# reading tells how much each connection has carried.
_WORTH = 20.0
# So much that happened is kept until somebody looks; then the place is read anew.
_MOST = 200_000
# Seconds between looks at whether it is over, and between two calls of who is told.
_PULSE, _BETWEEN = 0.5, 0.2


@dataclass(slots=True)
class _Place:
    """A namespace of the kernel that is listened to, and its table where reading it takes long."""

    listener: Listener
    ledger: Ledger | None = None
    happened: list[Happened] = field(default_factory=list)
    lost: bool = False
    took: float = 0.0
    read_at: float = 0.0


class Following(ConnectionTables):
    """The same tables for somebody who keeps looking. `close` it when they look away.

    `heard` is called, in a thread of its own and a few times a second at most, when connections
    began, changed or ended in a place that was listed. The switch's userspace tells of nothing.
    """

    def __init__(self, context: Context, heard: Callable[[], object]) -> None:
        super().__init__(context)
        self._heard = heard
        self._places_by_name: dict[str, _Place] = {}
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def close(self) -> None:
        """Hear no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(_PULSE * 4)
        with self._lock:
            for place in self._places_by_name.values():
                place.listener.close()
            self._places_by_name.clear()
        self._selector.close()

    def _read(
        self, place: Source, zones: set[int] | None, mark: int | None
    ) -> Iterator[Connections]:
        in_switch = place.name == SWITCH
        if in_switch and self.context.settings.datapath == NETDEV:
            yield from super()._read(place, zones, mark)
            return
        followed = self._follow(place.namespace)
        if followed is None or mark is not None or (in_switch and zones is not None):
            yield from super()._read(place, zones, mark)
            return
        table = self._table(place.namespace, followed)
        if table is not None:
            # The kernel keeps the host's own connections in zone 0, the switch's in others.
            yield table.take(table.zone > 0) if in_switch else table

    def _follow(self, namespace: str) -> _Place | None:
        """A place that is heard from now on; None where nothing can be heard of it."""
        with self._lock:
            found = self._places_by_name.get(namespace)
            if found is not None or self._stop.is_set():
                return found
            try:
                found = _Place(Listener(namespace))
            except MachineFailed:
                return None
            self._places_by_name[namespace] = found
            self._selector.register(found.listener, selectors.EVENT_READ, found)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._listen, name="connections", daemon=True
                )
                self._thread.start()
            return found

    def _table(self, namespace: str, place: _Place) -> Connections | None:
        from backends.drivers.conntrack import reading
        from backends.drivers.conntrack.ledger import Ledger

        with self._lock:
            happened, place.happened = place.happened, []
            lost, place.lost = place.lost, False
        age = time.monotonic() - place.read_at
        if place.ledger is not None and not lost and age < place.took * _WORTH:
            for each in happened:
                place.ledger.take(each)
            return place.ledger.table
        begun = time.monotonic()
        try:
            table = reading.read(namespace)
        except MachineFailed as error:
            # A namespace that is to be made, or goes just now: drift says so.
            if error.code != "namespace.missing":
                raise
            self._forget(namespace)
            return None
        place.read_at, place.took = begun, time.monotonic() - begun
        place.ledger = Ledger(table) if place.took > _SLOW else None
        return table

    def _forget(self, namespace: str) -> None:
        """A namespace that is made again is another one, and is listened to anew."""
        with self._lock:
            place = self._places_by_name.pop(namespace, None)
            if place is not None:
                self._selector.unregister(place.listener)
                place.listener.close()

    def _listen(self) -> None:
        while not self._stop.is_set():
            heard = False
            for key, _ in self._selector.select(_PULSE):
                heard = self._hear(key.data) or heard
            if heard and not self._stop.is_set():
                self._heard()
                self._stop.wait(_BETWEEN)

    def _hear(self, place: _Place) -> bool:
        with self._lock:
            if place.listener.closed:
                return False
            try:
                if place.ledger is None:
                    # It is read again anyway: what happened need not be known.
                    return place.listener.skim()
                told = place.listener.wait(0)
            except MachineFailed:
                place.lost = True
                return True
            place.lost = place.lost or told.lost
            if sum(map(len, place.happened)) > _MOST:
                place.happened, place.lost = [], True
            elif len(told):
                place.happened.append(told)
            return bool(len(told)) or told.lost
