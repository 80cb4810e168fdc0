"""Which range of a pool is free: never one that overlaps, always one where there is one."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backends.errors import Refused
from backends.services.ranges import first_free, good_prefixes, is_inside, units


def nets(*texts: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    return [ipaddress.ip_network(text) for text in texts]


@pytest.mark.parametrize(
    ("prefixes", "taken", "length", "expected"),
    [
        (["10.0.0.0/16"], [], 24, "10.0.0.0/24"),
        (["10.0.0.0/16"], ["10.0.0.0/24"], 24, "10.0.1.0/24"),
        (["10.0.0.0/16"], ["10.0.1.0/24"], 24, "10.0.0.0/24"),
        (["10.0.0.0/16"], ["10.0.0.128/25"], 25, "10.0.0.0/25"),
        (["10.0.0.0/16"], ["10.0.0.128/25"], 24, "10.0.1.0/24"),
        (["10.0.0.0/16"], ["10.0.0.0/28"], 20, "10.0.16.0/20"),
        (["10.0.0.0/24", "10.8.0.0/24"], ["10.0.0.0/24"], 24, "10.8.0.0/24"),
        (["10.0.0.0/28", "10.8.0.0/24"], [], 24, "10.8.0.0/24"),
        (["10.0.0.0/24"], ["10.0.0.0/25", "10.0.0.128/25"], 28, None),
        (["10.0.0.0/24"], [], 16, None),
        (["fd00::/48"], ["fd00::/64", "fd00:0:0:1::/64"], 64, "fd00:0:0:2::/64"),
        (["fd00::/64"], ["fd00::/65"], 65, "fd00:0:0:0:8000::/65"),
        # What was cut from a prefix that was taken away since is no hindrance.
        (["10.0.0.0/24"], ["192.168.0.0/24"], 24, "10.0.0.0/24"),
    ],
)
def test_the_lowest_free_range(
    prefixes: list[str], taken: list[str], length: int, expected: str | None
) -> None:
    found = first_free(nets(*prefixes), nets(*taken), length)
    assert found == (None if expected is None else ipaddress.ip_network(expected))


@given(st.lists(st.integers(24, 30), max_size=60))
def test_ranges_never_overlap_and_a_full_pool_says_so(lengths: list[int]) -> None:
    pool = nets("10.0.0.0/22")
    taken: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
    for length in lengths:
        found = first_free(pool, taken, length)
        if found is None:
            # Nothing of that length fits: each candidate overlaps something.
            for each in pool[0].subnets(new_prefix=length):
                assert any(each.overlaps(other) for other in taken)
            continue
        assert found.prefixlen == length
        assert is_inside(found, pool)
        assert not any(found.overlaps(other) for other in taken)
        taken.append(found)


def test_prefixes_are_merged() -> None:
    found = good_prefixes(["10.0.1.0/24", "10.0.0.0/24", "10.0.0.0/25", "10.9.0.0/24"])
    assert [str(each) for each in found] == ["10.0.0.0/23", "10.9.0.0/24"]


@pytest.mark.parametrize(
    ("texts", "code"),
    [
        ([], "subnet_pool.prefixes"),
        (["10.0.0.0/24", "fd00::/64"], "subnet_pool.prefixes"),
        (["10.0.0.1/24"], "network.subnet.invalid"),
        (["$(id)"], "network.subnet.invalid"),
    ],
)
def test_what_is_no_pool(texts: list[str], code: str) -> None:
    with pytest.raises(Refused) as refusal:
        good_prefixes(texts)
    assert refusal.value.code == code


def test_what_ranges_count_for() -> None:
    assert units(nets("10.0.0.0/24", "10.0.1.0/30")) == 260
    assert units(nets("fd00::/56", "fd01::/64")) == 257
    assert units(nets("fd00::/65")) == 0.5
