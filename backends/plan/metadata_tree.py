"""What an instance reads of itself: the trees that the metadata service gives it. Pure.

`openstack` as nova.api.metadata.base has it; `ec2` as Amazon's of 2009-04-04, which guests made for
that know. A tree is a mapping of path to body: text, or a mapping that the server writes as JSON.
It lists folders, but for one that has its listing here: its path ends with a slash.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from backends.plan import guest
from backends.plan.subnet_modes import network_type
from backends.records.snapshot import Records
from backends.records.tables import Address, Instance, Port, Subnet

Tree = dict[str, Any]
ZONE = "nova"


def trees(instance: Instance, records: Records, groups: Mapping[str, str]) -> dict[str, Tree]:
    """Both trees of an instance; `groups` are the names of security groups by id."""
    plugged = records.ports_of.get(instance.id, ())
    ports = [each for each in plugged if not (each.absent or each.leaving)]
    openstack: Tree = {
        "meta_data.json": guest.meta_data(instance),
        "network_data.json": network_data(ports, records),
        "vendor_data.json": {},
        "vendor_data2.json": {},
    }
    ec2 = _ec2(instance, ports, records, groups)
    user_data = instance.user_data
    if user_data is not None:
        openstack["user_data"] = ec2["user-data"] = user_data
    return {"openstack": openstack, "ec2": ec2}


def network_data(ports: Iterable[Port], records: Records) -> dict[str, Any]:
    """Links, networks and services of these ports, as Nova's network_data.json."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    servers: list[str] = []
    for port in ports:
        link, network_id = port.interface, port.network_id
        network = records.networks.get(network_id)
        links.append(
            {
                "id": link,
                "vif_id": port.id,
                "type": "ovs",
                "mtu": network.mtu if network else None,
                "ethernet_mac_address": port.mac,
            }
        )
        subnets = {each.id: each for each in records.subnets.get(network_id, ())}
        for address in _addresses(port, records):
            subnet = subnets.get(address.subnet_id)
            if subnet is not None:
                id_ = f"network{len(networks)}"
                entry = {"id": id_, "link": link, "network_id": network_id}
                networks.append(entry | _network(subnet, address))
                servers += subnet.dns_nameservers
    services = [{"type": "dns", "address": each} for each in dict.fromkeys(servers)]
    return {"links": links, "networks": networks, "services": services}


def _addresses(port: Port, records: Records) -> list[Address]:
    """In an order that does not depend on a query's."""
    found = records.addresses.get(port.id, [])
    return found if len(found) < 2 else sorted(found, key=lambda each: each.address)


def _network(subnet: Subnet, address: Address) -> dict[str, Any]:
    kind = network_type(subnet)
    if kind not in ("ipv4", "ipv6"):
        return {"type": kind}
    network = ipaddress.ip_network(subnet.cidr)
    ways = [(each["destination"], each["nexthop"]) for each in subnet.host_routes]
    if subnet.gateway_ip:
        ways.append(("0.0.0.0/0" if network.version == 4 else "::/0", subnet.gateway_ip))
    routes = []
    for destination, hop in ways:
        to = ipaddress.ip_network(destination)
        routes.append(
            {"network": str(to.network_address), "netmask": str(to.netmask), "gateway": hop}
        )
    netmask = str(network.netmask)
    return {"type": kind, "ip_address": address.address, "netmask": netmask, "routes": routes}


def _ec2(
    instance: Instance, ports: list[Port], records: Records, groups: Mapping[str, str]
) -> Tree:
    ids = [port.id for port in ports]
    own = [each.address for port in ports for each in _addresses(port, records)]
    own = [each for each in own if ":" not in each]
    lent = [records.floats_to[id_].address for id_ in ids if id_ in records.floats_to]
    joined = {groups.get(group, "") for id_ in ids for group in records.groups_of.get(id_, ())}
    id_, hostname, key = instance.id, instance.hostname, instance.public_key
    tree: Tree = {
        "meta-data/ami-id": ec2_id("ami", instance.image_id or id_),
        "meta-data/ami-launch-index": "0",
        "meta-data/ami-manifest-path": "",
        "meta-data/block-device-mapping/ami": "vda",
        "meta-data/block-device-mapping/root": "/dev/vda",
        "meta-data/hostname": hostname,
        "meta-data/instance-action": "none",
        "meta-data/instance-id": ec2_id("i", id_),
        "meta-data/instance-type": instance.flavor_name,
        "meta-data/local-hostname": hostname,
        "meta-data/local-ipv4": own[0] if own else "",
        "meta-data/placement/availability-zone": ZONE,
        "meta-data/public-hostname": hostname,
        "meta-data/public-ipv4": lent[0] if lent else "",
        "meta-data/reservation-id": ec2_id("r", id_),
        "meta-data/security-groups": "\n".join(sorted(filter(None, joined))),
    }
    if key:
        tree["meta-data/public-keys/0/openssh-key"] = key
        # Amazon's listing has numbers with names, and its folders no slash here.
        tree["meta-data/public-keys/"] = f"0={instance.key_name or 'key'}"
    return tree


def ec2_id(kind: str, id_: str) -> str:
    """An id as EC2 writes them: a kind and eight hexadecimal digits."""
    return f"{kind}-{id_[:8]}"
