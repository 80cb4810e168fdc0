"""Make a lost store again from the labels on the machine."""

from __future__ import annotations

from pathlib import Path

from sqlmodel import Session, select

from backends.access import Access
from backends.cloud import Cloud
from backends.drivers.facts import Facts
from backends.drivers.machine import Machine
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.place import bridge_name, settings_of, store_url
from backends.records.host import CloudRecord, HostRecord
from backends.records.identity import DEFAULT_DOMAIN, Domain, Project, Role, RoleAssignment, User
from backends.records.store import Store, is_path
from backends.records.tables import Flavor, QosSpec, VolumeType
from backends.salvage import Report, Salvage, parse
from backends.services.project import add_default_group
from backends.settings import check_cloud_name


def rescue(access: Access) -> Report:
    """Read every label of the cloud and write the records that they carry.

    Running guests notice nothing. Users, their passwords, roles and key pairs are on no label:
    only the cloud's admin is there afterwards.
    Raises Refused `readonly`, `rescue.store_exists`, `rescue.nothing`.
    """
    access.check_writes("make a store")
    url = store_url(access)
    if is_path(url) and Path(url).exists():
        raise Refused(
            "rescue.store_exists", f"{url} is there; move it away first if it is to be made anew"
        )
    settings = settings_of(access, cloud_record(access))
    machine = Machine(settings, LocalHost(settings.host))
    try:
        machine.mount()
        facts = machine.look()
        if not (facts.labels or facts.domains or facts.volumes):
            raise Refused("rescue.nothing", f"nothing on this machine is labelled {access.cloud}")
        report = _write(access, machine, facts)
    finally:
        machine.close()
    cloud = Cloud.open(access)
    try:
        cloud.drift.repair()
    finally:
        cloud.close()
    return report


def cloud_record(access: Access) -> CloudRecord:
    """The cloud's own record from its label; from its name where even that is gone."""
    folder = access.state_root / check_cloud_name(access.cloud) / "labels" / "cloud"
    for path in sorted(folder.glob("*.json")):
        label = parse(path.read_text(encoding="utf-8"))
        if "cloud" in label:
            return CloudRecord(**label["cloud"])
    return CloudRecord(name=access.cloud, bridge=bridge_name(access.cloud))


def _write(access: Access, machine: Machine, facts: Facts) -> Report:
    store = Store(store_url(access))
    try:
        store.prepare()
        with store.write() as session:
            salvage = Salvage(session, machine, facts)
            _ground(salvage, cloud_record(access))
            for id_, _ in salvage.labels("project"):
                salvage.make("project", id_)
            _admin(session)
            for kind in ("image", "network", "port", "router", "floatingip"):
                for id_, _ in salvage.labels(kind):
                    salvage.make(kind, id_)
            for id_, _ in salvage.labels("pool"):
                salvage.make("pool", id_)
            for id_ in facts.volumes:
                salvage.make("volume", id_)
            for id_ in facts.snapshots:
                salvage.make("snapshot", id_)
            for id_, _ in salvage.labels("backup"):
                salvage.make("backup", id_)
            for id_ in (*facts.domains, *(id_ for id_, _ in salvage.labels("instance"))):
                salvage.make("instance", id_)
            return salvage.report
    finally:
        store.close()


def _ground(salvage: Salvage, record: CloudRecord) -> None:
    """The cloud, its host, domains and flavors."""
    session = salvage.session
    session.add(record)
    label = next((label for _, label in salvage.labels("cloud")), {})
    salvage.add(HostRecord, label.get("hosts") or [{"name": salvage.settings.host}])
    salvage.add(Domain, label.get("domains") or [{"id": DEFAULT_DOMAIN, "name": "Default"}])
    salvage.add(Flavor, label.get("flavors", ()))
    salvage.add(QosSpec, label.get("qos", ()))
    salvage.add(VolumeType, label.get("types", ()))


def _admin(session: Session) -> None:
    """The cloud's admin, at home in the project of that name."""
    home = session.exec(select(Project).where(Project.name == "admin")).first()
    if home is None:
        home = Project(name="admin")
        session.add(home)
        session.flush()
        add_default_group(session, home.id)
    admin = User(name="admin", default_project_id=home.id)
    session.add(admin)
    session.flush()
    session.add(RoleAssignment(role=Role.ADMIN, user_id=admin.id))
    session.add(RoleAssignment(role=Role.ADMIN, user_id=admin.id, project_id=home.id))
