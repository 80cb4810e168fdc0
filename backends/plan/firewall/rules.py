"""A security group's rule as what packets look like: those it lets through, and their replies."""

from __future__ import annotations

from collections.abc import Iterator

from backends.records.security import PROTOCOL_NUMBERS, SecurityGroupRule

_PORTS = 1 << 16
_NAMES = {4: {"tcp": "tcp", "udp": "udp", "sctp": "sctp"},
          6: {"tcp": "tcp6", "udp": "udp6", "sctp": "sctp6"}}  # fmt: skip
_NUMBERS = {"6": "tcp", "17": "udp", "132": "sctp", "1": "icmp", "58": "ipv6-icmp"}
_ICMP = ("icmp", "ipv6-icmp", "icmpv6")


def port_masks(low: int, high: int) -> Iterator[tuple[int, int]]:
    """The fewest (value, mask) pairs that cover ports `low` to `high`, both included."""
    while low <= high:
        size = low & -low or _PORTS
        while low + size - 1 > high:
            size >>= 1
        yield low, _PORTS - size
        low += size


def matches(rule: SecurityGroupRule) -> Iterator[tuple[str, str]]:
    """What the rule lets through and the replies to it, as pairs of matches.

    The remote prefix is in them, a remote group is not. A reply is the request turned round;
    only ICMP's has another type, so that conntrack tells what the request was.
    """
    version = 6 if rule.ethertype == "IPv6" else 4
    there, back = _remote(rule, version)
    protocol = _NUMBERS.get(rule.protocol or "", rule.protocol)
    if protocol is None:
        name = "ipv6" if version == 6 else "ip"
        yield name + there, name + back
    elif protocol in _ICMP:
        request, reply = _icmp(rule, version)
        yield request + there, reply + back
    elif protocol in _NAMES[version]:
        name = _NAMES[version][protocol]
        for destination, source in _ports(rule):
            yield name + destination + there, name + source + back
    else:
        number = PROTOCOL_NUMBERS.get(protocol, protocol)
        name = f"{'ipv6' if version == 6 else 'ip'},nw_proto={number}"
        yield name + there, name + back


def _remote(rule: SecurityGroupRule, version: int) -> tuple[str, str]:
    """The other side's address, in the rule's direction and in the opposite one."""
    if not rule.remote_prefix or rule.remote_prefix.endswith("/0"):
        return "", ""
    family = "ipv6" if version == 6 else "nw"
    sides = [f",{family}_src={rule.remote_prefix}", f",{family}_dst={rule.remote_prefix}"]
    if rule.direction == "egress":
        sides.reverse()
    return sides[0], sides[1]


def _ports(rule: SecurityGroupRule) -> Iterator[tuple[str, str]]:
    low, high = rule.port_min, rule.port_max
    if low is None or high is None or (low <= 1 and high == _PORTS - 1):
        yield "", ""
        return
    for value, mask in port_masks(low, high):
        text = str(value) if mask == _PORTS - 1 else f"{value:#x}/{mask:#x}"
        yield f",tp_dst={text}", f",tp_src={text}"


def _icmp(rule: SecurityGroupRule, version: int) -> tuple[str, str]:
    name, number = ("icmp6", 58) if version == 6 else ("icmp", 1)
    request = reply = name
    if rule.port_min is not None:
        request += f",icmp_type={rule.port_min}"
        reply += f",ct_nw_proto={number},ct_tp_src={rule.port_min}"
        if rule.port_max is not None:
            request += f",icmp_code={rule.port_max}"
            reply += f",ct_tp_dst={rule.port_max}"
    return request, reply
