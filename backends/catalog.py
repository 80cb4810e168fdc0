"""Public cloud images, for machines with a way out, and the checksums they are held to.

A sum stands here only for a file that never changes. All others are fetched from the vendor's own
list over HTTPS when the image is imported: what is behind a `latest` or `current` URL changes.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from difflib import get_close_matches
from urllib.parse import unquote, urlsplit

from backends.errors import MachineFailed, NotFound

_SECONDS = 30.0
_MOST = 1 << 20  # bytes of a list of sums
_LENGTHS = {64: "sha256", 128: "sha512"}
# `SHA256 (file) = sum`, as BSD's tools and Fedora write it.
_BSD = re.compile(r"SHA(?:256|512) \((?P<file>[^)]+)\) = (?P<sum>[0-9a-f]+)")


@dataclass(frozen=True, slots=True)
class Sum:
    """A checksum: `sha256` or `sha512`, in lower-case hexadecimal."""

    algorithm: str
    digest: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A public image.

    `user` is whom cloud-init gives the key. `sums` is the URL of the vendor's list, empty where
    `sha256` is known for good.
    """

    name: str
    system: str
    version: str
    architecture: str
    url: str
    user: str
    sums: str = ""
    sha256: str = ""
    disk_format: str = "qcow2"


def _cirros(version: str, sha256: str) -> Entry:
    url = f"https://download.cirros-cloud.net/{version}/cirros-{version}-x86_64-disk.img"
    return Entry(f"cirros-{version}", "CirrOS", version, "x86_64", url, "cirros", sha256=sha256)


def _debian(version: str, codename: str) -> Entry:
    folder = f"https://cloud.debian.org/images/cloud/{codename}/latest"
    url = f"{folder}/debian-{version}-generic-amd64.qcow2"
    sums = f"{folder}/SHA512SUMS"
    return Entry(f"debian-{version}", "Debian", version, "x86_64", url, "debian", sums)


def _ubuntu(version: str, codename: str) -> Entry:
    folder = f"https://cloud-images.ubuntu.com/{codename}/current"
    url = f"{folder}/{codename}-server-cloudimg-amd64.img"
    sums = f"{folder}/SHA256SUMS"
    return Entry(f"ubuntu-{version}", "Ubuntu", version, "x86_64", url, "ubuntu", sums)


def _fedora(version: str, compose: str) -> Entry:
    folder = (
        "https://download.fedoraproject.org/pub/fedora/linux/releases/"
        f"{version}/Cloud/x86_64/images"
    )
    url = f"{folder}/Fedora-Cloud-Base-Generic-{version}-{compose}.x86_64.qcow2"
    # The list is named after the compose, not after the image.
    sums = f"{folder}/Fedora-Cloud-{version}-{compose}-x86_64-CHECKSUM"
    return Entry(f"fedora-{version}", "Fedora", version, "x86_64", url, "fedora", sums)


def _alpine(version: str) -> Entry:
    branch = version.rpartition(".")[0]
    url = (
        f"https://dl-cdn.alpinelinux.org/alpine/v{branch}/releases/cloud/"
        f"nocloud_alpine-{version}-x86_64-bios-cloudinit-r0.qcow2"
    )
    return Entry(f"alpine-{branch}", "Alpine", version, "x86_64", url, "alpine", f"{url}.sha512")


def _rocky(version: str) -> Entry:
    folder = f"https://download.rockylinux.org/pub/rocky/{version}/images/x86_64"
    url = f"{folder}/Rocky-{version}-GenericCloud.latest.x86_64.qcow2"
    sums = f"{folder}/CHECKSUM"
    return Entry(f"rocky-{version}", "Rocky Linux", version, "x86_64", url, "rocky", sums)


def _alma(version: str) -> Entry:
    folder = f"https://repo.almalinux.org/almalinux/{version}/cloud/x86_64/images"
    url = f"{folder}/AlmaLinux-{version}-GenericCloud-latest.x86_64.qcow2"
    sums = f"{folder}/CHECKSUM"
    return Entry(f"almalinux-{version}", "AlmaLinux", version, "x86_64", url, "almalinux", sums)


CATALOG: tuple[Entry, ...] = (
    # CirrOS publishes MD5 alone; its releases never change, so their SHA-256 is kept here.
    _cirros("0.6.3", "7d6355852aeb6dbcd191bcda7cd74f1536cfe5cbf8a10495a7283a8396e4b75b"),
    _cirros("0.6.2", "07e44a73e54c94d988028515403c1ed762055e01b83a767edf3c2b387f78ce00"),
    _debian("13", "trixie"),
    _debian("12", "bookworm"),
    _ubuntu("24.04", "noble"),
    _ubuntu("22.04", "jammy"),
    _fedora("43", "1.6"),
    _fedora("42", "1.1"),
    _alpine("3.22.1"),
    _rocky("9"),
    _alma("9"),
)


def entry(name: str) -> Entry:
    """The entry of this name. Raises NotFound `image.catalog.unknown`, with what comes close."""
    found = {each.name: each for each in CATALOG}
    if name in found:
        return found[name]
    close = get_close_matches(name, found, 3)
    hint = f"did you mean {' or '.join(close)}?" if close else "see `quarterdeck image catalog`"
    raise NotFound("image.catalog.unknown", f"no image {name!r} in the catalog; {hint}")


def published_sum(chosen: Entry) -> Sum:
    """What the image's checksum must be: kept here, or fetched from the vendor's list.

    Raises MachineFailed `image.sums.unreachable`, `image.sums.missing`.
    """
    if chosen.sha256:
        return Sum("sha256", chosen.sha256)
    try:
        with urllib.request.urlopen(chosen.sums, timeout=_SECONDS) as answer:  # noqa: S310 - https, from the table above
            text = answer.read(_MOST).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException, urllib.error.URLError) as error:
        reason = getattr(error, "reason", error)
        raise MachineFailed(
            "image.sums.unreachable", f"no checksums from {chosen.sums}: {reason}"
        ) from error
    file = unquote(urlsplit(chosen.url).path).rpartition("/")[2]
    found = sum_of(text, file)
    if found is None:
        raise MachineFailed("image.sums.missing", f"{chosen.sums} has no checksum of {file}")
    return found


def sum_of(text: str, file: str) -> Sum | None:
    """The file's sum in a list: `sum  file` (coreutils), `SHA256 (file) = sum` (BSD), or bare."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) == 1 and " " not in lines[0]:
        return _sum(lines[0])
    for line in lines:
        bsd = _BSD.fullmatch(line)
        if bsd and bsd["file"] == file:
            return _sum(bsd["sum"])
        digest, _, name = line.partition(" ")
        # A star before the name marks a binary file.
        if name.strip().removeprefix("*").removeprefix("./") == file:
            return _sum(digest)
    return None


def _sum(digest: str) -> Sum | None:
    digest = digest.lower()
    algorithm = _LENGTHS.get(len(digest))
    if algorithm is None or re.fullmatch(r"[0-9a-f]+", digest) is None:
        return None
    return Sum(algorithm, digest)
