"""Forms that change volumes: what they are called, where they lie, who has them."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.services.base import good_name
from console.screens.forms.edit import Changes, EditForm, ManyForm, flag, given
from console.screens.forms.suggest import (
    description,
    properties_listed,
    properties_shown,
    property_changes,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_TYPE = "type"


class VolumeEdit(EditForm):
    """What a volume is called, and how it may be used."""

    heading = "Change volume"
    fields = (
        Text("name", "Name", good_name, optional=True),
        Toggle("bootable", "Bootable"),
        Toggle("read_only", "Read-only"),
        Text("properties", "Properties", properties_listed, optional=True, hint="name=value …"),
        Text("description", "Description", description, optional=True),
    )

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.volumes.show(self.subject).volume
        return {
            "name": Loaded(row.name),
            "bootable": flag(row.bootable),
            "read_only": flag(row.read_only),
            "properties": Loaded(properties_shown(row.properties)),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject
        properties, unset = property_changes(self._before["properties"], changes)
        return lambda cloud: cloud.volumes.set(
            id_,
            name=changes.get("name"),
            description=changes.get("description"),
            bootable=given(changes, "bootable"),
            read_only=given(changes, "read_only"),
            properties=properties,
            unset=unset,
        )


class MoveForm(ManyForm):
    """Another pool, or another type, whose pool it then is. One volume after the other."""

    heading = "Move or retype"
    does = "Move"
    # There is no place to suggest: enter opens the list.
    AUTO_FOCUS = "Select"
    fields = (Choice("to", "To", hint="a type or a pool"),)

    def load(self) -> dict[str, Loaded]:
        from backends.services.volume_type import pool_of_type

        cloud = self.cloud
        options = []
        for row in cloud.volume_types.list():
            pool = pool_of_type(row)
            options.append(
                (f"type {row.name}{f', in {pool}' if pool else ''}", f"{_TYPE}:{row.id}")
            )
        if cloud.caller.admin:
            pools = [each.pool for each in cloud.pools.list()]
            options += [(f"pool {row.name}  {row.driver}", f"pool:{row.name}") for row in pools]
        return {"to": Loaded("", options)}

    def request(self, values: Values) -> Request:
        kind, _, name = values["to"].partition(":")

        def move(cloud: Cloud, id_: str) -> object:
            if kind == _TYPE:
                return cloud.volumes.retype(id_, name, migrate=True)
            return cloud.volumes.migrate(id_, name)

        return Request(self.heading, self.each(move))


class DetachForm(Form):
    """Which of several instances a volume is taken from."""

    heading = "Detach volume"
    does = "Detach"
    fields = (Choice("volume", "Volume"), Choice("instance", "From instance"))

    def load(self) -> dict[str, Loaded]:
        rows = self.cloud.volumes.list(all_projects=bool(self.chosen))
        used = {row.volume.id: row for row in rows if row.attached}
        chosen = self.chosen.get("volume") or next(iter(used), "")
        options = [(row.volume.name or row.volume.id, id_) for id_, row in used.items()]
        guests = []
        if row := used.get(chosen):
            names = [f"{name} {device}" for name, device in row.attached]
            guests = list(zip(names, row.guests, strict=False))
        return {
            "volume": Loaded(chosen, options),
            "instance": Loaded(guests[-1][1] if guests else "", guests),
        }

    def request(self, values: Values) -> Request:
        volume, instance = values["volume"], values["instance"]
        return Request("Detach volume", lambda cloud: cloud.volumes.detach(volume, instance))
