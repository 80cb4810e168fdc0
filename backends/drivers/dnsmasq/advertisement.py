"""Router advertisements: the configuration of a router's dnsmasq. Pure text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from backends.drivers.dnsmasq.config import CONFIG, HOSTS, LEASES, PID
from backends.drivers.dnsmasq.steps import Files


@dataclass(frozen=True, slots=True)
class Prefix:
    """An IPv6 subnet on a router's interface.

    `managed` says that guests ask their network's DHCP server for the address, else they make one
    themselves (RFC 4862).
    """

    subnet_id: str
    interface: str
    cidr: str
    managed: bool
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
        mode = "static" if each.managed else "ra-only"
        tag = f"subnet-{each.subnet_id}"
        yield f"dhcp-range=set:{tag},{net.network_address},{mode},{net.prefixlen}"
        if each.dns:
            servers = ",".join(f"[{server}]" for server in each.dns)
            yield f"dhcp-option=tag:{tag},option6:dns-server,{servers}"
