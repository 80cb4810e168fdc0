"""Routes, parameters and conntrack's filters, as the tools write and read them."""

from __future__ import annotations

import json

import pytest

from backends.drivers.conntrack.driver import filters_of
from backends.drivers.conntrack.steps import CutConnections
from backends.drivers.namespaces.routing import Route, route_commands, routes_of, sysctls_of

# Off `ip -j route` of iproute2 6.1.
V4 = [
    {"dst": "default", "gateway": "203.0.113.1", "dev": "qg-1", "protocol": "static", "flags": []},
    {"dst": "10.0.0.0/24", "dev": "qr-1", "protocol": "kernel", "scope": "link", "flags": []},
    {"dst": "10.9.9.9", "gateway": "10.0.0.7", "dev": "qr-1", "flags": []},
    {},
]
V6 = [
    {"dst": "default", "gateway": "fd00::1", "dev": "qg-1", "protocol": "static", "flags": []},
    {"dst": "fe80::/64", "dev": "qr-1", "protocol": "kernel", "flags": []},
]


def test_the_kernels_own_routes_are_passed_over() -> None:
    assert set(routes_of(json.dumps(V4), 4)) == {
        ("0.0.0.0/0", "203.0.113.1"),
        ("10.9.9.9/32", "10.0.0.7"),
    }
    assert set(routes_of(json.dumps(V6), 6)) == {("::/0", "fd00::1")}
    assert set(routes_of("", 4)) == set()


@pytest.mark.parametrize(
    ("found", "wanted", "commands"),
    [
        (set(), {("0.0.0.0/0", "10.0.0.1")},
         ["route replace 0.0.0.0/0 via 10.0.0.1 proto static"]),
        ({("0.0.0.0/0", "10.0.0.1")}, {("0.0.0.0/0", "10.0.0.1")}, []),
        ({("0.0.0.0/0", "10.0.0.1")}, {("0.0.0.0/0", "10.0.0.2")},
         ["route replace 0.0.0.0/0 via 10.0.0.2 proto static"]),
        ({("10.9.0.0/16", "10.0.0.7")}, set(), ["route delete 10.9.0.0/16"]),
    ],
    ids=["new", "same", "another hop", "gone"],
)  # fmt: skip
def test_routes_are_changed_with_as_little_as_it_takes(
    found: set[Route], wanted: set[Route], commands: list[str]
) -> None:
    assert list(route_commands(found, wanted)) == commands


def test_parameters_are_read_by_name() -> None:
    text = "net.ipv4.ip_forward = 1\nnet.ipv4.conf.all.arp_ignore = 0\n\n"
    assert sysctls_of(text) == {"net.ipv4.ip_forward": "1", "net.ipv4.conf.all.arp_ignore": "0"}


def test_a_pair_is_cut_in_both_directions() -> None:
    step = CutConnections("qrouter-x", (("203.0.113.9", "10.0.0.4"),))
    assert list(filters_of(step)) == [
        ("--orig-dst", "203.0.113.9", "--reply-src", "10.0.0.4"),
        ("--orig-src", "10.0.0.4", "--reply-dst", "203.0.113.9"),
    ]
