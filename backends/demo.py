"""The demo: a project with a network, the lab image and two instances, made by the same verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backends.cloud import Access, Cloud
from backends.errors import NotFound
from backends.init import init
from backends.lab.image import RAM, build
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet

LAB_CACHE = Path("/var/cache/quarterdeck/lab")
IMAGE, FLAVOR, NETWORK = "lab", "m1.nano", "harbour"
RANGE, NAMESERVER = "10.80.0.0/24", "9.9.9.9"
INSTANCES = ("anchor", "beacon")

Report = Callable[[str], None]


def run(access: Access, report: Report) -> None:
    """Make what of the demo is not there yet; `report` hears one line for each thing made."""
    if init(access):
        report(f"made cloud {access.cloud}")
    cloud = Cloud.open(access)
    try:
        for operation in cloud.drift.recover():
            report(f"finished {operation.verb} {operation.target_name}, which was interrupted")
        _image(cloud, report)
        _flavor(cloud, report)
        _network(cloud, report)
        for name in INSTANCES:
            _instance(cloud, name, report)
    finally:
        cloud.close()


def _image(cloud: Cloud, report: Report) -> None:
    if _there(lambda: cloud.images.show(IMAGE)):
        return
    lab = build(LAB_CACHE, lambda what, share: report(f"{what} ({share:.0%})"))
    cloud.images.create(IMAGE, str(lab.disk), disk_format="qcow2", visibility="public", min_ram=RAM)
    report(f"imported image {IMAGE}")


def _flavor(cloud: Cloud, report: Report) -> None:
    if not _there(lambda: cloud.flavors.show(FLAVOR)):
        cloud.flavors.create(FLAVOR, ram=max(RAM, 128), vcpus=1, disk=1)
        report(f"made flavor {FLAVOR}")


def _network(cloud: Cloud, report: Report) -> None:
    if _there(lambda: cloud.networks.show(NETWORK)):
        return
    cloud.networks.create(NETWORK)
    cloud.networks.create_subnet(NewSubnet(NETWORK, RANGE, name=NETWORK, dns=(NAMESERVER,)))
    report(f"made network {NETWORK}, {RANGE}")


def _instance(cloud: Cloud, name: str, report: Report) -> None:
    if _there(lambda: cloud.instances.show(name)):
        return
    cloud.instances.create(NewInstance(name, FLAVOR, IMAGE, (Plug(network=NETWORK),)))
    row = cloud.instances.row(name)
    report(f"launched instance {name}: {row.status} at {', '.join(row.addresses)}")


def _there(show: Callable[[], object]) -> bool:
    try:
        show()
    except NotFound:
        return False
    return True
