"""Forms for groups of volumes and their snapshots."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.services.base import good_name
from console.moment import moment
from console.screens.forms.edit import Changes, EditForm, ManyForm
from console.screens.forms.suggest import description, next_name
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values

_NAME = Text("name", "Name", good_name)
_DESCRIPTION = Text("description", "Description", description, optional=True)


class VolumeGroupForm(ManyForm):
    """A new group, of the volumes that were chosen."""

    heading = "New volume group"
    fields = (_NAME, _DESCRIPTION)

    def load(self) -> dict[str, Loaded]:
        taken = {each.group.name for each in self.cloud.volume_groups.list()}
        return {"name": Loaded(next_name("group", taken))}

    def request(self, values: Values) -> Request:
        name, text, ids = values["name"], values["description"], self.subjects
        return Request(
            f"Create volume group {name}",
            lambda cloud: cloud.volume_groups.create(name, description=text, volumes=ids),
        )


class VolumeGroupEdit(EditForm):
    """What a group is called; volumes are put into it and taken out among its volumes."""

    heading = "Change volume group"
    fields = (_NAME, _DESCRIPTION)

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.volume_groups.show(self.subject).group
        return {"name": Loaded(row.name), "description": Loaded(row.description)}

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject
        return lambda cloud: cloud.volume_groups.set(
            id_, name=changes.get("name"), description=changes.get("description")
        )


class IntoGroupForm(ManyForm):
    """Which group volumes get into."""

    heading = "Into a group"
    does = "Put in"
    fields = (Choice("group", "Group", optional=True, hint="a new one"),
              Text("name", "New group", good_name, optional=True))  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        rows = [each.group for each in self.cloud.volume_groups.list(all_projects=True)]
        options = [(row.name or row.id, row.id) for row in rows]
        name = "" if options else next_name("group", ())
        return {"group": Loaded(options[0][1] if options else "", options), "name": Loaded(name)}

    def request(self, values: Values) -> Request:
        group, name, ids = values["group"], values["name"], self.subjects
        if group:
            return Request(self.heading, lambda cloud: cloud.volume_groups.add(group, ids))
        return Request(
            f"Create volume group {name}",
            lambda cloud: cloud.volume_groups.create(name, volumes=ids),
        )


class GroupVolumeForm(Form):
    """One more volume of a group: those that are in none are offered."""

    heading = "Add volume to the group"
    does = "Add"
    fields = (Choice("group", "Group"), Choice("volume", "Volume"))

    def load(self) -> dict[str, Loaded]:
        groups = [each.group for each in self.cloud.volume_groups.list(all_projects=True)]
        chosen = self.chosen.get("group") or (groups[0].id if groups else "")
        owner = next((each.project_id for each in groups if each.id == chosen), "")
        free = [
            (row.volume.name or row.volume.id, row.volume.id)
            for row in self.cloud.volumes.list(all_projects=True)
            if row.volume.group_id is None and row.volume.project_id == owner
        ]
        return {
            "group": Loaded(chosen, [(each.name or each.id, each.id) for each in groups]),
            "volume": Loaded(free[0][1] if free else "", free),
        }

    def request(self, values: Values) -> Request:
        group, volume = values["group"], values["volume"]
        return Request("Add volume", lambda cloud: cloud.volume_groups.add(group, [volume]))


class GroupSnapshotForm(Form):
    """What all volumes of a group hold at one moment."""

    heading = "Snapshot of a group"
    does = "Snapshot"
    fields = (Choice("group", "Group"), _NAME, _DESCRIPTION)

    def load(self) -> dict[str, Loaded]:
        rows = self.cloud.volume_groups.list(all_projects=True)
        options = [(each.group.name or each.group.id, each.group.id) for each in rows]
        chosen = self.chosen.get("group") or (options[0][1] if options else "")
        return {"group": Loaded(chosen, options), "name": Loaded(moment())}

    def request(self, values: Values) -> Request:
        group, name, text = values["group"], values["name"], values["description"]
        return Request(
            f"Snapshot group as {name}",
            lambda cloud: cloud.volume_groups.snapshot(group, name, description=text),
        )
