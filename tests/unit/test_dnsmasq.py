"""The files of dnsmasq, and its leases, as tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from backends.drivers.dnsmasq import leases
from backends.drivers.dnsmasq.config import (
    FILES,
    DhcpHost,
    DhcpNetwork,
    DhcpSubnet,
    build,
    dns_label,
    leasable,
)
from backends.drivers.dnsmasq.facts import Lease
from backends.drivers.dnsmasq.steps import digest

FOUR = DhcpSubnet("s4", "172.16.1.0/24", "172.16.1.1", ("8.8.8.8", "8.8.4.4"))
SIX = DhcpSubnet("s6", "fd00:1::/64", None, ("fd00:1::53",))
HOST = DhcpHost("FA:16:3E:00:00:01", (("s4", "172.16.1.5"), ("s6", "fd00:1::5")), "Web server 1")
NETWORK = DhcpNetwork(Path("/q/dhcp/n"), "tap1", 1450, (FOUR, SIX), (HOST,))


def _file(network: DhcpNetwork, name: str) -> list[str]:
    return dict(build(network))[name].splitlines()


def test_the_files_come_in_their_order() -> None:
    assert tuple(name for name, _ in build(NETWORK)) == FILES


def test_the_configuration() -> None:
    assert _file(NETWORK, "dnsmasq.conf") == [
        "no-hosts",
        "no-resolv",
        "bind-dynamic",
        "interface=tap1",
        "except-interface=lo",
        "dhcp-authoritative",
        "pid-file=/q/dhcp/n/pid",
        "dhcp-leasefile=/q/dhcp/n/leases",
        "dhcp-hostsfile=/q/dhcp/n/hosts",
        "dhcp-optsfile=/q/dhcp/n/options",
        "addn-hosts=/q/dhcp/n/names",
        "domain=openstacklocal",
        "local=/openstacklocal/",
        "dhcp-lease-max=16777216",
        "dhcp-option-force=option:mtu,1450",
        "dhcp-range=set:subnet-s4,172.16.1.0,static,255.255.255.0,86400s",
        "dhcp-range=set:subnet-s6,fd00:1::,static,64,86400s",
    ]


def test_the_configuration_does_not_change_with_the_hosts() -> None:
    more = replace(NETWORK, hosts=(HOST, DhcpHost("fa:16:3e:00:00:02", (("s4", "172.16.1.6"),))))
    assert _file(more, "dnsmasq.conf") == _file(NETWORK, "dnsmasq.conf")
    assert digest(build(more)) != digest(build(NETWORK))


def test_hosts_have_one_line_for_each_address_of_a_served_subnet() -> None:
    assert _file(NETWORK, "hosts") == [
        "fa:16:3e:00:00:01,172.16.1.5,web-server-1",
        "fa:16:3e:00:00:01,[fd00:1::5],web-server-1",
    ]
    assert _file(replace(NETWORK, subnets=(FOUR,)), "hosts") == [
        "fa:16:3e:00:00:01,172.16.1.5,web-server-1"
    ]


def test_names_resolve_short_and_long() -> None:
    assert _file(NETWORK, "names") == [
        "172.16.1.5 web-server-1.openstacklocal web-server-1",
        "fd00:1::5 web-server-1.openstacklocal web-server-1",
    ]


@pytest.mark.parametrize(
    ("subnets", "options"),
    [
        (
            (FOUR,),
            [
                "tag:subnet-s4,option:dns-server,8.8.8.8,8.8.4.4",
                "tag:subnet-s4,option:router,172.16.1.1",
            ],
        ),
        (
            (replace(FOUR, gateway=None, dns=()),),
            ["tag:subnet-s4,option:router"],
        ),
        (
            (replace(FOUR, dns=(), host_routes=(("10.9.0.0/16", "172.16.1.9"),)),),
            [
                "tag:subnet-s4,option:classless-static-route,"
                "10.9.0.0/16,172.16.1.9,0.0.0.0/0,172.16.1.1",
                "tag:subnet-s4,249,10.9.0.0/16,172.16.1.9,0.0.0.0/0,172.16.1.1",
                "tag:subnet-s4,option:router,172.16.1.1",
            ],
        ),
        (
            (replace(FOUR, gateway=None, dns=()), DhcpSubnet("t4", "10.0.0.0/8")),
            [
                "tag:subnet-s4,option:classless-static-route,10.0.0.0/8,0.0.0.0",
                "tag:subnet-s4,249,10.0.0.0/8,0.0.0.0",
                "tag:subnet-s4,option:router",
                "tag:subnet-t4,option:classless-static-route,172.16.1.0/24,0.0.0.0",
                "tag:subnet-t4,249,172.16.1.0/24,0.0.0.0",
                "tag:subnet-t4,option:router",
            ],
        ),
        (
            (SIX,),
            [
                "tag:subnet-s6,option6:dns-server,[fd00:1::53]",
                "tag:subnet-s6,option6:domain-search,openstacklocal",
            ],
        ),
    ],
)
def test_options(subnets: tuple[DhcpSubnet, ...], options: list[str]) -> None:
    assert _file(replace(NETWORK, subnets=subnets), "options") == options


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("web1", "web1"),
        ("Web server_1.a", "web-server-1-a"),
        ("a,b\nset:x#[red]$(reboot)", "absetxredreboot"),
        ("-" * 9, "host-10-0-0-5"),
        ("한글", "host-10-0-0-5"),
        ("", "host-10-0-0-5"),
        ("x" * 62 + "-y", "x" * 62),
    ],
)
def test_a_name_is_made_fit_for_dns(name: str, label: str) -> None:
    assert dns_label(name, "10.0.0.5") == label


LEASES = """\
1700000000 fa:16:3e:00:00:01 172.16.1.5 web 01:fa:16:3e:00:00:01
0 fa:16:3e:00:00:02 172.16.1.6 * *
duid 00:01:00:01:30:af:44:da:ca:fe:ca:fe:ca:fe
1700000001 1234567 fd00:1::5 web 00:03:00:01:fa:16:3e:00:00:01
1700000002 1234568 fd00:1::6 * 00:02:00:00:ab:11:01
"""


def test_leases_are_read() -> None:
    assert leases.parse(LEASES) == [
        Lease(1700000000, "fa:16:3e:00:00:01", "172.16.1.5", "web"),
        Lease(0, "fa:16:3e:00:00:02", "172.16.1.6", ""),
        Lease(1700000001, "fa:16:3e:00:00:01", "fd00:1::5", "web"),
        Lease(1700000002, "", "fd00:1::6", ""),
    ]
    assert leases.parse("") == []


def test_leases_no_longer_wanted_are_dropped_and_all_else_stays() -> None:
    wanted = leasable(dict(build(NETWORK))["hosts"])
    assert leases.keep(LEASES, wanted).splitlines() == [
        LEASES.splitlines()[index] for index in (0, 2, 3)
    ]
    assert leases.keep(LEASES, [*wanted, ("fa:16:3e:00:00:07", "172.16.1.6")]) == leases.keep(
        LEASES, wanted
    )


def test_the_digest_heeds_names_and_texts_but_not_their_order() -> None:
    assert digest((("a", "1"), ("b", "2"))) == digest((("b", "2"), ("a", "1")))
    assert digest((("a", "1"), ("b", "2"))) != digest((("a", "2"), ("b", "1")))
    assert digest((("a", "12"),)) != digest((("a1", "2"),))
