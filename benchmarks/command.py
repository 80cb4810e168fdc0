"""`qd server list` as a whole process against `openstack --version`, which does nothing."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

from backends.cloud import Cloud
from backends.services.instance import NewInstance, Plug
from benchmarks import scratch
from benchmarks.measure import Result, medians

# Kept between runs: the client is some 60 packages.
_PEER = Path("/var/cache/quarterdeck/openstack")
_RUNS = 11


def main() -> list[Result]:
    """The list is of a real cloud with two running instances, each with an address."""
    openstack = _openstack()
    with scratch.cloud() as (cloud, access):
        _launch(cloud)
        where = {
            "QUARTERDECK_CLOUD": access.cloud,
            "QUARTERDECK_STATE_ROOT": str(access.state_root),
            "QUARTERDECK_RUN_ROOT": str(access.run_root),
        }
        qd = str(Path(sys.executable).with_name("qd"))
        listed = _run([qd, "server", "list", "-f", "value"], where)
        if listed.count("ACTIVE") != 2:
            raise RuntimeError(f"not the list that was expected: {listed}")
        times = medians(
            {
                "ours": lambda: _run([qd, "server", "list"], where),
                "openstack": lambda: _run([openstack, "--version"], {}),
            },
            _RUNS,
        )
    return [Result("qd server list / openstack --version", times["ours"], times["openstack"], 1.0)]


def _launch(cloud: Cloud) -> None:
    for name in ("one", "two"):
        plugs = (Plug(network=scratch.NETWORK),)
        cloud.instances.create(NewInstance(name, scratch.FLAVOR, scratch.IMAGE, plugs))


def _openstack() -> str:
    """The peer's program, in an environment of its own. Raises OSError where it cannot be."""
    program = _PEER / "bin" / "openstack"
    if not program.exists():
        venv.create(_PEER, with_pip=True)
        install = [str(_PEER / "bin" / "pip"), "install", "--quiet", "python-openstackclient"]
        if subprocess.run(install, check=False, capture_output=True).returncode != 0:
            raise OSError("python-openstackclient cannot be installed here; its figure is left out")
    return str(program)


def _run(argv: list[str], more: dict[str, str]) -> str:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", **more}
    done = subprocess.run(argv, check=True, capture_output=True, text=True, env=environment)
    return done.stdout


if __name__ == "__main__":
    print(*main(), sep="\n")
