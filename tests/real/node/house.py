"""The house inside a node: this very code and its Python packages, where they are here."""

from __future__ import annotations

import fcntl
import hashlib
import subprocess
import sys
from pathlib import Path

from backends.lab.packages import run as tool
from tests.real.node.image import CACHE
from tests.real.node.node import Node

ROOT = Path(__file__).resolve().parents[3]
VENV = Path(sys.prefix)
_CODE = ("backends", "benchmarks", "console", "themes", "tests", "pyproject.toml")


def packages_drive(cache: Path = CACHE) -> Path:
    """A raw file system with the virtual environment that this process runs in."""
    stamp = hashlib.sha256((VENV / "stamp").read_bytes()).hexdigest()[:16]
    path = cache / f"packages-{stamp}.ext4"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "packages.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.exists():
                made = path.with_suffix(".building")
                made.unlink(missing_ok=True)
                tool(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(VENV),
                      str(made), "2G"])  # fmt: skip
                made.rename(path)
    return path


def move_in(node: Node, drive: int = 0, code: Path = ROOT) -> None:
    """Put the code into a node whose read-only drive has the packages, and start the daemons."""
    node.run("mkdir", "-p", str(ROOT), str(VENV))
    # Compiled here, where it takes a second.
    folders = [str(code / each) for each in _CODE if (code / each).is_dir()]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *folders], check=True)
    packed = subprocess.run(["tar", "-C", str(code), "-c", *_CODE], capture_output=True, check=True)
    node.feed(packed.stdout, "tar", "-C", str(ROOT), "-x")
    node.run("mount", "-o", "ro,noatime", node.drive(drive), str(VENV))
    node.run("modprobe", "openvswitch")
    node.run("env", "-C", str(ROOT), str(VENV / "bin/python"), "-m", "backends.setup.daemons",
             timeout=180)  # fmt: skip


def pytest(node: Node, *arguments: str, timeout: float) -> tuple[int, str]:
    """Run tests in the node: pytest's exit status, and all it said.

    Without what takes long where every instruction is emulated: assertions rewritten (the values
    are shown instead), and plugins that nothing real uses.
    """
    quick = (
        "--assert=plain",
        "--showlocals",
        "-p",
        "no:hypothesispytest",
        "-p",
        "no:cacheprovider",
    )
    python = ("env", "-C", str(ROOT), str(VENV / "bin/python"))
    done = node.attempt(*python, "-m", "pytest", "-q", *quick, *arguments, timeout=timeout)
    return done.returncode, done.stdout + done.stderr
