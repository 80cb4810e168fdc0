"""Changes of Open vSwitch."""

from __future__ import annotations

from dataclasses import dataclass

from backends.drivers.ovs.facts import Meter

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class AddBridge:
    """Make a bridge in secure fail mode, or put one of ours right. Refuses a stranger's."""

    name: str
    datapath: str
    labels: Labels

    @property
    def text(self) -> str:
        return f"add bridge {self.name} ({self.datapath} datapath)"


@dataclass(frozen=True, slots=True)
class RemoveBridge:
    """Take a bridge of this cloud away, with its ports."""

    name: str

    @property
    def text(self) -> str:
        return f"remove bridge {self.name}"


@dataclass(frozen=True, slots=True)
class WriteFlows:
    """Write a flow set under a new cookie, the canary last, then sweep what has another cookie.

    `flows` are in ovs-ofctl's syntax (ovs-fields(7)), without cookie.
    """

    bridge: str
    cookie: int
    flows: tuple[str, ...]

    @property
    def text(self) -> str:
        return f"write {len(self.flows)} flows to {self.bridge}"


@dataclass(frozen=True, slots=True)
class FlowSet:
    """Flows that change together, without cookie. `owner` (64 bits) is whose they are.

    The cookie is made of the flows: a set with the same cookie is the same set.
    """

    owner: int
    cookie: int
    flows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class WriteFlowSets:
    """Write sets, each with its canary, and sweep the flows with these old cookies: in one change.

    `swept` None: nothing but these sets is to be left.
    """

    bridge: str
    sets: tuple[FlowSet, ...]
    swept: tuple[int, ...] | None = ()

    @property
    def text(self) -> str:
        flows = sum(len(each.flows) for each in self.sets)
        rest = "everything else" if self.swept is None else f"{len(self.swept)} old sets"
        return f"write {flows} flows in {len(self.sets)} sets to {self.bridge}, sweep {rest}"


@dataclass(frozen=True, slots=True)
class ForgetConnections:
    """Delete all tracked connections of a conntrack zone."""

    zone: int

    @property
    def text(self) -> str:
        return f"forget the connections of zone {self.zone}"


@dataclass(frozen=True, slots=True)
class AddPort:
    """Add a port to a bridge or put ours right: tag, MAC of an internal interface, labels, MTU."""

    bridge: str
    name: str
    vlan: int
    labels: Labels
    internal: bool = False
    mac: str = ""
    mtu: int = 0

    @property
    def text(self) -> str:
        return f"add port {self.name} to {self.bridge}, VLAN {self.vlan}"


@dataclass(frozen=True, slots=True)
class AddPatch:
    """Add a patch port to a bridge or put ours right; it leads to `peer` on another bridge.

    A peer that is not there yet keeps it shut. `number` is its OpenFlow port, so that flows can
    name it before it is there.
    """

    bridge: str
    name: str
    peer: str
    number: int
    labels: Labels

    @property
    def text(self) -> str:
        return f"add patch port {self.name} to {self.bridge}, leading to {self.peer}"


@dataclass(frozen=True, slots=True)
class AddTunnel:
    """Add a VXLAN port (RFC 7348) to a bridge or put ours right; flows say the VNI.

    `local` and `remote` are the addresses of this host and of another, both IPv4 or both IPv6.
    What does not fit the underlay is dropped there and never cut (ovs-vswitchd.conf.db(5),
    `df_default`).
    """

    bridge: str
    name: str
    local: str
    remote: str
    labels: Labels

    @property
    def text(self) -> str:
        return f"add tunnel {self.name} to {self.bridge}, from {self.local} to {self.remote}"


@dataclass(frozen=True, slots=True)
class RemovePort:
    """Take a port of this cloud off its bridge; an internal one's interface goes with it."""

    name: str

    @property
    def text(self) -> str:
        return f"remove port {self.name}"


@dataclass(frozen=True, slots=True)
class WriteMeters:
    """Make meters of a bridge, or change the rates of those that are there."""

    bridge: str
    meters: tuple[tuple[int, Meter], ...]

    @property
    def text(self) -> str:
        return f"limit the bandwidth by {len(self.meters)} meters on {self.bridge}"


@dataclass(frozen=True, slots=True)
class RemoveMeters:
    """Take meters of a bridge away that no flow uses any more."""

    bridge: str
    numbers: tuple[int, ...]

    @property
    def text(self) -> str:
        return f"remove {len(self.numbers)} meters from {self.bridge}"
