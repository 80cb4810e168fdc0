"""Which address a port gets."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Refused
from backends.services import addresses


@pytest.mark.parametrize(
    "text", ["10.0.0.0/24", "10.0.0.0/30", "192.168.0.0/16", "fd00::/64", "fd00::/126"]
)
def test_ranges_for_guests(text: str) -> None:
    assert str(addresses.parse_network(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "", "x", "10.0.0.0/33", "10.0.0.1/24", "10.0.0.0/31", "10.0.0.1/32", "127.0.0.0/8",
        "224.0.0.0/4", "0.0.0.0/0", "10.0.0.0/7", "fd00::1/64", "fd00::/127", "::1/128",
        "10.0.0.0/24; reboot", "10.0.0.0/24\n", "$(id)",
    ],
)  # fmt: skip
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        addresses.parse_network(text)
    assert refusal.value.code == "network.subnet.invalid"
    assert "\n" not in refusal.value.message


@pytest.mark.parametrize("text", ["", "10.0.0", "10.0.0.256", "10.0.0.1/24", "fd00::g", "a\0b"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(Refused) as refusal:
        addresses.parse_address(text)
    assert refusal.value.code == "network.address.invalid"


@pytest.mark.parametrize(
    ("cidr", "gateway", "pools"),
    [
        ("10.0.0.0/29", "10.0.0.1", ["10.0.0.2-10.0.0.6"]),
        ("10.0.0.0/29", "10.0.0.6", ["10.0.0.1-10.0.0.5"]),
        ("10.0.0.0/29", "10.0.0.3", ["10.0.0.1-10.0.0.2", "10.0.0.4-10.0.0.6"]),
        ("10.0.0.0/29", None, ["10.0.0.1-10.0.0.6"]),
        ("fd00::/126", "fd00::1", ["fd00::2-fd00::3"]),
        ("fd00::/126", "fe80::1", ["fd00::1-fd00::3"]),
    ],
)
def test_the_default_pools_leave_the_gateway_out(
    cidr: str, gateway: str | None, pools: list[str]
) -> None:
    address = ipaddress.ip_address(gateway) if gateway else None
    found = addresses.default_pools(addresses.parse_network(cidr), address)
    assert [f"{first}-{last}" for first, last in found] == pools


@pytest.mark.parametrize(
    ("pools", "code"),
    [
        ([("10.0.0.5", "10.0.0.4")], "network.pool.invalid"),
        ([("10.0.0.2", "10.0.0.9"), ("10.0.0.9", "10.0.0.12")], "network.pool.invalid"),
        ([("10.0.0.9", "10.0.0.12"), ("10.0.0.2", "10.0.0.20")], "network.pool.invalid"),
        ([("10.0.0.0", "10.0.0.4")], "network.address.outside"),
        ([("10.0.0.4", "10.0.0.255")], "network.address.outside"),
        ([("10.0.1.1", "10.0.1.2")], "network.address.outside"),
        ([("fd00::1", "fd00::2")], "network.address.outside"),
        ([("x", "10.0.0.2")], "network.address.invalid"),
    ],
)
def test_pools_that_are_refused(pools: list[tuple[str, str]], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        addresses.parse_pools(pools, addresses.parse_network("10.0.0.0/24"))
    assert refusal.value.code == code


def test_pools_are_sorted() -> None:
    network = addresses.parse_network("10.0.0.0/24")
    found = addresses.parse_pools([("10.0.0.9", "10.0.0.9"), ("10.0.0.2", "10.0.0.3")], network)
    assert [str(first) for first, _ in found] == ["10.0.0.2", "10.0.0.9"]


@given(st.integers(24, 30), st.data())
def test_every_address_of_the_pools_is_given_once_and_then_none(
    length: int, data: st.DataObject
) -> None:
    network = addresses.parse_network(f"10.1.0.0/{length}")
    gateway = data.draw(st.none() | st.sampled_from(list(network.hosts())))
    pools = addresses.default_pools(network, gateway)
    room = network.num_addresses - 2 - bool(gateway)
    taken: set[str] = set()
    for _ in range(room):
        address = addresses.next_free(pools, taken)
        assert str(address) not in taken
        assert address in network
        assert address not in (gateway, network.network_address, network.broadcast_address)
        taken.add(str(address))
    with pytest.raises(Refused) as refusal:
        addresses.next_free(pools, taken)
    assert refusal.value.code == "network.address.exhausted"


def test_the_lowest_free_address_comes_first_in_a_huge_range() -> None:
    pools = addresses.default_pools(addresses.parse_network("fd00::/64"), None)
    assert str(addresses.next_free(pools, {"fd00::1", "fd00::2"})) == "fd00::3"


@given(st.sets(st.integers(0, 2**24 - 1), max_size=5))
def test_a_fresh_mac_is_neutrons_and_not_taken(tails: set[int]) -> None:
    taken = {f"fa:16:3e:{n >> 16:02x}:{n >> 8 & 255:02x}:{n & 255:02x}" for n in tails}
    mac = addresses.fresh_mac(taken)
    assert mac not in taken
    assert mac.startswith("fa:16:3e:")
    assert len(mac) == 17
