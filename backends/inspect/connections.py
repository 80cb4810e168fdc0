"""Connections joined to instances, networks, floating IPs and projects. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address

from backends.drivers.conntrack.connection import Connection
from backends.errors import Refused
from backends.inspect.names import Names
from backends.inspect.places import SWITCH, Source
from backends.records.tables import Instance, Network, Port

PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6", 132: "sctp"}
_NUMBERS = {name: number for number, name in PROTOCOLS.items()}
# nf_conntrack_tcp.h
TCP_STATES = {
    1: "SYN_SENT",
    2: "SYN_RECV",
    3: "ESTABLISHED",
    4: "FIN_WAIT",
    5: "CLOSE_WAIT",
    6: "LAST_ACK",
    7: "TIME_WAIT",
    8: "CLOSE",
    9: "SYN_SENT2",
}
_TCP, _ICMPS = 6, (1, 58)
# nf_conntrack_common.h
_SEEN_REPLY, _ASSURED = 1 << 1, 1 << 2


@dataclass(frozen=True, slots=True)
class End:
    """One side: its address and port as the network sees them, and whose they are."""

    address: str
    port: int
    owner: Port | None = None
    instance: Instance | None = None
    title: str = ""


@dataclass(frozen=True, slots=True)
class Joined:
    """A connection and whose it is.

    `source` began it, `destination` answers it; each is the real end, after NAT. `via` are the
    translations, both ways, in words; `floating` is the floating IP it goes by.
    """

    id: str
    place: Source
    connection: Connection
    protocol: str
    state: str
    source: End
    destination: End
    via: str
    floating: str
    network: Network | None
    project_id: str

    @property
    def name(self) -> str:
        """Both ends."""
        return f"{self.source.title} to {self.destination.title}"


def join(connection: Connection, place: Source, names: Names) -> Joined:
    """One connection with all that the records say of it."""
    source, destination, answering, answered = connection.addresses
    near, far, answer_port, _ = connection.ports
    network = names.zones.get(connection.zone) if place.name == SWITCH else None
    here = [network.id] if network is not None else list(place.networks)
    icmp = connection.protocol in _ICMPS
    begins = _end(source, near, here, names)
    answers = _end(answering, far if icmp else answer_port, here, names)
    owner = begins.owner or answers.owner
    if network is None and owner is not None:
        network = names.network_of(owner)
    return Joined(
        identifier(place, connection),
        place,
        connection,
        PROTOCOLS.get(connection.protocol, str(connection.protocol)),
        state_of(connection),
        begins,
        answers,
        translations(connection),
        _floating((source, destination, answering, answered), place, names),
        network,
        _project(place, owner, network),
    )


def _end(address: str, port: int, networks: list[str], names: Names) -> End:
    owner = names.port_at(networks, address)
    instance = names.instance_of(owner)
    return End(address, port, owner, instance, names.title(owner) if owner else address)


def _project(place: Source, owner: Port | None, network: Network | None) -> str:
    """The port's project before the place's: a shared network is used by many."""
    if owner is not None:
        return owner.project_id
    return place.project_id or (network.project_id if network is not None else "")


def _floating(addresses: Iterable[str], place: Source, names: Names) -> str:
    for address in addresses:
        if address in names.floating and place.router_id == names.floating[address].router_id:
            return address
        lent = names.fixed.get((place.router_id, address))
        if lent is not None:
            return lent.address
    return ""


def translations(connection: Connection) -> str:
    """What NAT exchanges, both ways; empty where nothing is."""
    source, destination, answering, answered = connection.addresses
    near, far, answer_port, answered_port = connection.ports
    icmp = connection.protocol in _ICMPS
    said = []
    if (destination, 0 if icmp else far) != (answering, 0 if icmp else answer_port):
        said.append(
            f"to {shown(destination, far, icmp)} → {shown(answering, answer_port, icmp)} (DNAT)"
        )
    if (source, 0 if icmp else near) != (answered, 0 if icmp else answered_port):
        said.append(
            f"from {shown(source, near, icmp)} → {shown(answered, answered_port, icmp)} (SNAT)"
        )
    return ", ".join(said)


def shown(address: str, port: int, icmp: bool = False) -> str:
    """An address with its port, as URLs have them."""
    if icmp:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def state_of(connection: Connection) -> str:
    """TCP's state; for what has none, whether it was answered. Empty where that is not known."""
    if connection.protocol == _TCP:
        return TCP_STATES.get(connection.state, "NONE")
    if not connection.status:
        return ""
    if connection.status & _ASSURED:
        return "ASSURED"
    return "REPLIED" if connection.status & _SEEN_REPLY else "UNREPLIED"


def identifier(place: Source, connection: Connection) -> str:
    """What names this connection and no other, before or after it."""
    source, destination, *_ = connection.addresses
    near, far, *_ = connection.ports
    protocol = PROTOCOLS.get(connection.protocol, str(connection.protocol))
    ends = f"{source},{near},{destination},{far}"
    return f"{place.name}/{connection.zone}/{protocol}/{ends}/{connection.id}"


def parse(text: str) -> tuple[str, Connection]:
    """The place's name and the connection of an identifier, its reply left out.

    Raises Refused `connection.id.invalid`.
    """
    try:
        place, zone, protocol, ends, id_ = text.split("/")
        source, near, destination, far = ends.split(",")
        first = ip_address(source)
        return place, Connection(
            family=10 if first.version == 6 else 2,
            protocol=_NUMBERS[protocol] if protocol in _NUMBERS else int(protocol),
            addresses=(str(first), str(ip_address(destination)), "", ""),
            ports=(int(near), int(far), 0, 0),
            zone=int(zone),
            id=int(id_),
        )
    except ValueError:
        raise Refused(
            "connection.id.invalid",
            f"{text!r} names no connection; `quarterdeck connection list` shows their ids",
        ) from None
