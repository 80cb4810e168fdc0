"""Security groups: what a port may receive and send."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_list, timestamp

# Names of protocols beside those with ports or types of their own (IANA's assigned numbers).
PROTOCOL_NUMBERS = {"hopopt": 0, "igmp": 2, "ipip": 4, "egp": 8, "dccp": 33, "ipv6-encap": 41,
                    "ipv6-route": 43, "ipv6-frag": 44, "rsvp": 46, "gre": 47, "esp": 50, "ah": 51,
                    "ipv6-nonxt": 59, "ipv6-opts": 60, "ospf": 89, "vrrp": 112, "pgm": 113,
                    "udplite": 136}  # fmt: skip


class SecurityGroup(SQLModel, table=True):
    """A set of rules. `default` exists in each project and cannot be deleted.

    The rules of a `stateful` one decide about connections, those of another about each packet.
    """

    __tablename__ = "securitygroup"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    stateful: bool = True
    created_at: float = timestamp()


class AddressGroup(SQLModel, table=True):
    """Addresses that rules name as one: `addresses` are prefixes in canonical form, sorted."""

    __tablename__ = "addressgroup"
    __table_args__ = (UniqueConstraint("project_id", "name"),)

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    addresses: list[str] = json_list()
    created_at: float = timestamp()


class SecurityGroupRule(SQLModel, table=True):
    """What is let through. All None in a field means any.

    `protocol` is a name or a number. For ICMP `port_min` is the type and `port_max` the code. The
    other side is anybody, a prefix, the members of a security group, or those of an address group.
    """

    __tablename__ = "securitygrouprule"

    id: str = identifier()
    group_id: str = Field(foreign_key="securitygroup.id", index=True)
    direction: str = Field(max_length=7)
    ethertype: str = Field(default="IPv4", max_length=4)
    protocol: str | None = Field(default=None, max_length=16)
    port_min: int | None = None
    port_max: int | None = None
    remote_prefix: str | None = Field(default=None, max_length=64)
    remote_group_id: str | None = Field(default=None, foreign_key="securitygroup.id", index=True)
    remote_address_group_id: str | None = Field(
        default=None, foreign_key="addressgroup.id", index=True
    )
    description: str = ""

    @property
    def peer_id(self) -> str | None:
        """The group whose members it is about, of ports or of addresses."""
        return self.remote_group_id or self.remote_address_group_id


class PortSecurityGroup(SQLModel, table=True):
    """A group that applies to a port."""

    __tablename__ = "portsecuritygroup"

    port_id: str = Field(foreign_key="port.id", primary_key=True)
    group_id: str = Field(foreign_key="securitygroup.id", primary_key=True, index=True)
