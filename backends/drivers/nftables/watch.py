"""Hears that tables of ours change: nftables tells of each change by netlink, in its namespace."""

from __future__ import annotations

import selectors
import socket
from contextlib import suppress

from backends.drivers.conntrack.netlink import connect
from backends.errors import MachineFailed
from backends.settings import Settings, router_namespace

# NFNLGRP_NFTABLES (linux/netfilter/nfnetlink.h), as a bit.
_GROUP = 1 << 6
_DATAGRAM = 1 << 16


class Tables:
    """The places whose tables are heard of: the host, and the cloud's routers.

    A namespace lives as long as there is a socket in it, so that of one that goes is to be closed.
    """

    def __init__(self, settings: Settings, selector: selectors.BaseSelector) -> None:
        self._settings = settings
        self._selector = selector
        self._open: dict[str, socket.socket] = {}

    def find(self) -> None:
        """Hear of those that are new, where that is allowed."""
        labels = (self._settings.labels / "router").glob("*.json")
        homes = {"", *(router_namespace(path.stem) for path in labels)}
        for name in homes - self._open.keys():
            with suppress(MachineFailed):
                opened = self._open[name] = connect(name, groups=_GROUP)
                opened.setblocking(False)
                self._selector.register(opened, selectors.EVENT_READ, name)

    def hear(self, key: selectors.SelectorKey) -> bool:
        """Whether what is told is of a table of ours: on the host there are others."""
        opened: socket.socket = self._open[key.data]
        table = self._settings.host_table.encode() if not key.data else b""
        ours = False
        try:
            while told := opened.recv(_DATAGRAM):
                ours = ours or table in told
        except BlockingIOError:
            return ours
        except OSError:
            # More happened than there is room for.
            return True
        return ours

    def end(self, name: str) -> None:
        """Its namespace went."""
        if name in self._open:
            opened = self._open.pop(name)
            self._selector.unregister(opened)
            opened.close()

    def close(self) -> None:
        """Hear of none any more."""
        for name in list(self._open):
            self.end(name)
