"""The catalog of public images and the lists of sums their vendors publish."""

from __future__ import annotations

import pytest

from backends.catalog import CATALOG, Sum, entry, sum_of
from backends.errors import NotFound

_A, _B = "a" * 64, "b" * 128


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"{_A}  image.qcow2\n", Sum("sha256", _A)),
        (f"{_A} *image.qcow2\n", Sum("sha256", _A)),
        (f"{_B}  ./image.qcow2\n", Sum("sha512", _B)),
        (f"{'c' * 64}  other.qcow2\n{_A}  image.qcow2\n", Sum("sha256", _A)),
        (f"# image.qcow2: 7 bytes\nSHA256 (image.qcow2) = {_A}\n", Sum("sha256", _A)),
        (f"SHA512 (image.qcow2) = {_B}\n", Sum("sha512", _B)),
        (f"{_B.upper()}\n", Sum("sha512", _B)),
        (f"{_A}  not-image.qcow2\n", None),
        (f"{_A}  image.qcow2.asc\n", None),
        ("d41d8cd98f00b204e9800998ecf8427e  image.qcow2\n", None),
        ("", None),
    ],
)
def test_sum_of(text: str, found: Sum | None) -> None:
    assert sum_of(text, "image.qcow2") == found


def test_every_entry_can_be_checked() -> None:
    assert len({each.name for each in CATALOG}) == len(CATALOG)
    for each in CATALOG:
        assert each.url.startswith("https://")
        assert each.sums.startswith("https://") != (len(each.sha256) == 64)


def test_an_unknown_entry_names_what_comes_close() -> None:
    assert entry("debian-12").user == "debian"
    with pytest.raises(NotFound, match="debian-12"):
        entry("debian12")
