"""The library's front door: open a cloud as a caller, and use its services."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sqlmodel import Session, select

from backends.access import RUN_ROOT, STATE_ROOT, Access
from backends.caller import Caller
from backends.context import Context
from backends.drivers.machine import Machine
from backends.drivers.qemu_img.person import NOBODY
from backends.errors import NotFound, Refused
from backends.hosts import LocalHost
from backends.plan.firewall.zones import usual_slot
from backends.records.host import CloudRecord, HostRecord
from backends.records.identity import DEFAULT_DOMAIN, Project, Role, RoleAssignment, User
from backends.records.store import Store
from backends.settings import DEFAULT_CLOUD, Settings, check_cloud_name
from backends.traits import datapath, domain_type

if TYPE_CHECKING:
    from backends.plan.plan import Plan
    from backends.services.address_group import AddressGroups
    from backends.services.backup import VolumeBackups
    from backends.services.chain import Chains
    from backends.services.connection import ConnectionTables
    from backends.services.drift import Drift
    from backends.services.flavor import Flavors
    from backends.services.floating_ip import FloatingIps
    from backends.services.flow import Flows
    from backends.services.host import Hosts
    from backends.services.identity import Identity
    from backends.services.image import Images
    from backends.services.instance import Instances
    from backends.services.keypair import KeyPairs
    from backends.services.network import Networks
    from backends.services.operation import Operations
    from backends.services.plugging import Plugging
    from backends.services.pool import Pools
    from backends.services.port import Ports
    from backends.services.qos import QosPolicies
    from backends.services.quotas import Quotas
    from backends.services.reshape import Reshaping
    from backends.services.router import Routers
    from backends.services.security_group import SecurityGroups
    from backends.services.snapshot import Snapshots
    from backends.services.subnet_pool import SubnetPools
    from backends.services.topology import Topologies
    from backends.services.transfer import Transfers
    from backends.services.trunk import Trunks
    from backends.services.volume import Volumes
    from backends.services.volume_group import VolumeGroups
    from backends.services.volume_type import VolumeTypes

__all__ = [
    "RUN_ROOT",
    "STATE_ROOT",
    "Access",
    "Cloud",
    "bridge_name",
    "open_store",
    "settings_of",
    "store_url",
]


class Cloud:
    """A cloud as one caller uses it. Close it when done; safe to use from several threads.

    Each service is imported when it is first used, so that a command starts fast.
    """

    def __init__(self, context: Context, record: CloudRecord) -> None:
        self.context = context
        self.record = record

    @classmethod
    def open(cls, access: Access | None = None) -> Cloud:
        """Open a cloud that is there.

        Raises Refused `store.missing`, `store.newer`, `caller.*`; NotFound `project.not_found`,
        `domain.not_found`.
        """
        access = access or Access()
        with ExitStack() as refused:
            store = refused.enter_context(closing(open_store(access)))
            with store.read() as session:
                record = session.exec(select(CloudRecord)).first()
                if record is None:
                    raise Refused(
                        "cloud.missing", f"no cloud {access.cloud} here; run `quarterdeck init`"
                    )
                _check_host(session, access)
                caller = _caller(session, access)
            refused.pop_all()
        read_only = access.read_only or not caller.writes
        if read_only and not store.read_only:
            # The reader role gets the same three locks as --read-only.
            store.close()
            store = Store(store_url(access), read_only=True)
            caller = _as_reader(caller)
        settings = settings_of(access, record)
        machine = Machine(settings, LocalHost(settings.host, read_only=read_only))
        return cls(Context(store, machine, caller), record)

    @property
    def caller(self) -> Caller:
        return self.context.caller

    @property
    def settings(self) -> Settings:
        return self.context.settings

    @property
    def machine(self) -> Machine:
        return self.context.machine

    @cached_property
    def identity(self) -> Identity:
        from backends.services.identity import Identity

        return Identity(self.context)

    @cached_property
    def hosts(self) -> Hosts:
        from backends.services.host import Hosts

        return Hosts(self.context)

    @cached_property
    def quotas(self) -> Quotas:
        from backends.services.quotas import Quotas

        return Quotas(self.context)

    @cached_property
    def keypairs(self) -> KeyPairs:
        from backends.services.keypair import KeyPairs

        return KeyPairs(self.context)

    @cached_property
    def flavors(self) -> Flavors:
        from backends.services.flavor import Flavors

        return Flavors(self.context)

    @cached_property
    def reshape(self) -> Reshaping:
        from backends.services.reshape import Reshaping

        return Reshaping(self.context)

    @cached_property
    def images(self) -> Images:
        from backends.services.image import Images

        return Images(self.context)

    @cached_property
    def chains(self) -> Chains:
        from backends.services.chain import Chains

        return Chains(self.context)

    @cached_property
    def networks(self) -> Networks:
        from backends.services.network import Networks

        return Networks(self.context)

    @cached_property
    def routers(self) -> Routers:
        from backends.services.router import Routers

        return Routers(self.context)

    @cached_property
    def floating_ips(self) -> FloatingIps:
        from backends.services.floating_ip import FloatingIps

        return FloatingIps(self.context)

    @cached_property
    def ports(self) -> Ports:
        from backends.services.port import Ports

        return Ports(self.context)

    @cached_property
    def security_groups(self) -> SecurityGroups:
        from backends.services.security_group import SecurityGroups

        return SecurityGroups(self.context)

    @cached_property
    def address_groups(self) -> AddressGroups:
        from backends.services.address_group import AddressGroups

        return AddressGroups(self.context)

    @cached_property
    def subnet_pools(self) -> SubnetPools:
        from backends.services.subnet_pool import SubnetPools

        return SubnetPools(self.context)

    @cached_property
    def instances(self) -> Instances:
        from backends.services.instance import Instances

        return Instances(self.context)

    @cached_property
    def volume_types(self) -> VolumeTypes:
        from backends.services.volume_type import VolumeTypes

        return VolumeTypes(self.context)

    @cached_property
    def pools(self) -> Pools:
        from backends.services.pool import Pools

        return Pools(self.context)

    @cached_property
    def snapshots(self) -> Snapshots:
        from backends.services.snapshot import Snapshots

        return Snapshots(self.context)

    @cached_property
    def backups(self) -> VolumeBackups:
        from backends.services.backup import VolumeBackups

        return VolumeBackups(self.context)

    @cached_property
    def volume_groups(self) -> VolumeGroups:
        from backends.services.volume_group import VolumeGroups

        return VolumeGroups(self.context)

    @cached_property
    def transfers(self) -> Transfers:
        from backends.services.transfer import Transfers

        return Transfers(self.context)

    @cached_property
    def volumes(self) -> Volumes:
        from backends.services.volume import Volumes

        return Volumes(self.context)

    @cached_property
    def operations(self) -> Operations:
        from backends.services.operation import Operations

        return Operations(self.context)

    @cached_property
    def drift(self) -> Drift:
        from backends.services.drift import Drift

        return Drift(self.context)

    @cached_property
    def flows(self) -> Flows:
        from backends.services.flow import Flows

        return Flows(self.context)

    @cached_property
    def connections(self) -> ConnectionTables:
        from backends.services.connection import ConnectionTables

        return ConnectionTables(self.context)

    @cached_property
    def plugging(self) -> Plugging:
        from backends.services.plugging import Plugging

        return Plugging(self.context)

    @cached_property
    def qos(self) -> QosPolicies:
        from backends.services.qos import QosPolicies

        return QosPolicies(self.context)

    @cached_property
    def trunks(self) -> Trunks:
        from backends.services.trunk import Trunks

        return Trunks(self.context)

    @cached_property
    def topology(self) -> Topologies:
        from backends.services.topology import Topologies

        return Topologies(self.context)

    def preview(self, verb: Callable[[], object]) -> Plan:
        """What a verb would do, not done: `cloud.preview(lambda: cloud.volumes.delete(id))`."""
        return self.context.preview(verb)

    def close(self) -> None:
        """Close store and connections."""
        self.context.machine.close()
        self.context.store.close()


def store_url(access: Access) -> str:
    """The URL or path of a cloud's store."""
    return access.store or str(access.state_root / check_cloud_name(access.cloud) / "store.db")


def open_store(access: Access) -> Store:
    """The store of a cloud that is there, its schema up to date.

    Raises Refused `store.missing` before anything is made.
    """
    url = store_url(access)
    if not access.store and not Path(url).exists():
        raise Refused("cloud.missing", f"no cloud {access.cloud} here; run `quarterdeck init`")
    if not access.store and not os.access(url, os.R_OK):
        raise Refused("store.forbidden", f"{url} is root's alone; run as root or with sudo")
    with ExitStack() as refused:
        store = refused.enter_context(closing(Store(url, read_only=access.read_only)))
        store.prepare()
        refused.pop_all()
    return store


def bridge_name(cloud: str, *, plain: bool = True) -> str:
    """`br-int` for the default cloud; others add 4 hex digits of their name's digest.

    Not `plain` adds them for the default cloud too.
    """
    if plain and cloud == DEFAULT_CLOUD:
        return "br-int"
    return f"br-int-{hashlib.sha256(cloud.encode()).hexdigest()[:4]}"


def host_name(access: Access) -> str:
    """What this machine is called in the store."""
    return access.host or os.uname().nodename


def _check_host(session: Session, access: Access) -> None:
    """Raises Refused `host.unknown` on a machine that is none of the cloud's several hosts."""
    names = session.exec(select(HostRecord.name)).all()
    here = host_name(access)
    if len(names) > 1 and here not in names:
        raise Refused(
            "host.unknown",
            f"this machine ({here}) is no host of cloud {access.cloud}; `quarterdeck init` with"
            " the same store makes it one",
        )


def settings_of(access: Access, record: CloudRecord) -> Settings:
    """The cloud's settings on this host."""
    return Settings(
        cloud=record.name,
        state=access.state_root / record.name,
        run=access.run_root / record.name,
        host=host_name(access),
        bridge=record.bridge,
        domain_type=domain_type(),
        datapath=datapath(),
        volume_group=record.volume_group,
        zone_slot=usual_slot(record.name) if record.zone_slot is None else record.zone_slot,
        ovs_run=access.ovs_run,
    )


def _caller(session: Session, access: Access) -> Caller:
    if access.user is None:
        if os.geteuid() != 0:
            raise Refused("caller.unknown", "say who you are: OS_USERNAME, OS_PROJECT_NAME")
        mine = select(User).where(User.name == "admin", User.domain_id == DEFAULT_DOMAIN)
        user = session.exec(mine).first()
        project = _project(session, access.project or "admin", access.project_domain)
        return Caller(
            user="admin",
            user_id=user.id if user else None,
            project_id=project.id,
            role=Role.ADMIN,
            admin=True,
            read_only=access.read_only,
        )
    return _user_caller(session, access, access.user)


def _user_caller(session: Session, access: Access, name: str) -> Caller:
    from backends.services.project import projects_of
    from backends.services.user import verify_password

    denied = Refused("caller.denied", f"{name}: wrong user, password or project")
    domain = _domain(session, access.user_domain)
    named = select(User).where(User.name == name, User.domain_id == domain)
    user = session.exec(named).first()
    if user is None or not user.enabled:
        raise denied
    # Root could read the store anyway, so root may act as anybody.
    if (access.password is not None or os.geteuid() != 0) and not verify_password(
        user.password_hash, access.password or ""
    ):
        raise denied
    everywhere = session.exec(
        select(RoleAssignment).where(
            RoleAssignment.user_id == user.id,
            RoleAssignment.project_id == None,  # noqa: E711
            RoleAssignment.role == Role.ADMIN,
        )
    ).first()
    allowed = projects_of(session, user.id)
    ref = access.project or user.default_project_id or next(iter(sorted(allowed)), None)
    if ref is None:
        raise Refused("caller.no_project", f"{name} has no role in any project")
    project = _project(session, ref, access.project_domain)
    if project.id not in allowed and everywhere is None:
        raise denied
    return Caller(
        user=user.name,
        user_id=user.id,
        project_id=project.id,
        role=Role.ADMIN if everywhere else _role_in(session, user.id, project.id),
        admin=everywhere is not None,
        read_only=access.read_only,
        uid=_machine_user(access),
    )


def _machine_user(access: Access) -> int:
    """Whom this process opens files as for a user of the cloud.

    Root may act as anybody, and stays root. Who gave a password is who became root by sudo, or
    else nobody that the machine knows.
    """
    if os.geteuid() != 0 or access.password is None:
        return os.geteuid()
    by_sudo = os.environ.get("SUDO_UID", "")
    return int(by_sudo) if by_sudo.isdecimal() and int(by_sudo) else NOBODY


def _role_in(session: Session, user_id: str, project_id: str) -> Role:
    from backends.services.project import roles_in

    order = list(Role)
    return max(roles_in(session, user_id, project_id), key=order.index)


def _project(session: Session, ref: str, domain: str | None) -> Project:
    named = select(Project).where(
        Project.name == ref, Project.domain_id == _domain(session, domain)
    )
    found = session.get(Project, ref) or session.exec(named).first()
    if found is None or found.absent:
        where = f" in domain {domain}" if domain else ""
        raise NotFound(
            "project.not_found", f"no project {ref!a}{where}; see `quarterdeck project list`"
        )
    if not found.enabled:
        raise Refused("project.disabled", f"project {found.name} is disabled")
    return found


def _domain(session: Session, ref: str | None) -> str:
    """The id of a domain, by id or name; of the default one where none is said."""
    from backends.services.project import require_domain

    return require_domain(session, ref).id if ref else DEFAULT_DOMAIN


def _as_reader(caller: Caller) -> Caller:
    return Caller(
        user=caller.user,
        user_id=caller.user_id,
        project_id=caller.project_id,
        role=Role.READER,
        admin=caller.admin,
        read_only=True,
        uid=caller.uid,
    )
