"""What is asked of LVM for each change of a volume, as exact commands."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise
from pathlib import Path

import pytest

from backends.drivers.step import Step
from backends.drivers.volumes import tags
from backends.drivers.volumes.driver import VolumeDriver
from backends.drivers.volumes.pool import Pool
from backends.drivers.volumes.steps import (
    CreateSnapshots,
    CreateVolume,
    ExtendVolume,
    RemoveSnapshot,
    RemoveVolume,
    Shot,
    Source,
)
from backends.hosts import LocalHost, Output
from backends.settings import Settings

ID = "6b0a4a6e-5c3c-4d61-9d0f-0d1f4c7f2a11"
OTHER = "d2b7a1ce-95a3-4ce3-8f39-5b33e3f8a0a7"
SNAPSHOT = "1c0f7a52-0b0e-4c53-a1f0-9a3c2b6d7e88"
SECOND = "2c0f7a52-0b0e-4c53-a1f0-9a3c2b6d7e88"
GIB = 1 << 30
THICK = Pool("thick", "lvm", "vg")
THIN = Pool("thin", "lvm-thin", "vg/pool")


class Group(LocalHost):
    """Knows these logical volumes, and notes what is asked of LVM."""

    def __init__(self, *rows: dict[str, str]) -> None:
        super().__init__("lvm")
        self.rows = list(rows)
        self.commands: list[str] = []

    def run(self, argv: Sequence[str], *, reads: bool = False, **_options: object) -> Output:
        if argv[0] != "lvs":
            self.commands.append(" ".join(word for word in argv if not word.startswith("qd.label")))
            if argv[0] == "lvcreate":
                self._learn(argv)
            return Output(0, "", "")
        assert reads
        name = argv[-1].partition("/")[2]
        found = [row for row in self.rows if name in ("", row["lv_name"])]
        if name and not found:
            return Output(5, "", f'  Failed to find logical volume "{argv[-1]}"')
        return Output(0, json.dumps({"report": [{"lv": found}]}), "")

    def exists(self, path: Path) -> bool:
        return False

    def _learn(self, argv: Sequence[str]) -> None:
        name = argv[argv.index("--name") + 1]
        own = [tag for flag, tag in pairwise(argv) if flag == "--addtag"]
        made = {"lv_name": name, "lv_size": str(GIB), "lv_tags": ",".join(own), "pool_lv": ""}
        self.rows.append(made)


class Held:
    """Tells when guests were held still."""

    def __init__(self, host: Group) -> None:
        self._host = host

    def still(self) -> AbstractContextManager[None]:
        self._host.commands.append("hold still")
        return nullcontext()


def row(name: str, id_: str, *, pool: str = "", partial: bool = False) -> dict[str, str]:
    kind = tags.SNAPSHOT if name.startswith("snap-") else tags.VOLUME
    own = tags.write(tags.Owner("t-volumes", id_, "{}", kind))
    own += [tags.PARTIAL] if partial else []
    return {"lv_name": name, "lv_size": str(GIB), "lv_tags": ",".join(own), "pool_lv": pool}


VOLUME = row(f"volume-{ID}", ID)
THIN_VOLUME = row(f"volume-{ID}.pool", ID, pool="pool")
OWN = f"--addtag quarterdeck --addtag qd.cloud=t-volumes --addtag qd.volume={ID} --addtag"
SHOT_TAGS = (
    f"--addtag quarterdeck --addtag qd.cloud=t-volumes --addtag qd.snapshot={SNAPSHOT} --addtag"
)
SHOT = Shot(ID, SNAPSHOT, "{}")


@pytest.mark.parametrize(
    ("step", "rows", "commands"),
    [
        pytest.param(
            CreateVolume(ID, THICK, GIB, "{}"), [],
            [f"lvcreate --yes --name volume-{ID} --size {GIB}b {OWN} vg"], id="thick",
        ),
        pytest.param(
            CreateVolume(ID, THIN, GIB, "{}"), [],
            [
                f"lvcreate --yes --name volume-{ID}.pool --virtualsize {GIB}b --thinpool pool"
                f" {OWN} vg",
            ],
            id="thin",
        ),
        pytest.param(CreateVolume(ID, THICK, GIB, "{}"), [VOLUME], [], id="there already"),
        pytest.param(
            CreateVolume(ID, THIN, 2 * GIB, "{}", Source("snapshot", SNAPSHOT, THIN)), [],
            [
                f"lvcreate --yes --snapshot --setactivationskip n --name volume-{ID}.pool {OWN}"
                f" vg/snap-{SNAPSHOT}",
                f"lvextend --yes --size {2 * GIB}b vg/volume-{ID}.pool",
            ],
            id="thin clone that is larger",
        ),
        pytest.param(
            CreateVolume(ID, THIN, GIB, "{}", Source("volume", OTHER, THIN, size=GIB)), [],
            [
                f"lvcreate --yes --snapshot --setactivationskip n --name volume-{ID}.pool {OWN}"
                f" vg/volume-{OTHER}.pool",
            ],
            id="thin clone",
        ),
        pytest.param(
            CreateVolume(ID, THIN, 2 * GIB, "{}", Source("volume", OTHER, THIN)),
            [row(f"volume-{ID}.pool", ID, pool="pool", partial=True)],
            [
                f"lvextend --yes --size {2 * GIB}b vg/volume-{ID}.pool",
                f"lvchange --deltag qd.partial vg/volume-{ID}.pool",
            ],
            id="thin clone that was killed",
        ),
        pytest.param(
            ExtendVolume(ID, THICK, 3 * GIB), [VOLUME],
            [f"lvextend --yes --size {3 * GIB}b vg/volume-{ID}"], id="extend",
        ),
        pytest.param(ExtendVolume(ID, THICK, GIB), [VOLUME], [], id="large enough"),
        pytest.param(
            CreateSnapshots(THICK, (SHOT,)), [VOLUME],
            [
                "hold still",
                f"lvcreate --yes --snapshot --name snap-{SNAPSHOT} --chunksize 64k"
                f" --extents 100%ORIGIN {SHOT_TAGS} vg/volume-{ID}",
            ],
            id="thick snapshot",
        ),
        pytest.param(
            CreateSnapshots(THIN, (SHOT,)), [row(f"snap-{SNAPSHOT}", SNAPSHOT, partial=True)],
            [
                f"lvremove --yes vg/snap-{SNAPSHOT}",
                "hold still",
                f"lvcreate --yes --snapshot --name snap-{SNAPSHOT} {SHOT_TAGS}"
                f" vg/volume-{ID}.pool",
            ],
            id="thin snapshot that was killed",
        ),
        pytest.param(
            CreateSnapshots(THIN, (SHOT, Shot(OTHER, SECOND, "{}"))), [],
            [
                "hold still",
                f"lvcreate --yes --snapshot --name snap-{SNAPSHOT}"
                f" {SHOT_TAGS} --addtag qd.partial vg/volume-{ID}.pool",
                f"lvcreate --yes --snapshot --name snap-{SECOND}"
                f" {SHOT_TAGS.replace(SNAPSHOT, SECOND)} --addtag qd.partial"
                f" vg/volume-{OTHER}.pool",
                f"lvchange --deltag qd.partial vg/snap-{SNAPSHOT} vg/snap-{SECOND}",
            ],
            id="snapshots of one moment",
        ),
        pytest.param(
            RemoveSnapshot(SNAPSHOT, THICK), [row(f"snap-{SNAPSHOT}", SNAPSHOT)],
            [f"lvremove --yes vg/snap-{SNAPSHOT}"], id="remove snapshot",
        ),
        pytest.param(
            RemoveVolume(ID, THIN), [VOLUME, THIN_VOLUME],
            [f"lvremove --yes vg/volume-{ID}.pool"], id="remove",
        ),
        pytest.param(RemoveVolume(ID, THICK), [], [], id="gone already"),
    ],
)  # fmt: skip
def test_a_step_asks_lvm_for(
    tmp_path: Path, step: Step, rows: list[dict[str, str]], commands: list[str]
) -> None:
    host = Group(*rows)
    settings = Settings("t-volumes", tmp_path / "state", tmp_path / "run", "here")
    driver = VolumeDriver(settings, host, moments=lambda guests, halts: Held(host))  # type: ignore[return-value]
    driver.apply(step, lambda share: None)
    # Labels are left out, but not the word before them.
    asked = [" ".join(command.replace("--addtag  ", "").split()) for command in host.commands]
    assert asked == commands
