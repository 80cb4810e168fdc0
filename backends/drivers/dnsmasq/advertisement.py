"""Router advertisements: the configuration of a router's dnsmasq. Pure text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from backends.drivers.dnsmasq.config import CONFIG, HOSTS, LEASES, PID
from backends.drivers.dnsmasq.steps import Files

# dnsmasq's words for Neutron's.
_MODES = {"slaac": "ra-only", "dhcpv6-stateless": "ra-stateless", "dhcpv6-stateful": "static"}


@dataclass(frozen=True, slots=True)
class Prefix:
    """An IPv6 subnet on a router's interface.

    `mode` is what they advertise of it, in Neutron's words. With `dhcpv6-stateful` guests ask their
    network's DHCP server for an address, else they make one themselves (RFC 4862); with
    `dhcpv6-stateless` they ask it for all else.
    """

    subnet_id: str
    interface: str
    cidr: str
    mode: str
    dns: tuple[str, ...] = ()


def build(folder: Path, prefixes: tuple[Prefix, ...]) -> Files:
    """The files of a router's dnsmasq. Its MTU option is the interface's own."""
    return (CONFIG, "".join(f"{line}\n" for line in _config(folder, prefixes))), (HOSTS, "")


def _config(folder: Path, prefixes: tuple[Prefix, ...]) -> Iterator[str]:
    yield "port=0"
    yield "bind-dynamic"
    for interface in dict.fromkeys(each.interface for each in prefixes):
        yield f"interface={interface}"
    yield "except-interface=lo"
    yield f"pid-file={folder / PID}"
    yield f"dhcp-leasefile={folder / LEASES}"
    yield "enable-ra"
    # It knows no host: questions for an address are left to the network's own server.
    yield "dhcp-ignore=tag:!known"
    for each in prefixes:
        net = ip_network(each.cidr)
        mode = _MODES[each.mode]
        tag = f"subnet-{each.subnet_id}"
        yield f"dhcp-range=set:{tag},{net.network_address},{mode},{net.prefixlen}"
        if each.dns:
            servers = ",".join(f"[{server}]" for server in each.dns)
            yield f"dhcp-option=tag:{tag},option6:dns-server,{servers}"
