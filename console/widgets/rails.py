"""A topology in characters: networks are rails that run down, and instances hang on them. Pure.

┬─ front  10.0.0.0/24
●── web-1  ACTIVE  10.0.0.5
│  ┬─ back  10.1.0.0/24
●──●── db-1  ACTIVE  10.0.0.6, 10.1.0.5
   ●── db-2  SHUTOFF  10.1.0.6
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from console.widgets.lines import TextLine

# A network with more instances than this is folded to its first few.
MANY = 12
FEW = 8
_RAIL, _DOT, _OFF, _CROSS = "│", "●", "○", "┼"


class Net(NamedTuple):
    """A network: what is said beside its head, and lines about its subnets."""

    id: str
    name: str
    note: str
    subnets: tuple[str, ...]


class Guest(NamedTuple):
    """An instance and the networks it hangs on."""

    id: str
    name: str
    status: str
    tone: str
    networks: tuple[str, ...]
    addresses: str


def draw(nets: Sequence[Net], guests: Sequence[Guest], unfolded: Collection[str]) -> list[TextLine]:
    """The lines. Each has the key `network:ID`, `instance:ID` or `fold:ID`."""
    return list(_Drawing(nets, guests, unfolded).lines())


class _Drawing:
    def __init__(
        self, nets: Sequence[Net], guests: Sequence[Guest], unfolded: Collection[str]
    ) -> None:
        self._nets = nets
        self._unfolded = unfolded
        known = {net.id for net in nets}
        place = {net.id: index for index, net in enumerate(nets)}
        # An instance is drawn once the last of its networks is there to hang it on.
        self._under: dict[str, list[Guest]] = defaultdict(list)
        self._last: dict[str, str] = {}
        self._loose: list[Guest] = []
        for guest in guests:
            on = [network for network in guest.networks if network in known]
            if not on:
                self._loose.append(guest)
                continue
            under = max(on, key=lambda network: place[network])
            self._under[under].append(guest)
            for network in on:
                before = self._last.get(network)
                if before is None or place[under] > place[before]:
                    self._last[network] = under
        self._rails: list[str | None] = []

    def lines(self) -> Iterator[TextLine]:
        for net in self._nets:
            yield from self._head(net)
            yield from self._guests(net)
            for slot, rail in enumerate(self._rails):
                if rail is not None and self._last.get(rail, rail) == net.id:
                    self._rails[slot] = None
            while self._rails and self._rails[-1] is None:
                self._rails.pop()
        if self._loose:
            yield TextLine((("", ""),))
            yield TextLine(((" on no network", "dim"),))
            for guest in self._loose:
                yield self._guest(guest, ())

    def _head(self, net: Net) -> Iterator[TextLine]:
        slot = next((index for index, rail in enumerate(self._rails) if rail is None), None)
        if slot is None:
            slot = len(self._rails)
            self._rails.append(None)
        before = self._plain(self._rails[:slot])
        self._rails[slot] = net.id
        used = net.id in self._last
        after = self._rails[slot + 1 :]
        # The head's line runs over the rails on its right.
        dash = "".join(("─" if rail is None else _CROSS) + "──" for rail in after)
        yield TextLine(
            ((f" {before}{'┬' if used else '╌'}──{dash} ", ""), (net.name, "strong"),
             (f"  {net.note}", "dim")),
            f"network:{net.id}",
        )  # fmt: skip
        rails = self._plain(self._rails if used else self._rails[:slot])
        for subnet in net.subnets:
            yield TextLine(((f" {rails} ", ""), (subnet, "dim")), f"network:{net.id}")

    def _guests(self, net: Net) -> Iterator[TextLine]:
        guests = self._under[net.id]
        shown = guests
        if len(guests) > MANY and net.id not in self._unfolded:
            shown = guests[:FEW]
        for guest in shown:
            yield self._guest(guest, guest.networks)
        if len(guests) > MANY:
            hidden = len(guests) - len(shown)
            text = f"… {hidden} more; enter unfolds" if hidden else "enter folds"
            yield TextLine(((f" {self._plain(self._rails)} ", ""), (text, "dim")), f"fold:{net.id}")

    def _guest(self, guest: Guest, networks: Collection[str]) -> TextLine:
        dot = _OFF if guest.tone == "dim" else _DOT
        spans: list[tuple[str, str]] = [(" ", "")]
        hung = False
        for rail in self._rails:
            if rail is not None and rail in networks:
                spans += [(dot, guest.tone), ("──", "")]
                hung = True
            elif hung:
                spans.append((("─" if rail is None else _CROSS) + "──", ""))
            else:
                spans.append(((_RAIL if rail is not None else " ") + "  ", ""))
        spans += [
            (f" {guest.name}  ", ""),
            (guest.status, guest.tone),
            (f"  {guest.addresses}", "dim"),
        ]
        return TextLine(tuple(spans), f"instance:{guest.id}")

    @staticmethod
    def _plain(rails: Iterable[str | None]) -> str:
        return "".join((" " if rail is None else _RAIL) + "  " for rail in rails)
