"""Projects, users and key pairs."""

from __future__ import annotations

from console.actions.action import deletion, form

form("project.create", "c", "Create", "create")
form("project.rename", "e", "Rename", "rename")
deletion("project", lambda cloud, ids: cloud.identity.delete_project(ids[0]))

form("user.create", "c", "Create", "create")
deletion("user", lambda cloud, ids: cloud.identity.delete_user(ids[0]))

form("keypair.create", "c", "Create", "create")
deletion("keypair", lambda cloud, ids: cloud.keypairs.delete(ids[0]))
