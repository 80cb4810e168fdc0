"""An instance from the verb to running, against `qemu-img create` and `virsh create` alone."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from xml.etree import ElementTree

from backends.cloud import Cloud
from backends.services.instance import NewInstance, Plug
from benchmarks import scratch
from benchmarks.measure import Result, medians

_RUNS = 9


def main() -> list[Result]:
    """The peer's domain has the same XML, but its own name, disk and port."""
    with scratch.cloud() as (cloud, _):
        launch = NewInstance(
            "ours", scratch.FLAVOR, scratch.IMAGE, (Plug(network=scratch.NETWORK),)
        )
        bare = _Bare(cloud, launch)
        times = medians(
            {"ours": lambda: cloud.instances.create(launch), "bare": bare.create},
            _RUNS,
            after={"ours": lambda: cloud.instances.delete("ours"), "bare": bare.destroy},
        )
    name = "instance create to running / qemu-img create + virsh create"
    return [Result(name, times["ours"], times["bare"], 1.3)]


class _Bare:
    """The two commands, on the XML of an instance that was made before."""

    def __init__(self, cloud: Cloud, launch: NewInstance) -> None:
        instance = cloud.instances.create(launch)
        xml = _run("virsh", "dumpxml", "--inactive", instance.id)
        cloud.instances.stop(instance.id)
        self.folder = cloud.settings.instance("bare")
        self.folder.mkdir(parents=True)
        self.base = cloud.settings.image(instance.image_id or "")
        self.disk = self.folder / "disk.qcow2"
        self.xml = self.folder / "domain.xml"
        self.id = str(uuid.uuid4())
        config = next(cloud.settings.instance(instance.id).glob("config-*.iso"))
        self.xml.write_text(self._renamed(xml, instance.id, config))
        cloud.instances.delete(instance.id)

    def create(self) -> None:
        _run(
            "qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", str(self.base),
            str(self.disk), "1G",
        )  # fmt: skip
        _run("virsh", "create", str(self.xml))

    def destroy(self) -> None:
        _run("virsh", "destroy", self.id)
        self.disk.unlink()

    def _renamed(self, xml: str, instance_id: str, config: Path) -> str:
        drive = self.folder / config.name
        drive.write_bytes(config.read_bytes())
        domain = ElementTree.fromstring(xml.replace(instance_id, self.id))
        domain.find("name").text = f"bare-{self.id}"  # type: ignore[union-attr]
        port = domain.find("devices/interface/virtualport/parameters")
        port.set("interfaceid", str(uuid.uuid4()))  # type: ignore[union-attr]
        domain.find("devices/interface/mac").set("address", "fa:16:3e:be:7c:01")  # type: ignore[union-attr]
        domain.find("devices/interface/target").set("dev", f"tapb{self.id[:10]}")  # type: ignore[union-attr]
        for source in domain.iterfind("devices/disk/source"):
            source.set("file", str(self.folder / Path(source.get("file", "")).name))
        for log in domain.iterfind("devices/*/log"):
            log.set("file", str(self.folder / "console.log"))
        return ElementTree.tostring(domain, encoding="unicode")


def _run(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


if __name__ == "__main__":
    print(*main(), sep="\n")
