"""Forms for instances that are captured, rebuilt, rescued and resized."""

from __future__ import annotations

from backends.services.base import good_name
from backends.services.root import BOOTABLE
from console.screens.forms.suggest import next_name
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values

_INSTANCE = Choice("instance", "Instance")
_CONFIRM, _REVERT = "confirm", "revert"


class _Reshape(Form):
    """A form about the instance that the panel has chosen."""

    def instance(self) -> Loaded:
        """The field of the instance itself: those of the project, or the one that was chosen."""
        chosen = self.chosen.get("instance")
        rows = self.cloud.instances.recorded(all_projects=bool(chosen))
        options = [(row.name, row.id) for row in rows if chosen in (None, row.id)]
        return Loaded(chosen or (options[0][1] if options else ""), options)

    def images(self) -> Loaded:
        """Images that can be booted from; the instance's own, where none is chosen."""
        rows = self.cloud.images.list()
        usable = [row for row in rows if row.imported and row.disk_format in BOOTABLE]
        return Loaded("", [(f"{row.name}  {row.disk_format}", row.id) for row in usable])

    def name_of(self, instance_id: str) -> str:
        """The instance's name, for the request's title."""
        return self.cloud.instances.show(instance_id).name


class CaptureForm(_Reshape):
    """An image of an instance's disk."""

    heading = "Image of an instance"
    does = "Make image"
    fields = (_INSTANCE, Text("name", "Image name", good_name))

    def load(self) -> dict[str, Loaded]:
        found = self.instance()
        taken = {image.name for image in self.cloud.images.list()}
        base = self.name_of(found.value) if found.value else "image"
        return {"instance": found, "name": Loaded(next_name(base, taken))}

    def request(self, values: Values) -> Request:
        instance, name = values["instance"], values["name"]
        return Request(f"Make image {name}", lambda cloud: cloud.reshape.capture(instance, name))


class RebuildForm(_Reshape):
    """A new root disk; what is on the old one is lost."""

    heading = "Rebuild instance: its root disk is lost"
    does = "Rebuild"
    fields = (_INSTANCE, Choice("image", "From image", optional=True, hint="its own"))

    def load(self) -> dict[str, Loaded]:
        return {"instance": self.instance(), "image": self.images()}

    def request(self, values: Values) -> Request:
        instance, image = values["instance"], values["image"] or None
        return Request(
            f"Rebuild {self.name_of(instance)}",
            lambda cloud: cloud.reshape.rebuild(instance, image=image),
        )


class RebaseForm(_Reshape):
    """Another image beneath the root disk of an instance that is off; its guest sees the same."""

    AUTO_FOCUS = "#field-image"

    heading = "Rebase the root disk"
    does = "Rebase"
    fields = (_INSTANCE, Choice("image", "Onto image"))

    def load(self) -> dict[str, Loaded]:
        return {"instance": self.instance(), "image": self.images()}

    def request(self, values: Values) -> Request:
        instance, image = values["instance"], values["image"]
        return Request(
            f"Rebase {self.name_of(instance)}",
            lambda cloud: cloud.chains.rebase(instance, image),
        )


class RescueForm(_Reshape):
    """Boot from an image, with the instance's own disk as its last."""

    heading = "Rescue instance"
    does = "Rescue"
    fields = (_INSTANCE, Choice("image", "Boot from", optional=True, hint="its own image"))

    def load(self) -> dict[str, Loaded]:
        return {"instance": self.instance(), "image": self.images()}

    def request(self, values: Values) -> Request:
        instance, image = values["instance"], values["image"] or None
        return Request(
            f"Rescue {self.name_of(instance)}",
            lambda cloud: cloud.reshape.rescue(instance, image=image),
        )


class ResizeForm(_Reshape):
    """Another flavor's sizes."""

    heading = "Resize instance"
    does = "Resize"
    fields = (_INSTANCE, Choice("flavor", "Flavor"))

    def load(self) -> dict[str, Loaded]:
        flavors = self.cloud.flavors.list()
        shown = [(f"{f.name}  {f.vcpus} vCPU, {f.ram} MiB, {f.disk} GiB", f.id) for f in flavors]
        return {"instance": self.instance(), "flavor": Loaded(shown[0][1] if shown else "", shown)}

    def request(self, values: Values) -> Request:
        instance, flavor = values["instance"], values["flavor"]
        return Request(
            f"Resize {self.name_of(instance)}",
            lambda cloud: cloud.reshape.resize(instance, flavor),
        )


class ResizeEndForm(_Reshape):
    """Keep a resize, or take it back."""

    heading = "Resized: does it work?"
    does = "Do it"
    fields = (
        _INSTANCE,
        Choice(
            "end", "Resize",
            (("confirm: the old disk goes", _CONFIRM), ("revert: go back", _REVERT)), _CONFIRM,
        ),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        return {"instance": self.instance()}

    def request(self, values: Values) -> Request:
        instance, end = values["instance"], values["end"]
        return Request(
            f"{end.capitalize()} the resize of {self.name_of(instance)}",
            lambda cloud: (
                cloud.reshape.confirm(instance)
                if end == _CONFIRM
                else cloud.reshape.revert(instance)
            ),
        )
