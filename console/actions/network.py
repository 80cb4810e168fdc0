"""Networks with their subnets and ports, pools of subnets, limits, trunks and the topology."""

from __future__ import annotations

from console.actions.action import deletion, form, view

form("network.create", "c", "Create", "create")
form("network.subnet", "n", "Subnet", "create_subnet")
form("network.edit", "e", "Change", "edit", hint=False)
view("network.subnets", "s", "Subnets", "subnets")
view("network.routers", "r", "Routers", "routers")
view("network.floating_ips", "f", "Floating", "floating_ips")
view("network.groups", "u", "Groups", "security_groups")
view("network.pools", "p", "Pools", "subnet_pools", hint=False)
view("network.qos", "l", "Limits", "qos_policies", hint=False)
view("network.trunks", "t", "Trunks", "trunks", hint=False)
deletion("network", lambda cloud, ids: cloud.networks.delete(ids[0]))

form("subnet.create", "c", "Create", "create")
form("subnet.edit", "e", "Change", "edit")
deletion("subnet", lambda cloud, ids: cloud.networks.delete_subnet(ids[0]))

form("port.create", "c", "Create", "create")
form("port.edit", "e", "Change", "edit")
deletion("port", lambda cloud, ids: cloud.ports.delete(ids[0]))

form("subnet_pool.create", "c", "Create", "create")
form("subnet_pool.edit", "e", "Change", "edit")
form("subnet_pool.subnet", "n", "Subnet", "subnet")
deletion("subnet_pool", lambda cloud, ids: cloud.subnet_pools.delete(ids[0]))

form("qos.create", "c", "Create", "create")
form("qos.edit", "e", "Change", "edit")
deletion("qos", lambda cloud, ids: cloud.qos.delete(ids[0]))

form("trunk.create", "c", "Create", "create")
form("trunk.edit", "e", "Change", "edit")
form("trunk.subport", "n", "Add subport", "add_subport")
deletion("trunk", lambda cloud, ids: cloud.trunks.delete(ids[0]))

form("subport.add", "c", "Add", "add")
form("subport.remove", "ctrl+d", "Remove", "remove_selected")

view("topology.ports", "o", "Ports", "ports")
view("topology.zoom", "z", "Zoom", "zoom")
view("topology.export", "w", "Export", "export")
