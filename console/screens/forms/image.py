"""Forms for what is done with an image that is there."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from backends.cloud import Cloud
from backends.drivers.qemu_img.convert import TARGETS
from backends.records.image import Membership, Visibility
from backends.services.base import good_name
from console.screens.forms.edit import Changes, EditForm, flag, given
from console.screens.forms.suggest import (
    PathSuggester,
    number,
    project_name,
    properties_listed,
    properties_shown,
    property_changes,
    readable_file,
)
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values


class ConvertForm(Form):
    """Which format an image is put into."""

    heading = "Convert image"
    does = "Convert"
    fields = (
        Choice("image", "Image"),
        Choice("to", "To format", tuple((each, each) for each in TARGETS), "qcow2"),
    )

    def load(self) -> dict[str, Loaded]:
        return {"image": _images(self)}

    def request(self, values: Values) -> Request:
        image, to = values["image"], values["to"]
        return Request(f"Convert image to {to}", lambda cloud: cloud.images.convert(image, to))


class RepairForm(Form):
    """Where a lost or damaged file is fetched from."""

    heading = "Repair image"
    does = "Repair"
    fields = (
        Choice("image", "Image"),
        Text(
            "source", "File or URL", lambda text: _source(text), optional=True,
            hint="empty: an equal image here, or where it came from", suggester=PathSuggester,
        ),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        return {"image": _images(self)}

    def request(self, values: Values) -> Request:
        image, source = values["image"], values["source"] or None
        return Request("Repair image", lambda cloud: cloud.images.repair(image, source))


class ImageEdit(EditForm):
    """What an image is called, who sees it, and what its guests are to have."""

    heading = "Change image"
    fields = (
        Text("name", "Name", good_name),
        Choice("visibility", "Visible to", tuple((each.value, each.value) for each in Visibility)),
        Toggle("protected", "Protected"),
        Text("min_disk", "Min disk (GiB)", number("GiB", 0, 1 << 20)),
        Text("min_ram", "Min RAM (MiB)", number("MiB", 0, 1 << 24)),
        Text("properties", "Properties", properties_listed, optional=True,
             hint="hw_disk_bus=scsi …"),
    )  # fmt: skip

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.images.show(self.subject)
        return {
            "name": Loaded(row.name),
            "visibility": Loaded(row.visibility.value),
            "protected": flag(row.protected),
            "min_disk": Loaded(str(row.min_disk)),
            "min_ram": Loaded(str(row.min_ram)),
            "properties": Loaded(properties_shown(row.properties)),
        }

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject
        properties, unset = property_changes(self._before["properties"], changes)
        return lambda cloud: cloud.images.set(
            id_,
            name=changes.get("name"),
            visibility=changes.get("visibility"),
            protected=given(changes, "protected"),
            min_disk=int(changes["min_disk"]) if "min_disk" in changes else None,
            min_ram=int(changes["min_ram"]) if "min_ram" in changes else None,
            properties=properties,
            unset=unset,
        )


class ShareForm(Form):
    """A project that an image is offered to; it lists the image once it has accepted."""

    heading = "Share image"
    does = "Share"
    fields = (
        Choice("image", "Image"),
        Text("project", "With project", project_name, hint="its id, or (admin) its name"),
    )

    def load(self) -> dict[str, Loaded]:
        return {"image": _images(self)}

    def request(self, values: Values) -> Request:
        image, project = values["image"], values["project"]
        return Request("Share image", lambda cloud: cloud.images.share(image, project))


class AnswerForm(Form):
    """What this project makes of an image that another one shares with it."""

    heading = "Images offered to this project"
    does = "Answer"
    fields = (
        Choice("image", "Image", hint="none is offered"),
        Choice("answer", "Answer", tuple((each.value, each.value) for each in Membership),
               Membership.ACCEPTED.value),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        images, mine = self.cloud.images, self.cloud.caller.project_id
        found = [
            (f"{row.name}  {said}", row.id)
            for row in images.list(membership="all")
            if row.project_id != mine
            for said in [each.status for each in images.memberships(row.id)
                         if each.project_id == mine]
        ]  # fmt: skip
        return {"image": Loaded(found[0][1] if found else "", found)}

    def request(self, values: Values) -> Request:
        image, answer = values["image"], values["answer"]
        return Request(f"Answer: {answer}", lambda cloud: cloud.images.answer(image, answer))


def _images(form: Form) -> Loaded:
    rows = form.cloud.images.list(all_projects=bool(form.chosen))
    chosen = form.chosen.get("image") or (rows[0].id if rows else "")
    return Loaded(chosen, [(row.name, row.id) for row in rows])


def _source(text: str) -> object:
    if not text:
        return text
    return text if urlsplit(text).scheme in ("http", "https") else readable_file(text)
