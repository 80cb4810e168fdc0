"""A cloud with projects whose networks have the same range, and namespaces as their instances."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from typing import Any

from backends.cloud import Cloud
from backends.records.instance import Instance
from backends.records.network import OWNER_INSTANCE, Port
from backends.records.unit import Kind, Unit
from backends.services.network import NewSubnet
from backends.services.port import FixedAddress
from tests.real.lab import Lab
from tests.real.stand_in import StandIn, plug

RANGE, GATEWAY, ADDRESS = "10.78.0.0/24", "10.78.0.1", "10.78.0.10"
URL = "http://169.254.169.254"
URL6 = "http://[fe80::a9fe:a9fe%25{}]"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} someone"


@dataclass
class Resident:
    """A namespace in an instance's place."""

    cloud: Cloud
    port: Port
    body: StandIn

    def get(self, path: str, *more: str, url: str = URL) -> tuple[int, str]:
        """Status and body; status 0 where nobody answers."""
        argv = ["curl", "-s", "-g", "-m", "5", "-w", "\n%{http_code}", *more, f"{url}{path}"]
        said = self.body.run(*argv, check=False)
        body, _, status = said.rpartition("\n")
        return int(status), body

    def meta(self, url: str = URL) -> dict[str, Any]:
        status, body = self.get("/openstack/latest/meta_data.json", url=url)
        assert status == 200, body
        found: dict[str, Any] = json.loads(body)
        return found

    @property
    def url6(self) -> str:
        return URL6.format(self.body.interface)


class Quarter:
    """Nothing of it is left after `close`."""

    def __init__(self) -> None:
        self.lab = Lab()
        self.lab.start()
        self.token = secrets.token_hex(2)
        self.bodies: list[StandIn] = []

    def project(self, name: str) -> Cloud:
        """A project with a network `inner`."""
        cloud = self.lab.member(name)
        cloud.networks.create("inner")
        cloud.networks.create_subnet(NewSubnet("inner", RANGE, name="inner"))
        return cloud

    def resident(
        self, cloud: Cloud, name: str, address: str = "", *, known: bool = True
    ) -> Resident:
        """A namespace on a new port; `known` as an instance, else a port that is free."""
        fixed = [FixedAddress(address=address)] if address else ()
        port = cloud.ports.create("inner", name, fixed=fixed)
        body = plug(cloud, port.id, f"m{self.token}-{name}", gateway=GATEWAY)
        self.bodies.append(body)
        if known:
            self._record(cloud, name, port.id)
        self.converge(port.network_id)
        return Resident(cloud, port, body)

    def converge(self, network_id: str) -> None:
        host = self.lab.cloud.settings.host
        units = [Unit(Kind.NETWORK, network_id), Unit(Kind.FIREWALL, host)]
        self.lab.cloud.context.converge("test", units)

    def drift(self, *units: Unit) -> list[str]:
        """What is to be done to these units."""
        plan = self.lab.cloud.context.converger.plan(units)
        return [type(step).__name__ for step in plan.steps]

    def _record(self, cloud: Cloud, name: str, port_id: str) -> None:
        """An instance's row alone: what stands in its place needs no hypervisor."""
        with cloud.context.store.write() as session:
            row = Instance(
                project_id=cloud.caller.project_id, name=name, hostname=name, key_name="mine",
                host=cloud.settings.host, flavor_id="0", flavor_name="small", vcpus=1, ram=64,
                disk=0, public_key=KEY.format(name), user_data=f"#!/bin/sh\necho {name}\n",
            )  # fmt: skip
            session.add(row)
            session.flush()
            port = session.get_one(Port, port_id)
            port.device_id, port.device_owner = row.id, OWNER_INSTANCE

    def close(self) -> None:
        for each in self.bodies:
            each.close()
        self.lab.close()
