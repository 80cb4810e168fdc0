"""What the crash tests have done to a cloud, so that what is done already is not done again."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.errors import NotFound
from backends.services.network import NewSubnet
from tests.real.lab import RANGE, Lab

NETWORK, VOLUME, INSTANCE = "crash-net", "crash-disk", "crash-box"
# A network without DHCP, whose converge does not need the bridge.
BARE = "bare-net"


def launch(cloud: Cloud) -> None:
    """A network with a subnet, a volume, an instance, and the volume in the instance."""
    if not _there(cloud.networks.show, NETWORK):
        cloud.networks.create(NETWORK)
    if not cloud.networks.subnets(network=NETWORK):
        cloud.networks.create_subnet(NewSubnet(NETWORK, RANGE, name=NETWORK))
    if not _there(cloud.volumes.show, VOLUME):
        cloud.volumes.create(VOLUME, 1)
    if not _there(cloud.instances.show, INSTANCE):
        Lab.launch(cloud, INSTANCE, NETWORK)
    if not cloud.volumes.show(VOLUME).attached:
        cloud.volumes.attach(VOLUME, INSTANCE)


def delete(cloud: Cloud) -> None:
    """The running instance with its volume attached, then the volume and the network."""
    if _there(cloud.instances.show, INSTANCE):
        cloud.instances.delete(INSTANCE)
    if _there(cloud.volumes.show, VOLUME):
        cloud.volumes.delete(VOLUME)
    if _there(cloud.networks.show, NETWORK):
        cloud.networks.delete(NETWORK)


def fail(cloud: Cloud) -> None:
    """An instance on a network whose bridge is gone: libvirt refuses to start it."""
    Lab.launch(cloud, INSTANCE, BARE)


SCRIPTS: dict[str, Callable[[Cloud], None]] = {"launch": launch, "delete": delete, "fail": fail}


def _there(show: Callable[[str], object], name: str) -> bool:
    try:
        show(name)
    except NotFound:
        return False
    return True
