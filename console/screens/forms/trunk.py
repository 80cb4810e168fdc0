"""Forms for trunks and their subports."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.services.base import good_name
from backends.services.trunk import NewSubport
from console.screens.forms.edit import Changes, EditForm, flag, given
from console.screens.forms.suggest import description, next_name, number
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_VLAN = number("a VLAN", 1, 4094)


class TrunkForm(Form):
    """A new trunk, with a subport if one is named."""

    heading = "New trunk"
    fields = (
        Text("name", "Name", good_name),
        Choice("parent", "Parent port"),
        Choice("subport", "Subport", optional=True, hint="none yet"),
        Text("vlan", "VLAN", _VLAN, value="100", hint="the guest's tag for it"),
        Text("description", "Description", description, optional=True),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        trunks = cloud.trunks.list(all_projects=True)
        held = {each.parent.id for each in trunks}
        parents = [
            option
            for option in _ports(cloud, ("", "compute:nova"), made=False)
            if option[1] not in held
        ]
        free = [option for option in _ports(cloud, ("",)) if option[1] not in held]
        return {
            "name": Loaded(next_name("trunk", {each.trunk.name for each in trunks})),
            "parent": Loaded(parents[0][1] if parents else "", parents),
            "subport": Loaded("", free),
        }

    def request(self, values: Values) -> Request:
        name, parent, text = values["name"], values["parent"], values["description"]
        subports = [NewSubport(values["subport"], int(values["vlan"]))] if values["subport"] else []
        return Request(
            f"Create trunk {name}",
            lambda cloud: cloud.trunks.create(name, parent, subports=subports, description=text),
        )


class TrunkEdit(EditForm):
    """What can be changed of a trunk; its subports have their own form."""

    heading = "Change trunk"
    fields = (
        Text("name", "Name", good_name),
        Toggle("up", "Switched on"),
        Text("description", "Description", description, optional=True),
    )

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.trunks.show(self.subject).trunk
        return {
            "name": Loaded(row.name),
            "up": flag(row.admin_state_up),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject
        return lambda cloud: cloud.trunks.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            admin_state_up=given(changes, "up"),
        )


class SubportForm(Form):
    """One more subport of a trunk."""

    heading = "Add subport"
    does = "Add"
    fields = (
        Choice("trunk", "Trunk"),
        Choice("port", "Port"),
        Text("vlan", "VLAN", _VLAN, hint="the guest's tag for it"),
    )

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        views = cloud.trunks.list(all_projects=True)
        chosen = self.chosen.get("trunk") or (views[0].trunk.id if views else "")
        taken = {
            each.segmentation_id
            for view in views
            if view.trunk.id == chosen
            for each, _ in view.subports
        }
        parents = {view.parent.id for view in views}
        free = [option for option in _ports(cloud, ("",)) if option[1] not in parents]
        vlan = next(each for each in range(100, 4095) if each not in taken)
        return {
            "trunk": Loaded(chosen, [(each.trunk.name, each.trunk.id) for each in views]),
            "port": Loaded(free[0][1] if free else "", free),
            "vlan": Loaded(str(vlan)),
        }

    def request(self, values: Values) -> Request:
        trunk, new = values["trunk"], NewSubport(values["port"], int(values["vlan"]))
        return Request("Add subport", lambda cloud: cloud.trunks.add_subports(trunk, [new]))


def _ports(cloud: Cloud, owners: tuple[str, ...], *, made: bool = True) -> list[tuple[str, str]]:
    """The ports of these owners; `made` false leaves out those that go with their instance."""
    names = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
    return [
        (f"{view.port.name or view.port.mac} on {names.get(view.port.network_id, '')}",
         view.port.id)
        for view in cloud.ports.list(all_projects=cloud.caller.admin)
        if view.port.device_owner in owners and (made or not view.port.made_for_device)
    ]  # fmt: skip
