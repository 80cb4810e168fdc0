"""IPv6 modes that a subnet can be given (Neutron, "IPv6": the table of valid combinations)."""

from __future__ import annotations

from backends.errors import Refused
from backends.plan.subnet_modes import MODES, SLAAC, STATELESS
from backends.records.network import Subnet
from backends.services import addresses

_PREFIX = 64


def check_modes(ra: str | None, address: str | None, cidr: addresses.IPNetwork, dhcp: bool) -> None:
    """Raises Refused `subnet.mode.invalid` where these modes cannot be of this subnet.

    Either may be missing: then routers, or DHCP, are somebody else's. Where both are given they
    must be the same. A guest makes its own address of a /64 alone (RFC 4291, 2.5.1).
    """
    given = [each for each in (ra, address) if each is not None]
    if not given:
        return
    wrong = [each for each in given if each not in MODES]
    if wrong:
        raise _invalid(f"no IPv6 mode: {wrong[0]!r}; it is {', '.join(MODES)}")
    if cidr.version == 4:
        raise _invalid(f"{cidr} is IPv4, and has no IPv6 mode")
    if not dhcp:
        raise _invalid("a subnet without DHCP has no IPv6 modes; guests make their addresses")
    if len(set(given)) > 1:
        raise _invalid(
            f"routers cannot advertise {ra} where addresses are {address}: give the same"
        )
    if given[0] in (SLAAC, STATELESS) and cidr.prefixlen != _PREFIX:
        raise _invalid(f"{given[0]} takes a /{_PREFIX}, and {cidr} is none")


def made_only(subnet: Subnet) -> bool:
    """Whether the subnet was given a mode in which guests make their own addresses."""
    given = subnet.ipv6_address_mode or subnet.ipv6_ra_mode
    return given in (SLAAC, STATELESS)


def _invalid(text: str) -> Refused:
    return Refused("subnet.mode.invalid", text)
