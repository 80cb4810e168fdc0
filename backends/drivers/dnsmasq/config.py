"""The files of a network's dnsmasq, from what the network is. Pure.

The options are those of Neutron's DHCP agent; dnsmasq(8) explains each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, ip_network
from pathlib import Path
from typing import NamedTuple

from backends.drivers.dnsmasq import dhcp_options
from backends.drivers.dnsmasq.steps import Files
from backends.settings import METADATA_ADDRESS

CONFIG = "dnsmasq.conf"
HOSTS = "hosts"
OPTIONS = "options"
NAMES = "names"
LEASES = "leases"
PID = "pid"
# What a running process reads once, and what it reads again at SIGHUP.
FILES = (CONFIG, HOSTS, OPTIONS, NAMES)

_LEASE_SECONDS = 86_400
_MOST_LEASES = 1 << 24
_LABEL_LENGTH = 63
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class DhcpSubnet:
    """A subnet with DHCP. `host_routes` are pairs of destination (CIDR) and next hop.

    `metadata` is the next hop to the metadata service, where that is not the gateway. `leases` is
    false where addresses are the guests' own, and only options are told (RFC 8415, 6.1).
    """

    id: str
    cidr: str
    gateway: str | None = None
    dns: tuple[str, ...] = ()
    host_routes: tuple[tuple[str, str], ...] = ()
    metadata: str = ""
    leases: bool = True

    @property
    def ip_version(self) -> int:
        return ip_network(self.cidr).version


class DhcpHost(NamedTuple):
    """A port that may ask. `addresses` are pairs of subnet id and address.

    `options` are its own besides its subnets': name, value and IP version; then `tag` is its mark.
    """

    mac: str
    addresses: tuple[tuple[str, str], ...]
    hostname: str = ""
    tag: str = ""
    options: tuple[tuple[str, str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class DhcpNetwork:
    """All that a network's dnsmasq serves. `folder` is its files' place; `mtu` in bytes."""

    folder: Path
    interface: str
    mtu: int
    subnets: tuple[DhcpSubnet, ...]
    hosts: tuple[DhcpHost, ...]
    domain: str = "openstacklocal"


def build(network: DhcpNetwork) -> Files:
    """The files to serve, in the order of `FILES`."""
    hosts, names = _hosts_and_names(network)
    return (
        (CONFIG, _lines(_config(network))),
        (HOSTS, _lines(hosts)),
        (OPTIONS, _lines(_options(network))),
        (NAMES, _lines(names)),
    )


def leasable(hosts: str) -> frozenset[tuple[str, str]]:
    """The pairs of MAC and address in the text of a hosts file."""
    pairs: set[tuple[str, str]] = set()
    for line in hosts.splitlines():
        mac, address, *_ = line.split(",")
        pairs.add((mac, address.strip("[]")))
    return frozenset(pairs)


def dns_label(name: str, address: str) -> str:
    """A name that DNS allows (RFC 1123, 2.1), made of `name`, else of the address.

    What a user supplies reaches these files by this way only.
    """
    if _LABEL.fullmatch(name):
        return name
    label = re.sub(r"[^a-z0-9-]", "", re.sub(r"[ _.]", "-", name.lower()))
    label = label[:_LABEL_LENGTH].strip("-")
    return label or "host-" + re.sub(r"[^0-9a-f]", "-", address)


def _config(network: DhcpNetwork) -> Iterator[str]:
    folder = network.folder
    yield "no-hosts"
    # The namespace has no way to the host's name servers.
    yield "no-resolv"
    yield "bind-dynamic"
    yield f"interface={network.interface}"
    yield "except-interface=lo"
    yield "dhcp-authoritative"
    yield f"pid-file={folder / PID}"
    yield f"dhcp-leasefile={folder / LEASES}"
    yield f"dhcp-hostsfile={folder / HOSTS}"
    yield f"dhcp-optsfile={folder / OPTIONS}"
    yield f"addn-hosts={folder / NAMES}"
    yield f"domain={network.domain}"
    yield f"local=/{network.domain}/"
    addresses = sum(ip_network(each.cidr).num_addresses for each in network.subnets)
    yield f"dhcp-lease-max={max(1, min(addresses, _MOST_LEASES))}"
    yield f"dhcp-option-force=option:mtu,{network.mtu}"
    for subnet in network.subnets:
        net = ip_network(subnet.cidr)
        mask = str(net.netmask) if isinstance(net, IPv4Network) else str(net.prefixlen)
        yield (
            f"dhcp-range=set:{_tag(subnet)},{net.network_address},static,{mask},{_LEASE_SECONDS}s"
        )
    for host in network.hosts:
        if host.options:
            # Not by `set:` in the file of hosts: dnsmasq (2.86 to 2.90 at least) then dies by the
            # SIGHUP that follows a lease, as it frees a tag that it has on its stack.
            yield f"dhcp-mac=set:{host.tag},{host.mac.lower()}"


def _hosts_and_names(network: DhcpNetwork) -> tuple[list[str], list[str]]:
    """Who may lease what; and a hosts(5) file, as names resolve before their guest has asked."""
    leased = {subnet.id for subnet in network.subnets if subnet.leases}
    hosts, names = [], []
    for host in network.hosts:
        for subnet_id, address in host.addresses:
            name = dns_label(host.hostname, address)
            names.append(f"{address} {name}.{network.domain} {name}")
            if subnet_id in leased:
                hosts.append(f"{host.mac.lower()},{_bracketed(address)},{name}")
    return hosts, names


def _options(network: DhcpNetwork) -> Iterator[str]:
    for subnet in network.subnets:
        prefix = f"tag:{_tag(subnet)},"
        if subnet.ip_version == 6:
            yield from _options6(network, subnet, prefix)
        else:
            yield from _options4(network, subnet, prefix)
    for host in network.hosts:
        for name, value, version in host.options:
            yield dhcp_options.line(host.tag, name, value, version)


def _options4(network: DhcpNetwork, subnet: DhcpSubnet, prefix: str) -> Iterator[str]:
    if subnet.dns:
        yield f"{prefix}option:dns-server,{','.join(subnet.dns)}"
    routes = [*subnet.host_routes, *_neighbours(network.subnets, subnet)]
    if subnet.metadata:
        routes.append((f"{METADATA_ADDRESS}/32", subnet.metadata))
    if routes:
        # A client that heeds option 121 ignores the router option (RFC 3442): repeat the default.
        if subnet.gateway:
            routes.append(("0.0.0.0/0", subnet.gateway))
        text = ",".join(f"{destination},{hop}" for destination, hop in routes)
        yield f"{prefix}option:classless-static-route,{text}"
        yield f"{prefix}249,{text}"
    # An option without a value is not sent; unset, dnsmasq would name itself as the router.
    yield f"{prefix}option:router,{subnet.gateway}" if subnet.gateway else f"{prefix}option:router"


def _options6(network: DhcpNetwork, subnet: DhcpSubnet, prefix: str) -> Iterator[str]:
    if subnet.dns:
        servers = ",".join(_bracketed(each) for each in subnet.dns)
        yield f"{prefix}option6:dns-server,{servers}"
    yield f"{prefix}option6:domain-search,{network.domain}"


def _neighbours(subnets: Sequence[DhcpSubnet], own: DhcpSubnet) -> Iterator[tuple[str, str]]:
    """Other IPv4 subnets on the same wire, to be reached without a router."""
    for other in subnets:
        if other.id != own.id and other.ip_version == 4:
            yield other.cidr, "0.0.0.0"  # noqa: S104 - a route's next hop, not a listening socket


def _tag(subnet: DhcpSubnet) -> str:
    return f"subnet-{subnet.id}"


def _bracketed(address: str) -> str:
    """As dnsmasq writes an address: IPv6 in brackets."""
    return f"[{address}]" if ":" in address else address


def _lines(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)
