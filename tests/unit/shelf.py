"""A cloud's store and folders in a test's own folder: enough for what needs no daemon."""

from __future__ import annotations

from pathlib import Path

from backends.caller import Caller
from backends.cloud import Cloud
from backends.context import Change, Context
from backends.drivers.machine import Machine
from backends.hosts import LocalHost
from backends.init import add_cloud
from backends.records.identity import Project, Role, RoleAssignment, User
from backends.records.store import Store
from backends.services.project import add_project
from backends.settings import Settings


class _Untouched:
    """Stands for what a unit test has no business with."""

    handles: tuple[type, ...] = ()

    def close(self) -> None:
        """Nothing was opened."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"a unit test touches the machine: {name}")


# The drivers whose systems are shared with all else that runs on this machine.
_SHARED = ("ovs", "namespaces", "dnsmasq", "advertising", "nftables", "conntrack", "libvirt")


class Shelf:
    """One cloud, opened as often and as whomever a test likes."""

    def __init__(self, folder: Path) -> None:
        self.settings = Settings("shelf", folder / "state", folder / "run", "deck")
        self.settings.locks.mkdir(parents=True)
        self.path = str(folder / "state" / "store.db")
        self._clouds: list[Cloud] = []
        store = Store(self.path)
        store.prepare()
        with store.write() as session:
            self.record = add_cloud(session, "shelf", "")
            self.home = add_project(Change(session), Project(name="admin")).id
            self.admin = User(name="admin", default_project_id=self.home)
            session.add(self.admin)
            session.flush()
            session.add(RoleAssignment(role=Role.ADMIN, user_id=self.admin.id))
        store.close()

    def open(self, caller: Caller | None = None, *, read_only: bool = False) -> Cloud:
        """The cloud as the caller, or as its admin."""
        caller = caller or Caller(
            "admin", self.admin.id, self.home, Role.ADMIN, admin=True, read_only=read_only
        )
        machine = Machine(self.settings, LocalHost("deck", read_only=read_only))
        vars(machine).update({driver: _Untouched() for driver in _SHARED})
        store = Store(self.path, read_only=read_only)
        self._clouds.append(Cloud(Context(store, machine, caller), self.record))
        return self._clouds[-1]

    def member(self, project: str, role: Role = Role.MEMBER) -> Cloud:
        """The cloud as a user of a project, which is made when there is none."""
        identity = self.open().identity
        if project not in [row.name for row in identity.projects()]:
            identity.create_project(project)
        row = identity.project(project)
        user = identity.create_user(f"{project}-{role.value}")
        identity.assign(role.value, user=user.id, project=row.id)
        return self.open(Caller(user.name, user.id, row.id, role))

    def close(self) -> None:
        for cloud in self._clouds:
            cloud.close()
