"""Forms for pools and volume types."""

from __future__ import annotations

from collections.abc import Callable

from backends.cloud import Cloud
from backends.drivers.volumes.pool import DRIVERS
from backends.errors import Refused
from backends.services.base import good_name
from backends.services.pool import NewPool
from backends.services.volume_type import BACKEND, MULTIATTACH, is_multiattach, pool_of_type
from console.screens.forms.edit import Changes, EditForm, flag, given
from console.screens.forms.suggest import description, next_name
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values


def _ratio(text: str) -> float:
    """Raises Refused `pool.ratio`."""
    try:
        return float(text)
    except ValueError:
        raise Refused("pool.ratio", "a ratio is a number from 1 on, such as 2.5") from None


class PoolForm(Form):
    """A new pool, on this machine or on a storage host; it is looked at before it is made."""

    heading = "New pool"
    fields = (
        Text("name", "Name", good_name),
        Choice("driver", "Driver", tuple((each, each) for each in DRIVERS), DRIVERS[0]),
        Text("place", "Place", hint="folder, host:/export, group, or group/thin-pool"),
        Text("ratio", "Ratio", _ratio, optional=True, hint="what it may promise, times its size"),
        Text("host", "Storage host", optional=True, hint="this machine"),
        Text("address", "Its address", optional=True, hint="address[:port] of its SSH"),
        Text("login", "Login", optional=True, hint="root"),
        Text("key_path", "Private key", optional=True, hint="a file of this machine"),
        Text("host_key", "Host key", optional=True, hint="empty: it is shown first"),
        Text("portal", "iSCSI portal", optional=True, hint="address:port for guests"),
    )

    def load(self) -> dict[str, Loaded]:
        taken = {each.pool.name for each in self.cloud.pools.list()}
        return {"name": Loaded(next_name("pool", taken))}

    def request(self, values: Values) -> Request:
        words = ("name", "driver", "place", "host", "address", "login", "key_path", "host_key")
        new = NewPool(
            **{word: values[word] for word in words},
            portal=values["portal"],
            ratio=_ratio(values["ratio"]) if values["ratio"] else None,
        )
        return Request(f"Create pool {new.name}", lambda cloud: cloud.pools.create(new))


class PoolEdit(EditForm):
    """How much a pool may promise, and whether it takes new volumes."""

    heading = "Change pool"
    fields = (
        Text("ratio", "Ratio", _ratio, hint="what it may promise, times its size"),
        Toggle("enabled", "Enabled"),
    )

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.pools.show(self.subject).pool
        return {"ratio": Loaded(f"{row.ratio:g}"), "enabled": flag(row.enabled)}

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        name = self.subject
        return lambda cloud: cloud.pools.set(
            name,
            ratio=_ratio(changes["ratio"]) if "ratio" in changes else None,
            enabled=given(changes, "enabled"),
        )


_TYPE = (
    Text("name", "Name", good_name),
    Choice("pool", "In pool", optional=True, hint="any"),
    Choice("qos", "Limits (QoS)", optional=True, hint="none"),
    Toggle("multiattach", "Multiattach"),
    Choice("encryption", "Encryption", (("luks", "luks"),), optional=True, hint="none"),
    Toggle("public", "Public", on=True),
    Text("description", "Description", description, optional=True),
)


def _options(cloud: Cloud, pool: str = "", qos: str = "") -> dict[str, Loaded]:
    pools = [(each.pool.name, each.pool.name) for each in cloud.pools.list()]
    limits = [(each.name, each.id) for each in cloud.volume_types.qos_list()]
    return {"pool": Loaded(pool, pools), "qos": Loaded(qos, limits)}


class VolumeTypeForm(Form):
    """A new type."""

    heading = "New volume type"
    fields = _TYPE

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.volume_types.list()}
        return {"name": Loaded(next_name("type", taken)), **_options(self.cloud)}

    def request(self, values: Values) -> Request:
        specs = {BACKEND: values["pool"]} if values["pool"] else {}
        if values["multiattach"]:
            specs[MULTIATTACH] = "<is> True"

        def create(cloud: Cloud) -> object:
            row = cloud.volume_types.create(
                values["name"],
                description=values["description"],
                public=bool(values["public"]),
                specs=specs,
                encryption=values["encryption"],
            )
            if values["qos"]:
                cloud.volume_types.associate(values["qos"], row.id)
            return row

        return Request(f"Create volume type {values['name']}", create)


class VolumeTypeEdit(EditForm):
    """A type; volumes that are there keep what they were made with, but for its limits."""

    heading = "Change volume type"
    fields = _TYPE

    def begin(self) -> dict[str, Loaded]:
        row = self.cloud.volume_types.show(self.subject)
        return {
            "name": Loaded(row.name),
            **_options(self.cloud, pool_of_type(row), row.qos_id or ""),
            "multiattach": flag(is_multiattach(row)),
            "encryption": Loaded(row.encryption, [("luks", "luks")]),
            "public": flag(row.public),
            "description": Loaded(row.description),
        }

    def change(self, changes: Changes) -> Callable[[Cloud], object]:
        id_, before = self.subject, self._before["qos"]
        specs = {
            BACKEND: changes.get("pool", ""),
            MULTIATTACH: "<is> True" if changes.get("multiattach") else "",
        }
        touched = {BACKEND: "pool" in changes, MULTIATTACH: "multiattach" in changes}

        def apply(cloud: Cloud) -> object:
            types = cloud.volume_types
            if "qos" in changes and before:
                types.disassociate(before, id_)
            if changes.get("qos"):
                types.associate(changes["qos"], id_)
            return types.set(
                id_,
                name=changes.get("name"),
                description=changes.get("description"),
                public=given(changes, "public"),
                specs={key: text for key, text in specs.items() if text},
                unset=[key for key, text in specs.items() if touched[key] and not text],
                encryption=changes.get("encryption"),
            )

        return apply
