"""Ranges that subnets are cut from: which is free, and what they count for. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from backends.errors import Refused
from backends.services.addresses import IPNetwork, parse_network

# What a pool's quota is counted in, as the length of one unit (Neutron's subnet pools).
_UNITS = {4: 32, 6: 64}


def good_prefixes(texts: Iterable[str]) -> list[IPNetwork]:
    """Prefixes of one IP version, merged and in order.

    Raises Refused `network.subnet.invalid`, `subnet_pool.prefixes`.
    """
    given = [parse_network(text) for text in texts]
    if not given or len({each.version for each in given}) > 1:
        raise Refused("subnet_pool.prefixes", "a pool has prefixes, all IPv4 or all IPv6")
    return list(ipaddress.collapse_addresses(given))  # type: ignore[type-var]


def is_inside(found: IPNetwork, prefixes: Iterable[IPNetwork]) -> bool:
    """Whether one of the prefixes has all of a range."""
    return any(
        found.version == each.version and found.subnet_of(each)  # type: ignore[arg-type]
        for each in prefixes
    )


def first_free(
    prefixes: Sequence[IPNetwork], taken: Iterable[IPNetwork], length: int
) -> IPNetwork | None:
    """The lowest range of this length in bits that overlaps none that is taken."""
    spans = sorted((int(each[0]), int(each[-1])) for each in taken)
    for prefix in prefixes:
        if prefix.prefixlen > length:
            continue
        size = 1 << prefix.max_prefixlen - length
        start = int(prefix.network_address)
        for low, high in spans:
            if low >= start + size:
                break
            if high >= start:
                start = -(-(high + 1) // size) * size
        if start <= int(prefix.broadcast_address):
            return type(prefix)((start, length))
    return None


def units(ranges: Iterable[IPNetwork]) -> float:
    """What ranges count for: addresses of IPv4, ranges of 64 bits of IPv6."""
    return sum(2.0 ** (_UNITS[each.version] - each.prefixlen) for each in ranges)
