"""Address management: which address of a subnet a port gets, and fresh MAC addresses. Pure."""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise

from backends.errors import Refused

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
Pool = tuple[IPAddress, IPAddress]

# Neutron's default base_mac; the first three bytes are locally administered (IEEE 802).
_MAC_BASE = "fa:16:3e"


def parse_network(text: str) -> IPNetwork:
    """A subnet's range in CIDR notation (RFC 4632, RFC 4291).

    Raises Refused `network.subnet.invalid`, also when host bits are set or it is too small to use.
    """
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise Refused("network.subnet.invalid", f"no subnet range {text!r}: {error}") from None
    if network.num_addresses < 4 or network.is_multicast or network.is_loopback:
        raise Refused("network.subnet.invalid", f"{network} is no range for guests")
    if network.version == 4 and network.prefixlen < 8:
        raise Refused("network.subnet.invalid", f"{network} is larger than a /8")
    return network


def parse_destination(text: str) -> IPNetwork:
    """A route's destination in CIDR notation. Raises Refused `router.route.invalid`."""
    try:
        return ipaddress.ip_network(text)
    except ValueError as error:
        raise Refused("router.route.invalid", f"no destination {text!r}: {error}") from None


def parse_address(text: str) -> IPAddress:
    """An address. Raises Refused `network.address.invalid`."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        raise Refused("network.address.invalid", f"no IP address: {text!r}") from None


def usable(network: IPNetwork) -> Pool:
    """First and last address that a port can have: not the network's, not the broadcast address."""
    first, last = network[1], network[-1]
    if network.version == 4:
        last = network[-2]
    return first, last


def default_pools(network: IPNetwork, gateway: IPAddress | None) -> list[Pool]:
    """Everything usable but the gateway, as Neutron allocates by default."""
    first, last = usable(network)
    if gateway is None or not first <= gateway <= last:  # type: ignore[operator]
        return [(first, last)]
    pools: list[Pool] = []
    if gateway > first:  # type: ignore[operator]
        pools.append((first, gateway - 1))
    if gateway < last:  # type: ignore[operator]
        pools.append((gateway + 1, last))
    return pools


def check_inside(address: IPAddress, network: IPNetwork, what: str) -> None:
    """Raises Refused `network.address.outside` unless a port of the range can have the address."""
    first, last = usable(network)
    if address.version != network.version or not first <= address <= last:  # type: ignore[operator]
        raise Refused(
            "network.address.outside", f"{what} {address} is not a usable one of {network}"
        )


def parse_pools(texts: Sequence[tuple[str, str]], network: IPNetwork) -> list[Pool]:
    """Pools given as (start, end). Raises Refused `network.pool.invalid` where they overlap."""
    pools: list[Pool] = []
    for start_text, end_text in texts:
        start, end = parse_address(start_text), parse_address(end_text)
        check_inside(start, network, "pool start")
        check_inside(end, network, "pool end")
        if end < start:  # type: ignore[operator]
            raise Refused("network.pool.invalid", f"pool {start}-{end} ends before it starts")
        pools.append((start, end))
    pools.sort()
    for (_, before), (after, _) in pairwise(pools):
        if after <= before:  # type: ignore[operator]
            raise Refused("network.pool.invalid", f"pools overlap at {after}")
    return pools


def made_of(mac: str, network: IPNetwork) -> str | None:
    """The address that a guest with this MAC makes itself of an advertised prefix (RFC 4862).

    None where it makes none: only of 64 bits is there one (RFC 4291, appendix A).
    """
    if network.version == 4 or network.prefixlen != 64:
        return None
    first, *rest = bytes.fromhex(mac.replace(":", ""))
    identifier = bytes([first ^ 2, *rest[:2], 0xFF, 0xFE, *rest[2:]])
    return str(network[int.from_bytes(identifier)])


def next_free(pools: Sequence[Pool], taken: Collection[str]) -> IPAddress:
    """The lowest free address of the pools. Raises Refused `network.address.exhausted`."""
    used = {ipaddress.ip_address(text) for text in taken}
    for address in _candidates(pools):
        if address not in used:
            return address
    raise Refused("network.address.exhausted", "no address is left in the subnet's pools")


def _candidates(pools: Sequence[Pool]) -> Iterator[IPAddress]:
    for start, end in pools:
        address = start
        while address <= end:  # type: ignore[operator]
            yield address
            address += 1


def fresh_mac(taken: Collection[str]) -> str:
    """A random MAC address that is not taken."""
    while True:
        tail = random.SystemRandom().randrange(1 << 24)
        mac = f"{_MAC_BASE}:{tail >> 16:02x}:{tail >> 8 & 255:02x}:{tail & 255:02x}"
        if mac not in taken:
            return mac
