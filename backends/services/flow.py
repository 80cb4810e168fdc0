"""OpenFlow flows, joined to what put them there."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from backends.drivers.ovs.facts import CLOUD
from backends.errors import NotFound, Refused
from backends.inspect.names import Names
from backends.records.identity import Role
from backends.services.inspection import Inspection

if TYPE_CHECKING:
    from backends.inspect.flow_listing import FlowListing, FlowRow


class Flows(Inspection):
    """The flows of the cloud's bridges. A project sees those of its own ports and networks."""

    def bridges(self) -> Sequence[str]:
        """The cloud's bridges on this host. Raises MachineFailed `ovs.unreachable`."""
        facts, ours = self.context.machine.ovs.facts(), self.context.settings.cloud
        found = (each.name for each in facts.bridges.values() if each.labels.get(CLOUD) == ours)
        return sorted(found)

    def list(
        self, bridge: str | None = None, *, table: int | None = None, known: Names | None = None
    ) -> Sequence[FlowListing]:
        """The flows of a bridge, or of each; of one table where it is given.

        `known` saves reading the names again. Raises NotFound `bridge.not_found`; MachineFailed
        `ovs.unreachable`, `ovs.switch.unreachable`.
        """
        from backends.drivers.ovs.openflow import read_flows
        from backends.inspect.flow_listing import FlowListing
        from backends.inspect.flows import CANARY_TABLE

        self.caller.require(Role.READER, "look at flows")
        ours = self.bridges()
        if bridge is not None and bridge not in ours:
            raise NotFound(
                "bridge.not_found", f"no bridge {bridge!r}; there are {', '.join(ours) or 'none'}"
            )
        known = known or self.names()
        run = self.context.settings.ovs_run
        found = []
        for name in [bridge] if bridge else ours:
            flows = read_flows(name, table=table, run=run)
            read_at = time.monotonic()
            canaries = flows if table is None else read_flows(name, table=CANARY_TABLE, run=run)
            found.append(FlowListing(name, flows, known, canaries, read_at))
        return found

    def rows(
        self,
        listings: Sequence[FlowListing],
        before: Sequence[FlowListing] = (),
        *,
        port: str | None = None,
    ) -> Iterator[FlowRow]:
        """The flows that the caller may see, of one port (id, name or interface) where it is given.

        Rates are since an earlier reading. Raises NotFound `port.not_found`.
        """
        old = {each.bridge: each for each in before}
        for listing in listings:
            numbers = None
            if not self.caller.admin:
                numbers = listing.of_project(self.caller.project_id)
            rows = listing.rows(numbers, old.get(listing.bridge))
            if port is None:
                yield from rows
            else:
                id_ = self._port_id(port, listing.names)
                yield from (
                    row for row in rows if row.owner.port is not None and row.owner.port.id == id_
                )

    def show(self, id_: str) -> FlowRow:
        """The flow of this id (`FlowRow.id`), or the only one whose id begins so.

        Raises NotFound `flow.not_found`, Refused `flow.ambiguous`.
        """
        found = [row for row in self.rows(self.list()) if id_ and row.id.startswith(id_)]
        if not found:
            raise NotFound("flow.not_found", f"no flow {id_!r} now; see `quarterdeck flow list`")
        if len(found) > 1:
            raise Refused("flow.ambiguous", f"{len(found)} flows' ids begin with {id_!r}")
        return found[0]

    def _port_id(self, ref: str, known: Names) -> str:
        for port in known.records.ports.values():
            named = ref in (port.id, port.name, port.interface)
            if named and self.caller.sees(port.project_id):
                return port.id
        raise NotFound("port.not_found", f"no port {ref!r} here")
