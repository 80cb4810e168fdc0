"""The topology of what the caller may see, with its state now."""

from __future__ import annotations

from contextlib import suppress

from backends.errors import MachineFailed, QuarterdeckError
from backends.inspect.topology import Found, Topology, topology
from backends.records.identity import Role
from backends.records.unit import Kind, Unit
from backends.services.base import Service
from backends.services.floating_ip import FloatingIps
from backends.services.instance import Instances
from backends.services.network import Networks
from backends.services.port import Ports
from backends.services.router import Routers
from backends.services.trunk import Trunks


class Topologies(Service):
    """Networks, routers and instances, and how they hang together."""

    def show(self, *, all_projects: bool = False) -> Topology:
        """The topology now; of all projects for the cloud's admin.

        Where libvirt does not answer the instances' states are not known.
        """
        self.caller.require(Role.READER, "look at the topology")
        context = self.context
        guests, known = Instances(context), True
        try:
            rows = guests.list(all_projects=all_projects)
        except MachineFailed:
            rows, known = guests.recorded(all_projects=all_projects), False
        networks = Networks(context).list(all_projects=all_projects)
        routers = Routers(context).list(all_projects=all_projects)
        units = [Unit(Kind.NETWORK, each.id) for each in networks]
        units += [Unit(Kind.ROUTER, each.id) for each in routers]
        return topology(
            Found(
                networks=networks,
                subnets=Networks(context).subnets(all_projects=all_projects),
                ports=Ports(context).list(all_projects=all_projects),
                routers=routers,
                floating_ips=FloatingIps(context).list(all_projects=all_projects),
                instances=rows,
                trunks=Trunks(context).list(all_projects=all_projects),
                known=known,
                differing=self._differing(units),
            )
        )

    def _differing(self, units: list[Unit]) -> set[str]:
        """The units that a repair would change; none where the machine does not say."""
        with suppress(QuarterdeckError):
            planned = self.context.converger.plan(units)
            return {each.unit.id for each in planned.units if each}
        return set()
