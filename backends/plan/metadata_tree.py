"""What an instance reads of itself: the trees that the metadata service gives it. Pure.

`openstack` as nova.api.metadata.base has it; `ec2` as Amazon's of 2009-04-04, which guests made for
that know. A tree is a mapping of path to body. The server lists folders, but for one that has its
listing here: its path ends with a slash.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from typing import Any

from backends.plan import guest
from backends.plan.subnet_modes import network_type
from backends.records.snapshot import Records
from backends.records.tables import Address, Instance, Port, Subnet

Tree = dict[str, str]
ZONE = "nova"
_PREFIX = "openstack/latest/"
_ENCODER = json.JSONEncoder(sort_keys=True, check_circular=False)


def trees(instance: Instance, records: Records, groups: Mapping[str, str]) -> dict[str, Tree]:
    """Both trees of an instance; `groups` are the names of security groups by id."""
    plugged = records.ports_of.get(instance.id, ())
    ports = [each for each in plugged if not (each.absent or each.leaving)]
    files = {path.removeprefix(_PREFIX): text for path, text in guest.config_files(instance)}
    openstack = files | {
        "network_data.json": _ENCODER.encode(network_data(ports, records)),
        "vendor_data.json": "{}",
        "vendor_data2.json": "{}",
    }
    return {"openstack": openstack, "ec2": _ec2(instance, ports, records, groups)}


def network_data(ports: Iterable[Port], records: Records) -> dict[str, Any]:
    """Links, networks and services of these ports, as Nova's network_data.json."""
    links: list[dict[str, Any]] = []
    networks: list[dict[str, Any]] = []
    servers: list[str] = []
    for port in ports:
        network = records.networks.get(port.network_id)
        links.append(
            {
                "id": port.interface,
                "vif_id": port.id,
                "type": "ovs",
                "mtu": network.mtu if network else None,
                "ethernet_mac_address": port.mac,
            }
        )
        subnets = {each.id: each for each in records.subnets.get(port.network_id, ())}
        for address in _addresses(port, records):
            subnet = subnets.get(address.subnet_id)
            if subnet is not None:
                entry = _network(subnet, address.address, port)
                networks.append({"id": f"network{len(networks)}", **entry})
                servers += subnet.dns_nameservers
    services = [{"type": "dns", "address": each} for each in dict.fromkeys(servers)]
    return {"links": links, "networks": networks, "services": services}


def _addresses(port: Port, records: Records) -> list[Address]:
    """In an order that does not depend on a query's."""
    found = records.addresses.get(port.id, [])
    return found if len(found) < 2 else sorted(found, key=lambda each: each.address)


def _network(subnet: Subnet, address: str, port: Port) -> dict[str, Any]:
    kind = network_type(subnet)
    entry = {"type": kind, "link": port.interface, "network_id": port.network_id}
    if kind not in ("ipv4", "ipv6"):
        return entry
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
    return entry | {"ip_address": address, "netmask": str(network.netmask), "routes": routes}


def _ec2(
    instance: Instance, ports: list[Port], records: Records, groups: Mapping[str, str]
) -> Tree:
    own = [
        each.address
        for port in ports
        for each in _addresses(port, records)
        if ":" not in each.address
    ]
    lent = [records.floats_to[port.id].address for port in ports if port.id in records.floats_to]
    joined = {groups.get(id_, "") for port in ports for id_ in records.groups_of.get(port.id, ())}
    meta = {
        "ami-id": ec2_id("ami", instance.image_id or instance.id),
        "ami-launch-index": "0",
        "ami-manifest-path": "",
        "block-device-mapping/ami": "vda",
        "block-device-mapping/root": "/dev/vda",
        "hostname": instance.hostname,
        "instance-action": "none",
        "instance-id": ec2_id("i", instance.id),
        "instance-type": instance.flavor_name,
        "local-hostname": instance.hostname,
        "local-ipv4": own[0] if own else "",
        "placement/availability-zone": ZONE,
        "public-hostname": instance.hostname,
        "public-ipv4": lent[0] if lent else "",
        "reservation-id": ec2_id("r", instance.id),
        "security-groups": "\n".join(sorted(filter(None, joined))),
    }
    if instance.public_key:
        meta["public-keys/0/openssh-key"] = instance.public_key
        # Amazon's listing has numbers with names, and its folders no slash here.
        meta["public-keys/"] = f"0={instance.key_name or 'key'}"
    tree = {f"meta-data/{path}": body for path, body in meta.items()}
    if instance.user_data is not None:
        tree["user-data"] = instance.user_data
    return tree


def ec2_id(kind: str, id_: str) -> str:
    """An id as EC2 writes them: a kind and eight hexadecimal digits."""
    return f"{kind}-{id_[:8]}"
