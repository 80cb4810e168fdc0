"""Security groups with their rules, and address groups."""

from __future__ import annotations

from console.actions.action import deletion, form, view

form("security_group.create", "c", "Create", "create")
form("security_group.edit", "e", "Change", "edit")
form("security_group.rule", "n", "Add rule", "add_rule")
view("security_group.addresses", "a", "Addresses", "address_groups")
deletion("security_group", lambda cloud, ids: cloud.security_groups.delete(ids[0]))

form("rule.create", "c", "Add", "create")
form("rule.edit", "e", "Change", "edit")
deletion("rule", lambda cloud, ids: cloud.security_groups.remove_rule(ids[0]))

form("address_group.create", "c", "Create", "create")
form("address_group.edit", "e", "Change", "edit")
deletion("address_group", lambda cloud, ids: cloud.address_groups.delete(ids[0]))
