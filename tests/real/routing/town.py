"""A cloud with an outside, a project's network and router, and namespaces that live there."""

from __future__ import annotations

import secrets
from contextlib import suppress

from backends.cloud import Cloud
from backends.records.network import Network
from backends.records.router import Router
from backends.records.unit import Kind, Unit
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule
from backends.settings import router_namespace
from tests.real.lab import Lab, run
from tests.real.stand_in import StandIn, plug, plug_outside

INNER = "10.77.0.0/24"
GATEWAY = "10.77.0.1"
PORT = 7077


class Town:
    """All that the tests of routing stand on. Nothing of it is left after `close`."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.lab.start()
        self.token = secrets.token_hex(2)
        # RFC 2544's range for tests: nobody's network, and no other test's now.
        ranges = [f"198.18.{number}" for number in range(1, 255)]
        routes = run("ip", "route")
        self.outer = secrets.choice([each for each in ranges if f"{each}." not in routes])
        self.stand_ins: list[StandIn] = []
        self._outside: list[str] = []

    def open(self) -> None:
        """Make the external network."""
        cloud = self.cloud
        cloud.networks.create("public", external=True)
        cloud.networks.create_subnet(
            NewSubnet(
                "public", f"{self.outer}.0/24", name="public", dhcp=False,
                pools=((f"{self.outer}.10", f"{self.outer}.99"),),
            )
        )  # fmt: skip

    @property
    def cloud(self) -> Cloud:
        return self.lab.cloud

    def let_in(self, cloud: Cloud) -> None:
        """The project's default group lets everything in."""
        for ethertype in ("IPv4", "IPv6"):
            with suppress(Exception):
                cloud.security_groups.add_rule(NewRule("default", ethertype=ethertype))

    def network(self, cloud: Cloud, name: str, cidr: str = INNER, gateway: str = "auto") -> Network:
        row = cloud.networks.create(name)
        subnet = NewSubnet(name, cidr, name=name, gateway=gateway, dhcp=False)
        cloud.networks.create_subnet(subnet)
        return row

    def router(
        self, cloud: Cloud, name: str, *subnets: str, external: str | None = "public"
    ) -> Router:
        row = cloud.routers.create(name, external=external)
        for subnet in subnets:
            cloud.routers.add_subnet(name, subnet)
        return row

    def guest(self, cloud: Cloud, network: str, name: str, gateway: str = GATEWAY) -> StandIn:
        """A namespace on a new port of the network."""
        port = cloud.ports.create(network, name)
        found = plug(cloud, port.id, f"q{self.token}-{name}", gateway=gateway)
        self.stand_ins.append(found)
        self.filter(cloud)
        return found

    def filter(self, cloud: Cloud) -> None:
        """Have the switch know what was plugged by hand."""
        cloud.context.converge("repair", [Unit(Kind.FIREWALL, cloud.settings.host)])

    def outsider(self, name: str, last: int, *, address: str = "", vlan: int = 0) -> StandIn:
        """A machine outside: on the external network, or with this address in a VLAN."""
        interface = f"o{self.token}{name[:8]}"
        address = address or f"{self.outer}.{last}/24"
        found = plug_outside(self.cloud, f"q{self.token}-{name}", address, interface, vlan)
        self.stand_ins.append(found)
        self._outside.append(interface)
        return found

    def gateway_of(self, router: Router) -> str:
        """Its address outside."""
        view = self.cloud.routers.show(router.id)
        return next(each.addresses[0][1] for each in view.interfaces if each.outside)

    def connections(self, router: Router, *filters: str) -> list[str]:
        """What conntrack(8) tells of the router's connections."""
        argv = ("ip", "netns", "exec", router_namespace(router.id), "conntrack", "-L")
        return run(*argv, *filters).splitlines()

    def close(self) -> None:
        for each in self.stand_ins:
            each.close()
        for interface in self._outside:
            run("ovs-vsctl", "--if-exists", "del-port", interface)
        self.lab.close()
