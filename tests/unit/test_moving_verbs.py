"""What instances are asked for while a volume of theirs lies in two pools: nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlmodel import select

from backends.cloud import Cloud
from backends.errors import Refused
from backends.records.instance import Instance
from backends.records.operation import Operation
from backends.records.tables import Attachment, Volume
from backends.records.unit import Kind, Unit
from tests.unit.paper import on_paper
from tests.unit.shelf import Shelf

VERBS: dict[str, Callable[[Cloud], object]] = {
    "start": lambda cloud: cloud.instances.start("boat"),
    "stop": lambda cloud: cloud.instances.stop("boat"),
    "reboot": lambda cloud: cloud.instances.reboot("boat"),
    "reboot hard": lambda cloud: cloud.instances.reboot("boat", hard=True),
    "pause": lambda cloud: cloud.instances.pause("boat"),
    "unpause": lambda cloud: cloud.instances.unpause("boat"),
    "suspend": lambda cloud: cloud.instances.suspend("boat"),
    "resume": lambda cloud: cloud.instances.resume("boat"),
    "set": lambda cloud: cloud.instances.set("boat", name="ship"),
    "delete": lambda cloud: cloud.instances.delete("boat"),
    "several": lambda cloud: cloud.instances.stop("dinghy", "boat"),
    "capture": lambda cloud: cloud.reshape.capture("boat"),
    "rebuild": lambda cloud: cloud.reshape.rebuild("boat"),
    "rescue": lambda cloud: cloud.reshape.rescue("boat"),
    "unrescue": lambda cloud: cloud.reshape.unrescue("boat"),
    "resize": lambda cloud: cloud.reshape.resize("boat", "large"),
    "confirm": lambda cloud: cloud.reshape.confirm("boat"),
    "revert": lambda cloud: cloud.reshape.revert("boat"),
    "shelve": lambda cloud: cloud.reshape.shelve("boat"),
    "unshelve": lambda cloud: cloud.reshape.unshelve("boat"),
    "flatten": lambda cloud: cloud.chains.flatten("boat"),
    "rebase": lambda cloud: cloud.chains.rebase("boat", "disk"),
    "commit": lambda cloud: cloud.chains.commit("boat"),
    "attach": lambda cloud: cloud.volumes.attach("other", "boat"),
    "detach": lambda cloud: cloud.volumes.detach("nomad", "boat"),
    "add a port": lambda cloud: cloud.plugging.add_port("boat", "port"),
    "add a network": lambda cloud: cloud.plugging.add_network("boat", "net"),
    "remove a port": lambda cloud: cloud.plugging.remove_port("boat", "port"),
}


class _Off:
    """libvirt, where no domain is known."""

    def states(self) -> dict[str, object]:
        return {}

    def close(self) -> None:
        """Nothing was opened."""


@pytest.fixture
def cloud(shelf: Shelf) -> Cloud:
    made = on_paper(shelf)
    vars(made.context.machine)["libvirt"] = _Off()
    made.volumes.create("nomad", 1)
    made.volumes.create("other", 1)
    with made.context.store.write() as session:
        for name in ("boat", "dinghy"):
            session.add(
                Instance(
                    project_id=shelf.home, name=name, hostname=name, host="deck", flavor_id="f",
                    flavor_name="f", vcpus=1, ram=1, disk=1, made=True,
                )
            )  # fmt: skip
    nomad, boat = made.volumes.show("nomad").volume.id, made.instances.show("boat").id
    with made.context.store.write() as session:
        session.get_one(Volume, nomad).made = True
        session.add(Attachment(volume_id=nomad, instance_id=boat, device="vdb"))
    return made


def move(cloud: Cloud) -> str:
    with cloud.context.store.write() as session:
        row = session.get_one(Volume, cloud.volumes.show("nomad").volume.id)
        row.target_pool = "shed"
        return row.id


def known(cloud: Cloud) -> list[dict[str, object]]:
    with cloud.context.reading() as session:
        return [row.model_dump() for row in session.exec(select(Instance))] + [
            row.model_dump() for row in session.exec(select(Attachment))
        ]


@pytest.mark.parametrize("verb", VERBS)
def test_it_is_refused_with_nothing_written(cloud: Cloud, verb: str) -> None:
    move(cloud)
    before = known(cloud)
    with pytest.raises(Refused) as refusal:
        VERBS[verb](cloud)
    assert refusal.value.code == "volume.moving"
    assert known(cloud) == before


def test_it_is_said_who_ends_the_move(cloud: Cloud) -> None:
    volume_id = move(cloud)
    with pytest.raises(Refused, match="`drift repair` ends it"):
        cloud.instances.stop("boat")
    with cloud.context.store.write() as session:
        unit = str(Unit(Kind.VOLUME, volume_id))
        session.add(Operation(verb="volume.migrate", units=[unit], deadline=0.0))
    with pytest.raises(Refused, match="wait for it, or cancel that"):
        cloud.instances.stop("boat")
    cloud.instances.stop("dinghy")
