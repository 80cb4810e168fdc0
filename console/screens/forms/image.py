"""Forms for what is done with an image that is there."""

from __future__ import annotations

from urllib.parse import urlsplit

from backends.drivers.qemu_img.convert import TARGETS
from console.screens.forms.suggest import PathSuggester, readable_file
from console.widgets.fields import Choice, Loaded, Text
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


def _images(form: Form) -> Loaded:
    rows = form.cloud.images.list(all_projects=bool(form.chosen))
    chosen = form.chosen.get("image") or (rows[0].id if rows else "")
    return Loaded(chosen, [(row.name, row.id) for row in rows])


def _source(text: str) -> object:
    if not text:
        return text
    return text if urlsplit(text).scheme in ("http", "https") else readable_file(text)
