"""Routers and floating IPs."""

from __future__ import annotations

from console.actions.action import deletion, form, verb

form("router.create", "c", "Create", "create")
form("router.interface", "i", "Add interface", "add_interface")
form("router.gateway", "o", "Gateway", "gateway")
form("router.edit", "e", "Change", "edit")
verb("router.on", "n", "Switch on", lambda c, ids: c.routers.set(ids[0], admin_state_up=True))
verb(
    "router.off",
    "f",
    "Switch off",
    lambda cloud, ids: cloud.routers.set(ids[0], admin_state_up=False),
    dangerous=True,
)
deletion("router", lambda cloud, ids: cloud.routers.delete(ids[0]))

form("interface.add", "c", "Add", "add")
form("interface.remove", "ctrl+d", "Remove", "remove_selected")

form("floating_ip.create", "c", "Create", "create")
form("floating_ip.edit", "e", "Change", "edit")
form("floating_ip.lend", "a", "Lend", "lend")
form("floating_ip.take_back", "u", "Take back", "take_back")
deletion("floating_ip", lambda cloud, ids: cloud.floating_ips.delete(ids[0]))
