"""Routes and kernel parameters, as ip(8) and sysctl(8) write them. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_network

# What a router's namespace is asked for: the parameters that Neutron's L3 agent sets.
ROUTER_SYSCTLS = (
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.conf.all.arp_ignore", "1"),
    ("net.ipv4.conf.all.arp_announce", "2"),
    ("net.ipv6.conf.all.forwarding", "1"),
    ("net.netfilter.nf_conntrack_tcp_be_liberal", "1"),
)
HOST_SYSCTLS = (("net.ipv4.ip_forward", "1"),)

Route = tuple[str, str]
_DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


def routes_of(listing: str, version: int) -> Iterator[Route]:
    """Off `ip -j route`: destination and next hop of each route that is not the kernel's own."""
    for each in json.loads(listing or "[]"):
        if each and each.get("protocol") not in ("kernel", "ra"):
            to = _DEFAULT[version] if each["dst"] == "default" else str(ip_network(each["dst"]))
            yield to, each.get("gateway", "")


def route_commands(found: Iterable[Route], wanted: Iterable[Route]) -> Iterator[str]:
    """The lines of an ip(8) batch that make the found routes the wanted ones."""
    there, should = set(found), set(wanted)
    kept = {to for to, _ in should}
    for to, _ in sorted(there - should):
        # One that only changes its next hop is replaced below.
        if to not in kept:
            yield f"route delete {to}"
    for to, hop in sorted(should - there):
        yield f"route replace {to} via {hop} proto static"


def sysctls_of(listing: str) -> Mapping[str, str]:
    """Off sysctl(8): `name = value` lines."""
    pairs = (line.partition(" = ") for line in listing.splitlines())
    return {key: value.strip() for key, equals, value in pairs if equals}
