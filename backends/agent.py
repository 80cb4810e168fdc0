"""The agent: converges at boot and mends drift as it happens, with the console's own code."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from backends.access import Access
from backends.cloud import Cloud
from backends.errors import MachineFailed, QuarterdeckError
from backends.events import Events, Happening

Report = Callable[[str], None]

# Seconds between looks at what tells nothing by itself: files, addresses and routes in namespaces.
SWEEP = 10.0
# Seconds to wait after a repair that failed: doubled each time, up to the second number.
_BACK_OFF, _BACK_OFF_MOST = 2.0, 300.0
# Seconds within which it notices that it is told to stop.
_PULSE = 1.0
# Seconds between attempts to reach daemons that are not up yet after a boot.
_AGAIN = 2.0


class Agent:
    """Watches one cloud until it is told to stop."""

    def __init__(self, cloud: Cloud, report: Report, stop: threading.Event) -> None:
        self._cloud = cloud
        self._report = report
        self._stop = stop
        self._news = threading.Event()
        # A daemon that was away is there again: what failed for want of it need not wait.
        self._came = threading.Event()
        self._back_off = _BACK_OFF

    def run(self) -> None:
        """Converge, then after each event and each sweep converge again what differs."""
        events = Events(self._cloud)
        events.subscribe(self._hear)
        try:
            while not self._stop.is_set():
                self._news.clear()
                self._came.clear()
                if self._converge():
                    self._await(self._news, SWEEP)
                else:
                    self._await(self._came, self._back_off)
                    self._back_off = min(self._back_off * 2, _BACK_OFF_MOST)
        finally:
            events.close()

    def _hear(self, happening: Happening) -> None:
        if happening.libvirt or happening.switch:
            self._came.set()
        self._news.set()

    def _converge(self) -> bool:
        try:
            for operation in self._cloud.drift.recover():
                self._report(f"finished {operation.verb} {operation.target_name}")
            planned = self._cloud.drift.repair()
        except QuarterdeckError as error:
            self._report(str(error))
            return False
        for step in planned.steps:
            self._report(planned.words(step))
        self._back_off = _BACK_OFF
        return True

    def _await(self, what: threading.Event, most: float) -> None:
        """Until that happened, `most` seconds have passed, or it is told to stop."""
        until = time.monotonic() + most
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            if what.wait(timeout=min(_PULSE, left)):
                return


def run(access: Access, report: Report, stop: threading.Event) -> None:
    """Open the cloud, waiting for the machine's daemons where they are not up yet; then watch it.

    Raises Refused where the cloud cannot be opened at all (`cloud.missing`, `caller.*`).
    """
    while not stop.is_set():
        try:
            cloud = Cloud.open(access)
        except MachineFailed as error:
            report(str(error))
            stop.wait(_AGAIN)
            continue
        try:
            report(f"watching cloud {access.cloud}")
            Agent(cloud, report, stop).run()
        finally:
            cloud.close()
        return
