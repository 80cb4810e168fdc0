"""What the crash tests have done to a cloud, so that what is done already is not done again."""

from __future__ import annotations

import os
from collections.abc import Callable
from zlib import crc32

from backends.cloud import Cloud
from backends.errors import NotFound
from backends.services.network import NewSubnet
from backends.settings import DEFAULT_POOL
from tests.real.lab import IMAGE, RANGE, Lab

NETWORK, VOLUME, INSTANCE = "crash-net", "crash-disk", "crash-box"
# A network without DHCP, whose converge does not need the bridge.
BARE = "bare-net"
# An instance that is off, an image of it, and a flavor with a larger disk.
STILL, PICTURE, MORE = "crash-still", "crash-picture", "m1.more"
# Where the environment says which file images come from.
SOURCE = "QUARTERDECK_TEST_SOURCE"
NOMAD, SHED = "nomad", "shed"
OUTSIDE, INSIDE, ROUTER, PORT = "outside", "inside", "gate", "berth"


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


def route(cloud: Cloud) -> None:
    """An external network, a router from there to another, and a floating IP for a port."""
    outer = f"198.18.{crc32(cloud.settings.cloud.encode()) % 250}.0/24"
    for name, cidr in ((OUTSIDE, outer), (INSIDE, "10.70.0.0/24")):
        if not _there(cloud.networks.show, name):
            cloud.networks.create(name, external=name == OUTSIDE)
        if not cloud.networks.subnets(network=name):
            cloud.networks.create_subnet(NewSubnet(name, cidr, name=name, dhcp=False))
    if not _there(cloud.routers.show, ROUTER):
        cloud.routers.create(ROUTER, external=OUTSIDE)
    if all(each.outside for each in cloud.routers.show(ROUTER).interfaces):
        cloud.routers.add_subnet(ROUTER, INSIDE)
    if not _there(cloud.ports.show, PORT):
        cloud.ports.create(INSIDE, PORT)
    if not cloud.floating_ips.list():
        cloud.floating_ips.create(OUTSIDE)
    (row,) = cloud.floating_ips.list()
    if row.port_id is None:
        cloud.floating_ips.set(row.id, port=PORT)


def unroute(cloud: Cloud) -> None:
    """The floating IP is taken back and given back, then all goes in the order it must."""
    for row in cloud.floating_ips.list():
        if row.port_id is not None:
            cloud.floating_ips.unset(row.id)
        cloud.floating_ips.delete(row.id)
    if _there(cloud.routers.show, ROUTER):
        if len(cloud.routers.show(ROUTER).interfaces) > 1:
            cloud.routers.remove_subnet(ROUTER, INSIDE)
        cloud.routers.delete(ROUTER)
    if _there(cloud.ports.show, PORT):
        cloud.ports.delete(PORT)
    for name in (INSIDE, OUTSIDE):
        if _there(cloud.networks.show, name):
            cloud.networks.delete(name)


def grow(cloud: Cloud) -> None:
    """An image of a stopped instance, and a larger disk for it."""
    if not _there(cloud.images.show, PICTURE):
        cloud.reshape.capture(STILL, PICTURE)
    if not cloud.instances.show(STILL).previous:
        cloud.reshape.resize(STILL, MORE)


def shrink(cloud: Cloud) -> None:
    """The disk it had before, and no image."""
    if cloud.instances.show(STILL).previous:
        cloud.reshape.revert(STILL)
    if _there(cloud.images.show, PICTURE):
        cloud.images.delete(PICTURE)


def bring(cloud: Cloud) -> None:
    """An image, another of the same content, and a third that is put into another format."""
    source = os.environ[SOURCE]
    for name, convert_to in (("first", None), ("twin", None), ("plain", "raw")):
        if not _there(cloud.images.show, name):
            cloud.images.create(name, source, convert_to=convert_to)


def drop(cloud: Cloud) -> None:
    """All three again."""
    for name in ("first", "twin", "plain"):
        if _there(cloud.images.show, name):
            cloud.images.delete(name)


def flatten(cloud: Cloud) -> None:
    """The root disk of an instance that is off stands on nothing."""
    if cloud.instances.show(INSTANCE).base_id is not None:
        cloud.chains.flatten(INSTANCE)


def rebase(cloud: Cloud) -> None:
    """It stands on the lab image again."""
    if cloud.instances.show(INSTANCE).base_id is None:
        cloud.chains.rebase(INSTANCE, IMAGE)


def sink(cloud: Cloud) -> None:
    """What its root disk holds is in its image, and no more in the disk."""
    cloud.chains.commit(INSTANCE)


def plug(cloud: Cloud) -> None:
    """A port that was given and one that is made, both into a running instance."""
    held = {view.port.name for view in cloud.ports.list(device=cloud.instances.show(INSTANCE).id)}
    if PORT not in held:
        cloud.plugging.add_port(INSTANCE, PORT)
    if len(cloud.ports.list(device=cloud.instances.show(INSTANCE).id)) < 3:
        cloud.plugging.add_network(INSTANCE, NETWORK)


def unplug(cloud: Cloud) -> None:
    """Both out again: one stays, free, and one goes."""
    views = cloud.ports.list(device=cloud.instances.show(INSTANCE).id)
    for view in sorted(views, key=lambda each: each.port.position)[1:]:
        cloud.plugging.remove_port(INSTANCE, view.port.id)


def wander(cloud: Cloud) -> None:
    """A volume to another pool, while its guest writes to it."""
    if cloud.volumes.show(NOMAD).volume.pool != SHED:
        cloud.volumes.migrate(NOMAD, SHED)


def come_back(cloud: Cloud) -> None:
    if cloud.volumes.show(NOMAD).volume.pool == SHED:
        cloud.volumes.migrate(NOMAD, DEFAULT_POOL)


SCRIPTS: dict[str, Callable[[Cloud], None]] = {
    "launch": launch,
    "delete": delete,
    "fail": fail,
    "route": route,
    "unroute": unroute,
    "bring": bring,
    "drop": drop,
    "flatten": flatten,
    "rebase": rebase,
    "sink": sink,
    "grow": grow,
    "shrink": shrink,
    "plug": plug,
    "unplug": unplug,
    "wander": wander,
    "come back": come_back,
}


def _there(show: Callable[[str], object], name: str) -> bool:
    try:
        show(name)
    except NotFound:
        return False
    return True
