"""Routers and floating IPs (Neutron's words)."""

from __future__ import annotations

from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_list, timestamp


class Router(SQLModel, table=True):
    """What joins networks, and what leads out.

    Its interfaces are ports with its id as `device_id`: one for each subnet, and one on the
    external network. `routes` is a list of `{"destination", "nexthop"}`.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    # One that is down keeps its records and has nothing on the machine.
    admin_state_up: bool = True
    external_network_id: str | None = Field(default=None, foreign_key="network.id", index=True)
    # Whether guests without a floating IP get out under the gateway's address.
    enable_snat: bool = True
    routes: list[dict[str, str]] = json_list()
    host: str = Field(default="", max_length=64)
    created_at: float = timestamp()
    absent: bool = False


class FloatingIp(SQLModel, table=True):
    """An address on an external network that can be lent to a port.

    `floating_port_id` holds the address; `port_id`, `fixed_address` and `router_id` say whom it is
    lent to, and are all empty while it is free.
    """

    __tablename__ = "floatingip"

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    description: str = ""
    network_id: str = Field(foreign_key="network.id", index=True)
    floating_port_id: str = Field(foreign_key="port.id")
    address: str = Field(max_length=64)
    port_id: str | None = Field(default=None, foreign_key="port.id", index=True)
    fixed_address: str | None = Field(default=None, max_length=64)
    router_id: str | None = Field(default=None, foreign_key="router.id", index=True)
    created_at: float = timestamp()
    absent: bool = False

    @property
    def name(self) -> str:
        """It has none of its own; people know it by its address."""
        return self.address
