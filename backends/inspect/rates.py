"""How fast bytes pass the interfaces of this host, and those in routers' namespaces."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import psutil

from backends.drivers.namespaces.links import read_links


@dataclass(frozen=True, slots=True)
class Counters:
    """Bytes that each interface has received and sent so far, as the switch sees it."""

    at: float = 0.0
    bytes: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def rates(self, before: Counters) -> dict[str, tuple[float, float]]:
        """Bytes a second by interface since an earlier reading: to the guest, and from it.

        What a guest sends is what its tap receives.
        """
        seconds = self.at - before.at
        if seconds <= 0:
            return {}
        found = {}
        for name, (received, sent) in self.bytes.items():
            if name in before.bytes:
                old_received, old_sent = before.bytes[name]
                # A counter that went back is of an interface made anew.
                down, up = max(0, sent - old_sent), max(0, received - old_received)
                found[name] = (down / seconds, up / seconds)
        return found


def read(namespaces: Iterable[str] = ()) -> Counters:
    """The counters now, of the host's interfaces and of those in these namespaces.

    The switch itself cannot tell of an interface that was moved into a namespace. What is sent in
    there is what the switch receives. Nothing is started for it.
    """
    found = psutil.net_io_counters(pernic=True, nowrap=False)
    counted = {name: (each.bytes_recv, each.bytes_sent) for name, each in found.items()}
    for namespace in namespaces:
        for name, carried in read_links(namespace).items():
            counted.setdefault(name, (carried.sent, carried.received))
    return Counters(time.monotonic(), counted)
