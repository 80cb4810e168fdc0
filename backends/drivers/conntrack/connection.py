"""One connection, as a value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Connection:
    """A row of `table.Connections`, its addresses as text: source and destination as the first
    packet had them, then those of the reply.
    """

    family: int
    protocol: int
    addresses: tuple[str, str, str, str]
    ports: tuple[int, ...]
    zone: int = 0
    mark: int = 0
    status: int = 0
    timeout: int = 0
    state: int = 0
    id: int = 0
    packets: tuple[int, ...] = (0, 0)
    octets: tuple[int, ...] = (0, 0)
