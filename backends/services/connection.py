"""Connections, wherever they are kept, joined to whose they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backends.drivers.conntrack.connection import Connection
from backends.errors import MachineFailed, NotFound
from backends.inspect import connections as joining
from backends.inspect.names import Names
from backends.inspect.places import HOST, SWITCH, Source, sources
from backends.records.identity import Role
from backends.records.tables import Instance, Network
from backends.records.unit import Kind, Unit
from backends.services.base import find
from backends.services.inspection import Inspection

if TYPE_CHECKING:
    from backends.drivers.conntrack.table import Connections
    from backends.inspect.connection_listing import ConnectionListing

NETDEV = "netdev"


class ConnectionTables(Inspection):
    """The connections of guests. A project sees those of its routers, networks and ports."""

    def list(
        self,
        *,
        zone: int | None = None,
        network: str | None = None,
        server: str | None = None,
        namespace: str | None = None,
        mark: int | None = None,
    ) -> ConnectionListing:
        """The connections of every place, or of a zone, a network, an instance or a namespace.

        The kernel and the switch pick by zone (and mark), the rest is picked here. `namespace` is a
        place's name: `qrouter-...`, `qdhcp-...`, `switch` or `host`. Raises NotFound
        `network.not_found`, `instance.not_found`, `namespace.missing`; MachineFailed
        `conntrack.unreachable`, `ovs.switch.unreachable`.
        """
        from backends.inspect.connection_listing import ConnectionListing

        self.caller.require(Role.READER, "look at connections")
        known = self.names()
        addresses: set[str] | None = None
        networks: set[str] | None = None
        if network is not None:
            networks = {self._network(network).id}
        if server is not None:
            addresses, networks = self._of_server(server, known, networks)
        zones = {zone} if zone is not None else None
        if networks is not None:
            mine = {number for number, each in known.zones.items() if each.id in networks}
            zones = mine if zones is None else zones & mine
        parts = []
        for place in self._places(known, namespace, networks, zone):
            for table in self._read(place, zones, mark):
                kept = self._visible(place, table, known)
                if addresses is not None:
                    kept = _picked(kept, addresses)
                if len(kept):
                    parts.append((place, kept))
        return ConnectionListing(parts, known)

    def end(self, id_: str) -> None:
        """End one connection, by the id that listings give it.

        Raises Refused `connection.id.invalid`, `connection.kept`; NotFound `connection.not_found`.
        """
        from backends.drivers.conntrack.steps import EndConnection

        self.caller.require(Role.MEMBER, "end a connection")
        name, wanted = joining.parse(id_)
        known = self.names()
        place = next((each for each in self._places(known, name, None, None)), None)
        found = None
        if place is not None:
            found = self._find(place, wanted, known)
        if place is None or found is None:
            raise NotFound("connection.not_found", "that connection is not there any more")
        userspace = place.name == SWITCH and self.context.settings.datapath == NETDEV
        step = EndConnection(found.connection, place.namespace, userspace)
        self.context.once("connection.end", self._unit(place, found.network), found.name, step)

    def _find(self, place: Source, wanted: Connection, known: Names) -> joining.Joined | None:
        for table in self._read(place, {wanted.zone} if wanted.zone else None, None):
            seen = _picked(self._visible(place, table, known), {wanted.addresses[0]})
            for row in seen.rows():
                same = (
                    row.id == wanted.id
                    and row.protocol == wanted.protocol
                    and row.addresses[:2] == wanted.addresses[:2]
                    and row.ports[:2] == wanted.ports[:2]
                    and row.zone == wanted.zone
                )
                if same:
                    return joining.join(row, place, known)
        return None

    def _unit(self, place: Source, network: Network | None) -> Unit:
        if place.router_id:
            return Unit(Kind.ROUTER, place.router_id)
        if network is not None:
            return Unit(Kind.NETWORK, network.id)
        return Unit(Kind.HOST, self.context.settings.host)

    def _places(
        self, known: Names, namespace: str | None, networks: set[str] | None, zone: int | None
    ) -> Iterator[Source]:
        """Places that the caller may look at, and where the wanted ones can be."""
        for place in sources(known):
            if namespace is not None and place.name != namespace:
                continue
            if zone and place.name != SWITCH and place.name != HOST:
                continue
            if place.name == HOST:
                # Also the connections of others on this machine: for its admin, when asked for.
                if self.caller.admin and (namespace == HOST or (zone is not None and not zone)):
                    yield place
            elif place.name == SWITCH or (
                self.caller.sees(place.project_id)
                and (networks is None or networks & set(place.networks))
            ):
                yield place

    def _read(
        self, place: Source, zones: set[int] | None, mark: int | None
    ) -> Iterator[Connections]:
        """A place's connections; those of the switch by zone, where zones are given."""
        from backends.drivers.conntrack import reading, userspace

        in_switch = place.name == SWITCH
        if in_switch and self.context.settings.datapath == NETDEV:
            for each in _each(zones):
                table = userspace.read(zone=each, run=self.context.settings.ovs_run)
                yield table if mark is None else table.take(table.mark == mark)
            return
        try:
            for each in _each(zones if in_switch else None):
                table = reading.read(place.namespace, zone=each, mark=mark)
                # The kernel keeps the host's own connections in zone 0, the switch's in others.
                yield table.take(table.zone > 0) if in_switch and each is None else table
        except MachineFailed as error:
            # A namespace that is to be made, or goes just now: drift says so.
            if error.code != "namespace.missing":
                raise

    def _visible(self, place: Source, table: Connections, known: Names) -> Connections:
        """Without what is another project's; of the switch, without other clouds' zones."""
        import numpy as np

        from backends.inspect.connection_listing import touching

        if place.name != SWITCH or not len(table):
            return table
        caller = self.caller
        of_cloud = table.take(np.isin(table.zone, list(known.zones)))
        if caller.admin:
            return of_cloud
        kept = np.zeros(len(of_cloud), bool)
        for number, network in known.zones.items():
            here = of_cloud.zone == number
            if caller.sees(network.project_id):
                kept |= here
            elif here.any():
                kept |= here & touching(of_cloud, self._own_addresses(network, known))
        return of_cloud.take(kept)

    def _own_addresses(self, network: Network, known: Names) -> set[str]:
        """The addresses of the caller's ports on a network that another project shares."""
        records = known.records
        return {
            row.address
            for port in records.ports_on.get(network.id, ())
            if self.caller.sees(port.project_id)
            for row in records.addresses.get(port.id, ())
        }

    def _network(self, ref: str) -> Network:
        from backends.services.network import Networks

        return Networks(self.context).show(ref)

    def _of_server(
        self, ref: str, known: Names, networks: set[str] | None
    ) -> tuple[set[str], set[str]]:
        """An instance's addresses, its floating ones too, and the networks it is on."""
        with self.context.reading() as session:
            instance = find(session, Instance, ref, "instance", self.caller)
        records = known.records
        ports = records.ports_of.get(instance.id, ())
        mine = {port.id for port in ports}
        addresses = {row.address for port in ports for row in records.addresses.get(port.id, ())}
        addresses |= {row.address for row in known.floating.values() if row.port_id in mine}
        on = {port.network_id for port in ports}
        return addresses, on if networks is None else on & networks


def _each(zones: set[int] | None) -> Sequence[int | None]:
    return [None] if zones is None else [*sorted(zones)]


def _picked(table: Connections, addresses: set[str]) -> Connections:
    from backends.inspect.connection_listing import touching

    return table.take(touching(table, addresses))
