"""A cloud of a test's own beside whatever else lives on the machine, and all it consists of."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from sqlmodel import Session, SQLModel, select

from backends.access import Access
from backends.cloud import Cloud
from backends.destroy import destroy
from backends.drivers.ovs.facts import CLOUD
from backends.init import init
from backends.lab.image import RAM, LabImage
from backends.records import tables
from backends.records.network import OWNER_DHCP
from backends.records.operation import Operation, OperationStep, Outcome
from backends.records.tables import (
    FloatingIp,
    Image,
    Instance,
    Network,
    Port,
    Router,
    Subnet,
    Volume,
)
from backends.services.instance import NewInstance, Plug
from backends.services.network import NewSubnet
from tests.real.guest import DEADLINE, Guest

if TYPE_CHECKING:
    from tests.real.switch import Switch

IMAGE, FLAVOR, RANGE = "lab", "m1.lab", "172.16.1.0/24"
_UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
# Columns that differ between two runs that end the same.
_VOLATILE = {"created_at", "mac"}
_JOURNAL = {"operation", "operationstep"}


def run(*argv: str | Path, check: bool = True) -> str:
    """What a command of the machine prints."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert not check or done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


def eventually(
    condition: Callable[[], object], what: str = "it", deadline: float = DEADLINE
) -> None:
    """Wait until the condition holds."""
    end = time.monotonic() + deadline
    while not condition():
        assert time.monotonic() < end, f"{what} did not come true"
        threading.Event().wait(0.05)


def read_all(path: Path) -> str:
    """A file of /proc, empty when its process went."""
    with suppress(OSError):
        return path.read_text(errors="replace")
    return ""


class Lab:
    """A cloud with a random name: nothing of it is left after `close`."""

    def __init__(self, switch: Switch | None = None) -> None:
        """On a switch of its own, or on the machine's."""
        self.access = Access(cloud=f"t-{secrets.token_hex(3)}")
        if switch is not None:
            self.access = replace(self.access, ovs_run=switch.run)
        self._clouds: list[Cloud] = []
        self._guests: list[Guest] = []
        self._ids: set[str] = set()

    def start(self) -> None:
        """Make the cloud and open it as local root."""
        init(self.access)
        self.cloud = self.open()

    @property
    def name(self) -> str:
        return self.access.cloud

    def open(self, *, user: str | None = None, project: str | None = None) -> Cloud:
        """The cloud as somebody else sees it, closed at the end."""
        cloud = Cloud.open(replace(self.access, user=user, project=project))
        self._clouds.append(cloud)
        return cloud

    def reopen(self) -> Cloud:
        """As the next start of a program finds the cloud."""
        self.cloud.close()
        self.cloud = self.open()
        return self.cloud

    def close(self) -> None:
        """Take the cloud away by its labels."""
        self.known_ids()
        self.let_go()
        if self.state.is_dir():
            destroy(self.access)
        assert self.things() == [], "something is left of a cloud that was destroyed"
        assert f"quarterdeck/{self.name}/" not in run("virsh", "secret-list")
        assert not self.state.exists()
        assert not self.run.exists()

    def let_go(self) -> None:
        """Close consoles and connections, as a program that ends."""
        for guest in self._guests:
            guest.close()
        for cloud in self._clouds:
            cloud.close()
        self._guests, self._clouds = [], []

    @property
    def state(self) -> Path:
        return self.access.state_root / self.name

    @property
    def run(self) -> Path:
        return self.access.run_root / self.name

    # Making things

    def furnish(self, image: LabImage) -> None:
        """The lab image for everybody, and a flavor that fits it."""
        cloud = self.cloud
        cloud.images.create(IMAGE, str(image.disk), visibility="public", min_ram=RAM)
        cloud.flavors.create(FLAVOR, ram=RAM, vcpus=1, disk=1)

    def member(self, project: str) -> Cloud:
        """A new project, as its only member sees it."""
        identity = self.cloud.identity
        identity.create_project(project)
        identity.create_user(f"{project}-user", project=project)
        identity.assign("member", user=f"{project}-user", project=project)
        return self.open(user=f"{project}-user", project=project)

    @staticmethod
    def network(cloud: Cloud, name: str, cidr: str = RANGE) -> Network:
        row = cloud.networks.create(name)
        cloud.networks.create_subnet(NewSubnet(name, cidr, name=name))
        return row

    @staticmethod
    def launch(cloud: Cloud, name: str, *networks: str) -> Instance:
        plugs = tuple(Plug(network=network) for network in networks)
        return cloud.instances.create(NewInstance(name, FLAVOR, IMAGE, plugs))

    def guest(self, instance: Instance) -> Guest:
        """The instance's console, once it is up."""
        guest = self.look_at(instance)
        guest.ready()
        return guest

    def look_at(self, instance: Instance) -> Guest:
        guest = Guest(self.cloud.settings, instance.id)
        self._guests.append(guest)
        return guest

    # Looking at things

    def assert_in_order(self) -> None:
        """No drift, no orphan, and nothing at work."""
        found = self.cloud.drift.show()
        assert [step.text for step in found.plan.steps] == []
        assert list(found.plan.problems) == []
        assert [(each.kind, each.id, each.evidence) for each in found.orphans] == []
        assert not found
        with self.cloud.context.store.read() as session:
            at_work = (Outcome.RUNNING, Outcome.CANCELLING)
            rows = [row for row in session.exec(select(Operation)) if row.outcome in at_work]
        assert rows == []

    def shape(self) -> str:
        """Records and everything on the machine, in words that another run would use too."""
        with self.cloud.context.store.read() as session:
            names = _names(session)
            rows = sorted(_rows(session))
        return _translated("\n".join([*rows, *self.things()]), names)

    def things(self) -> list[str]:
        """All that the machine has of this cloud, found without the cloud's own drivers."""
        return sorted(
            [*self._domains(), *self._switch(), *self._files(), *self._processes(), *self._links()]
        )

    def _domains(self) -> Iterator[str]:
        for uuid in run("virsh", "list", "--all", "--uuid").split():
            xml = run("virsh", "dumpxml", uuid, check=False)
            if f'cloud="{self.name}"' in xml or f"cloud='{self.name}'" in xml:
                yield f"domain {uuid} {run('virsh', 'domstate', uuid).strip()}"

    def _switch(self) -> Iterator[str]:
        for table in ("Bridge", "Interface"):
            database = f"--db=unix:{self.access.ovs_run}/db.sock"
            argv = (
                "ovs-vsctl",
                database,
                "-f",
                "json",
                "--columns=name,external_ids",
                "list",
                table,
            )
            for name, labels in json.loads(run(*argv))["data"]:
                if dict(labels[1]).get(CLOUD) == self.name:
                    yield f"{table} {name}"

    def _files(self) -> Iterator[str]:
        for top in (self.state, self.run):
            for path in top.rglob("*"):
                # Not the store, nor the folders that every cloud has once something was in them.
                structure = path.is_dir() and not re.search(_UUID, str(path))
                if not structure and not path.name.startswith("store.db"):
                    yield f"file {path}"

    def _processes(self) -> Iterator[str]:
        for process in psutil.process_iter(["name", "cmdline"]):
            words = process.info["cmdline"] or []
            if process.info["name"].startswith(("qemu-system", "dnsmasq", "python3")) and any(
                f"{self.state}/" in word for word in words
            ):
                yield f"process {process.info['name']} {re.findall(_UUID, ' '.join(words))[:1]}"

    def _links(self) -> Iterator[str]:
        """Namespaces, interfaces and tables of what there were ever records of."""
        if f"quarterdeck-{self.name}" in run("nft", "list", "tables").split():
            yield "table on the host"
        known = self.known_ids()
        for path in (Path("/run/netns"), Path("/sys/class/net")):
            for entry in path.iterdir() if path.is_dir() else ():
                owner = re.sub(r"^(qdhcp-|qrouter-|tap|qr-|qg-)", "", entry.name)
                if any(id_.startswith(owner) for id_ in known if len(owner) >= 11):
                    yield f"link {entry.name}"

    def known_ids(self) -> set[str]:
        """Every id that the journal ever named; remembered when the store is gone."""
        # By SQL alone: opening and closing the file here would drop SQLite's locks of this process.
        if (self.state / "store.db").exists():
            with self.cloud.context.store.read() as session:
                texts = [
                    *session.exec(select(Operation.units)),
                    *session.exec(select(OperationStep.text)),
                ]
            self._ids |= set(re.findall(_UUID, repr(texts)))
        return self._ids


def _rows(session: Session) -> Iterator[str]:
    for table in tables.__all__:
        kind: Any = getattr(tables, table)
        if kind.__tablename__ in _JOURNAL:
            continue
        for row in session.exec(select(kind)):
            yield f"row {kind.__tablename__} {_values(row)}"


def _values(row: SQLModel) -> str:
    values = {key: value for key, value in row.model_dump().items() if key not in _VOLATILE}
    return json.dumps(values, sort_keys=True, default=str)


def _names(session: Session) -> dict[str, str]:
    names: dict[str, str] = {}
    for kind, table in (
        ("network", Network),
        ("volume", Volume),
        ("image", Image),
        ("instance", Instance),
        ("subnet", Subnet),
        ("router", Router),
        ("float", FloatingIp),
    ):
        rows: Any = session.exec(select(table))
        names |= {row.id: f"<{kind} {row.name}>" for row in rows}
    for port in session.exec(select(Port)):
        owner = "dhcp" if port.device_owner == OWNER_DHCP else names.get(port.device_id, "free")
        names[port.id] = f"<port {names.get(port.network_id)} {owner}>"
        names[port.id[:11]] = f"<port {names.get(port.network_id)} {owner}>"
    return names


def _translated(text: str, names: dict[str, str]) -> str:
    for id_ in sorted(names, key=len, reverse=True):
        text = text.replace(id_, names[id_])
    text = re.sub(r"config-[0-9a-f]{16}\.iso", "config-drive.iso", text)
    return "\n".join(sorted(text.splitlines()))
