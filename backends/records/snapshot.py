"""The records that a plan is made from, read in one go and indexed by what they hang on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

from sqlmodel import Session, SQLModel, col, select

from backends.records import storage_rows
from backends.records.network import OWNER_INSTANCE, OWNER_ROUTER
from backends.records.tables import (
    Address,
    AddressGroup,
    Attachment,
    CloudRecord,
    Domain,
    Flavor,
    FloatingIp,
    HostRecord,
    Image,
    Instance,
    LocalVlan,
    Network,
    Port,
    PortSecurityGroup,
    Project,
    QosPolicy,
    QosRule,
    QosSpec,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    StoragePool,
    Subnet,
    SubnetPool,
    Subport,
    Trunk,
    Volume,
    VolumeBackup,
    VolumeSnapshot,
    VolumeType,
)
from backends.records.unit import Kind, Unit

# Values in one query, as databases want.
_MOST = 500


@dataclass(slots=True)
class Records:
    """What should be. `vlans` is of this host, by network; `groups_of` are ids by port.

    `floats_of` are the floating IPs that go by a router, `floats_on` those of an external network,
    `floats_to` those that are lent, by port.
    `hosts` are all of the cloud, the oldest first.
    `holders` are the attachments of a volume, `keys` the ids of all that a key encrypted.
    """

    cloud: CloudRecord
    host: str
    hosts: dict[str, HostRecord] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    flavors: list[Flavor] = field(default_factory=list)
    images: dict[str, Image] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    vlans: dict[str, int] = field(default_factory=dict)
    subnets: dict[str, list[Subnet]] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    ports_on: dict[str, list[Port]] = field(default_factory=dict)
    ports_of: dict[str, list[Port]] = field(default_factory=dict)
    addresses: dict[str, list[Address]] = field(default_factory=dict)
    groups_of: dict[str, list[str]] = field(default_factory=dict)
    groups: dict[str, list[SecurityGroup]] = field(default_factory=dict)
    rules: dict[str, list[SecurityGroupRule]] = field(default_factory=dict)
    address_groups: dict[str, list[AddressGroup]] = field(default_factory=dict)
    subnet_pools: dict[str, list[SubnetPool]] = field(default_factory=dict)
    # By project, by policy, by parent port, by trunk.
    qos_policies: dict[str, list[QosPolicy]] = field(default_factory=dict)
    qos_rules: dict[str, list[QosRule]] = field(default_factory=dict)
    trunks: dict[str, Trunk] = field(default_factory=dict)
    subports: dict[str, list[Subport]] = field(default_factory=dict)
    routers: dict[str, Router] = field(default_factory=dict)
    floats_of: dict[str, list[FloatingIp]] = field(default_factory=dict)
    floats_on: dict[str, list[FloatingIp]] = field(default_factory=dict)
    floats_to: dict[str, FloatingIp] = field(default_factory=dict)
    pools: dict[str, StoragePool] = field(default_factory=dict)
    types: dict[str, VolumeType] = field(default_factory=dict)
    qos: dict[str, QosSpec] = field(default_factory=dict)
    volumes: dict[str, Volume] = field(default_factory=dict)
    snapshots: dict[str, VolumeSnapshot] = field(default_factory=dict)
    backups: dict[str, VolumeBackup] = field(default_factory=dict)
    holders: dict[str, list[Attachment]] = field(default_factory=dict)
    keys: dict[str, set[str]] = field(default_factory=dict)
    attachments: dict[str, list[Attachment]] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)

    def is_here(self, host: str) -> bool:
        """Whether what this host has is converged on this machine; the oldest has what names none.

        A cloud's only host may have changed its name.
        """
        first = next(iter(self.hosts), self.host)
        return len(self.hosts) < 2 or (host or first) == self.host

    def units(self) -> list[Unit]:
        """Every unit there is a record of."""
        return [
            Unit(Kind.HOST, self.host),
            *(Unit(Kind.PROJECT, id_) for id_ in self.projects),
            *(Unit(Kind.IMAGE, id_) for id_ in self.images),
            *(Unit(Kind.NETWORK, id_) for id_ in self.networks),
            *(Unit(Kind.ROUTER, id_) for id_ in self.routers),
            *(Unit(Kind.POOL, id_) for id_ in self.pools),
            *(Unit(Kind.VOLUME, id_) for id_ in self.volumes),
            *(Unit(Kind.SNAPSHOT, id_) for id_ in self.snapshots),
            *(Unit(Kind.BACKUP, id_) for id_ in self.backups),
            *(Unit(Kind.INSTANCE, id_) for id_ in self.instances),
            Unit(Kind.FIREWALL, self.host),
        ]


def read(session: Session, host: str, units: Collection[Unit] | None = None) -> Records:
    """The records of these units and of what they hang on; of everything when `units` is None."""
    records = Records(cloud=session.exec(select(CloudRecord)).one(), host=host)
    rows = session.exec(select(HostRecord).order_by(col(HostRecord.created_at)))
    records.hosts = {row.name: row for row in rows}
    reader = _Reader(session, records)
    if units is None:
        reader.everything()
    else:
        reader.some(units)
    return records


class _Reader:
    def __init__(self, session: Session, records: Records) -> None:
        self.session = session
        self.records = records

    def everything(self) -> None:
        records = self.records
        records.images = self._by_id(Image)
        records.networks = self._by_id(Network)
        records.volumes = self._by_id(Volume)
        records.instances = self._by_id(Instance)
        records.attachments = _grouped(self._rows(Attachment), "instance_id")
        storage_rows.everything(records, self._rows)
        records.flavors = self._rows(Flavor)
        self._networking(None, None)
        self._routing(None, None)
        self._projects(None)

    def some(self, units: Collection[Unit]) -> None:
        records = self.records
        ids: dict[Kind, set[str]] = defaultdict(set)
        for unit in units:
            ids[unit.kind].add(unit.id)
        if ids[Kind.HOST]:
            records.flavors = self._rows(Flavor)
        records.instances = self._by_id(Instance, ids[Kind.INSTANCE])
        attachments = self._rows(Attachment, Attachment.instance_id, records.instances)
        records.attachments = _grouped(attachments, "instance_id")
        volumes = ids[Kind.VOLUME] | {each.volume_id for each in attachments}
        records.volumes = self._by_id(Volume, volumes)
        used = ((i.image_id, i.base_id, i.rescue_image_id) for i in records.instances.values())
        storage_rows.some(records, self._rows, ids)
        images = ids[Kind.IMAGE] | {id_ for pair in used for id_ in pair if id_}
        records.images |= self._by_id(Image, images)
        parts = {
            part for i in records.images.values() for part in (i.kernel_id, i.ramdisk_id) if part
        }
        records.images |= self._by_id(Image, parts - set(records.images))
        self._routing(ids[Kind.ROUTER], ids[Kind.NETWORK])
        if ids[Kind.FIREWALL]:
            # What a remote group lets in hangs on the ports of everybody.
            records.networks = self._by_id(Network)
            self._networking(None, None)
            self._named(ids[Kind.NETWORK])
            self._projects(None)
            return
        self._networking(ids[Kind.NETWORK], {*records.instances, *records.routers})
        if ids[Kind.HOST]:
            self._provider_networks()
        owners: set[str] = set(ids[Kind.PROJECT])
        for table in (
            records.instances,
            records.volumes,
            records.images,
            records.networks,
            records.routers,
        ):
            owners |= {row.project_id for row in table.values()}
        self._projects(owners)

    def _networking(self, networks: set[str] | None, devices: set[str] | None) -> None:
        """Ports of the networks and of the devices; of everything when both are None."""
        records = self.records
        if networks is None:
            ports = self._rows(Port)
            keys: Collection[str] | None = None
        else:
            of_devices = self._rows(Port, Port.device_id, devices or ())
            on_networks = self._rows(Port, Port.network_id, networks)
            # An instance is told of all its ports, by whichever network it asks.
            guests = {each.device_id for each in on_networks if each.device_owner == OWNER_INSTANCE}
            of_devices += self._rows(Port, Port.device_id, guests - (devices or set()))
            ports = list({port.id: port for port in (*on_networks, *of_devices)}.values())
            wanted = networks | {port.network_id for port in ports}
            known = {port.id for port in ports}
            ports += [each for each in self._router_ports(wanted) if each.id not in known]
            records.networks = self._by_id(Network, wanted)
            # What hangs on a port is asked for by port, but not with thousands of ids in one query.
            keys = [port.id for port in ports]
        gates = {port.device_id for port in ports if port.device_owner == OWNER_ROUTER}
        records.routers |= self._by_id(Router, gates - set(records.routers))
        records.ports = {port.id: port for port in ports}
        ports.sort(key=lambda port: (port.position, port.created_at, port.id))
        records.ports_on = _grouped(ports, "network_id")
        records.ports_of = _grouped((port for port in ports if port.device_id), "device_id")
        records.addresses = _grouped(self._rows(Address, Address.port_id, keys), "port_id")
        members = self._rows(PortSecurityGroup, PortSecurityGroup.port_id, keys)
        groups_of: dict[str, list[str]] = defaultdict(list)
        for member in members:
            groups_of[member.port_id].append(member.group_id)
        records.groups_of = groups_of
        records.trunks = {row.port_id: row for row in self._rows(Trunk, Trunk.port_id, keys)}
        trunks = [row.id for row in records.trunks.values()]
        records.subports = _grouped(self._rows(Subport, Subport.trunk_id, trunks), "trunk_id")
        records.subnets = _grouped(
            self._rows(Subnet, Subnet.network_id, None if keys is None else records.networks),
            "network_id",
        )
        vlans = self._rows(
            LocalVlan, LocalVlan.network_id, None if keys is None else records.networks
        )
        records.vlans = {row.network_id: row.vlan for row in vlans if row.host == records.host}
        lent = self._rows(FloatingIp, FloatingIp.port_id, keys)
        records.floats_to = {row.port_id: row for row in lent if row.port_id and not row.absent}
        if networks:
            self._named(networks)

    def _router_ports(self, networks: Iterable[str]) -> list[Port]:
        """By which a network's guests ask for their metadata."""
        query = select(Port).where(Port.device_owner == OWNER_ROUTER)
        wanted = list(networks)
        return [
            port
            for start in range(0, len(wanted), _MOST)
            for port in self.session.exec(
                query.where(col(Port.network_id).in_(wanted[start : start + _MOST]))
            )
        ]

    def _named(self, networks: Collection[str]) -> None:
        """The networks' DNS knows the names of all instances on them."""
        records = self.records
        ports = (port for each in networks for port in records.ports_on.get(each, ()))
        devices = {port.device_id for port in ports if port.device_id}
        records.instances |= self._by_id(Instance, devices - set(records.instances))

    def _routing(self, routers: set[str] | None, networks: set[str] | None) -> None:
        """Routers, and the floating IPs of these routers and networks; all when both are None."""
        records = self.records
        records.routers = self._by_id(Router, routers)
        if routers is None or networks is None:
            rows = self._rows(FloatingIp)
            records.floats_of = _grouped((row for row in rows if row.router_id), "router_id")
            records.floats_on = _grouped(rows, "network_id")
            return
        by_router = self._rows(FloatingIp, FloatingIp.router_id, routers)
        by_network = self._rows(FloatingIp, FloatingIp.network_id, networks)
        records.floats_of = _grouped(by_router, "router_id")
        records.floats_on = _grouped(by_network, "network_id")

    def _provider_networks(self) -> None:
        """The host's external bridge carries all of them."""
        records = self.records
        query = select(Network).where(col(Network.physical_network).is_not(None))
        found = {row.id: row for row in self.session.exec(query)}
        records.networks |= found
        records.subnets |= _grouped(self._rows(Subnet, Subnet.network_id, found), "network_id")
        for row in self._rows(LocalVlan, LocalVlan.network_id, found):
            if row.host == records.host:
                records.vlans[row.network_id] = row.vlan

    def _projects(self, ids: Collection[str] | None) -> None:
        records = self.records
        records.domains = self._by_id(Domain)
        records.projects = self._by_id(Project, ids)
        groups = self._rows(SecurityGroup, SecurityGroup.project_id, ids)
        records.groups = _grouped(groups, "project_id")
        for name, table in (("address_groups", AddressGroup), ("subnet_pools", SubnetPool)):
            setattr(records, name, _grouped(self._rows(table, table.project_id, ids), "project_id"))
        policies = self._rows(QosPolicy, QosPolicy.project_id, ids)
        records.qos_policies = _grouped(policies, "project_id")
        held = None if ids is None else [row.id for row in policies]
        records.qos_rules = _grouped(self._rows(QosRule, QosRule.policy_id, held), "policy_id")
        records.rules = _grouped(
            self._rows(
                SecurityGroupRule,
                SecurityGroupRule.group_id,
                None if ids is None else [group.id for group in groups],
            ),
            "group_id",
        )

    def _by_id(self, table: Any, ids: Collection[str] | None = None) -> dict[str, Any]:
        return {row.id: row for row in self._rows(table, table.id, ids)}

    def _rows(
        self, table: Any, column: Any = None, values: Collection[str] | None = None
    ) -> list[Any]:
        """All rows, or those whose column has one of the values (sliced, as databases want)."""
        if values is None:
            return list(self.session.exec(select(table)))
        wanted = list(values)
        rows: list[Any] = []
        for start in range(0, len(wanted), _MOST):
            part = wanted[start : start + _MOST]
            rows.extend(self.session.exec(select(table).where(col(column).in_(part))))
        return rows


def _grouped(rows: Iterable[SQLModel], key: str) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, key)].append(row)
    return groups
