"""Making images: from a file, a URL, or an entry of the catalog."""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO

from console.commands.command import PROJECT, PROPERTIES, arg
from console.commands.job import Job

if TYPE_CHECKING:
    from backends.records.image import Image


def create(job: Job) -> Image:
    """Import what the arguments name. Raises Usage when they name nothing, or two things."""
    from backends.errors import Usage

    args = job.args
    piped = args.file == "-" or (not args.file and _is_piped())
    sources = [each for each in (args.file, args.uri, args.catalog) if each]
    if len(sources) > 1 or not (sources or piped):
        raise Usage("usage", "name one source: --file FILE, --uri URL or --catalog ENTRY")
    if args.catalog:
        return _from_catalog(job)
    if not args.name:
        raise Usage("usage", "name the image")
    source = sources[0] if sources and sources[0] != "-" else sys.stdin.buffer
    return _import(job, args.name, source, args.disk_format or "raw", args.sha256, args.sha512)


def _is_piped() -> bool:
    """Whether there is a pipe or a file to read from, and not a terminal or nothing at all."""
    kind = os.fstat(0).st_mode
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind)


def _from_catalog(job: Job) -> Image:
    from backends.catalog import entry, published_sum

    args = job.args
    chosen = entry(args.catalog)
    known = published_sum(chosen)
    job.say(f"{chosen.url}, to be held to its {known.algorithm} {known.digest[:16]}...")
    is_256 = known.algorithm == "sha256"
    return _import(
        job,
        args.name or chosen.name,
        chosen.url,
        chosen.disk_format,
        known.digest if is_256 else None,
        None if is_256 else known.digest,
    )


def _import(
    job: Job,
    name: str,
    source: str | BinaryIO,
    disk_format: str,
    sha256: str | None,
    sha512: str | None,
) -> Image:
    args = job.args
    properties = dict(args.properties)
    return job.cloud.images.create(
        name,
        source,
        disk_format=disk_format,
        container_format=args.container_format,
        convert_to=args.convert_to,
        visibility=args.visibility or "private",
        min_disk=args.min_disk or 0,
        min_ram=args.min_ram or 0,
        protected=bool(args.protected),
        # Glance has kernel and ramdisk as properties.
        kernel=args.kernel or properties.pop("kernel_id", None),
        ramdisk=args.ramdisk or properties.pop("ramdisk_id", None),
        sha256=sha256,
        sha512=sha512,
        properties=properties,
    )


VISIBILITY = tuple(
    arg(f"--{word}", dest="visibility", action="store_const", const=word, default=None,
        group="visibility", help=text)
    for word, text in (
        ("public", "for all projects (admin)"),
        ("private", "for its project alone"),
        ("shared", "for the projects it is shared with"),
    )
)  # fmt: skip
LIMITS = (
    arg("--min-disk", type=int, metavar="GIB", help="the least disk it takes"),
    arg("--min-ram", type=int, metavar="MIB", help="the least memory it takes"),
    arg("--protected", dest="protected", action="store_const", const=True, default=None,
        group="protection", help="it cannot be deleted"),
    arg("--unprotected", dest="protected", action="store_const", const=False, default=None,
        group="protection", help="it can"),
)  # fmt: skip
ACTIVE = (
    arg("--activate", dest="active", action="store_const", const=True, default=None,
        group="active", help="it can be used"),
    arg("--deactivate", dest="active", action="store_const", const=False, default=None,
        group="active", help="it is kept from being launched and saved"),
)  # fmt: skip
ANSWERS = tuple(
    arg(f"--{word}", dest="answer", action="store_const", const=status, default=None,
        group="answer", help=text)
    for word, status, text in (
        ("accept", "accepted", "take it: it is offered to this project"),
        ("reject", "rejected", "do not take it"),
        ("pending", "pending", "think it over"),
    )
)  # fmt: skip
ARGUMENTS = (
    arg("name", nargs="?", metavar="NAME"),
    arg("--file", metavar="FILE", help="a file, an http(s) URL, or - for what is piped in"),
    arg("--uri", metavar="URL", help="an http(s) URL"),
    arg("--catalog", metavar="ENTRY", help="an entry of `image catalog`"),
    arg(
        "--disk-format",
        metavar="FORMAT",
        help="raw, qcow2, vdi, vhd, vhdx, vmdk, iso, aki, ari, ami (raw)",
    ),
    arg("--convert-to", metavar="FORMAT", help="the format it is put into then"),
    arg("--container-format", default="bare", metavar="FORMAT", help="bare, aki, ari, ami (bare)"),
    arg("--kernel", metavar="IMAGE", help="an ami's kernel (aki)"),
    arg("--ramdisk", metavar="IMAGE", help="an ami's ramdisk (ari)"),
    arg("--sha256", metavar="SUM", help="what its SHA-256 must be"),
    arg("--sha512", metavar="SUM", help="what its SHA-512 must be"),
    *VISIBILITY,
    *LIMITS,
    PROPERTIES,
    PROJECT,
    arg("--progress", action="store_true", help="accepted: a terminal shows the progress"),
    arg("--import", dest="import_", action="store_true", help="accepted"),
    arg("--force", action="store_true", help="accepted"),
)
