"""A cloud that is only recorded: a real store in a folder of the test's own, filled with rows, and
libvirt's own test driver in place of its daemon."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from sqlmodel import Session

from backends.access import Access
from backends.caller import Caller
from backends.cloud import Cloud
from backends.context import Change, Context
from backends.drivers.machine import Machine
from backends.hosts import LocalHost
from backends.init import add_cloud
from backends.place import open_store, settings_of, store_url
from backends.records.flavor import Flavor
from backends.records.host import CloudRecord
from backends.records.identity import Project, Role, User
from backends.records.image import Image, Visibility
from backends.records.instance import Instance, Power
from backends.records.network import (
    OWNER_INSTANCE,
    Address,
    LocalVlan,
    Network,
    Port,
    Subnet,
)
from backends.records.store import Store
from backends.services.project import add_project

CLOUD = "paper"
HOST = "box"
# When everything was made: three hours ago, so that ages rest.
AGE = 3 * 3600 + 60
_SHUTOFF = 5  # virDomainState
_DOMAIN = """<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'>
<name>{name}</name><uuid>{id}</uuid><memory>65536</memory><os><type>hvm</type></os>
{state}</domain>"""
_OFF = f"<test:domainstate><test:runstate>{_SHUTOFF}</test:runstate></test:domainstate>"


@dataclass(frozen=True, slots=True)
class Recorded:
    """A store that is there, and who opens it."""

    access: Access
    project_id: str
    user_id: str

    def open(self, *, domains: Path | None = None, read_only: bool = False) -> Cloud:
        """The cloud as its admin, with the domains of a test driver's file (none by default)."""
        access = replace(self.access, read_only=read_only)
        store = open_store(access)
        with store.read() as session:
            record = session.get_one(CloudRecord, CLOUD_ID)
        uri = f"test://{domains}" if domains else "test:///default"
        settings = replace(settings_of(access, record), host=HOST, libvirt_uri=uri)
        machine = Machine(settings, LocalHost(HOST, read_only=read_only))
        role = Role.READER if read_only else Role.ADMIN
        caller = Caller("admin", self.user_id, self.project_id, role, True, read_only)
        return Cloud(Context(store, machine, caller), record)

    def write(self) -> Store:
        """The store, to change rows as another process would."""
        return Store(store_url(self.access))


CLOUD_ID = "c0000000-0000-4000-8000-000000000000"


def instance_id(number: int) -> str:
    """The id of the so manieth instance."""
    return f"00000000-0000-4000-8000-{number:012x}"


def domains(path: Path, running: list[int], off: list[int]) -> Path:
    """A file for libvirt's test driver, with these instances' domains."""
    parts = [_DOMAIN.format(name=f"d{n}", id=instance_id(n), state="") for n in running]
    parts += [_DOMAIN.format(name=f"d{n}", id=instance_id(n), state=_OFF) for n in off]
    path.write_text(f"<node>{''.join(parts)}</node>")
    return path


def make(root: Path, *, instances: int = 3, names: tuple[str, ...] = ()) -> Recorded:
    """Record a cloud with a project, a network, an image and a flavor, and so many instances.

    `names` are of the first instances; the others are `web-N`.
    """
    access = Access(cloud=CLOUD, state_root=root / "state", run_root=root / "run")
    (root / "run" / CLOUD).mkdir(parents=True)
    store = Store(store_url(access))
    store.prepare()
    with store.write() as session:
        record = add_cloud(session, CLOUD, "")
        session.delete(record)
        session.flush()
        session.add(CloudRecord(id=CLOUD_ID, name=CLOUD, bridge="br-paper"))
        made = time.time() - AGE
        project = add_project(Change(session), Project(name="admin", created_at=made))
        user = User(name="admin", default_project_id=project.id)
        session.add(user)
        session.flush()
        _fill(session, project.id, made, instances, names)
        found = Recorded(access, project.id, user.id)
    store.close()
    return found


def _fill(
    session: Session, project_id: str, made: float, instances: int, names: tuple[str, ...]
) -> None:
    flavor = Flavor(name="m1.nano", ram=128, disk=1)
    image = Image(
        project_id=project_id, name="lab", visibility=Visibility.PUBLIC, disk_format="qcow2",
        imported=True, size=5 << 20, virtual_size=64 << 20, created_at=made,
    )  # fmt: skip
    network = Network(project_id=project_id, name="harbour", created_at=made)
    session.add_all([flavor, image, network])
    session.flush()
    subnet = Subnet(
        network_id=network.id, project_id=project_id, name="harbour", cidr="10.80.0.0/16",
        gateway_ip="10.80.0.1", created_at=made,
    )  # fmt: skip
    session.add_all([subnet, LocalVlan(host=HOST, vlan=1, network_id=network.id)])
    session.flush()
    rows: list[Instance] = []
    ports: list[Port] = []
    addresses: list[Address] = []
    for number in range(instances):
        name = names[number] if number < len(names) else f"web-{number}"
        row = Instance(
            id=instance_id(number), project_id=project_id, name=name, hostname=f"web-{number}",
            host=HOST, flavor_id=flavor.id, flavor_name=flavor.name, vcpus=1, ram=128, disk=1,
            image_id=image.id, power=Power.RUNNING if number % 2 else Power.STOPPED,
            created_at=made, made=True,
        )  # fmt: skip
        mac = f"fa:16:3e:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        port = Port(
            id=f"10000000-0000-4000-8000-{number:012x}", network_id=network.id, mac=mac,
            project_id=project_id, device_id=row.id, device_owner=OWNER_INSTANCE, host=HOST,
            made_for_device=True, created_at=made,
        )  # fmt: skip
        rows.append(row)
        ports.append(port)
        address = f"10.80.{(number + 10) >> 8}.{(number + 10) & 255}"
        addresses.append(Address(subnet_id=subnet.id, address=address, port_id=port.id))
    for batch in (rows, ports, addresses):
        session.add_all(batch)
        session.flush()
