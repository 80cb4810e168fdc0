"""Tells of changes of Open vSwitch as they happen (a monitor of OVSDB, RFC 7047, 4.1.5)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

from backends.drivers.ovs.facts import CLOUD
from backends.drivers.ovs.ovsdb import Connection, Json, Ovsdb, mapping
from backends.errors import MachineFailed
from backends.settings import Settings

# Called with the names of the bridges and ports that changed; with none of them after a connection
# was made (again): then anything may have changed, and everything is to be looked at.
Callback = Callable[[frozenset[str]], None]

# Statistics are left out: they change every few seconds and are not what is watched here.
_COLUMNS = {
    "Bridge": ("name", "ports", "datapath_type", "fail_mode", "external_ids"),
    "Port": ("name", "interfaces", "tag"),
    "Interface": ("name", "type", "ofport", "error", "link_state", "external_ids"),
}
# Seconds between looks at `stop`, and between attempts to connect.
_PULSE = 0.5


def watch(
    settings: Settings,
    callback: Callback,
    stop: threading.Event,
    database: Ovsdb | None = None,
) -> None:
    """Call back at each change until `stop` is set. Blocks: give it a thread of its own.

    What another cloud has labelled is passed over. A server that is away is waited for.
    """
    database = database or Ovsdb(settings.ovs_run)
    while not stop.is_set():
        try:
            with database.connect() as connection:
                _follow(connection, settings.cloud, callback, stop)
        except MachineFailed:
            stop.wait(_PULSE)


def _follow(connection: Connection, cloud: str, callback: Callback, stop: threading.Event) -> None:
    connection.monitor(_COLUMNS)
    callback(frozenset())
    while not stop.is_set():
        message = connection.receive(_PULSE)
        if message is not None and message.get("method") == "update":
            names = frozenset(changed(message["params"][1], cloud))
            if names:
                callback(names)


def changed(updates: Json, cloud: str) -> Iterator[str]:
    """The names in an update, without those of another cloud."""
    for rows in updates.values():
        for change in rows.values():
            row = change.get("new") or change["old"]
            labels = mapping(row["external_ids"]) if "external_ids" in row else {}
            if labels.get(CLOUD, cloud) == cloud:
                yield row["name"]
