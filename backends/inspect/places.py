"""Where connections are kept: the switch's zones, the namespaces of routers and DHCP, the host."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from backends.inspect.names import Names
from backends.records.network import OWNER_DHCP
from backends.settings import dhcp_namespace, router_namespace

SWITCH, HOST = "switch", "host"


@dataclass(frozen=True, slots=True)
class Source:
    """One table of connections: `name` is a namespace's, `switch`, or `host`.

    `networks` are the ids of the networks whose addresses are met in it (none for the switch: its
    zones tell); `router_id` is the router's whose namespace it is.
    """

    name: str
    title: str
    project_id: str = ""
    networks: tuple[str, ...] = ()
    router_id: str = ""

    @property
    def namespace(self) -> str:
        """The network namespace; empty for the host's own, where a kernel switch's are too."""
        return "" if self.name in (SWITCH, HOST) else self.name


def sources(names: Names) -> Iterator[Source]:
    """All that the records know of."""
    yield Source(SWITCH, "switch")
    records = names.records
    for router in records.routers.values():
        yield Source(
            router_namespace(router.id),
            f"router {router.name}",
            router.project_id,
            tuple(names.router_networks(router)),
            router.id,
        )
    for network_id, ports in records.ports_on.items():
        network = records.networks.get(network_id)
        if network is not None and any(port.device_owner == OWNER_DHCP for port in ports):
            title = f"DHCP of {network.name}"
            yield Source(dhcp_namespace(network_id), title, network.project_id, (network_id,))
    yield Source(HOST, "host")
