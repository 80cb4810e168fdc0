"""Instances and flavors."""

from __future__ import annotations

from console.actions.action import deletion, form, verb, view

view("instance.console", "s", "Console", "enter_console")
view("instance.log", "l", "Log", "log_view")
form("instance.create", "c", "Create", "create")
form("instance.rename", "e", "Rename", "rename")
verb("instance.start", "o", "Start", lambda c, ids: c.instances.start(*ids), bulk=True, hint=True)
verb("instance.stop", "t", "Stop", lambda c, ids: c.instances.stop(*ids), bulk=True, hint=True)
verb("instance.reboot", "b", "Reboot", lambda c, ids: c.instances.reboot(*ids), bulk=True)
verb(
    "instance.reset",
    "ctrl+r",
    "Reboot hard",
    lambda cloud, ids: cloud.instances.reboot(*ids, hard=True),
    dangerous=True,
    bulk=True,
)
verb("instance.pause", "p", "Pause", lambda c, ids: c.instances.pause(*ids), bulk=True)
verb("instance.unpause", "u", "Unpause", lambda c, ids: c.instances.unpause(*ids), bulk=True)
verb("instance.suspend", "z", "Suspend", lambda c, ids: c.instances.suspend(*ids), bulk=True)
verb("instance.resume", "r", "Resume", lambda c, ids: c.instances.resume(*ids), bulk=True)
form("instance.capture", "i", "Image", "capture", hint=False)
form("instance.resize", "w", "Resize", "resize", hint=False)
form("instance.rebuild", "f", "Rebuild", "rebuild", hint=False)
form("instance.rescue", "m", "Rescue", "rescue", hint=False)
form("instance.plug", "a", "Plug in", "plug", hint=False)
form("instance.unplug", "v", "Unplug", "unplug", hint=False)
verb(
    "instance.flatten",
    "n",
    "Flatten",
    lambda cloud, ids: cloud.chains.flatten(ids[0]),
    dangerous=True,
)
verb(
    "instance.commit",
    "ctrl+w",
    "Commit disk",
    lambda cloud, ids: cloud.chains.commit(ids[0]),
    dangerous=True,
)
form("instance.rebase", "ctrl+o", "Rebase disk", "rebase", hint=False)
verb("instance.check", "ctrl+k", "Verify disk", lambda cloud, ids: cloud.chains.check(ids[0]))
form("instance.shelve", "h", "Shelve", "shelve", hint=False)
deletion("instance", lambda cloud, ids: cloud.instances.delete(*ids), bulk=True)

form("flavor.create", "c", "Create", "create")
deletion("flavor", lambda cloud, ids: cloud.flavors.delete(ids[0]))
