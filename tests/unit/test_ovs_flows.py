"""The text that goes to and comes from ovs-ofctl."""

from __future__ import annotations

import pytest

from backends.drivers.ovs.flows import bundle, cookies_of
from backends.drivers.ovs.watch import changed


def test_additions_then_the_canary_then_the_sweep() -> None:
    assert bundle(0x2A, ["table=0,actions=NORMAL"], [0, 1]).splitlines() == [
        "add cookie=0x2a,table=0,actions=NORMAL",
        "add cookie=0x2a,table=23,priority=0,actions=drop",
        "delete cookie=0x0/-1",
        "delete cookie=0x1/-1",
    ]


@pytest.mark.parametrize(
    ("dump", "cookies"),
    [
        ("", set()),
        (" cookie=0x2a, priority=0 actions=drop\n", {0x2A}),
        (" cookie=0x1, priority=0 actions=drop\n table=7, actions=drop\n", {0, 1}),
        (" actions=drop\n", {0}),
        (" cookie=0xffffffffffffffff, table=2, actions=drop\n", {2**64 - 1}),
    ],
)
def test_cookies_of_a_dump(dump: str, cookies: set[int]) -> None:
    assert cookies_of(dump) == cookies


def test_an_update_names_what_changed_but_nothing_of_another_cloud() -> None:
    def interface(name: str, *labels: list[str]) -> dict[str, object]:
        return {"name": name, "external_ids": ["map", list(labels)]}

    updates = {
        "Interface": {
            "1": {"new": interface("ours", ["quarterdeck-cloud", "c"])},
            "2": {"new": interface("theirs", ["quarterdeck-cloud", "d"])},
            "3": {"old": interface("unlabelled")},
        },
        "Port": {"4": {"old": {"tag": 1}, "new": {"name": "tagged", "tag": 2}}},
    }
    assert set(changed(updates, "c")) == {"ours", "unlabelled", "tagged"}
