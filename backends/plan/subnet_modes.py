"""How guests of a subnet come by their addresses. Pure.

Neutron's words for IPv6: `ipv6_ra_mode` is what our routers advertise, `ipv6_address_mode` what is
expected of the ports. Where neither is given it is `dhcpv6-stateful` with DHCP, `slaac` without.
"""

from __future__ import annotations

from backends.records.tables import Subnet

SLAAC, STATEFUL, STATELESS = "slaac", "dhcpv6-stateful", "dhcpv6-stateless"
MODES = (SLAAC, STATEFUL, STATELESS)


def address_mode(subnet: Subnet) -> str:
    """How a guest gets an address of an IPv6 subnet; empty for IPv4."""
    if subnet.ip_version == 4:
        return ""
    given = subnet.ipv6_address_mode or subnet.ipv6_ra_mode
    return given or (STATEFUL if subnet.enable_dhcp else SLAAC)


def leases(subnet: Subnet) -> bool:
    """Whether our DHCP server gives addresses of the subnet, and not options alone."""
    return subnet.ip_version == 4 or address_mode(subnet) == STATEFUL


def is_served(subnet: Subnet) -> bool:
    """Whether our DHCP server answers for the subnet at all.

    Not where guests need none, and not where only routers were given a mode: then the server is
    somebody else's.
    """
    if subnet.ip_version == 4 or not subnet.enable_dhcp:
        return subnet.enable_dhcp
    foreign = subnet.ipv6_ra_mode is not None and subnet.ipv6_address_mode is None
    return not foreign and address_mode(subnet) != SLAAC


def makes_own(subnet: Subnet) -> bool:
    """Whether a guest makes its address itself, of what is advertised (RFC 4862)."""
    return address_mode(subnet) in (SLAAC, STATELESS)


def advertised(subnet: Subnet) -> str:
    """What our routers say in their advertisements; empty where another's does (RFC 4861)."""
    if subnet.ip_version == 4 or (subnet.ipv6_address_mode and not subnet.ipv6_ra_mode):
        return ""
    return address_mode(subnet)


def network_type(subnet: Subnet) -> str:
    """The `type` in Nova's network_data.json."""
    if subnet.ip_version == 6:
        return f"ipv6_{address_mode(subnet)}" if subnet.enable_dhcp else "ipv6"
    return "ipv4_dhcp" if subnet.enable_dhcp else "ipv4"
