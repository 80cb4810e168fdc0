"""What dpkg and apt know: versions of what is installed, and a kernel that is only unpacked."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from backends.errors import MachineFailed

# Debian's and Ubuntu's names of a kernel for virtual machines, the first that apt knows is taken.
KERNELS = ("linux-image-cloud-amd64", "linux-image-virtual")
AGENT = "qemu-guest-agent"
_TIMEOUT = 600.0  # seconds for one download


def run(argv: Sequence[str], directory: Path | None = None) -> str:
    """Run a tool of the machine and give its standard output.

    Raises MachineFailed (`lab.tool`) with the tool's last line when it is missing or fails.
    """
    try:
        done = subprocess.run(
            argv, cwd=directory, capture_output=True, text=True, timeout=_TIMEOUT, check=False
        )
    except FileNotFoundError as error:
        raise MachineFailed(
            "lab.tool", f"{argv[0]} is missing; install the guest image's packages: make setup"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise MachineFailed("lab.tool", f"{argv[0]} took over {_TIMEOUT:.0f} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no message").splitlines()[-1]
        raise MachineFailed("lab.tool", f"{argv[0]} failed ({done.returncode}): {said}")
    return done.stdout


def installed(names: Iterable[str]) -> dict[str, str]:
    """Version of each installed package; MachineFailed (`lab.packages`) if one is missing."""
    wanted = sorted(names)
    listed = subprocess.run(
        ["dpkg-query", "-W", "-f", "${db:Status-Status} ${Package} ${Version}\n", *wanted],
        capture_output=True,
        text=True,
        check=False,
    ).stdout
    versions = dict(
        line.split()[1:3] for line in listed.splitlines() if line.startswith("installed ")
    )
    missing = [name for name in wanted if name not in versions]
    if missing:
        raise MachineFailed(
            "lab.packages",
            f"the guest image needs {', '.join(missing)}; apt-get install {' '.join(missing)}",
        )
    return versions


def dependencies(record: str, prefix: str) -> list[str]:
    """Names in the Depends field of an apt record that begin with `prefix` and a digit."""
    field = re.search(r"^Depends: (.*)$", record, re.MULTILINE)
    return re.findall(rf"\b({re.escape(prefix)}\d\S*?)(?=[\s,|]|$)", field[1] if field else "")


def field(record: str, name: str) -> str:
    """The value of a one-line field of an apt record, or an empty string."""
    found = re.search(rf"^{re.escape(name)}: (.*)$", record, re.MULTILINE)
    return found[1] if found else ""


def agent_record() -> str:
    """apt's record of QEMU's guest agent; MachineFailed (`lab.tool`) if there is none."""
    return run(["apt-cache", "--no-all-versions", "show", AGENT])


def kernel_record() -> str:
    """apt's record of the kernel's meta-package; MachineFailed (`lab.kernel`) if there is none."""
    for name in KERNELS:
        try:
            return run(["apt-cache", "--no-all-versions", "show", name])
        except MachineFailed:
            continue
    raise MachineFailed(
        "lab.kernel", f"apt knows neither of {', '.join(KERNELS)}; run: apt-get update"
    )


def unpack_kernel(record: str, directory: Path) -> None:
    """Download the kernel that the meta-package `record` names and unpack it into `directory`.

    Nothing is installed: /boot and the boot loader of the machine stay as they are.
    """
    names = dependencies(record, "linux-image-")[:1]
    if not names:
        raise MachineFailed("lab.kernel", f"{field(record, 'Package')} names no kernel package")
    image = run(["apt-cache", "--no-all-versions", "show", names[0]])
    names += dependencies(image, "linux-modules-")[:1]  # Ubuntu keeps the modules apart
    unpack(names, directory)


def unpack(names: Sequence[str], directory: Path) -> None:
    """Download packages and unpack them into `directory`/root; nothing is installed."""
    directory.mkdir()
    options = ("APT::Sandbox::User=root", "Acquire::Retries=3")
    run(["apt-get", "-q", *(f"-o{each}" for each in options), "download", *names], directory)
    for package in sorted(directory.glob("*.deb")):
        run(["dpkg-deb", "-x", str(package), str(directory / "root")])
