"""Records to plan from, made without a store: a project with networks, instances and volumes."""

from __future__ import annotations

import ipaddress
import uuid
from pathlib import Path

from backends.records.network import (
    OWNER_DHCP,
    OWNER_FLOATING,
    OWNER_GATEWAY,
    OWNER_INSTANCE,
    OWNER_ROUTER,
)
from backends.records.snapshot import Records
from backends.records.tables import (
    Address,
    Attachment,
    CloudRecord,
    Domain,
    Flavor,
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    Project,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    Volume,
)
from backends.settings import Settings

SETTINGS = Settings(
    cloud="sample",
    state=Path("/var/lib/quarterdeck/sample"),
    run=Path("/run/quarterdeck/sample"),
    host="deck",
    bridge="br-int-5a5a",
)
PROJECT = "project"


def ident(*parts: object) -> str:
    """The same id for the same words, so that cases can name what they expect."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, "/".join(map(str, parts))))


def records(
    instances: int = 1, *, per_network: int = 250, volumes: int = 0, made: bool = False
) -> Records:
    """A cloud of one project, `per_network` instances to a network; the first ones have a volume.

    `made` says that all of it exists already.
    """
    cloud = CloudRecord(id=ident("cloud"), name="sample", bridge=SETTINGS.bridge, created_at=1.0)
    found = Records(cloud, "deck")
    found.domains["default"] = Domain(id="default", name="Default")
    found.flavors = [Flavor(id=ident("flavor"), name="m1.tiny", ram=512, disk=1)]
    _add_project(found)
    image = Image(
        id=ident("image"), project_id=PROJECT, name="lab", disk_format="qcow2", source="/lab",
        created_at=1.0, imported=made, properties={},
    )  # fmt: skip
    found.images[image.id] = image
    for number in range(-(-instances // per_network)):
        add_network(found, number)
    for number in range(instances):
        _add_instance(found, number, number // per_network, made)
    for number in range(volumes):
        _add_volume(found, number, made)
    for ports in found.ports_on.values():
        ports.sort(key=lambda port: (port.position, port.created_at, port.id))
    return found


def _add_project(found: Records) -> None:
    found.projects[PROJECT] = Project(id=PROJECT, name="ships", created_at=1.0)
    group = SecurityGroup(id=ident("group"), project_id=PROJECT, name="default", created_at=1.0)
    found.groups[PROJECT] = [group]
    rule = SecurityGroupRule(id=ident("rule"), group_id=group.id, direction="egress")
    found.rules[group.id] = [rule]


def add_network(found: Records, number: int = 0) -> Network:
    """A network with one subnet and a DHCP port."""
    network = Network(
        id=ident("network", number), project_id=PROJECT, name=f"net-{number}", created_at=1.0
    )
    found.networks[network.id] = network
    found.vlans[network.id] = number + 1
    subnet = Subnet(
        id=ident("subnet", number),
        network_id=network.id,
        project_id=PROJECT,
        cidr=f"10.{number}.0.0/16",
        gateway_ip=f"10.{number}.0.1",
        dns_nameservers=["9.9.9.9"],
        allocation_pools=[{"start": f"10.{number}.0.2", "end": f"10.{number}.255.254"}],
        host_routes=[],
        created_at=1.0,
    )
    found.subnets[network.id] = [subnet]
    add_port(found, network, f"dhcp-{network.id}", OWNER_DHCP, 2)
    return network


def add_port(found: Records, network: Network, device: str, owner: str, offset: int) -> Port:
    """A port of the device with the address at this offset of the network's subnet."""
    port = Port(
        id=ident("port", device, network.id),
        network_id=network.id,
        project_id=PROJECT,
        mac=f"fa:16:3e:{offset >> 16:02x}:{offset >> 8 & 255:02x}:{offset & 255:02x}",
        device_id=device,
        device_owner=owner,
        host="deck",
        made_for_device=True,
        created_at=1.0,
    )
    subnet = found.subnets[network.id][0]
    address = str(ipaddress.ip_network(subnet.cidr)[offset])
    found.ports[port.id] = port
    found.ports_on.setdefault(network.id, []).append(port)
    found.ports_of.setdefault(device, []).append(port)
    found.addresses[port.id] = [Address(subnet_id=subnet.id, address=address, port_id=port.id)]
    found.groups_of[port.id] = [ident("group")]
    return port


def _add_instance(found: Records, number: int, network: int, made: bool) -> None:
    instance = Instance(
        id=ident("instance", number),
        project_id=PROJECT,
        name=f"ship-{number}",
        hostname=f"ship-{number}",
        host="deck",
        flavor_id=ident("flavor"),
        flavor_name="m1.tiny",
        vcpus=1,
        ram=512,
        disk=1,
        image_id=ident("image"),
        properties={},
        created_at=1.0,
        made=made,
    )
    found.instances[instance.id] = instance
    add_port(
        found, found.networks[ident("network", network)], instance.id, OWNER_INSTANCE, number + 10
    )


def _add_volume(found: Records, number: int, made: bool) -> None:
    volume = Volume(
        id=ident("volume", number), project_id=PROJECT, name=f"hold-{number}", size=1,
        driver="file", host="deck", made=made, created_at=1.0,
    )  # fmt: skip
    found.volumes[volume.id] = volume
    instance_id = ident("instance", number)
    attachment = Attachment(
        volume_id=volume.id, instance_id=instance_id, device="vdb", created_at=1.0
    )
    found.attachments[instance_id] = [attachment]


def add_outside(found: Records) -> Network:
    """An external network, flat, 203.0.113.0/24."""
    network = Network(
        id=ident("outside"), project_id=PROJECT, name="public", created_at=1.0, external=True,
        network_type="flat", physical_network="provider",
    )  # fmt: skip
    found.networks[network.id] = network
    found.vlans[network.id] = 99
    subnet = Subnet(
        id=ident("outside", "subnet"), network_id=network.id, project_id=PROJECT,
        cidr="203.0.113.0/24", gateway_ip="203.0.113.1", enable_dhcp=False, dns_nameservers=[],
        allocation_pools=[], host_routes=[], created_at=1.0,
    )  # fmt: skip
    found.subnets[network.id] = [subnet]
    return network


def add_router(found: Records, *networks: Network, outside: Network | None = None) -> Router:
    """A router with the gateway addresses of the networks, and the tenth address outside."""
    router = Router(
        id=ident("router"), project_id=PROJECT, name="gate", host="deck", routes=[], created_at=1.0,
        external_network_id=outside.id if outside else None,
    )  # fmt: skip
    found.routers[router.id] = router
    for network in networks:
        add_port(found, network, router.id, OWNER_ROUTER, 1)
    if outside is not None:
        add_port(found, outside, router.id, OWNER_GATEWAY, 10)
    return router


def add_float(found: Records, router: Router, port: Port, offset: int = 20) -> FloatingIp:
    """A floating IP of the router's external network, lent to the port."""
    outside = found.networks[router.external_network_id or ""]
    row = FloatingIp(
        id=ident("float", offset), project_id=PROJECT, network_id=outside.id,
        floating_port_id=ident("port", ident("float", offset), outside.id),
        address=f"203.0.113.{offset}", port_id=port.id, router_id=router.id, created_at=1.0,
        fixed_address=found.addresses[port.id][0].address,
    )  # fmt: skip
    add_port(found, outside, row.id, OWNER_FLOATING, offset)
    found.floats_of.setdefault(router.id, []).append(row)
    found.floats_on.setdefault(outside.id, []).append(row)
    return row
