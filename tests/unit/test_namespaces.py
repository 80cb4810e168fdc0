"""Namespaces: what is asked of ip(8), and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from backends.drivers.namespaces.driver import NamespaceDriver, commands
from backends.drivers.namespaces.facts import Interface
from backends.drivers.namespaces.steps import AddNamespace, RemoveNamespace, SetInterface
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.settings import Settings

MAC = "fa:16:3e:00:00:01"
NAME = "qdhcp-00000000-0000-4000-8000-000000000001"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings("t-unit", tmp_path / "state", tmp_path / "run", "here")


def _step(*addresses: str) -> SetInterface:
    return SetInterface(NAME, "tap1", MAC, 1450, frozenset(addresses))


def _found(*addresses: str, mac: str = MAC) -> Interface:
    return Interface("tap1", mac, 1500, False, frozenset(addresses))


@pytest.mark.parametrize(
    ("step", "found", "lines"),
    [
        (
            _step("10.0.0.2/24", "fd00::2/64"),
            _found(mac="02:00:00:00:00:09"),
            [
                f"link set dev tap1 address {MAC}",
                "link set dev tap1 mtu 1450 up",
                "address replace 10.0.0.2/24 dev tap1 broadcast +",
                "address replace fd00::2/64 dev tap1 nodad",
            ],
        ),
        (
            _step("10.0.0.3/24"),
            _found("10.0.0.2/24", "10.0.0.3/24"),
            [
                "address delete 10.0.0.2/24 dev tap1",
                "link set dev tap1 mtu 1450 up",
                "address replace 10.0.0.3/24 dev tap1 broadcast +",
            ],
        ),
        (
            _step("FD00:0::2/64"),
            _found("fd00::2/64"),
            ["link set dev tap1 mtu 1450 up", "address replace fd00::2/64 dev tap1 nodad"],
        ),
        (
            _step("169.254.169.254/32"),
            _found(),
            ["link set dev tap1 mtu 1450 up", "address replace 169.254.169.254/32 dev tap1"],
        ),
        (_step(), _found(), ["link set dev tap1 mtu 1450 up"]),
    ],
)
def test_an_interface_gets_exactly_what_is_wanted(
    step: SetInterface, found: Interface, lines: list[str]
) -> None:
    assert list(commands(step, found)) == lines


@pytest.mark.parametrize(
    "name",
    [
        "qdhcp-",
        "qdhcp-mine",
        "qrouter-00000000-0000-4000-8000-00000000000",
        NAME + "1",
        NAME + "\n",
        "x" + NAME,
        "../" + NAME,
        NAME.upper(),
        "ovn-00000000-0000-4000-8000-000000000001",
    ],
)
def test_a_name_that_carries_no_recorded_id_is_refused(name: str, settings: Settings) -> None:
    # A read-only host: were anything asked of it, the code would be another.
    driver = NamespaceDriver(settings, LocalHost(read_only=True))
    steps = (
        AddNamespace(name),
        RemoveNamespace(name),
        SetInterface(name, "x", MAC, 1500, frozenset()),
    )
    for step in steps:
        with pytest.raises(Refused) as refused:
            driver.apply(step, lambda share: None)
        assert refused.value.code == "namespace.foreign"


def test_a_read_only_host_changes_nothing(settings: Settings) -> None:
    driver = NamespaceDriver(settings, LocalHost(read_only=True))
    with pytest.raises(Refused) as refused:
        driver.apply(AddNamespace(NAME), lambda share: None)
    assert refused.value.code == "host.readonly"
    assert driver.facts([NAME]) == {}
