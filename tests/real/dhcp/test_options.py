"""What one port's guest is told besides the others, and what DNS calls it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from backends.drivers.dnsmasq.dhcp_options import TABLE
from backends.services.dhcp_option import DhcpOption
from backends.services.network import NewSubnet
from tests.real.dhcp.ward import Client, Ward
from tests.real.lab import run


@pytest.fixture(scope="module")
def ward(daemons: None) -> Iterator[Ward]:
    made = Ward()
    try:
        cloud = made.cloud
        cloud.networks.create("inner", dns_domain="cloud.example.")
        routes = (("10.90.0.0/16", "10.79.0.9"),)
        cloud.networks.create_subnet(
            NewSubnet("inner", "10.79.0.0/24", name="inner", host_routes=routes)
        )
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def special(ward: Ward) -> Client:
    options = [
        DhcpOption("mtu", "1400"),
        DhcpOption("ntp-server", "10.79.0.7,10.79.0.8"),
        DhcpOption("tftp-server", "boot.example"),
        DhcpOption("router", "10.79.0.254"),
    ]
    return ward.client(ward.cloud.ports.create("inner", "web", dns_name="web", options=options))


@pytest.fixture(scope="module")
def plain(ward: Ward) -> Client:
    return ward.client(ward.cloud.ports.create("inner", "plain"))


_ASKED = ("mtu", "ntpsrv", "tftp", "router", "121")


def test_one_is_told_its_own_options_and_another_is_not(
    ward: Ward, special: Client, plain: Client
) -> None:
    told, usual = special.asks4(*_ASKED), plain.asks4(*_ASKED)
    assert (told["ip"], usual["ip"]) == (special.addresses[4], plain.addresses[4])
    assert (told["mtu"], usual["mtu"]) == ("1400", "1500")
    assert told["ntpsrv"] == "10.79.0.7 10.79.0.8"
    assert told["tftp"] == "boot.example"
    assert told["router"] == "10.79.0.254"
    assert usual["router"] == "10.79.0.1"
    assert "ntpsrv" not in usual
    assert "10.90.0.0/16 10.79.0.9" in usual["staticroutes"]
    assert told["domain"] == usual["domain"] == "cloud.example"


def test_an_option_that_is_taken_away_is_told_no_more(ward: Ward, special: Client) -> None:
    ward.cloud.ports.set("web", options=[DhcpOption("tftp-server")])
    told = special.asks4(*_ASKED)
    assert "tftp" not in told
    assert told["mtu"] == "1400"


def test_routes_of_a_subnet_can_change(ward: Ward, plain: Client) -> None:
    ward.cloud.networks.set_subnet("inner", host_routes=[("10.91.0.0/16", "10.79.0.9")])
    told = plain.asks4(*_ASKED)["staticroutes"]
    assert "10.91.0.0/16 10.79.0.9" in told
    assert "10.90.0.0/16" not in told
    # Who heeds classless routes ignores the router option (RFC 3442).
    assert "0.0.0.0/0 10.79.0.1" in told


def test_names_are_known_in_their_domain_and_follow_a_change(
    ward: Ward, special: Client, plain: Client
) -> None:
    told = plain.asks4()
    plain.body.ip("address", "add", f"{told['ip']}/24", "dev", plain.body.interface)
    server = told["dns"]
    for name in ("web", "web.cloud.example"):
        assert special.addresses[4] in plain.looks_up(name, server)
    assert "web.cloud.example" in plain.looks_up(special.addresses[4], server)
    ward.cloud.ports.set("web", dns_name="shop")
    assert special.addresses[4] in plain.looks_up("shop.cloud.example", server)
    assert special.addresses[4] not in plain.looks_up("web.cloud.example", server)
    ward.cloud.networks.set("inner", dns_domain="other.example")
    assert special.addresses[4] in plain.looks_up("shop.other.example", server)


def test_dnsmasq_knows_every_option_that_we_offer() -> None:
    for version, kind in ((4, "dhcp"), (6, "dhcp6")):
        known = {line.split()[1] for line in run("dnsmasq", "--help", kind).splitlines()[1:]}
        assert TABLE[version].keys() <= known
