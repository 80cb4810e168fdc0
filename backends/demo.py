"""The demo: a project with a network, the lab image and two instances, made by the same verbs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from backends.access import Access
from backends.cloud import Cloud
from backends.errors import NotFound, Refused
from backends.init import init
from backends.lab.image import RAM, build
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from backends.services.security_group import NewRule

LAB_CACHE = Path("/var/cache/quarterdeck/lab")
IMAGE, FLAVOR, NETWORK = "lab", "m1.nano", "harbour"
RANGE, NAMESERVER = "10.80.0.0/24", "9.9.9.9"
INSTANCES = ("anchor", "beacon")
OUTSIDE, ROUTER = "public", "lighthouse"
# Private ranges, DevStack's first; the first that the host has free. The documentation's ranges
# (RFC 5737) are none of them: sandboxes number their own gateways and mirrors from these.
OUTSIDE_RANGES = ("172.24.4.0/24", "172.31.253.0/24", "10.253.253.0/24")

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
        outside = _outside(cloud, report)
        for name in INSTANCES:
            _instance(cloud, name, report)
        if outside:
            _let_in(cloud, report)
            _floating_ip(cloud, INSTANCES[0], report)
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


def _outside(cloud: Cloud, report: Report) -> bool:
    """An external network and a router that leads there; whether there is a range for it."""
    if not _there(lambda: cloud.networks.show(OUTSIDE)):
        cloud.networks.create(OUTSIDE, external=True)
    if not cloud.networks.subnets(network=OUTSIDE):
        free = next((each for each in OUTSIDE_RANGES if _outer_subnet(cloud, each)), None)
        if free is None:
            routed = ", ".join(OUTSIDE_RANGES)
            report(f"left out the external network's range: this host routes {routed} already")
            return False
        report(f"made external network {OUTSIDE}, {free}")
    if not _there(lambda: cloud.routers.show(ROUTER)):
        cloud.routers.create(ROUTER, external=OUTSIDE)
        report(f"made router {ROUTER}")
    if all(each.outside for each in cloud.routers.show(ROUTER).interfaces):
        cloud.routers.add_subnet(ROUTER, NETWORK)
        report(f"joined network {NETWORK} to router {ROUTER}")
    return True


def _let_in(cloud: Cloud, report: Report) -> None:
    """Who reaches a guest from outside may ping it and log in."""
    wanted = (NewRule("default", protocol="icmp"),
              NewRule("default", protocol="tcp", port_min=22, port_max=22))  # fmt: skip
    for rule in wanted:
        try:
            cloud.security_groups.add_rule(rule)
        except Refused as refusal:
            if refusal.code != "security_group.rule.exists":
                raise
        else:
            report(f"let {'ping' if rule.protocol == 'icmp' else 'SSH'} in from anywhere")


def _outer_subnet(cloud: Cloud, cidr: str) -> bool:
    try:
        cloud.networks.create_subnet(NewSubnet(OUTSIDE, cidr, name=OUTSIDE, dhcp=False))
    except Refused as refusal:
        if refusal.code != "network.subnet.routed":
            raise
        return False
    return True


def _floating_ip(cloud: Cloud, instance: str, report: Report) -> None:
    if not cloud.floating_ips.list():
        row = cloud.floating_ips.create(OUTSIDE)
        cloud.floating_ips.lend_to_instance(row.address, instance)
        report(f"lent floating IP {row.address} to {instance}")


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
