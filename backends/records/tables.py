"""Every table, imported once so that the metadata is whole."""

from backends.records.backup import VolumeBackup
from backends.records.flavor import Flavor
from backends.records.host import CloudRecord, HostRecord
from backends.records.identity import (
    Domain,
    Group,
    GroupMember,
    KeyPair,
    Project,
    Quota,
    RoleAssignment,
    User,
)
from backends.records.image import Image, ImageMember
from backends.records.instance import Instance
from backends.records.network import Address, LocalVlan, Network, Port, Subnet
from backends.records.operation import Operation, OperationStep
from backends.records.pool import QosSpec, StoragePool, VolumeType
from backends.records.qos import QosPolicy, QosRule
from backends.records.router import FloatingIp, Router
from backends.records.security import (
    AddressGroup,
    PortSecurityGroup,
    SecurityGroup,
    SecurityGroupRule,
)
from backends.records.subnet_pool import SubnetPool
from backends.records.trunk import Subport, Trunk
from backends.records.volume import Attachment, Volume, VolumeSnapshot
from backends.records.volume_group import GroupSnapshot, VolumeGroup, VolumeTransfer

__all__ = [
    "Address",
    "AddressGroup",
    "Attachment",
    "CloudRecord",
    "Domain",
    "Flavor",
    "FloatingIp",
    "Group",
    "GroupMember",
    "GroupSnapshot",
    "HostRecord",
    "Image",
    "ImageMember",
    "Instance",
    "KeyPair",
    "LocalVlan",
    "Network",
    "Operation",
    "OperationStep",
    "Port",
    "PortSecurityGroup",
    "Project",
    "QosPolicy",
    "QosRule",
    "QosSpec",
    "Quota",
    "RoleAssignment",
    "Router",
    "SecurityGroup",
    "SecurityGroupRule",
    "StoragePool",
    "Subnet",
    "SubnetPool",
    "Subport",
    "Trunk",
    "User",
    "Volume",
    "VolumeBackup",
    "VolumeGroup",
    "VolumeSnapshot",
    "VolumeTransfer",
    "VolumeType",
]
