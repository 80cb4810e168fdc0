"""The library's front door: open a cloud as a caller, and use its services."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, closing
from functools import cached_property
from typing import TYPE_CHECKING

from sqlmodel import select

from backends.access import Access
from backends.caller import Caller
from backends.context import Context
from backends.drivers.machine import Machine
from backends.errors import Refused
from backends.hosts import LocalHost
from backends.login import as_reader, caller_of
from backends.place import check_host, open_store, settings_of, store_url
from backends.records.host import CloudRecord
from backends.records.store import Store
from backends.settings import Settings

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

__all__ = ["Access", "Cloud"]


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
                check_host(session, access)
                caller = caller_of(session, access)
            refused.pop_all()
        read_only = access.read_only or not caller.writes
        if read_only and not store.read_only:
            # The reader role gets the same three locks as --read-only.
            store.close()
            store = Store(store_url(access), read_only=True)
            caller = as_reader(caller)
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
