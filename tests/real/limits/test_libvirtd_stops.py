"""libvirtd killed in the middle of a launch and of a deletion; once it is back all is undone."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace

import psutil
import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.context import Context
from backends.drivers.libvirt.steps import DefineDomain, StartDomain, UndefineDomain
from backends.drivers.machine import Machine
from backends.drivers.step import Progress, Step
from backends.errors import MachineFailed
from backends.hosts import LocalHost
from backends.records.store import Store
from backends.records.tables import Instance, Port
from tests.real.lab import Lab
from tests.real.limits.daemon import Daemon


class Breaking(Machine):
    """A machine on which something happens before, during or after a step of one kind."""

    def expect(self, kind: type, when: str, then: Callable[[], None]) -> None:
        self._kind, self._when, self._then = kind, when, then

    def apply(self, step: Step, progress: Progress) -> None:
        happens = isinstance(step, getattr(self, "_kind", ()))
        if happens and self._when == "before":
            self._then()
        if happens and self._when == "during":
            threading.Timer(0.1, self._then).start()
        super().apply(step, progress)
        if happens and self._when == "after":
            self._then()


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    made = Daemon()
    try:
        made.open()
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def machine(lab: Lab, daemon: Daemon) -> Iterator[Breaking]:
    settings = replace(lab.cloud.settings, libvirt_uri=daemon.uri)
    made = Breaking(settings, LocalHost(settings.host))
    yield made
    made.close()


@pytest.fixture
def cloud(lab: Lab, machine: Breaking) -> Iterator[Cloud]:
    store = Store(lab.cloud.context.store.url)
    opened = Cloud(Context(store, machine, lab.cloud.caller), lab.cloud.record)
    lab.network(opened, "net")
    yield opened
    opened.instances.delete(*(row.id for row in opened.instances.list()))
    store.close()


@pytest.mark.parametrize(
    ("kind", "when"),
    [
        (DefineDomain, "before"),
        (DefineDomain, "after"),
        (StartDomain, "during"),
        (StartDomain, "after"),
    ],
)
def test_a_launch(
    lab: Lab, daemon: Daemon, machine: Breaking, cloud: Cloud, kind: type, when: str
) -> None:
    machine.expect(kind, when, daemon.kill)
    with pytest.raises(MachineFailed) as failure:
        lab.launch(cloud, "anchor", "net")
    assert failure.value.code in ("libvirt.unreachable", "libvirt.failed")
    assert str(failure.value).isprintable()
    # Records can still be read meanwhile.
    assert [network.name for network in cloud.networks.list()] == ["net"]
    machine.expect(type(None), "", daemon.kill)
    daemon.start()
    cloud.drift.recover()
    assert_nothing_left(lab, cloud)
    lab.launch(cloud, "beacon", "net")
    assert [row.status for row in cloud.instances.list()] == ["ACTIVE"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deletion(lab: Lab, daemon: Daemon, machine: Breaking, cloud: Cloud, when: str) -> None:
    lab.launch(cloud, "anchor", "net")
    machine.expect(UndefineDomain, when, daemon.kill)
    if when == "before":
        with pytest.raises(MachineFailed) as failure:
            cloud.instances.delete("anchor")
        assert failure.value.code == "libvirt.unreachable"
    else:
        # All that libvirt had to do for it is done.
        cloud.instances.delete("anchor")
    machine.expect(type(None), "", daemon.kill)
    daemon.start()
    cloud.drift.recover()
    assert_nothing_left(lab, cloud)


def assert_nothing_left(lab: Lab, cloud: Cloud) -> None:
    assert not cloud.drift.show()
    with cloud.context.store.read() as session:
        assert session.exec(select(Instance)).all() == []
        owners = [port.device_owner for port in session.exec(select(Port))]
    assert owners == ["network:dhcp"]
    facts = cloud.machine.look()
    assert (dict(facts.domains), dict(facts.files)) == ({}, {})
    folder = str(lab.state)
    guests = [p for p in psutil.process_iter(["name", "cmdline"]) if _is_guest(p, folder)]
    assert guests == []


def _is_guest(process: psutil.Process, folder: str) -> bool:
    words = process.info["cmdline"] or []
    return process.info["name"].startswith("qemu-system") and any(folder in w for w in words)
