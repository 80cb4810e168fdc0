"""Forms for the limits of input and output that volume types have."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.drivers.libvirt.spec import TUNES
from backends.services.base import good_name
from backends.services.volume_type import CONSUMERS
from console.screens.forms.edit import Changes, EditForm
from console.screens.forms.suggest import next_name, number
from console.widgets.fields import Choice, Loaded, Text
from console.widgets.form import Form, Request, Values

_MOST = 999_999_999_999


def label(limit: str) -> str:
    """What a limit is called: `total_iops_sec` is `Total IOPS`."""
    way, what, _ = limit.split("_")
    return f"{way.capitalize()} {'IOPS' if what == 'iops' else f'{what}/s'}"


_LIMITS = tuple(
    Text(each, label(each), number("a limit", 1, _MOST), optional=True, hint="none")
    for each in TUNES
)


class VolumeQosForm(Form):
    """New limits; types that get them say so themselves."""

    heading = "New limits of volumes"
    fields = (
        Text("name", "Name", good_name),
        *_LIMITS,
        Choice("consumer", "Kept by", tuple((each, each) for each in CONSUMERS), CONSUMERS[0]),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.volume_types.qos_list()}
        return {"name": Loaded(next_name("limits", taken))}

    def request(self, values: Values) -> Request:
        name, consumer = values["name"], values["consumer"]
        limits = {each: values[each] for each in TUNES if values[each]}
        return Request(
            f"Create limits {name}",
            lambda cloud: cloud.volume_types.qos_create(name, limits, consumer=consumer),
        )


class VolumeQosEdit(EditForm):
    """Other limits; guests that run have them at once."""

    heading = "Change limits of volumes"
    fields = _LIMITS

    def begin(self) -> dict[str, Loaded]:
        specs = self.cloud.volume_types.qos_show(self.subject)[0].specs
        return {each: Loaded(specs.get(each, "")) for each in TUNES}

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_ = self.subject
        limits = {name: text for name, text in changes.items() if text}
        unset = [name for name, text in changes.items() if not text]
        return lambda cloud: cloud.volume_types.qos_set(id_, limits, unset=unset)
