"""What a security group's rule may be (Neutron's checks), in one form. Pure."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, replace

from backends.errors import Refused
from backends.records.security import PROTOCOL_NUMBERS

# Those that have ports, or types and codes.
PORTS = ("tcp", "udp", "sctp")
ICMP = ("icmp", "ipv6-icmp")
PROTOCOLS = ("tcp", "udp", "icmp", "ipv6-icmp", "sctp")
# A number, or another name, of what has a name here.
_NAMES = {
    "6": "tcp",
    "17": "udp",
    "132": "sctp",
    "1": "icmp",
    "58": "ipv6-icmp",
    "icmpv6": "ipv6-icmp",
} | {str(number): name for name, number in PROTOCOL_NUMBERS.items()}
_ANY = ("any", "-1", "")


@dataclass(frozen=True, slots=True)
class NewRule:
    """A rule to add. Ports 1 to 65535; for ICMP `port_min` is the type, `port_max` the code.

    The other side is anybody, `remote_prefix`, or the members of `remote_group` or of
    `remote_address_group`.
    """

    group: str
    direction: str = "ingress"
    ethertype: str = "IPv4"
    protocol: str | None = None
    port_min: int | None = None
    port_max: int | None = None
    remote_prefix: str | None = None
    remote_group: str | None = None
    description: str = ""
    remote_address_group: str | None = None


def checked(new: NewRule) -> NewRule:
    """The rule in the form in which it is kept. Raises Refused `security_group.rule.invalid`."""
    if new.direction not in ("ingress", "egress") or new.ethertype not in ("IPv4", "IPv6"):
        raise _refusal("a rule is ingress or egress, IPv4 or IPv6")
    remotes = (new.remote_prefix, new.remote_group, new.remote_address_group)
    if sum(map(bool, remotes)) > 1:
        raise _refusal("a rule has a remote prefix, a remote group or a remote address group")
    new = replace(new, protocol=_protocol(new), remote_prefix=_prefix(new))
    _check_range(new)
    return new


def _protocol(new: NewRule) -> str | None:
    """Its name, or its number where it has none; None is any."""
    if new.protocol is None or new.protocol.lower() in _ANY:
        return None
    given = new.protocol.lower()
    found = _NAMES.get(given, given)
    if found not in (*PROTOCOLS, *PROTOCOL_NUMBERS) and not _is_number(found):
        known = ", ".join((*PROTOCOLS, *PROTOCOL_NUMBERS))
        raise _refusal(f"protocol {new.protocol!r}: there are {known}, any, and numbers to 255")
    if new.ethertype == "IPv4" and found.startswith("ipv6-") and found != "ipv6-encap":
        raise _refusal(f"{found} is a protocol of IPv6: say so with the ethertype")
    # ICMP of IPv6 has one name, whichever was given.
    return "ipv6-icmp" if found == "icmp" and new.ethertype == "IPv6" else found


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and str(int(text)) == text and int(text) <= 255


def _check_range(new: NewRule) -> None:
    low, high = new.port_min, new.port_max
    if low is None and high is None:
        return
    if new.protocol in ICMP:
        if low is None:
            raise _refusal("an ICMP code takes a type")
        if any(each is not None and not 0 <= each <= 255 for each in (low, high)):
            raise _refusal("type and code are 0 to 255")
        return
    if new.protocol not in PORTS:
        raise _refusal(f"a port range takes a protocol that has ports: {', '.join(PORTS)}")
    if low is None or high is None or low > high:
        raise _refusal("a port range has a start and an end, in this order")
    if low < 1 or high > 65535:
        raise _refusal("ports are 1 to 65535")


def _prefix(new: NewRule) -> str | None:
    if not new.remote_prefix:
        return None
    try:
        network = ipaddress.ip_network(new.remote_prefix, strict=False)
    except ValueError:
        raise _refusal(f"no prefix: {new.remote_prefix!r}") from None
    if f"IPv{network.version}" != new.ethertype:
        raise _refusal(f"{network} is not {new.ethertype}")
    return str(network)


def _refusal(text: str) -> Refused:
    return Refused("security_group.rule.invalid", text)
