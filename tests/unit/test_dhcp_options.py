"""Extra DHCP options, DNS names and IPv6 modes: what is taken, and what it becomes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.drivers.dnsmasq.config import DhcpHost, DhcpNetwork, DhcpSubnet, build, leasable
from backends.drivers.dnsmasq.dhcp_options import TABLE, is_known, is_valid, line
from backends.errors import Refused
from backends.plan import subnet_modes
from backends.records.tables import Subnet
from backends.services import addresses
from backends.services.dhcp_option import DhcpOption, merged
from backends.services.dns_name import good_dns_domain, good_dns_name
from backends.services.subnet_mode import check_modes

SLAAC, STATEFUL, STATELESS = subnet_modes.MODES


@pytest.mark.parametrize(
    ("name", "value", "version", "valid"),
    [
        ("mtu", "1400", 4, True),
        ("mtu", "67", 4, False),
        ("mtu", "1e3", 4, False),
        ("router", "10.0.0.1,10.0.0.2", 4, True),
        ("router", "10.0.0.1, 10.0.0.2", 4, False),
        ("router", "fd00::1", 4, False),
        ("dns-server", "fd00::1", 6, True),
        ("dns-server", "10.0.0.1", 6, False),
        ("dns-server", "fe80::1%eth0", 6, False),
        ("bootfile-name", "pxelinux.0", 4, True),
        ("bootfile-name", "two\nlines", 4, False),
        ("bootfile-name", "a,b", 4, False),
        ("bootfile-name", 'quoted"', 4, False),
        ("bootfile-name", "# comment", 4, False),
        ("bootfile-name", "x" * 256, 4, False),
        ("bootfile-name", "", 4, False),
        ("domain-search", "a.example,b.example", 4, True),
        ("domain-search", "a..example", 4, False),
        ("classless-static-route", "10.9.0.0/16,10.0.0.9", 4, True),
        ("classless-static-route", "10.9.0.0/16", 4, False),
        ("classless-static-route", "10.9.0.1/16,10.0.0.9", 4, False),
        ("server-ip-address", "10.0.0.7", 4, True),
        ("T1", "-1", 4, False),
        ("time-offset", "-3600", 4, True),
        ("224", "anything goes", 4, True),
        ("bootfile-url", "tftp://[fd00::7]/a", 6, True),
    ],
)
def test_values(name: str, value: str, version: int, valid: bool) -> None:
    assert is_known(name, version)
    assert is_valid(name, value, version) is valid


@pytest.mark.parametrize(
    ("name", "version"),
    [("nonsense", 4), ("0", 4), ("255", 4), ("23", 6), ("client-arch", 4), ("router", 6), ("", 4),
     ("mtu,1\ndhcp-script=x", 4), ("٣", 4)],
)  # fmt: skip
def test_names_that_there_are_not(name: str, version: int) -> None:
    assert not is_known(name, version)


def test_no_line_of_a_file_can_be_ended_by_a_value() -> None:
    for version, table in TABLE.items():
        for name in table:
            for value in ("1\n2", "a\r", "x\0", "10.0.0.1\n", "fd00::1\n"):
                assert not is_valid(name, value, version)


def test_lines() -> None:
    assert line("port-1", "mtu", "1400", 4) == "tag:port-1,option:mtu,1400"
    assert line("port-1", "224", "x", 4) == "tag:port-1,224,x"
    assert line("port-1", "dns-server", "fd00::1,fd00::2", 6) == (
        "tag:port-1,option6:dns-server,[fd00::1],[fd00::2]"
    )
    assert line("p", "bootfile-url", "tftp://x/y", 6) == "tag:p,option6:bootfile-url,tftp://x/y"


def test_given_options_change_the_recorded_ones() -> None:
    first = merged([], [DhcpOption("mtu", "1400"), DhcpOption("dns-server", "fd00::1", 6)])
    assert first == [
        {"opt_name": "mtu", "opt_value": "1400", "ip_version": "4"},
        {"opt_name": "dns-server", "opt_value": "fd00::1", "ip_version": "6"},
    ]
    assert merged(first, [DhcpOption("mtu"), DhcpOption("dns-server")]) == first[1:]
    assert merged(first[:1], [DhcpOption("mtu", "1300")])[0]["opt_value"] == "1300"


@pytest.mark.parametrize(
    ("option", "code"),
    [
        (DhcpOption("mtuu", "1400"), "port.dhcp_option.unknown"),
        (DhcpOption("mtu", "many"), "port.dhcp_option.invalid"),
        (DhcpOption("mtu", "1400", 5), "port.dhcp_option.invalid"),
    ],
)
def test_options_that_are_refused(option: DhcpOption, code: str) -> None:
    with pytest.raises(Refused) as refusal:
        merged([], [option])
    assert refusal.value.code == code
    assert str(refusal.value).isprintable()


def test_too_many_are_refused() -> None:
    with pytest.raises(Refused):
        merged([], [DhcpOption(str(number), "x") for number in range(1, 22)])


@pytest.mark.parametrize("name", ["web", "WEB-1", "", "a" * 63])
def test_dns_names(name: str) -> None:
    assert good_dns_name(name) == name.lower()


@pytest.mark.parametrize("name", ["-a", "a.b", "a_b", "ä", "a" * 64, "a\n"])
def test_no_dns_names(name: str) -> None:
    with pytest.raises(Refused):
        good_dns_name(name)


def test_dns_domains() -> None:
    assert good_dns_domain("Cloud.Example.") == "cloud.example"
    assert good_dns_domain("") == ""
    for text in ("a..b", ".", "10.0.0.1", "a b", "a/b", "x\n", ".".join(["a" * 50] * 6)):
        with pytest.raises(Refused):
            good_dns_domain(text)


NETWORK = DhcpNetwork(
    Path("/q"), "tap1", 1450,
    (DhcpSubnet("s4", "10.0.0.0/24"), DhcpSubnet("s6", "fd00::/64", leases=False)),
    (DhcpHost("fa:16:3e:00:00:01", (("s4", "10.0.0.5"), ("s6", "fd00::5"), ("s9", "10.9.0.5")),
              "web", "port-1", (("mtu", "1400", 4), ("dns-server", "fd00::9", 6))),),
)  # fmt: skip


def test_a_port_with_options_is_marked_by_its_mac_and_only_leased_addresses_are_hosts() -> None:
    files = dict(build(NETWORK))
    assert files["hosts"] == "fa:16:3e:00:00:01,10.0.0.5,web\n"
    assert files["dnsmasq.conf"].splitlines()[-1] == "dhcp-mac=set:port-1,fa:16:3e:00:00:01"
    assert files["options"].splitlines()[-2:] == [
        "tag:port-1,option:mtu,1400", "tag:port-1,option6:dns-server,[fd00::9]",
    ]  # fmt: skip
    assert leasable(files["hosts"]) == {("fa:16:3e:00:00:01", "10.0.0.5")}
    # DNS knows every address, also where no DHCP is served.
    assert [name.split()[0] for name in files["names"].splitlines()] == [
        "10.0.0.5", "fd00::5", "10.9.0.5",
    ]  # fmt: skip


def test_without_options_nothing_is_marked() -> None:
    bare = replace(NETWORK, hosts=(NETWORK.hosts[0]._replace(options=()),))
    assert "port-1" not in "".join(text for _, text in build(bare))


CIDR = addresses.parse_network("fd00::/64")


@pytest.mark.parametrize("mode", subnet_modes.MODES)
def test_modes_that_go_together(mode: str) -> None:
    """Neutron's table: both the same, or either alone."""
    for pair in ((mode, mode), (mode, None), (None, mode), (None, None)):
        check_modes(*pair, CIDR, True)


@pytest.mark.parametrize(
    ("ra", "address", "cidr", "dhcp"),
    [
        *((a, b, "fd00::/64", True) for a in subnet_modes.MODES for b in subnet_modes.MODES
          if a != b),
        ("dhcp", None, "fd00::/64", True),
        (SLAAC, SLAAC, "10.0.0.0/24", True),
        (SLAAC, SLAAC, "fd00::/80", True),
        (None, STATELESS, "fd00::/48", True),
        (SLAAC, SLAAC, "fd00::/64", False),
    ],
)  # fmt: skip
def test_modes_that_do_not(ra: str, address: str, cidr: str, dhcp: bool) -> None:
    with pytest.raises(Refused) as refusal:
        check_modes(ra, address, addresses.parse_network(cidr), dhcp)
    assert refusal.value.code == "subnet.mode.invalid"


def _subnet(ra: str | None, address: str | None, dhcp: bool = True, version: int = 6) -> Subnet:
    return Subnet(
        network_id="", project_id="", ip_version=version, cidr="fd00::/64", enable_dhcp=dhcp,
        ipv6_ra_mode=ra, ipv6_address_mode=address,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("subnet", "said", "served", "leases", "own"),
    [
        (_subnet(None, None), STATEFUL, True, True, False),
        (_subnet(None, None, False), SLAAC, False, False, True),
        (_subnet(SLAAC, SLAAC), SLAAC, False, False, True),
        (_subnet(STATEFUL, STATEFUL), STATEFUL, True, True, False),
        (_subnet(STATELESS, STATELESS), STATELESS, True, False, True),
        (_subnet(None, STATEFUL), "", True, True, False),
        (_subnet(None, STATELESS), "", True, False, True),
        (_subnet(None, SLAAC), "", False, False, True),
        (_subnet(STATEFUL, None), STATEFUL, False, True, False),
        (_subnet(SLAAC, None), SLAAC, False, False, True),
        (_subnet(None, None, version=4), "", True, True, False),
    ],
)
def test_what_a_mode_means(
    subnet: Subnet, said: str, served: bool, leases: bool, own: bool
) -> None:
    assert subnet_modes.advertised(subnet) == said
    assert subnet_modes.is_served(subnet) is served
    assert subnet_modes.leases(subnet) is leases
    assert subnet_modes.makes_own(subnet) is own
