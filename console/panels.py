"""The panels there are, their numbers and their names after `:`. A panel is imported when it is
first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from console.screens.panel import Panel


class Entry(NamedTuple):
    """A panel: its slug, what the tabs call it (in full and short), where it is, other names."""

    slug: str
    title: str
    short: str
    module: str
    name: str
    aliases: tuple[str, ...] = ()


PANELS = (
    Entry("projects", "Projects", "Proj", "projects", "Projects", ("p", "project", "tenant")),
    Entry("instances", "Instances", "Inst", "instances", "Instances",
          ("i", "instance", "server", "servers", "vm", "vms")),
    Entry("topology", "Topology", "Topo", "topology", "TopologyPanel",
          ("t", "topo", "map", "graph")),
    Entry("volumes", "Volumes", "Vol", "volumes", "Volumes", ("v", "vol", "volume", "disks")),
    Entry("images", "Images", "Img", "images", "Images", ("im", "img", "image")),
    Entry("networks", "Networks", "Net", "networks", "Networks",
          ("n", "net", "nets", "network", "subnets", "ports")),
    Entry("flavors", "Flavors", "Flav", "flavors", "Flavors", ("f", "flavor", "sizes")),
    Entry("operations", "Operations", "Ops", "operations", "Operations",
          ("o", "op", "ops", "operation", "tasks", "jobs")),
    Entry("drift", "Drift", "Drift", "drift", "Drift", ("d", "diff", "differences")),
    Entry("flows", "Flows", "Flows", "flows", "Flows", ("fl", "flow", "openflow")),
    Entry("connections", "Connections", "Conn", "connections", "Connections",
          ("c", "ct", "conn", "connection", "conntrack")),
    Entry("routers", "Routers", "Rout", "routers", "Routers", ("r", "router")),
    Entry("floating-ips", "Floating IPs", "Float", "floating_ips", "FloatingIps",
          ("fip", "fips", "floating", "floatingips")),
    Entry("security-groups", "Security groups", "Groups", "security_groups", "SecurityGroups",
          ("s", "sg", "security", "groups", "rules")),
    Entry("subnet-pools", "Subnet pools", "Cut", "subnet_pools", "SubnetPools",
          ("sp", "subnetpools", "cidrs")),
    Entry("address-groups", "Address groups", "Addr", "address_groups", "AddressGroups",
          ("ag", "addresses", "addressgroups")),
    Entry("qos-policies", "QoS policies", "QoS", "qos_policies", "QosPolicies",
          ("qos", "limits", "policies")),
    Entry("trunks", "Trunks", "Trunk", "trunks", "Trunks", ("tr", "trunk", "subports", "vlans")),
    Entry("snapshots", "Snapshots", "Snap", "snapshots", "Snapshots",
          ("sn", "snap", "snapshot")),
    Entry("backups", "Backups", "Back", "backups", "Backups", ("b", "backup")),
    Entry("volume-groups", "Volume groups", "VGrp", "volume_groups", "VolumeGroups",
          ("vg", "volumegroups")),
    Entry("group-snapshots", "Group snapshots", "GSnap", "volume_groups", "GroupSnapshots",
          ("gs", "groupsnapshots")),
    Entry("transfers", "Transfers", "Offers", "transfers", "Transfers",
          ("tf", "transfer", "offers")),
    Entry("volume-qos", "Volume limits", "VQoS", "volume_qos", "VolumeQos",
          ("vq", "volumeqos", "iops")),
    Entry("pools", "Pools", "Pools", "pools", "Pools",
          ("po", "pool", "storage", "backends")),
    Entry("types", "Volume types", "Types", "volume_types", "VolumeTypes",
          ("ty", "type", "vt", "volumetypes")),
    Entry("hosts", "Hosts", "Hosts", "hosts", "Hosts", ("h", "host", "tunnels", "vxlan")),
    Entry("users", "Users", "Users", "people", "Users", ("u", "user")),
    Entry("keypairs", "Key pairs", "Keys", "people", "KeyPairs", ("k", "key", "keys", "keypair")),
)  # fmt: skip
# The first so many have a number and a tab.
NUMBERED = 9
FIRST = "instances"


def named(word: str) -> Entry | None:
    """The panel that a word after `:` means: its name, an alias, or the start of its name."""
    wanted = word.strip().casefold()
    for entry in PANELS:
        if wanted in (entry.slug, *entry.aliases):
            return entry
    begun = [entry for entry in PANELS if wanted and entry.slug.startswith(wanted)]
    return begun[0] if begun else None


def make(slug: str) -> Panel:
    """The panel itself."""
    entry = next(each for each in PANELS if each.slug == slug)
    module = import_module(f"console.screens.{entry.module}")
    panel: Panel = getattr(module, entry.name)()
    return panel
