"""Quality of service: how fast a port may be, and how its packets are marked (Neutron's words)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, timestamp


class QosPolicy(SQLModel, table=True):
    """A set of rules for networks and ports.

    A `shared` one is for every project; a project's `is_default` one is for its new networks.
    """

    __tablename__ = "qospolicy"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    shared: bool = False
    is_default: bool = False
    created_at: float = timestamp()


class QosRule(SQLModel, table=True):
    """A `bandwidth_limit` in a `direction` or a `dscp_marking`; a policy has one of each at most.

    `direction` is the guest's: `egress` is what it sends. `max_kbps` in kilobits (1000) a second,
    `max_burst_kbits` in kilobits, 0 for four fifths of a second's worth. `dscp_mark` is RFC 2474's.
    """

    __tablename__ = "qosrule"

    id: str = identifier()
    policy_id: str = Field(foreign_key="qospolicy.id", index=True)
    type: str = Field(max_length=16)
    direction: str = Field(default="egress", max_length=7)
    max_kbps: int = 0
    max_burst_kbits: int = 0
    dscp_mark: int = 0
