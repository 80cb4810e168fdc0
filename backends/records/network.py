"""Networks, subnets, ports and their addresses (Neutron's words)."""

from __future__ import annotations

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from backends.records.base import identifier, json_list, timestamp

# The type of networks that lie between hosts.
VXLAN = "vxlan"

OWNER_INSTANCE = "compute:nova"
OWNER_DHCP = "network:dhcp"
OWNER_ROUTER = "network:router_interface"
OWNER_GATEWAY = "network:router_gateway"
OWNER_FLOATING = "network:floatingip"
OWNER_SUBPORT = "trunk:subport"

# The first letters of an interface's name, as Neutron's agents write them; any other port is a tap.
_PREFIXES = {OWNER_ROUTER: "qr-", OWNER_GATEWAY: "qg-"}


class Network(SQLModel, table=True):
    """A broadcast domain. `mtu` in bytes, as guests see it.

    An `external` one is where routers have their gateways. `network_type` is `local` (on this host
    alone), `vxlan` (between hosts, as VNI `segmentation_id`, 1 to 16777215), `flat` or `vlan`; the
    last two lie on a `physical_network`, the latter as VLAN `segmentation_id` (1 to 4094).
    `host_services` are those of the host that may be reached from it, as `tcp:53`. `host` is where
    it was made and its DHCP server and labels are; empty in stores that are older than this.
    """

    id: str = identifier()
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(max_length=255)
    description: str = ""
    mtu: int = 1500
    admin_state_up: bool = True
    # Whether ports that are made on it are filtered, unless they are asked not to be.
    port_security: bool = True
    shared: bool = False
    external: bool = False
    network_type: str = Field(default="local", max_length=8)
    physical_network: str | None = Field(default=None, max_length=64)
    segmentation_id: int | None = None
    host_services: list[str] = json_list()
    # Where the names of its ports are; the cloud's own domain where it is empty.
    dns_domain: str = Field(default="", max_length=255)
    # What holds for its ports that have no policy of their own.
    qos_policy_id: str | None = Field(default=None, foreign_key="qospolicy.id", index=True)
    host: str = Field(default="", max_length=64)
    created_at: float = timestamp()
    absent: bool = False


class LocalVlan(SQLModel, table=True):
    """The VLAN that separates a network on one host's br-int (1 to 4094)."""

    __tablename__ = "localvlan"

    host: str = Field(primary_key=True, max_length=64)
    vlan: int = Field(primary_key=True)
    network_id: str = Field(foreign_key="network.id", index=True)


class Subnet(SQLModel, table=True):
    """A range of addresses on a network.

    `cidr` in canonical form; `allocation_pools` a list of `{"start", "end"}`; `host_routes` a list
    of `{"destination", "nexthop"}`.
    """

    id: str = identifier()
    network_id: str = Field(foreign_key="network.id", index=True)
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    ip_version: int = 4
    cidr: str = Field(max_length=64)
    # The pool it was cut from, if it was.
    subnetpool_id: str | None = Field(default=None, foreign_key="subnetpool.id", index=True)
    gateway_ip: str | None = Field(default=None, max_length=64)
    enable_dhcp: bool = True
    dns_nameservers: list[str] = json_list()
    allocation_pools: list[dict[str, str]] = json_list()
    host_routes: list[dict[str, str]] = json_list()
    # How guests learn an IPv6 address: `slaac`, `dhcpv6-stateful` or `dhcpv6-stateless`. The first
    # is what our routers advertise (None: another's do), the second what the guests' ports expect.
    ipv6_ra_mode: str | None = Field(default=None, max_length=16)
    ipv6_address_mode: str | None = Field(default=None, max_length=16)
    created_at: float = timestamp()


class Port(SQLModel, table=True):
    """A plug on a network: of an instance, of the DHCP server, or free.

    `host` is where it is plugged; `device_id` is the instance (or `dhcp-<network>`).
    `allowed_address_pairs` is a list of `{"ip_address", "mac_address"}`: an address or a prefix
    that the port may have beside its own, and with which MAC (its own where that is empty).
    """

    __table_args__ = (UniqueConstraint("network_id", "mac"),)

    id: str = identifier()
    network_id: str = Field(foreign_key="network.id", index=True)
    project_id: str = Field(foreign_key="project.id", index=True)
    name: str = Field(default="", max_length=255)
    mac: str = Field(max_length=17)
    admin_state_up: bool = True
    port_security: bool = True
    allowed_address_pairs: list[dict[str, str]] = json_list()
    # What DNS calls it; an instance's host name, or one made of its address, where it is empty.
    dns_name: str = Field(default="", max_length=63)
    # A list of `{"opt_name", "opt_value", "ip_version"}`.
    extra_dhcp_opts: list[dict[str, str]] = json_list()
    device_id: str = Field(default="", index=True, max_length=64)
    device_owner: str = Field(default="", max_length=64)
    host: str = Field(default="", max_length=64)
    # Ports made for an instance go with it; ports it was given stay.
    made_for_device: bool = False
    # On its way out of its instance: until the guest let go, nobody else can have it.
    leaving: bool = False
    position: int = 0
    qos_policy_id: str | None = Field(default=None, foreign_key="qospolicy.id", index=True)
    created_at: float = timestamp()
    absent: bool = False

    @property
    def interface(self) -> str:
        """Its name: `tap`, `qr-` or `qg-` and 11 characters of the id, as Neutron writes it."""
        return f"{_PREFIXES.get(self.device_owner, 'tap')}{self.id[:11]}"


class Address(SQLModel, table=True):
    """An address of a port; a subnet gives each only once."""

    subnet_id: str = Field(foreign_key="subnet.id", primary_key=True)
    address: str = Field(primary_key=True, max_length=64)
    port_id: str = Field(foreign_key="port.id", index=True)
