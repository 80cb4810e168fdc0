"""Every action of the console by its id: its key, what it does, and whether it is dangerous.

The ids are what a key map remaps, what read-only mode goes by, and what the help lists.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from textual.binding import Binding

if TYPE_CHECKING:
    from backends.cloud import Cloud

# What an action asks of the cloud, for the ids of the things selected.
Verb = Callable[["Cloud", Sequence[str]], object]


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done in a panel. `run` gets the panel.

    `dangerous` asks first and shows the plan; `writes` is not offered in read-only mode; `verb` is
    what it asks of the cloud, where it is nothing more than that. One that is not `bulk` is done
    for one thing after the other. `hint` puts it among the keys that are always shown.
    """

    id: str
    key: str
    label: str
    run: Callable[[Any], None]
    dangerous: bool = False
    writes: bool = False
    verb: Verb | None = None
    bulk: bool = False
    hint: bool = True

    def binding(self) -> Binding:
        """The key that does it, known by the action's id."""
        return Binding(self.key, f"act({self.id!r})", self.label, show=self.hint, id=self.id)


REGISTRY: dict[str, Action] = {}


def offered(action: Action, writes: bool) -> bool:
    """Whether a caller who may (or may not) write is offered the action."""
    return writes or not action.writes


def of(*kinds: str) -> tuple[Action, ...]:
    """The actions of these kinds, in their order: `of("view", "instance")`."""
    return tuple(a for kind in kinds for a in REGISTRY.values() if a.id.split(".")[0] == kind)


def bindings(actions: Iterable[Action]) -> list[Binding]:
    """Their keys."""
    return [action.binding() for action in actions]


def _moment() -> str:
    """A name for what is made now."""
    return time.strftime("%Y-%m-%d %H:%M:%S").replace(":", ".")


def _method(name: str) -> Callable[[Any], None]:
    def run(panel: Any) -> None:
        getattr(panel, name)()

    return run


def _view(id_: str, key: str, label: str, method: str, *, hint: bool = True) -> None:
    REGISTRY[id_] = Action(id_, key, label, _method(method), hint=hint)


def _form(id_: str, key: str, label: str, method: str, *, hint: bool = True) -> None:
    """Asks for more, then does a verb."""
    REGISTRY[id_] = Action(id_, key, label, _method(method), writes=True, hint=hint)


def _verb(
    id_: str,
    key: str,
    label: str,
    verb: Verb,
    *,
    dangerous: bool = False,
    bulk: bool = False,
    hint: bool = False,
) -> None:
    REGISTRY[id_] = Action(
        id_, key, label, lambda panel: panel.do(REGISTRY[id_]), dangerous, True, verb, bulk, hint
    )


_view("view.describe", "d", "Describe", "describe")
_view("view.yaml", "y", "YAML", "yaml")
_view("view.refresh", "f5", "Refresh", "reload", hint=False)
_view("view.copy", "ctrl+y", "Copy id", "copy_id", hint=False)

_form("project.create", "c", "Create", "create")
_form("project.rename", "e", "Rename", "rename")
_verb(
    "project.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.identity.delete_project(ids[0]),
    dangerous=True,
    hint=True,
)

_view("instance.console", "s", "Console", "enter_console")
_view("instance.log", "l", "Log", "log_view")
_form("instance.create", "c", "Create", "create")
_form("instance.rename", "e", "Rename", "rename")
_verb("instance.start", "o", "Start", lambda c, ids: c.instances.start(*ids), bulk=True, hint=True)
_verb("instance.stop", "t", "Stop", lambda c, ids: c.instances.stop(*ids), bulk=True, hint=True)
_verb("instance.reboot", "b", "Reboot", lambda c, ids: c.instances.reboot(*ids), bulk=True)
_verb(
    "instance.reset",
    "ctrl+r",
    "Reboot hard",
    lambda cloud, ids: cloud.instances.reboot(*ids, hard=True),
    dangerous=True,
    bulk=True,
)
_verb("instance.pause", "p", "Pause", lambda c, ids: c.instances.pause(*ids), bulk=True)
_verb("instance.unpause", "u", "Unpause", lambda c, ids: c.instances.unpause(*ids), bulk=True)
_verb("instance.suspend", "z", "Suspend", lambda c, ids: c.instances.suspend(*ids), bulk=True)
_verb("instance.resume", "r", "Resume", lambda c, ids: c.instances.resume(*ids), bulk=True)
_form("instance.capture", "i", "Image", "capture", hint=False)
_form("instance.resize", "w", "Resize", "resize", hint=False)
_form("instance.rebuild", "f", "Rebuild", "rebuild", hint=False)
_form("instance.rescue", "m", "Rescue", "rescue", hint=False)
_form("instance.plug", "a", "Plug in", "plug", hint=False)
_form("instance.unplug", "v", "Unplug", "unplug", hint=False)
_verb(
    "instance.flatten",
    "n",
    "Flatten",
    lambda cloud, ids: cloud.chains.flatten(ids[0]),
    dangerous=True,
)
_verb(
    "instance.commit",
    "ctrl+w",
    "Commit disk",
    lambda cloud, ids: cloud.chains.commit(ids[0]),
    dangerous=True,
)
_form("instance.shelve", "h", "Shelve", "shelve", hint=False)
_verb(
    "instance.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.instances.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

_view("topology.ports", "o", "Ports", "ports")
_view("topology.zoom", "z", "Zoom", "zoom")
_view("topology.export", "w", "Export", "export")

_form("volume.create", "c", "Create", "create")
_form("volume.rename", "e", "Rename", "rename")
_form("volume.attach", "a", "Attach", "attach")
_form("volume.detach", "u", "Detach", "detach")
_form("volume.extend", "w", "Extend", "extend", hint=False)
_form("volume.clone", "l", "Clone", "clone", hint=False)
_form("volume.revert", "r", "Revert", "revert", hint=False)
_view("volume.tree", "t", "Tree", "show_tree", hint=False)
_view("volume.pools", "p", "Pools", "pools", hint=False)
_verb(
    "volume.snapshot",
    "n",
    "Snapshot",
    lambda cloud, ids: cloud.snapshots.create(ids[0], _moment(), force=True),
    hint=True,
)
_verb(
    "volume.backup",
    "b",
    "Backup",
    lambda cloud, ids: cloud.backups.make(ids[0], _moment()),
    hint=True,
)
_verb(
    "volume.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volumes.delete(*ids),
    dangerous=True,
    bulk=True,
    hint=True,
)

_form("image.create", "c", "Create", "create")
_form("image.rename", "e", "Rename", "rename")
_view("image.tree", "t", "Tree", "show_tree")
_verb("image.verify", "v", "Verify", lambda cloud, ids: cloud.images.verify(ids[0]), hint=True)
_form("image.convert", "f", "Convert", "convert", hint=False)
_form("image.repair", "r", "Repair", "repair", hint=False)
_form("image.save", "w", "Save to file", "save", hint=False)
_form("image.active", "a", "Deactivate", "switch_active", hint=False)
_form("image.cancel", "x", "Cancel", "cancel_work", hint=False)
_verb(
    "image.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.images.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("network.create", "c", "Create", "create")
_form("network.subnet", "n", "Subnet", "create_subnet")
_form("network.edit", "e", "Change", "edit", hint=False)
_view("network.subnets", "s", "Subnets", "subnets")
_view("network.routers", "r", "Routers", "routers")
_view("network.floating_ips", "f", "Floating", "floating_ips")
_view("network.groups", "u", "Groups", "security_groups")
_view("network.pools", "p", "Pools", "subnet_pools", hint=False)
_view("network.qos", "l", "Limits", "qos_policies", hint=False)
_view("network.trunks", "t", "Trunks", "trunks", hint=False)
_verb(
    "network.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.networks.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("subnet.create", "c", "Create", "create")
_form("subnet.edit", "e", "Change", "edit")
_verb(
    "subnet.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.networks.delete_subnet(ids[0]),
    dangerous=True,
    hint=True,
)
_form("port.create", "c", "Create", "create")
_form("port.edit", "e", "Change", "edit")
_verb(
    "port.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.ports.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("qos.create", "c", "Create", "create")
_form("qos.edit", "e", "Change", "edit")
_verb(
    "qos.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.qos.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("trunk.create", "c", "Create", "create")
_form("trunk.edit", "e", "Change", "edit")
_form("trunk.subport", "n", "Add subport", "add_subport")
_verb(
    "trunk.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.trunks.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("subport.add", "c", "Add", "add")
_form("subport.remove", "ctrl+d", "Remove", "remove_selected")

_form("router.create", "c", "Create", "create")
_form("router.interface", "i", "Add interface", "add_interface")
_form("router.gateway", "o", "Gateway", "gateway")
_form("router.edit", "e", "Change", "edit")
_verb("router.on", "n", "Switch on", lambda c, ids: c.routers.set(ids[0], admin_state_up=True))
_verb(
    "router.off",
    "f",
    "Switch off",
    lambda cloud, ids: cloud.routers.set(ids[0], admin_state_up=False),
    dangerous=True,
)
_verb(
    "router.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.routers.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("interface.add", "c", "Add", "add")
_form("interface.remove", "ctrl+d", "Remove", "remove_selected")

_form("floating_ip.create", "c", "Create", "create")
_form("floating_ip.edit", "e", "Change", "edit")
_form("floating_ip.lend", "a", "Lend", "lend")
_form("floating_ip.take_back", "u", "Take back", "take_back")
_verb(
    "floating_ip.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.floating_ips.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("security_group.create", "c", "Create", "create")
_form("security_group.edit", "e", "Change", "edit")
_form("security_group.rule", "n", "Add rule", "add_rule")
_view("security_group.addresses", "a", "Addresses", "address_groups")
_verb(
    "security_group.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.security_groups.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("rule.create", "c", "Add", "create")
_form("rule.edit", "e", "Change", "edit")
_verb(
    "rule.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.security_groups.remove_rule(ids[0]),
    dangerous=True,
    hint=True,
)

_form("subnet_pool.create", "c", "Create", "create")
_form("subnet_pool.edit", "e", "Change", "edit")
_form("subnet_pool.subnet", "n", "Subnet", "subnet")
_verb(
    "subnet_pool.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.subnet_pools.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("address_group.create", "c", "Create", "create")
_form("address_group.edit", "e", "Change", "edit")
_verb(
    "address_group.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.address_groups.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("pool.create", "c", "Create", "create")
_form("pool.edit", "e", "Change", "edit")
_view("pool.types", "t", "Types", "types")
_verb(
    "pool.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.pools.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("volume_type.create", "c", "Create", "create")
_form("volume_type.edit", "e", "Change", "edit")
_verb(
    "volume_type.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.volume_types.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("host.edit", "e", "Change", "edit")
_verb(
    "host.delete",
    "ctrl+d",
    "Forget",
    lambda cloud, ids: cloud.hosts.delete(ids[0]),
    dangerous=True,
    hint=True,
)

_form("flavor.create", "c", "Create", "create")
_verb(
    "flavor.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.flavors.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("keypair.create", "c", "Create", "create")
_verb(
    "keypair.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.keypairs.delete(ids[0]),
    dangerous=True,
    hint=True,
)
_form("user.create", "c", "Create", "create")
_verb(
    "user.delete",
    "ctrl+d",
    "Delete",
    lambda cloud, ids: cloud.identity.delete_user(ids[0]),
    dangerous=True,
    hint=True,
)

_view("connection.order", "o", "Order", "reorder")
_view("connection.count", "c", "Count", "count")
_verb(
    "connection.end",
    "ctrl+d",
    "End",
    lambda cloud, ids: cloud.connections.end(ids[0]),
    dangerous=True,
    hint=True,
)

_verb(
    "operation.cancel",
    "x",
    "Cancel",
    lambda cloud, ids: cloud.operations.cancel(ids[0]),
    hint=True,
)
_form("drift.repair", "r", "Repair", "repair")
_form("drift.repair_all", "ctrl+r", "Repair all", "repair_all")
_form("drift.adopt", "a", "Adopt", "adopt")
_form("drift.forget", "f", "Forget", "forget")
_form("drift.remove", "ctrl+d", "Remove orphan", "remove_orphan")


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """The keys that do the action, as the key map has them."""
    return keymap.get(action.id, action.key)
