"""Forms that plug ports into instances that are there, and take them out."""

from __future__ import annotations

from backends.cloud import Cloud
from backends.services import addresses
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values

_NEW = "new port on "


class PlugForm(Form):
    """Which port an instance gets: a free one, or a new one on a network."""

    heading = "Plug in"
    does = "Plug in"
    fields = (
        Choice("instance", "Instance"),
        Choice("what", "Port"),
        Text("address", "Address", addresses.parse_address, optional=True,
             hint="of a new port; the next free"),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        guests = {each.id: each for each in cloud.instances.recorded(all_projects=True)}
        chosen = self.chosen.get("instance", "")
        owner = guests[chosen].project_id if chosen in guests else cloud.caller.project_id
        networks = cloud.networks.list(all_projects=True)
        names = {each.id: each.name for each in networks}
        found = [
            (f"{_NEW}{each.name}", f"network {each.id}")
            for each in networks
            if each.shared or each.project_id == owner
        ]
        found += [
            (f"{view.port.name or view.port.mac} on {names.get(view.port.network_id, '')}",
             f"port {view.port.id}")
            for view in cloud.ports.list(all_projects=True)
            if not view.port.device_id and view.port.project_id == owner
        ]  # fmt: skip
        mine = [(each.name, each.id) for each in guests.values() if each.project_id == owner]
        return {
            "instance": Loaded(chosen or (mine[0][1] if mine else ""), mine),
            "what": Loaded(found[0][1] if found else "", found),
        }

    def request(self, values: Values) -> Request:
        instance, address = values["instance"], values["address"]
        kind, _, id_ = values["what"].partition(" ")

        def plug(cloud: Cloud) -> object:
            if kind == "port":
                return cloud.plugging.add_port(instance, id_)
            return cloud.plugging.add_network(instance, id_, address=address)

        return Request("Plug in a port", plug)


class UnplugForm(Form):
    """Which port an instance loses."""

    heading = "Unplug"
    does = "Unplug"
    fields = (Choice("instance", "Instance"), Choice("port", "Port"))

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        guests = [(each.name, each.id) for each in cloud.instances.recorded(all_projects=True)]
        instance = self.chosen.get("instance") or (guests[0][1] if guests else "")
        names = {each.id: each.name for each in cloud.networks.list(all_projects=True)}
        found = [
            (f"{', '.join(a for _, a in view.addresses)} on {names.get(view.port.network_id, '')}",
             view.port.id)
            for view in cloud.ports.list(device=instance, all_projects=True)
        ]  # fmt: skip
        return {
            "instance": Loaded(instance, [each for each in guests if each[1] == instance]),
            "port": Loaded(found[-1][1] if found else "", found),
        }

    def request(self, values: Values) -> Request:
        instance, port = values["instance"], values["port"]
        return Request("Unplug a port", lambda cloud: cloud.plugging.remove_port(instance, port))
