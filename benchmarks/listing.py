"""Listing 1,000 defined instances with their state, in the library, against `virsh list --all`."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from backends.cloud import Cloud
from backends.drivers.libvirt import xml
from backends.plan import guest
from backends.records import snapshot
from backends.records.instance import Power
from backends.records.network import OWNER_INSTANCE
from backends.records.tables import Address, Instance, Network, Port
from backends.services import addresses
from benchmarks import scratch
from benchmarks.measure import Result, medians

COUNT = 1_000
_AIM = 1 / 8


def main() -> list[Result]:
    """Names, addresses, what should be and what is, of domains that are off."""
    with scratch.cloud() as (cloud, _), domains(cloud):
        if len(cloud.instances.list()) != COUNT or not all(
            row.status == "SHUTOFF" for row in cloud.instances.list()
        ):
            raise RuntimeError("not all instances are there")
        times = medians(
            {"ours": cloud.instances.list, "virsh": lambda: _run("virsh", "list", "--all")}, 15
        )
    name = f"listing {COUNT:,} instances with state / virsh list --all"
    return [Result(name, times["ours"], times["virsh"], _AIM)]


@contextmanager
def domains(cloud: Cloud) -> Iterator[None]:
    """1,000 stopped instances: their records, each with a port, and their domains."""
    ids = record(cloud, COUNT)
    with cloud.context.store.read() as session:
        found = snapshot.read(session, cloud.settings.host)
    connection = cloud.machine.libvirt.connection()
    try:
        for id_ in ids:
            spec = guest.spec(found.instances[id_], "", found, cloud.settings)
            connection.defineXML(xml.domain_xml(spec))
        yield
    finally:
        # The cloud's label takes them away too, but looks at each for long before it does.
        for domain in connection.listAllDomains():
            if domain.UUIDString() in ids:
                domain.undefine()


def record(cloud: Cloud, count: int) -> set[str]:
    """Records of so many stopped instances, each with a port and an address; gives their ids."""
    # Old enough that their age does not change on a screen that shows it.
    born = time.time() - 86400 * 30
    image, flavor = cloud.images.show(scratch.IMAGE), cloud.flavors.show(scratch.FLAVOR)
    network = cloud.networks.show(scratch.NETWORK)
    (subnet,) = cloud.networks.subnets(network=network.id)
    pool = addresses.parse_network(subnet.cidr)
    ids = set()
    with cloud.context.store.write() as session:
        for number in range(count):
            instance = Instance(
                project_id=network.project_id,
                name=f"listed-{number}",
                hostname=f"listed-{number}",
                host=cloud.settings.host,
                flavor_id=flavor.id,
                flavor_name=flavor.name,
                vcpus=1,
                ram=flavor.ram,
                disk=flavor.disk,
                image_id=image.id,
                config_drive=False,
                power=Power.STOPPED,
                made=True,
                created_at=born,
            )
            port = _port(instance, network, number)
            session.add_all((instance, port))
            session.flush()
            address = Address(subnet_id=subnet.id, address=str(pool[number + 99]), port_id=port.id)
            session.add(address)
            ids.add(instance.id)
    return ids


def _port(instance: Instance, network: Network, number: int) -> Port:
    return Port(
        network_id=network.id,
        project_id=network.project_id,
        mac=f"fa:16:3e:be:{number >> 8:02x}:{number & 255:02x}",
        device_id=instance.id,
        device_owner=OWNER_INSTANCE,
        host=instance.host,
        made_for_device=True,
    )


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    print(*main(), sep="\n")
