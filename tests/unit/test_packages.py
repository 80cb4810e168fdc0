"""tools/packages.txt is the one list of system packages."""

from __future__ import annotations

import re
from pathlib import Path

from backends.lab import image

ROOT = Path(__file__).parents[2]


def listed(section: str) -> list[str]:
    """The packages of one section, in their order."""
    text = (ROOT / "tools" / "packages.txt").read_text()
    body = re.split(r"^\[(\w+)\]$", text, flags=re.MULTILINE)
    lines = body[body.index(section) + 1].splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_package_is_named_once_as_debian_names_packages() -> None:
    names = listed("run") + listed("test")
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name) for name in names)


def test_the_lab_image_is_made_from_packages_that_the_set_up_installs() -> None:
    assert set(image.PACKAGES) <= set(listed("run"))


def test_no_kernel_is_installed() -> None:
    assert not [name for name in listed("run") + listed("test") if name.startswith("linux-")]


def test_locks_pin_with_hashes_and_hold_no_address() -> None:
    for name in ("requirements.lock", "requirements-build.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text
        entries = re.findall(r"^[a-z].*?(?=^[a-z]|\Z)", text, flags=re.MULTILINE | re.DOTALL)
        assert entries
        assert all(re.match(r"[\w.\[\]-]+==\S+ \\\n", entry) for entry in entries)
        assert all("--hash=sha256:" in entry for entry in entries)
