"""Connections from every place that keeps them, the largest first; a million stay usable."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING, Any

from textual.message import Message

from console.screens.asked import number
from console.screens.live_panel import LivePanel, Said, Told
from console.widgets import words
from console.widgets.column import Column

if TYPE_CHECKING:
    from backends.cloud import Cloud
    from backends.inspect.connection_listing import ConnectionListing, Count
    from backends.inspect.connections import End, Joined
    from backends.services.connection_following import Following

# So many rows are joined and shown, whatever there is; counts are of all.
SHOWN = 2_000
_ORDERS = ("octets", "packets", "timeout", "zone")
_TONES = {"ESTABLISHED": "good", "SYN_SENT": "warn", "UNREPLIED": "warn", "TIME_WAIT": "dim"}


def _end(end: End, protocol: str) -> str:
    from backends.inspect.connections import shown

    text = shown(end.address, end.port, protocol.startswith("icmp"))
    return text if end.title == end.address else f"{end.title} {text}"


def _octets(item: Joined) -> str:
    total = sum(item.connection.octets)
    return words.size(total) if total else ""


class Connections(LivePanel):
    """`zone=`, `mark=`, `network=`, `server=` and `at=` (a namespace) are asked of the machine."""

    slug = "connections"
    heading = "Connections"
    kinds = ("connection",)
    noun = "connection"
    asks = ("zone", "mark", "network", "server", "at")
    columns = (
        Column("place", "PLACE", lambda j: _place(j), 10, 20, "L"),
        Column("protocol", "PROTO", lambda j: j.protocol, 5, 6, "P"),
        Column("state", "STATE", lambda j: j.state, 11, 11, "S",
               lambda j: _TONES.get(j.state, "")),
        Column("source", "FROM", lambda j: _end(j.source, j.protocol), 22, 44, "F"),
        Column("destination", "TO", lambda j: _end(j.destination, j.protocol), 22, 44, "T"),
        Column("nat", "NAT", lambda j: j.via, 10, 60, "N"),
        Column("floating", "FLOATING", lambda j: j.floating, 8, 15, "I"),
        Column("octets", "BYTES", _octets, 6, 9, "B",
               order=lambda j: -sum(j.connection.octets), right=True),
        Column("timeout", "LEFT", lambda j: _left(j.connection.timeout), 5, 6, "O",
               order=lambda j: j.connection.timeout, right=True),
    )  # fmt: skip

    class Heard(Message):
        """Connections began, changed or ended (from a thread)."""

    def __init__(self) -> None:
        super().__init__()
        self._order = _ORDERS[0]
        self._listing: ConnectionListing | None = None
        self._following: Following | None = None
        self._followed: Cloud | None = None

    def on_unmount(self) -> None:
        """Nobody looks any more."""
        self._look_away()

    def _follow(self) -> None:
        """Also: while it is not in front, nothing is listened to."""
        if self.display:
            self.reload()
        else:
            self._look_away()

    def _look_away(self) -> None:
        following, self._following, self._followed = self._following, None, None
        if following is not None:
            # It waits for its own thread.
            Thread(target=following.close, name="look away", daemon=True).start()

    def on_connections_heard(self) -> None:
        """Show it as soon as the one before is shown."""
        if self.display:
            self.reload()

    def _tables(self, cloud: Cloud) -> Following:
        from backends.services.connection_following import Following

        if self._following is None or self._followed is not cloud:
            if self._following is not None:
                self._following.close()
            self._following = Following(cloud.context, lambda: self.post_message(self.Heard()))
            self._followed = cloud
        return self._following

    @property
    def summary(self) -> str:
        """How many there are in all, and by what the shown ones were chosen."""
        total = 0 if self._listing is None else len(self._listing)
        if total <= SHOWN:
            return super().summary
        return f"{super().summary} · {total:,} in all, by {self._order}"

    def fetch(self, cloud: Cloud, everyone: bool) -> Sequence[Any]:
        """Read again; join the first ones."""
        want = self.asked
        listing = self._tables(cloud).list(
            zone=number(want.get("zone")),
            mark=number(want.get("mark")),
            network=want.get("network"),
            server=want.get("server"),
            namespace=want.get("at"),
        )
        self._listing = listing
        return listing.page(0, SHOWN, self._order)

    def reorder(self) -> None:
        """Choose those that are shown by something else."""
        self._order = _ORDERS[(_ORDERS.index(self._order) + 1) % len(_ORDERS)]
        self.desk.say(f"the first by {self._order}")
        self.reload()

    def count(self) -> None:
        """Count all of them by place, instance and state."""
        if self._listing is not None:
            self.desk.drill(Told("counts", "", "connections", partial(_counts, self._listing)))

    def _project(self, item: Joined) -> str:
        known = self._listing.names.records.projects if self._listing else {}
        if item.project_id not in known:
            return item.project_id or "none known"
        return f"{known[item.project_id].name} ({item.project_id})"

    def say_of(self, item: Joined) -> Said:
        """Both ends, both ways."""
        connection = item.connection
        source, destination, answering, answered = connection.addresses
        instances = [end.instance for end in (item.source, item.destination) if end.instance]
        said = [
            ("kept in", _kept(item)),
            ("protocol", f"{item.protocol} {item.state}".strip()),
            ("from", _end(item.source, item.protocol)),
            ("to", _end(item.destination, item.protocol)),
            ("first packet", f"{source} → {destination}"),
            ("its reply", f"{answering} → {answered}"),
            ("translated", item.via.replace(", ", "\n") or "no"),
            ("floating IP", item.floating or "none"),
            ("network", item.network.name if item.network else "none known"),
            ("project", self._project(item)),
            *(("instance", f"{each.name} ({each.id})") for each in instances),
            ("mark", _mark(connection.mark)),
            ("forgotten in", _left(connection.timeout)),
            ("id", item.id),
        ]
        if any(connection.packets):
            there, back = zip(connection.packets, connection.octets, strict=True)
            said.append(("sent", f"{there[0]:,} packets, {words.size(there[1])}"))
            said.append(("answered", f"{back[0]:,} packets, {words.size(back[1])}"))
        return said


def _place(item: Joined) -> str:
    """A network for what the switch keeps: its zones are networks."""
    if item.place.name == "switch" and item.network is not None:
        return item.network.name
    return item.place.title


def _kept(item: Joined) -> str:
    place = item.place
    name = "" if place.title == place.name else f" ({place.name})"
    return f"{place.title}{name}, zone {item.connection.zone}"


def _left(seconds: int) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _mark(mark: int) -> str:
    return "1: cut off, the rule that allowed it is gone" if mark == 1 else str(mark)


def _counts(found: ConnectionListing) -> Said:
    return [
        *_counted("place", found.by_zone()),
        *_counted("instance", found.by_instance()),
        *_counted("state", found.by_state()),
    ]


def _counted(what: str, counts: Sequence[Count]) -> Said:
    return [(what if not at else "", f"{each.connections:>10,}  {each.what}")
            for at, each in enumerate(counts[:50])]  # fmt: skip
