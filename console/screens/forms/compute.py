"""Forms for instances, flavors and key pairs."""

from __future__ import annotations

from dataclasses import replace

from backends.cloud import Cloud
from backends.errors import Refused
from backends.services.base import good_name
from backends.services.instance import NewInstance, Plug
from backends.services.keypair import fingerprint_of
from backends.services.root import BOOTABLE
from backends.services.volume import NewVolume
from console.screens.forms.suggest import PathSuggester, next_name, number, readable_file
from console.widgets.fields import Choice, Loaded, Text, Toggle
from console.widgets.form import Form, Request, Values

_NO_NETWORK = "none"
# What the image's field holds for a volume that is booted from.
_VOLUME = "volume:"


class InstanceForm(Form):
    """A new instance."""

    heading = "New instance"
    fields = (
        Text("name", "Name", good_name),
        Choice("flavor", "Flavor"),
        Choice("image", "Boot from"),
        Text("root", "On new volume", number("a volume's GiB", 1, 1 << 16), optional=True,
             hint="GiB; none: on a disk of its own"),
        Choice("network", "Network"),
        Choice("group", "Security group", optional=True, hint="default"),
        Choice("key", "Key pair", optional=True, hint="none"),
        Text(
            "user_data", "User data", readable_file, hint="path of a file", optional=True,
            suggester=PathSuggester,
        ),
        Toggle("config_drive", "Config drive", on=True),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        cloud = self.cloud
        images = [i for i in cloud.images.list() if i.imported and i.disk_format in BOOTABLE]
        # A disc is booted where it was chosen.
        images.sort(key=lambda image: image.disk_format == "iso")
        flavors = cloud.flavors.list()
        networks = cloud.networks.list()
        keys = cloud.keypairs.list() if cloud.caller.user_id else []
        wanted = images[0] if images else None
        return {
            "name": Loaded(next_name("instance", {row.name for row in cloud.instances.list()})),
            "flavor": Loaded(
                next((f.id for f in flavors if wanted is None or _fits(f, wanted)), ""),
                [(f"{f.name}  {f.vcpus} vCPU, {f.ram} MiB, {f.disk} GiB", f.id) for f in flavors],
            ),
            "image": Loaded(
                wanted.id if wanted else "",
                [(f"{i.name}  {i.disk_format}", i.id) for i in images] + _bootable(cloud),
            ),
            "network": Loaded(
                networks[0].id if networks else _NO_NETWORK,
                [*((n.name, n.id) for n in networks), ("no network", _NO_NETWORK)],
            ),
            "group": Loaded("", [(g.name, g.id) for g in cloud.security_groups.list()]),
            "key": Loaded(keys[0].name if keys else "", [(k.name, k.name) for k in keys]),
        }

    def request(self, values: Values) -> Request:
        network = values["network"]
        data = values["user_data"]
        root = None
        if values["root"]:
            if values["image"].startswith(_VOLUME):
                raise Refused("form.root", "a volume is booted as it is: leave the new one empty")
            name = f"{values['name']}-root"
            root = NewVolume(name, int(values["root"]), image=values["image"])
        new = NewInstance(
            name=values["name"],
            flavor=values["flavor"],
            image="" if values["image"].startswith(_VOLUME) else values["image"],
            volume=values["image"].partition(_VOLUME)[2],
            plugs=() if network == _NO_NETWORK else (Plug(network=network),),
            groups=(values["group"],) if values["group"] else None,
            key=values["key"] or None,
            user_data=readable_file(data).read_text(errors="replace") if data else None,
            config_drive=bool(values["config_drive"]),
        )

        def create(cloud: Cloud) -> object:
            if root is None:
                return cloud.instances.create(new)
            made = cloud.volumes.make(root)
            return cloud.instances.create(replace(new, image="", volume=made.id))

        return Request(f"Create instance {new.name}", create)


class FlavorForm(Form):
    """A new flavor."""

    heading = "New flavor"
    fields = (
        Text("name", "Name", good_name),
        Text("vcpus", "vCPUs", number("vCPUs", 1, 512), value="1"),
        Text("ram", "RAM (MiB)", number("RAM", 1, 1 << 24), value="256"),
        Text("disk", "Disk (GiB)", number("disk", 0, 1 << 20), value="0", hint="0: as the image"),
        Toggle("public", "Public", on=True),
    )

    def load(self) -> dict[str, Loaded]:
        return {"name": Loaded(next_name("flavor", {f.name for f in self.cloud.flavors.list()}))}

    def request(self, values: Values) -> Request:
        name = values["name"]
        ram, vcpus, disk = (int(values[each]) for each in ("ram", "vcpus", "disk"))
        public = bool(values["public"])

        def create(cloud: Cloud) -> object:
            return cloud.flavors.create(name, ram=ram, vcpus=vcpus, disk=disk, public=public)

        return Request(f"Create flavor {name}", create)


class KeyPairForm(Form):
    """A key pair from a public key that there is: a private one would have to be shown here."""

    heading = "New key pair"
    fields = (
        Text("name", "Name", good_name),
        Text(
            "key", "Public key", lambda text: fingerprint_of(_key(text)),
            hint="ssh-ed25519 AAAA… or path of a .pub file", suggester=PathSuggester,
        ),
    )  # fmt: skip

    def load(self) -> dict[str, Loaded]:
        taken = {each.name for each in self.cloud.keypairs.list()}
        return {"name": Loaded(next_name("key", taken))}

    def request(self, values: Values) -> Request:
        name, key = values["name"], _key(values["key"])
        return Request(f"Add key pair {name}", lambda cloud: cloud.keypairs.create(name, key))


def _bootable(cloud: Cloud) -> list[tuple[str, str]]:
    """Volumes that can be booted from and that nobody has."""
    return [
        (f"{row.volume.name or row.volume.id}  volume", _VOLUME + row.volume.id)
        for row in cloud.volumes.list()
        if row.volume.bootable and not row.attached
    ]


def _key(text: str) -> str:
    """A public key as typed, or from the file whose path was typed."""
    if text.startswith(("/", "~", "./")):
        return readable_file(text).read_text(errors="replace").strip()
    return text


def _fits(flavor: object, image: object) -> bool:
    """Whether the image fits the flavor, as the service will check."""
    ram, disk = getattr(flavor, "ram", 0), getattr(flavor, "disk", 0)
    needed = max(getattr(image, "min_disk", 0) << 30, getattr(image, "virtual_size", 0) or 0)
    return bool(ram >= getattr(image, "min_ram", 0) and (not disk or disk << 30 >= needed))
