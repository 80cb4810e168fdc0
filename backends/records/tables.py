"""Every table, imported once so that the metadata is whole."""

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
from backends.records.router import FloatingIp, Router
from backends.records.security import (
    AddressGroup,
    PortSecurityGroup,
    SecurityGroup,
    SecurityGroupRule,
)
from backends.records.subnet_pool import SubnetPool
from backends.records.volume import Attachment, Volume

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
    "Quota",
    "RoleAssignment",
    "Router",
    "SecurityGroup",
    "SecurityGroupRule",
    "Subnet",
    "SubnetPool",
    "User",
    "Volume",
]
